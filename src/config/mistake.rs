//! A mistake in the configuration: where it is, what it is, what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::printable::is_hidden;
use crate::model::problem::{Effect, Problem};

/// A mistake in the configuration.
#[derive(Clone, Debug)]
pub struct ConfigError {
    pub(super) path: PathBuf,
    pub(super) line: Option<usize>,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl ConfigError {
    /// A mistake that is not about a line of the file.
    pub fn new(path: impl AsRef<Path>, what: impl Into<String>) -> Self {
        Self { path: path.as_ref().to_owned(), line: None, what: what.into(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl ConfigError {
    /// Where it is, what it is, what to do.
    pub fn parts(&self) -> (String, &str, Option<&str>) {
        let path = self.path.display();
        let place = self.line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"));
        (place, &self.what, self.hint.as_deref())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.parts().0)?;
        // Keys may hold anything; what is printed goes to a terminal or into root's mail.
        let clean = |text: &str| text.replace(is_hidden, "\u{fffd}");
        write!(f, ": {}", clean(&self.what))?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  hint: {}", clean(hint)))
    }
}

impl std::error::Error for ConfigError {}

impl From<&ConfigError> for Problem {
    fn from(ConfigError { path, line, what, hint }: &ConfigError) -> Self {
        let what = line.map_or(what.clone(), |line| format!("line {line}: {what}"));
        Self { hint: hint.clone(), ..Self::new(Effect::Failed, path, what) }
    }
}
