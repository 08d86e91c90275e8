//! Directories by descriptor: every name is resolved inside of one directory that was opened once.
//!
//! Promise: between two calls nobody can put another directory in the place of the one that was opened, and no call
//! follows a symbolic link in its last component. Opening a path follows a symbolic link on the way only where its
//! maker is trusted (root or ourselves) and nobody else could have put it there or moved it: every directory before it
//! belongs to root or to us, and others can't write to it. logferry runs as root over directories that services may
//! write to. Only regular files are opened for reading; anything else is looked at and left alone. No call creates a
//! missing parent.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::failure::{Context, Failure, Result};
use super::fault::{self, Point};
use super::file::{self, Kind, Status};
use super::host;
use super::rename;

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    file: File,
    path: PathBuf,
}

/// A directory of our own, or where it is to be made.
#[derive(Debug)]
pub enum Private {
    /// It is there.
    There(Dir),
    /// The directory that it is going to be in.
    ToBeMade(Dir),
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which kind of thing.
    pub kind: Kind,
    /// Its status.
    pub status: Status,
}

/// Who may do what with a file, and how many names it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// Its permissions.
    pub mode: u32,
    /// The user and the group that it belongs to.
    pub owner: (u32, u32),
    /// Its link count.
    pub links: u64,
    /// When it was last written to; `None` for now.
    pub modified: Option<SystemTime>,
}

impl Attributes {
    fn of(is: &Metadata) -> Self {
        Self { mode: is.mode() & 0o7777, owner: (is.uid(), is.gid()), links: is.nlink(), modified: is.modified().ok() }
    }

    /// Only root can give a file away; for anyone else it stays with who has made it.
    fn give_to(&self, file: &File) -> io::Result<()> {
        if host::user() == 0 {
            std::os::unix::fs::fchown(file, Some(self.owner.0), Some(self.owner.1))?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))?;
        self.modified.map_or(Ok(()), |modified| file.set_modified(modified))
    }
}

const READ_DIR: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
const JUST_LOOK: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

impl Dir {
    /// Opens a directory, following symbolic links on the way only where they can be trusted.
    ///
    /// # Errors
    /// Where a component is missing, isn't a directory, or is a link made by someone we don't trust.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_walked(path).map(|(dir, _)| dir)
    }

    /// Opens the directory that `path` leads to for those who see `root` as `/`: a link in there that is absolute, or
    /// goes up too far, stays below `root`.
    ///
    /// # Errors
    /// As with [`Self::open`].
    pub fn open_in(root: &Path, path: &Path) -> Result<Self> {
        let Walked { found, .. } = walk_in(root, path).doing("open directory", below(root, path))?;
        let file = openat(&found, ".", READ_DIR, Mode::empty()).doing("open directory", below(root, path))?;
        Ok(Self { file: file.into(), path: below(root, path) })
    }

    fn open_walked(path: &Path) -> Result<(Self, Option<OsString>)> {
        let absolute = std::path::absolute(path).doing("resolve", path)?;
        let Walked { found, insecure, .. } = walk(&absolute).doing("open directory", path)?;
        let file = openat(&found, ".", READ_DIR, Mode::empty()).doing("open directory", path)?;
        Ok((Self { file: file.into(), path: absolute }, insecure))
    }

    /// Opens a directory of our own, making it (but no parent) if it is missing. The way there must be safe too: who
    /// could put another directory in its place could hide what is in it. So each directory above belongs to root or to
    /// us, and others can't write to it, unless it is sticky, as `/tmp` is: what is ours there stays.
    ///
    /// # Errors
    /// Where it can't be made, or belongs to someone else, or others may enter it or replace it.
    pub fn open_private(path: &Path) -> Result<Self> {
        // Seen before anything is made.
        if let Ok((dir, insecure)) = Self::open_walked(path) {
            return dir.if_private(insecure);
        }
        let (parent, name) = Self::open_around(path)?;
        match parent.make_subdir(name, 0o700) {
            // Another run has made it meanwhile.
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => {}
            made => made?,
        }
        let (dir, insecure) = Self::open_walked(path)?;
        dir.if_private(insecure)
    }

    /// What [`Self::open_private`] would open, without making anything: the directory, or the one above it that it would be
    /// made in.
    ///
    /// # Errors
    /// As [`Self::open_private`].
    pub fn look_private(path: &Path) -> Result<Private> {
        match Self::open_walked(path) {
            Ok((dir, insecure)) => dir.if_private(insecure).map(Private::There),
            Err(failure) if failure.is(io::ErrorKind::NotFound) => {
                Self::open_around(path).map(|(parent, _)| Private::ToBeMade(parent))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Opens the directory that a private one is to be made in, if it is safe there; gives the new one's name too.
    fn open_around(path: &Path) -> Result<(Self, &OsStr)> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().ok_or_else(|| {
            Failure::new("open directory", path, io::Error::new(io::ErrorKind::InvalidInput, "it has no name"))
        })?;
        let (parent, insecure) = Self::open_walked(parent)?;
        parent.require_safe_way(insecure)?;
        let around = parent.file.metadata().doing("look at", &parent.path)?;
        // What we make there is as safe as the directory itself is.
        parent.require_safe_way(others_may_replace(&around, &around).then(|| name.to_owned()))?;
        Ok((parent, name))
    }

    /// Opens a directory of our own in this one, which is private too, making it if it is missing; never through a link.
    /// What is in it must be ours: files that someone else has made, or could change, are not to be trusted.
    ///
    /// # Errors
    /// Where it can't be made, or it or something in it belongs to someone else or is open to others.
    pub fn private_subdir(&self, name: &str) -> Result<Self> {
        match self.make_subdir(name, 0o700) {
            Err(failure) if !failure.is(io::ErrorKind::AlreadyExists) => return Err(failure),
            _ => {}
        }
        self.open_subdir(name)?.if_private(None)
    }

    /// As [`Self::private_subdir`], but nothing is made: `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::private_subdir`].
    pub fn look_private_subdir(&self, name: &str) -> Result<Option<Self>> {
        match self.open_subdir(name) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(None),
            opened => opened?.if_private(None).map(Some),
        }
    }

    /// This directory, if it and what is in it is ours alone.
    fn if_private(self, insecure: Option<OsString>) -> Result<Self> {
        self.require_safe_way(insecure)?;
        self.require_private()?;
        self.names()?.iter().try_for_each(|name| self.require_own(name))?;
        Ok(self)
    }

    /// Fails where a name stands for something that others have made or may change. What kind of thing it is, is for
    /// whoever opens it; but a second link to a file could be anywhere.
    fn require_own(&self, name: &OsStr) -> Result<()> {
        let path = self.path_of(name);
        let metadata = match openat(&self.file, name, JUST_LOOK, Mode::empty()) {
            // Another run has removed it meanwhile.
            Err(Errno::ENOENT) => return Ok(()),
            found => found.map(File::from).and_then(|file| file.metadata().map_err(|_| Errno::EIO)),
        };
        let metadata = metadata.doing("look at", &path)?;
        let refuse = |why: String| Err(Failure::new("use", &path, io::Error::other(why)));
        match (metadata.uid(), metadata.mode() & 0o7777, metadata.nlink()) {
            (owner, ..) if owner != host::user() => {
                refuse(format!("it belongs to user {owner}, not to user {}", host::user()))
            }
            (_, mode, _) if mode & 0o022 != 0 && !metadata.is_symlink() => {
                refuse(format!("others may write to it (mode {mode:03o})"))
            }
            (_, _, links) if links > 1 && metadata.is_file() => refuse(format!("it has {links} hard links")),
            _ => Ok(()),
        }
    }

    fn require_safe_way(&self, insecure: Option<OsString>) -> Result<()> {
        let Some(name) = insecure else { return Ok(()) };
        let why = format!("others could put something else in the place of {}, on the way to it", name.display());
        Err(Failure::new("use directory", &self.path, io::Error::other(why)))
    }

    fn require_private(&self) -> Result<()> {
        let metadata = self.file.metadata().doing("look at", &self.path)?;
        let refuse = |why: String| Err(Failure::new("use directory", &self.path, io::Error::other(why)));
        if metadata.uid() != host::user() {
            return refuse(format!("it belongs to user {}, not to user {}", metadata.uid(), host::user()));
        }
        match metadata.mode() & 0o077 {
            0 => Ok(()),
            _ => refuse(format!("others may use it (mode {:03o}, must be 700)", metadata.mode() & 0o777)),
        }
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it, for messages.
    pub fn path_of(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path.join(name.as_ref())
    }

    /// Its descriptor.
    pub(super) fn as_file(&self) -> &File {
        &self.file
    }

    /// The user that a name belongs to, links not followed.
    ///
    /// # Errors
    /// Where it can't be looked at; `NotFound` where there is none.
    pub(super) fn owner_of(&self, name: impl AsRef<OsStr>) -> Result<u32> {
        let found = openat(&self.file, name.as_ref(), JUST_LOOK, Mode::empty()).map(File::from);
        let path = self.path_of(&name);
        Ok(found.doing("look at", &path)?.metadata().doing("look at", &path)?.uid())
    }

    /// Which directory it is.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn status(&self) -> Result<Status> {
        Status::of_file(&self.file).doing("look at", &self.path)
    }

    /// Whether others may make files in it, though not replace those that they don't own (`S_ISVTX`, `inode(7)`).
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn is_shared(&self) -> Result<bool> {
        let mode = self.file.metadata().doing("look at", &self.path)?.mode();
        Ok(mode & 0o1000 != 0 && mode & 0o022 != 0)
    }

    /// A second descriptor of the same directory, with a file position and locks of its own.
    ///
    /// # Errors
    /// Where it can't be opened again.
    pub fn reopen(&self) -> Result<File> {
        openat(&self.file, ".", READ_DIR, Mode::empty()).map(File::from).doing("open directory", &self.path)
    }

    /// Opens a directory in this one; never through a link.
    ///
    /// # Errors
    /// Where it is missing or isn't a directory.
    pub fn open_subdir(&self, name: impl AsRef<OsStr>) -> Result<Self> {
        let path = if name.as_ref() == "." { self.path.clone() } else { self.path_of(&name) };
        let flags = READ_DIR | OFlag::O_NOFOLLOW;
        let file = openat(&self.file, name.as_ref(), flags, Mode::empty()).doing("open directory", &path)?;
        Ok(Self { file: file.into(), path })
    }

    /// Makes a directory in this one and makes it durable.
    ///
    /// # Errors
    /// `AlreadyExists` where the name is taken, by whatever.
    pub fn make_subdir(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<()> {
        let mode = Mode::from_bits_truncate(mode);
        mkdirat(&self.file, name.as_ref(), mode).doing("make directory", self.path_of(&name))?;
        self.sync()
    }

    /// What `name` stands for, links not followed; `None` when there is nothing.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn look(&self, name: impl AsRef<OsStr>) -> Result<Option<Entry>> {
        let found = openat(&self.file, name.as_ref(), JUST_LOOK, Mode::empty()).map_err(io::Error::from);
        match found.and_then(|fd| File::from(fd).metadata()) {
            Ok(metadata) => Ok(Some(Entry { kind: Kind::of(&metadata), status: Status::of(&metadata) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new("look at", self.path_of(&name), error)),
        }
    }

    /// Opens a regular file for reading. What else there may be is not opened at all, since opening a FIFO or a device
    /// does something; and a lease that someone holds on the file is not waited for.
    ///
    /// # Errors
    /// Where it is missing, not a regular file, or not readable; `WouldBlock` where someone holds a lease on it.
    pub fn open_read(&self, name: impl AsRef<OsStr>) -> Result<File> {
        let found = openat(&self.file, name.as_ref(), JUST_LOOK, Mode::empty()).map(File::from);
        let path = self.path_of(&name);
        file::open_regular(&found.doing("open", &path)?).doing("open", path)
    }

    /// Opens an existing file of our own for reading and writing.
    ///
    /// # Errors
    /// Where it is missing, a link, or not writable.
    pub fn open_write(&self, name: impl AsRef<OsStr>) -> Result<File> {
        let file =
            openat(&self.file, name.as_ref(), OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty());
        file.map(File::from).doing("open", self.path_of(name))
    }

    /// Makes a new file for reading and writing.
    ///
    /// # Errors
    /// `AlreadyExists` where the name is taken, by whatever; else what keeps it from being made.
    pub fn create(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<File> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&self.file, name.as_ref(), flags, Mode::from_bits_truncate(mode));
        file.map(File::from).doing("create", self.path_of(&name))
    }

    /// Renames in this directory, never over something that exists (`renameat2(2)`, `RENAME_NOREPLACE`). Where the
    /// kernel (before 3.15) or the file system (NFS) has no such rename, it looks first.
    ///
    /// # Errors
    /// `AlreadyExists` where the new name is taken.
    pub fn rename_new(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> Result<()> {
        self.rename_new_into(from, self, to)
    }

    /// As [`Self::rename_new`], into `other`.
    ///
    /// # Errors
    /// `AlreadyExists` where the new name is taken.
    pub fn rename_new_into(&self, from: impl AsRef<OsStr>, other: &Self, to: impl AsRef<OsStr>) -> Result<()> {
        match rename::never_over(&self.file, from.as_ref(), &other.file, to.as_ref()) {
            Err(Errno::ENOSYS | Errno::EINVAL) if other.look(&to)?.is_none() => self.rename_into(&from, other, &to),
            Err(Errno::ENOSYS | Errno::EINVAL) => Err(Failure::new("rename", self.path_of(&from), Errno::EEXIST)),
            other => other.doing("rename", self.path_of(&from)),
        }
    }

    /// How many bytes its file system has room for, for this user.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn room(&self) -> Result<u64> {
        let found = nix::sys::statvfs::fstatvfs(&self.file).doing("look at the room in", &self.path)?;
        let blocks = if host::user() == 0 { found.blocks_free() } else { found.blocks_available() };
        Ok(blocks.saturating_mul(found.fragment_size()))
    }

    /// Renames from this directory into `other`, over what was there.
    ///
    /// # Errors
    /// What keeps it from being renamed.
    pub fn rename_into(&self, from: impl AsRef<OsStr>, other: &Self, to: impl AsRef<OsStr>) -> Result<()> {
        renameat(&self.file, from.as_ref(), &other.file, to.as_ref()).doing("rename", self.path_of(&from))
    }

    /// Gives a file a second name in this directory, never over something that exists.
    ///
    /// # Errors
    /// `AlreadyExists` where the new name is taken.
    pub fn link(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> Result<()> {
        linkat(&self.file, from.as_ref(), &self.file, to.as_ref(), AtFlags::empty()).doing("link", self.path_of(&to))
    }

    /// Makes a symbolic link, never over something that exists.
    ///
    /// # Errors
    /// `AlreadyExists` where the name is taken.
    pub fn make_symlink(&self, name: impl AsRef<OsStr>, target: &Path) -> Result<()> {
        symlinkat(target, &self.file, name.as_ref()).doing("make the link", self.path_of(&name))
    }

    /// Where a symbolic link points to.
    ///
    /// # Errors
    /// Where it is missing, or is no symbolic link.
    pub fn read_symlink(&self, name: impl AsRef<OsStr>) -> Result<PathBuf> {
        readlinkat(&self.file, name.as_ref()).map(PathBuf::from).doing("read the link", self.path_of(&name))
    }

    /// Sets the mode of a directory in this one; the umask has no say in it.
    ///
    /// # Errors
    /// Where it is missing, no directory, or not ours.
    pub fn set_mode_of_subdir(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<()> {
        let subdir = self.open_subdir(&name)?;
        subdir.file.set_permissions(Permissions::from_mode(mode)).doing("set the mode of", self.path_of(name))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Where it is missing, or not an empty directory.
    pub fn remove_subdir(&self, name: impl AsRef<OsStr>) -> Result<()> {
        unlinkat(&self.file, name.as_ref(), UnlinkatFlags::RemoveDir).doing("remove directory", self.path_of(&name))
    }

    /// Who may do what with the regular file of that name; `None` where there is none.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn attributes(&self, name: impl AsRef<OsStr>) -> Result<Option<Attributes>> {
        let found = openat(&self.file, name.as_ref(), JUST_LOOK, Mode::empty()).map_err(io::Error::from);
        match found.and_then(|fd| File::from(fd).metadata()) {
            Ok(is) => Ok(Some(Attributes::of(&is))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new("look at", self.path_of(&name), error)),
        }
    }

    /// Writes a file with these attributes so that it is there whole, or as it was before; its name is durable after
    /// [`Self::sync`]. It is written under the name `temporary`, over what may have been left there.
    ///
    /// # Errors
    /// What keeps it from being written; the temporary file is removed then.
    pub fn write_with(&self, name: &OsStr, temporary: &OsStr, bytes: &[u8], attributes: &Attributes) -> Result<()> {
        use std::io::Write;
        self.unlink_if_there(temporary)?;
        let mut file = self.create(temporary, 0o600)?;
        let written = file.write_all(bytes).and_then(|()| attributes.give_to(&file)).and_then(|()| file.sync_all());
        let written = written.doing("write", self.path_of(temporary));
        let renamed = written.and_then(|()| self.rename_into(temporary, self, name));
        if renamed.is_err() {
            // Best effort: the next write of this file removes it as well.
            let _ = self.unlink_if_there(temporary);
        }
        renamed
    }

    /// Removes a name.
    ///
    /// # Errors
    /// `NotFound` where there is none; else what keeps it from being removed.
    pub fn unlink(&self, name: impl AsRef<OsStr>) -> Result<()> {
        unlinkat(&self.file, name.as_ref(), UnlinkatFlags::NoRemoveDir).doing("remove", self.path_of(&name))
    }

    /// Removes a name if it is there.
    ///
    /// # Errors
    /// What keeps it from being removed.
    pub fn unlink_if_there(&self, name: impl AsRef<OsStr>) -> Result<()> {
        match self.unlink(name) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Makes what was created, renamed and removed in this directory durable.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().doing("sync directory", &self.path)
    }

    /// Makes the directory's own name durable, and those in it.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn sync_with_name(&self) -> Result<()> {
        let around = openat(&self.file, "..", READ_DIR, Mode::empty()).map(File::from);
        around.doing("open the directory of", &self.path)?.sync_all().doing("sync the directory of", &self.path)?;
        self.sync()
    }

    /// All names in it but `.` and `..`, sorted.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn names(&self) -> Result<Vec<OsString>> {
        let mut listing = nix::dir::Dir::from_fd(self.reopen()?.into()).doing("list", &self.path)?;
        let mut names = Vec::new();
        for entry in listing.iter() {
            let name = name_of(entry.doing("list", &self.path)?.file_name());
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Writes a file so that it is there whole and durable, or as it was before: temporary name, write, fsync, rename,
    /// fsync of the directory.
    ///
    /// # Errors
    /// What keeps it from being written; the temporary file is removed then.
    pub fn write_durable(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_synced(name, bytes)?;
        self.sync()
    }

    /// As [`Self::write_durable`], but for the fsync of the directory: for several files at once.
    ///
    /// # Errors
    /// What keeps it from being written; the temporary file is removed then.
    pub fn write_synced(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_then(name, bytes, |temporary| self.rename_into(temporary, self, name))
    }

    /// As [`Self::write_synced`], but never over a file that exists.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one; else what keeps it from being written.
    pub fn write_new(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_then(name, bytes, |temporary| self.rename_new(temporary, name))
    }

    fn write_then(&self, name: &str, bytes: &[u8], rename: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        use std::io::Write;
        let temporary = format!(".{name}.tmp");
        self.unlink_if_there(&temporary)?;
        let mut file = self.create(&temporary, 0o600)?;
        fault::reached(Point::TemporaryMade);
        let written = file.write_all(bytes).and_then(|()| {
            fault::reached(Point::TemporaryWritten);
            file.sync_all()
        });
        fault::reached(Point::TemporaryDurable);
        let renamed = written.doing("write", self.path_of(&temporary)).and_then(|()| rename(&temporary));
        fault::reached(Point::TemporaryRenamed);
        if renamed.is_err() {
            // Best effort: the next write of this file removes it as well.
            let _ = self.unlink_if_there(&temporary);
        }
        renamed
    }
}

fn name_of(name: &CStr) -> OsString {
    OsString::from_vec(name.to_bytes().to_vec())
}

/// The path of a directory without symbolic links, found as [`Dir::open`] finds it.
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
    let refuse = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    match insecure {
        Some(name) => refuse(format!("others could put something else in the place of {}", name.display())),
        None if passing.is_some() => refuse(format!(
            "others could put something else in the place of {}, once it is gone: anyone may write to the directory it is in, \
             as to /tmp",
            passing.unwrap_or_default().display()
        )),
        None if !is.is_file() => refuse("it is no regular file".to_owned()),
        None if !ours_or_roots(&is) => refuse(format!("it belongs to user {}, who may change it", is.uid())),
        None if others_may_write(&is) => refuse(format!("others may write to it (mode {:03o})", is.mode() & 0o7777)),
        None if is.mode() & 0o111 == 0 => refuse("it is not executable".to_owned()),
        None => std::fs::read_link(file::own_descriptor(&found)),
    }
}

/// Where a path leads.
struct Walked {
    found: OwnedFd,
    /// The first component on the way that others could have put there, or could put something else in the place of.
    insecure: Option<OsString>,
    /// The first component below the walk's root that others could put there once it is gone, though the sticky bit keeps
    /// them from taking it away.
    passing: Option<OsString>,
}

/// Finds an absolute path.
fn walk(path: &Path) -> io::Result<Walked> {
    walk_from(openat(nix::fcntl::AT_FDCWD, "/", JUST_LOOK | OFlag::O_DIRECTORY, Mode::empty())?, path)
}

/// Finds what an absolute path leads to for those who see `root` as `/`.
fn walk_in(root: &Path, path: &Path) -> io::Result<Walked> {
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
fn others_may_replace(found: &Metadata, around: &Metadata) -> bool {
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
