//! What a file is, by its descriptor.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::SystemTime;

use super::lease::Leased;
use crate::model::segment::Identity;
use crate::model::time::Moment;

/// What `fstat` says of an open file.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Which file it is.
    pub identity: Identity,
    /// Its size in bytes.
    pub size: u64,
    /// How many bytes the file system has given to it: fewer than its size where it has holes, or is compressed.
    pub allocated: u64,
    /// Its link count.
    pub links: u64,
    /// The user that it belongs to.
    pub owner: u32,
    /// When it was last written to.
    pub modified: Moment,
}

/// What kind of thing a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An ordinary file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO.
    Fifo,
    /// A block or character device.
    Device,
    /// A socket.
    Socket,
}

impl Kind {
    /// The kind of a file.
    pub fn of(metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        match () {
            () if kind.is_dir() => Self::Directory,
            () if kind.is_symlink() => Self::Symlink,
            () if kind.is_fifo() => Self::Fifo,
            () if kind.is_block_device() || kind.is_char_device() => Self::Device,
            () if kind.is_socket() => Self::Socket,
            () => Self::Regular,
        }
    }
}

impl Status {
    /// The status that goes with `metadata`. The birth time comes from `statx(2)`, as std reads it.
    pub fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
        let born = born.and_then(|since| i64::try_from(since.as_nanos()).ok()).map(Moment::from_nanos);
        Self {
            identity: Identity { dev: metadata.dev(), ino: metadata.ino(), born },
            size: metadata.size(),
            allocated: metadata.blocks().saturating_mul(512),
            links: metadata.nlink(),
            owner: metadata.uid(),
            modified: Moment::from_timespec(metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Whether next to nothing of a long file is on the disk: a hole that is not worth copying. File systems that
    /// compress give a log a tenth of its length or so; what is sparse because its writer went on at its old offset after
    /// somebody truncated it is copied, as long as that takes no more than seconds.
    pub fn is_hollow(&self) -> bool {
        const SPARED: u64 = 4 << 30;
        const BEST_COMPRESSION: u64 = 64;
        self.size > self.allocated.saturating_mul(BEST_COMPRESSION).saturating_add(SPARED)
    }

    /// The status of an open file.
    ///
    /// # Errors
    /// What `fstat` answers; on local file systems it doesn't fail.
    pub fn of_file(file: &File) -> std::io::Result<Self> {
        file.metadata().map(|metadata| Self::of(&metadata))
    }
}

/// Opens the regular file that `found`, opened with `O_PATH`, stands for. Never waits: not for a lease that a process
/// holds on it (`fcntl(2)`, "Leases": `O_NONBLOCK` makes that `EWOULDBLOCK`), nor for anything that is no regular file,
/// since that is not opened.
///
/// # Errors
/// Where it is not a regular file or not readable; where `/proc` is not mounted.
pub fn open_regular(found: &File) -> io::Result<File> {
    let what = match Kind::of(&found.metadata()?) {
        Kind::Regular => return reopen(found),
        Kind::Directory => "a directory",
        Kind::Symlink => "a symbolic link",
        Kind::Fifo => "a FIFO",
        Kind::Device => "a device",
        Kind::Socket => "a socket",
    };
    Err(io::Error::other(format!("it is {what}, not a regular file")))
}

fn reopen(found: &File) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(own_descriptor(found));
    file.map_err(|error| match error.kind() {
        // The file itself is open, so it can't be the one that is missing.
        io::ErrorKind::NotFound => io::Error::other("/proc is not mounted"),
        io::ErrorKind::WouldBlock => Leased::on(found),
        _ => error,
    })
}

/// The path through which an open file can be opened again, whatever has become of its name.
pub(super) fn own_descriptor(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}
