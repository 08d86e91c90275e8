//! What could not be done: for which path, why, and what a person can do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// What a problem means for the bytes it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A log was not taken, or something could not be verified; someone has to look.
    Failed,
    /// Something waits, in its place or in the spool, and the next run tries again by itself.
    Waits,
    /// All was done; but someone should know.
    Noted,
}

/// One thing that could not be done.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// What it means.
    pub effect: Effect,
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
        Self { effect, path: path.as_ref().to_owned(), what: what.to_string(), hint: None }
    }

    /// A problem with `path`, from an error with its chain of sources.
    pub fn from_error(effect: Effect, path: impl AsRef<Path>, error: &dyn std::error::Error) -> Self {
        Self::new(effect, path, chain(error))
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
        let clean = |text: String| text.replace(|c: char| c.is_control(), "\u{fffd}");
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
