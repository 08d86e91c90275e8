//! What could not be done: for which path, why, and what a person can do about it.

use crate::model::printable::is_hidden;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a problem means for the bytes it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A log was not taken, or something could not be verified; someone has to look.
    Failed,
    /// Something waits, in its place or in the spool, and the next run tries again by itself.
    Waits,
    /// All was done; but someone should know.
    Noted,
}

/// What lies behind a problem, for programs: metrics count by it, and some of it is told to whoever reads the log later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A log is not one that can be taken safely; it stays as it is.
    Refused,
    /// Someone else has truncated a log, or written it anew.
    Truncated,
    /// A log is a hole for the most part.
    Hollow,
    /// A writer goes on in a file that was taken out of use.
    Unreleased,
    /// A run was cut short.
    Interrupted,
    /// Limits leave something of a log for later.
    Limited,
    /// There is no room for it, on the disk or in the spool.
    NoRoom,
    /// The store could not be reached, or refused.
    Store,
    /// Something in the state directory made no sense and was put aside.
    Damaged,
    /// Anything else.
    #[default]
    Other,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Refused,
        Self::Truncated,
        Self::Hollow,
        Self::Unreleased,
        Self::Interrupted,
        Self::Limited,
        Self::NoRoom,
        Self::Store,
        Self::Damaged,
        Self::Other,
    ];

    /// The word for it, as in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::Hollow => "hollow",
            Self::Unreleased => "unreleased",
            Self::Interrupted => "interrupted",
            Self::Limited => "limited",
            Self::NoRoom => "no-room",
            Self::Store => "store",
            Self::Damaged => "damaged",
            Self::Other => "other",
        }
    }
}

/// One thing that could not be done.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// What it means.
    pub effect: Effect,
    /// What lies behind it.
    pub cause: Cause,
    /// The file it is about.
    #[serde(with = "super::path_text::serde_path")]
    pub path: PathBuf,
    /// What happened, with the whole chain of reasons.
    pub what: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with `path`.
    pub fn new(effect: Effect, path: impl AsRef<Path>, what: impl fmt::Display) -> Self {
        let (path, what) = (path.as_ref().to_owned(), what.to_string());
        Self { effect, cause: Cause::default(), path, what, hint: None }
    }

    /// A problem with `path`, from an error with its chain of sources.
    pub fn from_error(effect: Effect, path: impl AsRef<Path>, error: &dyn std::error::Error) -> Self {
        Self::new(effect, path, chain(error))
    }

    /// Says what lies behind it.
    #[must_use]
    pub fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may hold anything; what is printed goes to a terminal or into root's mail.
        let clean = |text: String| text.replace(is_hidden, "\u{fffd}");
        write!(f, "{}: {}", clean(self.path.display().to_string()), clean(self.what.clone()))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// An error and what lies behind it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        // Many libraries repeat their source's text in their own.
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
