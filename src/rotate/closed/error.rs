//! Why a closed log was not taken, and what that means for those that came after it.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use crate::model::problem::{Cause, Effect, Problem};
use crate::rotate::claim::NotClaimed;
use crate::sys::failure::Failure;

/// Why a file was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// There is nothing in it, or it is gone.
    Nothing,
    /// It is the log that its writer goes on with.
    Current,
    /// Somebody has it open for writing.
    InUse,
    /// A compressor is writing what it makes of it.
    AtWork { name: OsString, twin: File },
    /// All of it is in a compressed file beside it.
    Redundant { name: OsString, twin: File },
    /// It may be the source, or the copy, of a file beside it.
    Unclear { what: String },
    /// It can't be taken as it is, now or later.
    Refused { what: String, hint: &'static str },
    /// The next run tries again.
    Waits { what: String, hint: Option<&'static str> },
    /// We are to stop.
    Stopped,
    /// The system refused.
    Failed(Failure),
}

impl NotTaken {
    /// The next run tries again.
    pub(super) fn waits(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Waits { what: what.into(), hint: Some(hint) }
    }

    /// It was there a moment ago.
    pub(super) fn gone() -> Self {
        Self::Waits { what: "it was renamed or removed just now; it waits".to_owned(), hint: None }
    }

    /// Whether a claimed file gets its name back: somebody else has to do with it, or nobody ever will. Else it stays
    /// claimed, and the next run goes on from there: a writer that rotates its log could overwrite what has its name back.
    pub(super) fn gives_back(&self) -> bool {
        match self {
            Self::Nothing | Self::Current | Self::InUse | Self::AtWork { .. } | Self::Unclear { .. } => true,
            Self::Refused { .. } => true,
            Self::Redundant { .. } | Self::Waits { .. } | Self::Stopped | Self::Failed(_) => false,
        }
    }

    /// Whether those that came after it may be taken all the same. What will never be taken as it is must not hold up the
    /// others for ever: a writer that keeps only its last ten files would delete them. Whoever repairs it later gets it
    /// into a stream beside that of the log (`stream.rs`), so that no stream is out of order.
    pub(super) fn goes_on(&self) -> bool {
        match self {
            Self::Nothing | Self::Current | Self::Redundant { .. } | Self::Refused { .. } => true,
            Self::InUse | Self::AtWork { .. } | Self::Unclear { .. } | Self::Waits { .. } | Self::Stopped => false,
            Self::Failed(_) => false,
        }
    }

    /// What is told of it.
    pub(super) fn problem(self, path: &Path) -> Problem {
        let cause = if matches!(self, Self::Refused { .. }) { Cause::Refused } else { Cause::Other };
        let (effect, what, hint) = match self {
            Self::Refused { what, hint } => (Effect::Failed, format!("refused: {what}"), Some(hint)),
            Self::Waits { what, hint } => (Effect::Waits, what, hint),
            Self::Failed(failure) => return Problem::from_error(Effect::Failed, path, &failure),
            Self::Stopped => (Effect::Waits, "stopped".to_owned(), None),
            Self::Nothing | Self::Current => (Effect::Noted, "nothing to take".to_owned(), None),
            Self::Redundant { .. } => (Effect::Noted, "it is compressed already".to_owned(), None),
            Self::AtWork { name, .. } => {
                let what = format!("{} is being made of it: both wait", Path::new(&name).display());
                (Effect::Waits, what, Some("nothing to do: the next run takes it when its compressor is done"))
            }
            Self::Unclear { what } => {
                let hint = "nothing to do if a compressor is at work; else it was cut short: remove the one that is not \
                            whole (gzip -t, zstd -t)";
                (Effect::Waits, what, Some(hint))
            }
            Self::InUse => (Effect::Waits, "somebody has it open for writing".to_owned(), None),
        };
        let problem = Problem::new(effect, path, what).because(cause);
        match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl From<Failure> for NotTaken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<NotClaimed> for NotTaken {
    fn from(error: NotClaimed) -> Self {
        match error {
            NotClaimed::Nothing => Self::Nothing,
            // It was sound when it was found: somebody, logrotate perhaps, is at work on it.
            NotClaimed::Refused(what) => Self::Waits { what, hint: None },
            NotClaimed::Replaced => Self::gone(),
            NotClaimed::Failed(failure) => Self::Failed(failure),
        }
    }
}
