//! The form of what is told on standard error: text or JSON, and for the journal each line's priority.
//!
//! The priorities are those of syslog, in front of each line as `<3>` (sd-daemon(3)); the journal takes them off again.

use std::fmt::Write;
use std::sync::OnceLock;

use serde::Serialize;

use crate::model::path_text::to_text;
use crate::model::printable::printable_lines;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::time::Moment;
use crate::sys::{clock, journal};

/// The form.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Form {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// How grave something is, as syslog(3) numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Level {
    /// Someone has to look.
    Error = 3,
    /// Something waits, and is tried again.
    Warning = 4,
    /// Someone should know.
    Notice = 5,
    /// A step.
    Info = 6,
    /// A detail of one.
    Debug = 7,
}

impl Level {
    /// Of a problem.
    pub fn of(effect: Effect) -> Self {
        match effect {
            Effect::Failed => Self::Error,
            Effect::Waits => Self::Warning,
            Effect::Noted => Self::Notice,
        }
    }
}

static FORM: OnceLock<Form> = OnceLock::new();

/// Tells in that form from now on; what was set first stays.
pub fn set(form: Form) {
    let _ = FORM.set(form);
}

/// The form in which things are told.
pub fn form() -> Form {
    FORM.get().copied().unwrap_or_default()
}

/// Whether standard error is the journal.
pub fn is_journal() -> bool {
    static JOURNAL: OnceLock<bool> = OnceLock::new();
    *JOURNAL.get_or_init(|| journal::is_read_from(std::io::stderr()))
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    time: Moment,
    level: Level,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<Effect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// A text as it is told, with its line end.
pub fn text(level: Level, text: &str) -> String {
    match form() {
        Form::Text => lines(level, text),
        Form::Json => {
            // What to do stands on a line of its own.
            let (message, hint) = match text.split_once("\n  hint: ") {
                Some((message, hint)) => (message, Some(hint)),
                None => (text.trim_start_matches("  "), None),
            };
            json(&Line { time: clock::now(), level, message, path: None, effect: None, cause: None, hint })
        }
    }
}

/// A problem as it is told, with its line end.
pub fn problem(problem: &Problem) -> String {
    let level = Level::of(problem.effect);
    match form() {
        Form::Text => lines(level, &problem.to_string()),
        Form::Json => json(&Line {
            time: clock::now(),
            level,
            message: &problem.what,
            path: Some(to_text(&problem.path)),
            effect: Some(problem.effect),
            cause: Some(problem.cause),
            hint: problem.hint.as_deref(),
        }),
    }
}

fn json(line: &Line<'_>) -> String {
    let text = serde_json::to_string(line).unwrap_or_else(|error| format!("{{\"message\":\"{error}\"}}"));
    prefixed(line.level, &text)
}

fn lines(level: Level, text: &str) -> String {
    // The journal has the name of who wrote it already.
    let name = if is_journal() { "" } else { "logferry: " };
    prefixed(level, &format!("{name}{text}"))
}

/// What is told names files, objects and what others have said, which may hold anything; a terminal would obey it.
fn harmless(text: &str) -> String {
    printable_lines(text)
}

fn prefixed(level: Level, text: &str) -> String {
    let mut prefixed = String::new();
    for line in harmless(text).lines() {
        let written = match is_journal() {
            true => writeln!(prefixed, "<{}>{line}", level as u8),
            false => writeln!(prefixed, "{line}"),
        };
        debug_assert!(written.is_ok(), "a string takes all");
    }
    prefixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_moves_no_cursor_and_changes_no_colour() {
        let told = text(Level::Error, "read a\u{1b}]0;x\u{7}\u{9b}31m\r\u{7f}b\tc: gone\n  hint: look");
        assert_eq!(told, "logferry: read a\u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}b\tc: gone\n  hint: look\n");
    }
}
