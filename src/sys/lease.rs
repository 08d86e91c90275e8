//! Asking the kernel whether anyone still has a file open for writing.
//!
//! A read lease can only be placed on a file that no process has open for writing: `fcntl(F_SETLEASE, F_RDLCK)` fails
//! with EAGAIN otherwise (`fcntl(2)`, "Leases"; measured on ext4, xfs, tmpfs and overlayfs, also for unlinked inodes).
//! The lease is given back at once: a process that opens the file for writing in between waits for microseconds, and
//! the signal that the kernel then sends us is ignored ([`super::signals::prepare`]).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

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
