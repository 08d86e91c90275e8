//! The file system that a directory is on: which it is, and how much room it has.

use nix::sys::statfs::fstatfs;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::dir::Dir;
use super::failure::{Context, Result};
use super::host;

/// Where a file system keeps its files, as far as that is known of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// On this machine: the kernel knows who has a file open.
    Local,
    /// On another machine, which may have files open that this one's kernel knows nothing of.
    Network,
    /// Who knows: a program's own, or a kind that is not in the table.
    Unknown,
}

/// The magic numbers of `statfs(2)`, with what the manual calls them.
const KINDS: [(i64, &str, Place); 21] = [
    (0xEF53, "ext4", Place::Local),
    (0x5846_5342, "xfs", Place::Local),
    (0x9123_683E, "btrfs", Place::Local),
    (0x0102_1994, "tmpfs", Place::Local),
    (0x794C_7630, "overlayfs", Place::Local),
    (0x2FC1_2FC1, "zfs", Place::Local),
    (0xF2F5_2010, "f2fs", Place::Local),
    (0x5265_4973, "reiserfs", Place::Local),
    (0x3153_464A, "jfs", Place::Local),
    (0xCA45_1A4E, "bcachefs", Place::Local),
    (0x8584_58F6, "ramfs", Place::Local),
    (0x6969, "NFS", Place::Network),
    (0xFF53_4D42, "CIFS", Place::Network),
    (0xFE53_4D42, "SMB2", Place::Network),
    (0x517B, "SMB", Place::Network),
    (0x00C3_6400, "CephFS", Place::Network),
    (0x0102_1997, "9p", Place::Network),
    (0x6B41_4653, "AFS", Place::Network),
    (0x0116_1970, "GFS2", Place::Network),
    (0x7461_636F, "OCFS2", Place::Network),
    (0x6573_5546, "FUSE", Place::Unknown),
];

/// A file system.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem {
    magic: i64,
    /// Where its files are.
    pub place: Place,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// How many bytes it has room for, for this user.
    pub free: u64,
    /// How many files it has room for; `None` where it has no such limit.
    pub free_files: Option<u64>,
}

impl FileSystem {
    /// The file system that a directory is on.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn of(dir: &Dir) -> Result<Self> {
        let doing = "look at the file system of";
        let kind = fstatfs(dir.as_file()).doing(doing, dir.path())?.filesystem_type().0;
        // The type of the number differs between C libraries, and numbers above 2^31 come with a sign from some.
        let magic = i64::from(kind as u32);
        let room = fstatvfs(dir.as_file()).doing(doing, dir.path())?;
        let place = KINDS.iter().find(|known| known.0 == magic).map_or(Place::Unknown, |known| known.2);
        let files = if host::user() == 0 { room.files_free() } else { room.files_available() };
        Ok(Self {
            magic,
            place,
            read_only: room.flags().contains(FsFlags::ST_RDONLY),
            free: dir.room()?,
            free_files: (room.files() > 0).then_some(files),
        })
    }

    /// What its kind is called.
    pub fn name(&self) -> String {
        let known = KINDS.iter().find(|known| known.0 == self.magic);
        known.map_or_else(|| format!("a file system of kind {:#x}", self.magic), |known| known.1.to_owned())
    }
}
