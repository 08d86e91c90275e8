//! Whether this process may rename and remove a name in a directory, without trying it.
//!
//! There is no way to try it that leaves nothing behind when it is killed: a nameless file (`O_TMPFILE`) can't be renamed,
//! and a name that is there for a moment only may be seen by whoever watches the directory. So the conditions of
//! `rename(2)` and `unlink(2)` are looked at one by one: write and search permission (the kernel answers that), the
//! sticky bit, and the attributes of `chattr(1)`.

use std::ffi::{CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use nix::fcntl::AtFlags;
use nix::unistd::{AccessFlags, faccessat};

use super::dir::Dir;
use super::failure::{Context, Failure, Result};
use super::host;

/// What keeps a name from being renamed and removed.
#[derive(Debug)]
pub enum Obstacle {
    /// The kernel refuses writing to the directory.
    NotWritable(io::Error),
    /// The directory is sticky, as `/tmp` is, and neither it nor the file is ours.
    Sticky,
    /// The directory or the file is immutable (`chattr +i`).
    Immutable,
    /// The directory or the file is append-only (`chattr +a`).
    AppendOnly,
}

/// What keeps this process from renaming and removing names in a directory, whatever they are.
///
/// # Errors
/// Where it can't be looked at.
pub fn obstacle_in(dir: &Dir) -> Result<Option<Obstacle>> {
    // Before the kernel is asked: that it refuses an immutable directory would be said without the reason.
    if let Some(obstacle) = attribute(dir, OsStr::new("."))? {
        return Ok(Some(obstacle));
    }
    let wanted = AccessFlags::W_OK | AccessFlags::X_OK;
    match faccessat(dir.as_file(), ".", wanted, AtFlags::AT_EACCESS) {
        Ok(()) => Ok(None),
        Err(error) => Ok(Some(Obstacle::NotWritable(error.into()))),
    }
}

/// Whether a user may make files in a directory, by its mode and the groups that he is in. Access lists (acl(5)) and
/// capabilities are not looked at: where only these let him, the answer is no.
///
/// # Errors
/// Where it can't be looked at.
pub fn may_make_files(dir: &Dir, user: u32) -> Result<bool> {
    let around = dir.as_file().metadata().doing("look at", dir.path())?;
    let allows = |shift: u32| around.mode() >> shift & 0o3 == 0o3;
    Ok(match () {
        () if user == 0 => true,
        () if user == around.uid() => allows(6),
        () if allows(0) => true,
        () => allows(3) && host::is_in_group(user, around.gid()),
    })
}

/// What keeps this process from renaming and removing that name in a directory that it may write to.
///
/// # Errors
/// Where it can't be looked at; `NotFound` where there is no such name.
pub fn obstacle_to(dir: &Dir, name: &OsStr) -> Result<Option<Obstacle>> {
    const STICKY: u32 = 0o1000;
    if let Some(obstacle) = attribute(dir, name)? {
        return Ok(Some(obstacle));
    }
    let around = dir.as_file().metadata().doing("look at", dir.path())?;
    let sticky = around.mode() & STICKY != 0 && host::user() != 0 && around.uid() != host::user();
    match sticky && dir.owner_of(name)? != host::user() {
        true => Ok(Some(Obstacle::Sticky)),
        false => Ok(None),
    }
}

/// The attribute of `chattr(1)` that keeps a name as it is. A file system without such attributes has none.
#[allow(unsafe_code)] // no crate at hand wraps statx
fn attribute(dir: &Dir, name: &OsStr) -> Result<Option<Obstacle>> {
    let failed = |error: io::Error| Failure::new("look at", dir.path_of(name), error);
    let text = CString::new(name.as_bytes()).map_err(|_| failed(io::ErrorKind::InvalidInput.into()))?;
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
    // SAFETY: the descriptor is open and the name ends in NUL for as long as the call lasts; `found` has room for the
    // answer, and is all zeros, which is a valid answer, where the kernel writes none.
    let (answer, found) = unsafe {
        let answer = libc::statx(dir.as_file().as_raw_fd(), text.as_ptr(), flags, libc::STATX_TYPE, found.as_mut_ptr());
        (answer, found.assume_init())
    };
    if answer != 0 {
        return match io::Error::last_os_error() {
            // Before Linux 4.11.
            error if error.raw_os_error() == Some(libc::ENOSYS) => Ok(None),
            error => Err(failed(error)),
        };
    }
    let has = |attribute: libc::c_int| u64::try_from(attribute).is_ok_and(|bit| found.stx_attributes & bit != 0);
    Ok(match () {
        () if has(libc::STATX_ATTR_IMMUTABLE) => Some(Obstacle::Immutable),
        () if has(libc::STATX_ATTR_APPEND) => Some(Obstacle::AppendOnly),
        () => None,
    })
}
