//! One run at a time: `flock(2)` on a directory. The kernel drops it with the process, so it is never stale.

use std::fs::{File, TryLockError};

use super::dir::Dir;
use super::failure::{Failure, Result};

/// The lock, held until dropped.
#[derive(Debug)]
pub struct Lock {
    _held: File,
}

/// Takes the lock of a directory; `None` when another process has it.
///
/// # Errors
/// Where the directory can't be opened again or the file system has no locks.
pub fn try_lock(dir: &Dir) -> Result<Option<Lock>> {
    let file = dir.reopen()?;
    match file.try_lock() {
        // Closing it ends the lock. `nix`'s own type unlocks it before that, and panics where the kernel refuses.
        Ok(()) => Ok(Some(Lock { _held: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Failure::new("lock", dir.path(), error)),
    }
}
