//! Renaming without overwriting.
//!
//! The kernel is asked directly (`renameat2(2)`, Linux 3.15): glibc wraps the call since 2.28 only, and nix offers that
//! wrapper for glibc alone, while the binary that is shipped is linked against musl.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd};

use nix::NixPath;
use nix::errno::Errno;

/// Renames `from` in one directory to `to` in another, never over something that exists (`RENAME_NOREPLACE`).
///
/// # Errors
/// `EEXIST` where the new name is taken; `ENOSYS` or `EINVAL` where kernel or file system know no such rename.
#[allow(unsafe_code)] // see the module's header
pub(super) fn never_over<F: AsFd, T: AsFd>(from_dir: F, from: &OsStr, to_dir: T, to: &OsStr) -> nix::Result<()> {
    let (from_dir, to_dir) = (from_dir.as_fd().as_raw_fd(), to_dir.as_fd().as_raw_fd());
    let renamed = from.with_nix_path(|from| {
        to.with_nix_path(|to| {
            // SAFETY: the descriptors are open and the names end in NUL for as long as they are borrowed; the kernel
            // keeps neither. The arguments are those of renameat2(2), which `syscall` takes as longs.
            unsafe {
                libc::syscall(
                    libc::SYS_renameat2,
                    libc::c_long::from(from_dir),
                    from.as_ptr(),
                    libc::c_long::from(to_dir),
                    to.as_ptr(),
                    libc::c_ulong::from(libc::RENAME_NOREPLACE),
                )
            }
        })
    })??;
    Errno::result(renamed).map(drop)
}
