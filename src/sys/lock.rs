//! One run at a time: `flock(2)` on a directory. The kernel drops it with the process, so it is never stale.

use std::fs::File;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::dir::Dir;
use super::failure::{Failure, Result};

/// The lock, held until dropped.
#[derive(Debug)]
pub struct Lock {
    _held: Flock<File>,
}

/// Takes the lock of a directory; `None` when another process has it.
///
/// # Errors
/// Where the directory can't be opened again or the file system has no locks.
pub fn try_lock(dir: &Dir) -> Result<Option<Lock>> {
    let file = dir.reopen()?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Ok(Some(Lock { _held: held })),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(Failure::new("lock", dir.path(), error)),
    }
}
