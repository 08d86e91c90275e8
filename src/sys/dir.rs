//! Directories by descriptor: every name is resolved inside of one directory that was opened once.
//!
//! Promise: between two calls nobody can put another directory in the place of the one that was opened, and no call
//! follows a symbolic link in its last component. Opening a path follows a symbolic link on the way only where its
//! maker is trusted (root or ourselves) and nobody else could have put it there or moved it: every directory before it
//! belongs to root or to us, and others can't write to it. logferry runs as root over directories that services may
//! write to. Only regular files are opened for reading; anything else is looked at and left alone. No call creates a
//! missing parent.

mod writing;

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::failure::{Context, Failure, Result};
use super::file::{self, Kind, Status};
use super::host;
use super::named::{self, Named};
use super::rename;
use super::walk::{self, JUST_LOOK, Walked, others_may_replace};

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
        let Walked { found, .. } = walk::walk_in(root, path).doing("open directory", walk::below(root, path))?;
        let file = openat(&found, ".", READ_DIR, Mode::empty()).doing("open directory", walk::below(root, path))?;
        Ok(Self { file: file.into(), path: walk::below(root, path) })
    }

    fn open_walked(path: &Path) -> Result<(Self, Option<OsString>)> {
        let absolute = std::path::absolute(path).doing("resolve", path)?;
        let Walked { found, insecure, .. } = walk::walk(&absolute).doing("open directory", path)?;
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
        let Named { entry: Entry { kind, status }, mode } = match named::look(&self.file, name) {
            // Another run has removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.doing("look at", &path)?,
        };
        let refuse = |why: String| Err(Failure::new("use", &path, io::Error::other(why)));
        match (status.owner, mode, status.links) {
            (owner, ..) if owner != host::user() => {
                refuse(format!("it belongs to user {owner}, not to user {}", host::user()))
            }
            (_, mode, _) if mode & 0o022 != 0 && kind != Kind::Symlink => {
                refuse(format!("others may write to it (mode {mode:03o})"))
            }
            (_, _, links) if links > 1 && kind == Kind::Regular => refuse(format!("it has {links} hard links")),
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
        match named::look(&self.file, name.as_ref()) {
            Ok(Named { entry, .. }) => Ok(Some(entry)),
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
}

fn name_of(name: &CStr) -> OsString {
    OsString::from_vec(name.to_bytes().to_vec())
}
