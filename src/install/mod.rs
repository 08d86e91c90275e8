//! Putting logferry to work on a host, and taking it out again without a trace.
//!
//! Promise: what changes on the host is first a list of [`edit::Edit`]s, which can be shown without being done; it is done
//! as a whole or not at all; each change can be undone exactly. No record is kept of what was done: every file that is
//! written has a fixed path and says in its own header who wrote it and whether it was changed since ([`signed`]).
//!
//! ```text
//!  what is asked for ─┐
//!                     ├─► plans (pure but for looking) ─► edits ─► apply ─► proof ─► kept
//!  what the host has ─┘                                     │         └──── or ────► undone, in reverse
//!                                                           └─► a difference, for --dry-run
//! ```
//!
//! How it fails: a change that can't be made undoes those before it. A process that is killed in between leaves some
//! changes made and the others not; since plans are made from what is on the host, the next `install` makes the rest,
//! and `uninstall` takes away what there is.

pub mod configuration;
pub mod cron;
mod divert;
pub mod edit;
pub mod environment;
mod files;
mod history;
pub mod host;
pub mod local_copy;
pub mod logrotate;
mod logs;
pub mod plan;
mod program;
pub mod purge;
pub mod schedule;
pub mod signed;
pub mod systemd;
pub mod waiting;

use std::path::{Path, PathBuf};

use crate::config::LogSet;
use crate::model::problem::{Effect, Problem};
use crate::sys::failure::Failure;
use edit::Edit;

/// What keeps something from being installed: about which file, why, what to do.
pub type Result<T> = std::result::Result<T, Box<Problem>>;

/// The problem that an installation fails with.
fn problem(path: impl AsRef<Path>, what: impl std::fmt::Display) -> Box<Problem> {
    Box::new(Problem::new(Effect::Failed, path, what))
}

impl From<Failure> for Box<Problem> {
    fn from(failure: Failure) -> Self {
        let mut problem = Problem::from_error(Effect::Failed, &failure.path, &failure);
        problem.hint = hint(&failure).map(str::to_owned);
        Self::new(problem)
    }
}

fn hint(failure: &Failure) -> Option<&'static str> {
    use std::io::ErrorKind;
    match failure.source.kind() {
        ErrorKind::ReadOnlyFilesystem => {
            Some("mount it writable, or install into the image that it is made from (--root DIR)")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some("make room, then do it again"),
        ErrorKind::PermissionDenied => Some("do it as root"),
        _ => None,
    }
}

/// What is to be changed, and what a person should know about it.
#[derive(Debug, Default)]
pub struct Plan {
    /// The changes, in the order in which they are made.
    pub edits: Vec<Edit>,
    /// Sentences for a person.
    pub notes: Vec<String>,
}

impl Plan {
    /// One change.
    fn of(edit: Edit) -> Self {
        Self { edits: vec![edit], notes: Vec::new() }
    }

    /// No change, but something to know.
    fn note(note: String) -> Self {
        Self { edits: Vec::new(), notes: vec![note] }
    }

    /// Adds another plan behind this one.
    pub fn add(&mut self, other: Self) {
        self.edits.extend(other.edits);
        self.notes.extend(other.notes);
    }
}

/// The logs that logferry is to take.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    /// Which they are, now and later.
    pub sets: Vec<LogSet>,
    /// Those that there are now, as paths within the host, sorted.
    pub existing: Vec<PathBuf>,
}

impl Logs {
    /// Whether a log at that path within the host is ours to take.
    pub fn covers(&self, path: &Path) -> bool {
        self.sets.iter().any(|set| set.covers(path))
    }
}
