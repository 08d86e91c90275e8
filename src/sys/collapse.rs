//! Giving back the space of the head of a file that others go on appending to.
//!
//! `FALLOC_FL_COLLAPSE_RANGE` (`fallocate(2)`) removes the head and moves what follows to the front; the file is shorter by as
//! much. ext4 (with extents) and xfs have it. Both hold the inode's lock meanwhile (`i_rwsem`, which a write with `O_APPEND`
//! takes too, and under which it finds out where the end is: `generic_write_checks` in Linux's `fs/read_write.c`,
//! `Documentation/filesystems/locking.rst`). So no append is lost, torn, or put at a wrong place; one that has its place from
//! anywhere else is, and so are mappings. A power loss may end the call halfway, on xfs between any two extents and on ext4 where the
//! extents need more than one transaction. On xfs a SIGKILL may, too: when the head is gone and all has moved up,
//! the file is cut to its new length, and where its last block is to be filled with zeros for that, a process that is about to be
//! killed gives up (`iomap_write_begin`, Linux's `fs/iomap/buffered-io.c`): the file keeps its old length then, with zeros at its
//! end, and others append behind them (`model/gap.rs`). So the call is made by a process of its own, which a kill of this one does not reach.
//!
//! `FALLOC_FL_PUNCH_HOLE` only takes the blocks away: the file keeps its length, and reads as zeros there.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statfs::fstatfs;
use nix::sys::statvfs::fstatvfs;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::file::{self, Status};
use super::lease::Leased;

/// Whether a file could not be opened for writing since it is append-only or immutable (`chattr(1)`), for whomever.
pub fn is_by_attribute(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EPERM)
}

/// What a file system can do with the head of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ability {
    /// Take it away.
    Collapse,
    /// Make a hole of it.
    Punch,
    /// Neither.
    None,
}

/// A range this far behind the end of a file reaches it, whatever is written meanwhile.
const FAR: u64 = 1 << 40;

/// Behind the end of a file by more than is written to it between two calls.
const NEAR: u64 = 1 << 30;

/// Opens a file that is open for reading once more, for [`collapse`] and [`punch`]. Nothing of it is changed by that.
///
/// # Errors
/// `PermissionDenied` where it is not ours to write to, append-only or immutable (`chattr(1)`); `ReadOnlyFilesystem`; where
/// `/proc` is not mounted; [`Leased`] where another process holds a lease on it.
pub fn open(file: &File) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = File::options().write(true).custom_flags(flags).open(file::own_descriptor(file));
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Leased::on(file),
        _ => error,
    })
}

/// Whether the head of a file can be taken away, as far as can be told without touching it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prospect {
    /// Its file system can.
    Good,
    /// That depends on what is below it, as on overlayfs, or it is of a kind that is not known.
    Open,
    /// It can't.
    None,
}

/// Whether the head of this file can be taken away. Nothing of it is changed.
///
/// # Errors
/// What the file system answers.
pub fn prospect(file: &File) -> io::Result<Prospect> {
    const EXT: u32 = 0xEF53;
    const XFS: u32 = 0x5846_5342;
    const OVERLAY: u32 = 0x794C_7630;
    // tmpfs, btrfs, zfs, NFS, exFAT, vfat
    const UNABLE: [u32; 6] = [0x0102_1994, 0x9123_683E, 0x2FC1_2FC1, 0x6969, 0x2011_BAB0, 0x4D44];
    // The type of the number differs between C libraries.
    Ok(match fstatfs(file)?.filesystem_type().0 as u32 {
        XFS => Prospect::Good,
        EXT if has_extents(file)? => Prospect::Good,
        EXT => Prospect::None,
        OVERLAY => Prospect::Open,
        kind if UNABLE.contains(&kind) => Prospect::None,
        _ => Prospect::Open,
    })
}

/// Whether a file on ext2, ext3 or ext4 has extents and is not encrypted (`FS_IOC_GETFLAGS`, ioctl_iflags(2), and
/// `include/uapi/linux/fs.h`): ext4 collapses no other.
#[allow(unsafe_code)] // no feature of the crate that we use wraps it
fn has_extents(file: &File) -> io::Result<bool> {
    const EXTENTS: libc::c_int = 0x0008_0000;
    const ENCRYPTED: libc::c_int = 0x0000_0800;
    // The number of the call says a long; what the kernel writes is an int.
    let mut flags: [libc::c_int; 2] = [0; 2];
    // SAFETY: the descriptor is open for as long as `file` is borrowed; `flags` has room for whichever of the two it is.
    match unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, flags.as_mut_ptr()) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(flags[0] & (EXTENTS | ENCRYPTED) == EXTENTS),
    }
}

/// What can be done with the head of this file, which [`open`] opened. It is asked for what can't be done in any case: a range
/// that reaches the end can't be collapsed (`EINVAL`, `fallocate(2)`), and where nothing can be collapsed the answer is
/// `EOPNOTSUPP`; a hole behind the end changes nothing, with `KEEP_SIZE`. Seen with Linux 6.18 on ext4 with extents, xfs,
/// overlayfs over both, and on ext4 without extents and tmpfs, which can't. What changes is when the file was last written to:
/// file systems note that first.
///
/// # Errors
/// What else the file system answers.
pub fn ability(file: &File) -> io::Result<Ability> {
    let far = Status::of_file(file)?.size.next_multiple_of(FAR) + FAR;
    match fallocate(file, FallocateFlags::FALLOC_FL_COLLAPSE_RANGE, 0, offset(far)?) {
        Err(Errno::EINVAL) => return Ok(Ability::Collapse),
        // The last one where no file can be so long, which says nothing: no such file system is known to collapse.
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EFBIG) => {}
        Err(error) => return Err(error.into()),
        Ok(()) => return Err(io::Error::other("the file system took away more than there is")),
    }
    // Files of ext3 don't reach that far: 16 GiB where its blocks are the smallest.
    let near = Status::of_file(file)?.size.next_multiple_of(NEAR) + NEAR;
    for at in [far, near] {
        match fallocate(file, hole(), offset(at)?, offset(1 << 16)?) {
            Ok(()) => return Ok(Ability::Punch),
            Err(Errno::EFBIG) => {}
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => return Ok(Ability::None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ability::None)
}

/// What the length of a range to be collapsed must be a multiple of, in bytes: the file system's block, as far as is known. The
/// clusters of ext4's `bigalloc` are larger, and nothing tells how large.
///
/// # Errors
/// What the file system answers.
pub fn unit(file: &File) -> io::Result<u64> {
    let block = fstatvfs(file)?.block_size();
    Ok(if block.is_power_of_two() { block } else { 4096 })
}

/// Takes the first `length` bytes of a file away.
///
/// # Errors
/// `InvalidInput` where that is no multiple of what the file system works in, or reaches the end; `StorageFull` where it needs
/// a block to write down the new order; what else the file system answers. The file is as it was then, but where the call was
/// killed, or the device fails: `model/gap.rs` tells what it may be.
pub fn collapse(file: &File, length: u64) -> io::Result<()> {
    let length = offset(length)?;
    unless_interrupted(|| in_own_process(|| fallocate(file, FallocateFlags::FALLOC_FL_COLLAPSE_RANGE, 0, length)))
}

/// Makes one system call in a process of its own, and waits for it. What this process has open and locked, that one has too: whoever
/// waits for our lock waits for the call.
#[allow(unsafe_code)]
fn in_own_process(call: impl FnOnce() -> nix::Result<()>) -> io::Result<()> {
    // SAFETY: in the child, which has this thread alone, nothing is allocated or locked: it makes the call and ends.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let code = call().err().map_or(0, |error| error as libc::c_int);
            // SAFETY: it ends the process at once, and runs nothing that was registered for its end.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => loop {
            match waitpid(child, None) {
                Err(Errno::EINTR) => {}
                Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
                Ok(WaitStatus::Exited(_, code)) => return Err(io::Error::from_raw_os_error(code)),
                Ok(_) => return Err(io::Error::other("the process that takes the head of a file away was killed")),
                Err(error) => return Err(error.into()),
            }
        },
    }
}

/// Makes a hole of the first `length` bytes of a file, which keeps its length.
///
/// # Errors
/// What the file system answers.
pub fn punch(file: &File, length: u64) -> io::Result<()> {
    unless_interrupted(|| fallocate(file, hole(), 0, offset(length)?).map_err(into))
}

fn hole() -> FallocateFlags {
    FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE
}

fn offset(bytes: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))
}

fn into(error: Errno) -> io::Error {
    error.into()
}

fn unless_interrupted(mut call: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
