//! The way to a path, gone component by component: where it leads, and whether anyone but root and us could make it lead
//! elsewhere.
//!
//! Promise: a symbolic link on the way is followed only where its maker is trusted (root or ourselves) and nobody else could
//! have put it there or moved it. Nothing is opened but for looking, and nothing is changed.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use super::{file, host};

/// Just to look at what a name stands for, link or not.
pub(super) const JUST_LOOK: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// The path of a directory without symbolic links, found as [`Dir::open`](super::dir::Dir::open) finds it.
///
/// # Errors
/// Where a component is missing, or is a link made by someone we don't trust.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    let Walked { found, .. } = walk(&std::path::absolute(path)?)?;
    std::fs::read_link(file::own_descriptor(&File::from(found)))
}

/// The path without symbolic links of what `path` leads to for those who see `root` as `/`.
///
/// # Errors
/// As with [`real_path`].
pub fn real_path_in(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let Walked { found, .. } = walk_in(root, path)?;
    std::fs::read_link(file::own_descriptor(&File::from(found)))
}

/// The path under which everyone sees what is `path` for those who see `root` as `/`, were there no links.
pub fn below(root: &Path, path: &Path) -> PathBuf {
    root.components().chain(path.components().filter(|part| matches!(part, Component::Normal(_)))).collect()
}

/// The path without symbolic links of a program, which nobody but root and us can change or replace: neither itself nor a
/// directory or link on the way to it. `path` is as those see it who see `root` as `/`. The sticky bit of a directory that
/// others may write to is no protection: it keeps only what is there, and once a cleaner or a start of the system has
/// emptied `/tmp`, anyone can make a program of that name. Where `root` itself lies is no matter for that: an image is moved.
///
/// # Errors
/// Where it is missing, is no program, or others could put something else in its place, now or once it is gone.
pub fn trusted_program(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let Walked { found, insecure, passing } = walk_in(root, path)?;
    let found = File::from(found);
    let is = found.metadata()?;
    if let (None, Some(name)) = (&insecure, passing) {
        return Err(distrusted(format!(
            "others could put something else in the place of {}, once it is gone: anyone may write to the directory it is in, \
             as to /tmp",
            name.display()
        )));
    }
    only_ours(&is, insecure)?;
    match is.mode() & 0o111 {
        0 => Err(distrusted("it is not executable".to_owned())),
        _ => std::fs::read_link(file::own_descriptor(&found)),
    }
}

/// Makes sure that what is in a file now can be of nobody but root and us: neither may anyone else write to it, nor could he
/// have put it there, or have its path lead elsewhere.
///
/// # Errors
/// Where it is missing, is no regular file, or others could have a say in it.
pub fn trusted_file(path: &Path) -> io::Result<()> {
    let Walked { found, insecure, passing: _ } = walk(&std::path::absolute(path)?)?;
    only_ours(&File::from(found).metadata()?, insecure)
}

/// Refuses what is no regular file, or what others can change or replace; `insecure` is where on the way they could.
fn only_ours(is: &Metadata, insecure: Option<OsString>) -> io::Result<()> {
    let why = match insecure {
        Some(name) => format!("others could put something else in the place of {}", name.display()),
        None if !is.is_file() => "it is no regular file".to_owned(),
        None if !ours_or_roots(is) => format!("it belongs to user {}, who may change it", is.uid()),
        None if others_may_write(is) => format!("others may write to it (mode {:03o})", is.mode() & 0o7777),
        None => return Ok(()),
    };
    Err(distrusted(why))
}

fn distrusted(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Where a path leads.
pub(super) struct Walked {
    pub(super) found: OwnedFd,
    /// The first component on the way that others could have put there, or could put something else in the place of.
    pub(super) insecure: Option<OsString>,
    /// The first component below the walk's root that others could put there once it is gone, though the sticky bit keeps
    /// them from taking it away.
    passing: Option<OsString>,
}

/// Finds an absolute path.
pub(super) fn walk(path: &Path) -> io::Result<Walked> {
    walk_from(openat(nix::fcntl::AT_FDCWD, "/", JUST_LOOK | OFlag::O_DIRECTORY, Mode::empty())?, path)
}

/// Finds what an absolute path leads to for those who see `root` as `/`.
pub(super) fn walk_in(root: &Path, path: &Path) -> io::Result<Walked> {
    let root = walk(&std::path::absolute(root)?)?;
    let Walked { found, insecure, passing } = walk_from(root.found, path)?;
    Ok(Walked { found, insecure: root.insecure.or(insecure), passing })
}

/// Finds a path component by component, never going above `root`. Linux's own limit of links on the way is 40
/// (`path_resolution(7)`).
fn walk_from(root: OwnedFd, path: &Path) -> io::Result<Walked> {
    let top = file_id(&File::from(root.try_clone()?).metadata()?);
    let mut here = root.try_clone()?;
    let (mut insecure, mut passing) = (None, None);
    let mut ahead: Vec<OsString> = parts(path);
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        let around = File::from(here.try_clone()?).metadata()?;
        if part == ".." && file_id(&around) == top {
            continue;
        }
        let next = File::from(openat(&here, part.as_os_str(), JUST_LOOK, Mode::empty())?);
        let found = next.metadata()?;
        if insecure.is_none() && others_may_replace(&found, &around) {
            insecure = Some(part.clone());
        }
        if passing.is_none() && others_may_write(&around) {
            passing = Some(part.clone());
        }
        if !found.is_symlink() {
            here = next.into();
            continue;
        }
        links += 1;
        if links > 40 {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        if insecure.is_some() || !ours_or_roots(&found) || around.mode() & 0o022 != 0 {
            let why = format!("{} is a symbolic link that others may have made", Path::new(&part).display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        // By its descriptor: what was looked at is what is read.
        let target = PathBuf::from(readlinkat(&next, "")?);
        if target.is_absolute() {
            here = root.try_clone()?;
        }
        ahead.extend(parts(&target));
    }
    Ok(Walked { found: here, insecure, passing })
}

fn file_id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Whether someone who is neither root nor us could have put `found` in the directory `around` it, or could take it away.
pub(super) fn others_may_replace(found: &Metadata, around: &Metadata) -> bool {
    const STICKY: u32 = 0o1000;
    let kept = around.mode() & STICKY != 0 && ours_or_roots(found);
    !ours_or_roots(around) || others_may_write(around) && !kept
}

/// Whether the mode lets someone who is neither root nor us write.
fn others_may_write(metadata: &Metadata) -> bool {
    let own_group = metadata.gid() == 0 || metadata.gid() == host::group();
    metadata.mode() & 0o002 != 0 || metadata.mode() & 0o020 != 0 && !own_group
}

fn ours_or_roots(metadata: &Metadata) -> bool {
    metadata.uid() == 0 || metadata.uid() == host::user()
}

/// The components of a path, the first one last, so that it can be popped.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::from_bytes(b"..").to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect()
}
