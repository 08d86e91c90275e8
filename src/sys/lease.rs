//! Asking the kernel whether anyone still has a file open for writing.
//!
//! A read lease can only be placed on a file that no process has open for writing: `fcntl(F_SETLEASE, F_RDLCK)` fails
//! with EAGAIN otherwise (`fcntl(2)`, "Leases"; measured on ext4, xfs, tmpfs and overlayfs, also for unlinked inodes).
//! The lease is given back at once: a process that opens the file for writing in between waits for microseconds, and
//! the signal that the kernel then sends us is ignored ([`super::signals::prepare`]).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::file::Status;
use super::procfs;

/// Another process holds a lease on a file, so that it can't be opened at once. The kernel has asked for the lease back then,
/// and ends it after `/proc/sys/fs/lease-break-time`.
#[derive(Debug, thiserror::Error)]
#[error("{} holds a lease on it, which keeps others out", holder.as_deref().unwrap_or("another process"))]
pub struct Leased {
    /// Who, where `/proc/locks` says it.
    holder: Option<String>,
}

impl Leased {
    /// The error of who wanted to open `file` once more.
    pub(super) fn on(file: &File) -> io::Error {
        let holder = Status::of_file(file).ok().and_then(|status| procfs::holder_of_lease(status.identity));
        io::Error::new(io::ErrorKind::WouldBlock, Self { holder })
    }

    /// Whether that is what is wrong.
    pub fn is_why(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }

    /// What to do about it.
    pub const HINT: &str = "the next run tries again; if this lasts, have that process leave the log alone: file servers (smbd, \
                            nfsd) and programs that watch files take leases, and /proc/locks tells which process has one";
}

/// Who may still write to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writers {
    /// No process has it open for writing.
    None,
    /// Some process has.
    Some,
    /// The kernel does not say: not our file and no CAP_LEASE, or a file system without leases (NFS).
    Unknown,
}

/// Asks whether any process has `file` open for writing. `file` itself must be open for reading only.
pub fn writers(file: &File) -> Writers {
    match set_lease(file, libc::F_RDLCK) {
        Ok(()) => match set_lease(file, libc::F_UNLCK) {
            Ok(()) => Writers::None,
            // Can't happen on a lease that we hold; closing the file would end it. Claim nothing.
            Err(_) => Writers::Unknown,
        },
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Writers::Some,
        Err(_) => Writers::Unknown,
    }
}

/// Whether another process has `file` open, be it only for reading, as a compressor has. A write lease can only be placed on
/// a file that nobody else has open (`fcntl(2)`, "Leases"). Where the kernel does not say, it is taken to be so.
pub fn is_open_elsewhere(file: &File) -> bool {
    let alone = set_lease(file, libc::F_WRLCK).and_then(|()| set_lease(file, libc::F_UNLCK));
    alone.is_err()
}

#[allow(unsafe_code)] // no crate at hand wraps F_SETLEASE
fn set_lease(file: &File, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and F_SETLEASE takes an int.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
