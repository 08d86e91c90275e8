//! What a file is, by its descriptor.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::SystemTime;

use crate::model::segment::Identity;
use crate::model::time::Moment;

/// What `fstat` says of an open file.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Which file it is.
    pub identity: Identity,
    /// Its size in bytes.
    pub size: u64,
    /// Its link count.
    pub links: u64,
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
            links: metadata.nlink(),
            modified: Moment::from_timespec(metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// The status of an open file.
    ///
    /// # Errors
    /// What `fstat` answers; on local file systems it doesn't fail.
    pub fn of_file(file: &File) -> std::io::Result<Self> {
        file.metadata().map(|metadata| Self::of(&metadata))
    }
}
