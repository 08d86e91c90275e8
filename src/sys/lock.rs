//! One at a time: `flock(2)` on a directory or a file. The kernel drops it with the process, so it is never stale.

use std::fs::{File, TryLockError};

use super::dir::Dir;
use super::failure::{Context, Failure, Result};
use super::file::Status;

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

/// Takes the lock of a file that is made for it, for its owner only; `None` when another has it. Whoever holds it may
/// remove the file: a lock on one that has lost its name counts for nothing.
///
/// # Errors
/// Where the file can't be made or opened, or the file system has no locks.
pub fn try_lock_file(dir: &Dir, name: &str) -> Result<Option<Lock>> {
    let file = match dir.create(name, 0o600) {
        Err(failure) if failure.is(std::io::ErrorKind::AlreadyExists) => match dir.open_write(name) {
            Err(failure) if failure.is(std::io::ErrorKind::NotFound) => return Ok(None),
            opened => opened?,
        },
        made => made?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(Failure::new("lock", dir.path_of(name), error)),
    }
    let locked = Status::of_file(&file).doing("look at", dir.path_of(name))?.identity;
    let is_named = dir.look(name)?.is_some_and(|entry| entry.status.identity == locked);
    Ok(is_named.then_some(Lock { _held: file }))
}
