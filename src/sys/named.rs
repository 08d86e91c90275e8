//! What a name in an open directory stands for, by one system call.
//!
//! Promise: no link is followed and nothing is opened, and between two calls nobody can have another directory looked at:
//! `statx(2)` takes the directory's descriptor and a name in it, with `AT_SYMLINK_NOFOLLOW`. Kernels before 4.11 don't have that
//! call, and the filters of some containers refuse it; there the name is opened with `O_PATH`, as [`JUST_LOOK`] does it, and
//! `fstat` tells the same but for the birth time.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::openat;
use nix::sys::stat::Mode;

use super::dir::Entry;
use super::file::{Kind, Status};
use super::walk::JUST_LOOK;
use crate::model::segment::Identity;
use crate::model::time::Moment;

/// What a name stands for, and who may do what with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    /// What it is.
    pub(super) entry: Entry,
    /// Its permissions.
    pub(super) mode: u32,
}

/// Looks at a name.
///
/// # Errors
/// `NotFound` where there is none; else what keeps it from being looked at.
pub(super) fn look(dir: &File, name: &OsStr) -> io::Result<Named> {
    match statx(dir, name) {
        Ok(found) => Ok(found),
        Err(Errno::ENOENT) => Err(Errno::ENOENT.into()),
        // Whatever it is, the other way says the same of the name, or finds it.
        Err(_) => by_opening(dir, name),
    }
}

fn by_opening(dir: &File, name: &OsStr) -> io::Result<Named> {
    let metadata = File::from(openat(dir, name, JUST_LOOK, Mode::empty())?).metadata()?;
    let entry = Entry { kind: Kind::of(&metadata), status: Status::of(&metadata) };
    Ok(Named { entry, mode: metadata.mode() & 0o7777 })
}

#[allow(unsafe_code)]
fn statx(dir: &File, name: &OsStr) -> nix::Result<Named> {
    const FLAGS: libc::c_int = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
    const MASK: libc::c_uint = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // By its number, since older C libraries have no function for it.
    // SAFETY: the name ends in a NUL for as long as the call lasts, and the kernel fills in a structure of its own form, which
    // is zeroed, and so whole even where it fills in less.
    let found = name.with_nix_path(|name| unsafe {
        let done = libc::syscall(libc::SYS_statx, dir.as_raw_fd(), name.as_ptr(), FLAGS, MASK, found.as_mut_ptr());
        Errno::result(done).map(|_| found.assume_init())
    })??;
    Ok(Named { entry: entry(&found), mode: u32::from(found.stx_mode) & 0o7777 })
}

fn entry(found: &libc::statx) -> Entry {
    let born = (found.stx_mask & libc::STATX_BTIME != 0 && found.stx_btime.tv_sec >= 0)
        .then(|| moment(found.stx_btime.tv_sec, found.stx_btime.tv_nsec));
    let identity = Identity { dev: libc::makedev(found.stx_dev_major, found.stx_dev_minor), ino: found.stx_ino, born };
    let status = Status {
        identity,
        size: found.stx_size,
        allocated: found.stx_blocks.saturating_mul(512),
        links: u64::from(found.stx_nlink),
        owner: found.stx_uid,
        modified: moment(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
    };
    Entry { kind: kind(u32::from(found.stx_mode)), status }
}

fn moment(seconds: i64, nanos: u32) -> Moment {
    Moment::from_timespec(seconds, i64::from(nanos))
}

fn kind(mode: u32) -> Kind {
    match mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink,
        libc::S_IFIFO => Kind::Fifo,
        libc::S_IFBLK | libc::S_IFCHR => Kind::Device,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Regular,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn both_ways_say_the_same_of_whatever_there_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "some bytes").expect("a file");
        std::fs::create_dir(path("directory")).expect("a directory");
        symlink("/nowhere", path("link")).expect("a link");
        nix::unistd::mkfifo(&path("fifo"), Mode::S_IRWXU).expect("a FIFO");
        drop(std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket"));
        let open = File::open(dir.path()).expect("a directory");
        let kinds = [
            ("file", Kind::Regular),
            ("directory", Kind::Directory),
            ("link", Kind::Symlink),
            ("fifo", Kind::Fifo),
            ("socket", Kind::Socket),
        ];
        for (name, kind) in kinds {
            let (one, other) = (look(&open, name.as_ref()), by_opening(&open, name.as_ref()));
            let (one, other) = (one.expect("it is there"), other.expect("it is there"));
            assert_eq!(format!("{one:?}"), format!("{other:?}"), "{name}");
            assert_eq!(one.entry.kind, kind, "{name}");
        }
        let device = look(&File::open("/dev").expect("a directory"), "null".as_ref()).expect("a device");
        assert_eq!(device.entry.kind, Kind::Device);
        let none = look(&open, "none".as_ref()).map(|_| ()).map_err(|error| error.kind());
        assert_eq!(none, Err(io::ErrorKind::NotFound));
    }
}
