//! A call to the system that failed: what was being done, to what, why.

use std::io;
use std::path::{Path, PathBuf};

/// An operation on a path that the system refused.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}", path.display())]
pub struct Failure {
    /// What was being done: "open", "rename".
    pub doing: &'static str,
    /// To which path.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl Failure {
    /// A failure of `doing` with `path`.
    pub fn new(doing: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self { doing, path: path.as_ref().to_owned(), source: source.into() }
    }

    /// Whether the reason is that of kind.
    pub fn is(&self, kind: io::ErrorKind) -> bool {
        self.source.kind() == kind
    }

    /// Whether there was no room: a full file system or a quota.
    pub fn no_room(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// What the calls of [`crate::sys`] return.
pub type Result<T> = std::result::Result<T, Failure>;

/// Adds operation and path to an I/O error.
pub trait Context<T> {
    /// Says what was being done, to which path.
    ///
    /// # Errors
    /// The same as before, as a [`Failure`].
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Failure::new(doing, path, source))
    }
}
