//! The only place that writes to the terminal: steps with `-v`, complaints, results, and the one line that is redrawn in
//! place while something goes on. Whatever else is printed meanwhile takes that line's place, and it is drawn again below.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

use super::style::{self, Level};
use crate::model::printable::is_hidden;
use crate::sys::stdio;

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verbosity {
    /// Only what is wrong.
    Quiet,
    /// Each step (`-v`).
    Steps,
    /// Everything (`-vv`).
    Everything,
}

struct Steps;

fn level_of(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warning,
        log::Level::Info => Level::Info,
        log::Level::Debug | log::Level::Trace => Level::Debug,
    }
}

impl Log for Steps {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(env!("CARGO_PKG_NAME"))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // A step names files, and a name may hold anything.
            complain_at(level_of(record.level()), &record.args().to_string().replace(is_hidden, "\u{fffd}"));
        }
    }

    fn flush(&self) {}
}

/// Tells steps on standard error from now on.
pub fn tell(verbosity: Verbosity) {
    let level = match verbosity {
        Verbosity::Quiet => return,
        Verbosity::Steps => LevelFilter::Info,
        Verbosity::Everything => LevelFilter::Debug,
    };
    if log::set_logger(&Steps).is_ok() {
        log::set_max_level(level);
    }
}

/// The line that is drawn on standard error now. Whoever prints holds it.
static DRAWN: Mutex<Option<String>> = Mutex::new(None);

/// Back to the first column, and what is there away (ECMA-48: CR, EL).
const ERASE: &str = "\r\u{1b}[K";

fn drawn() -> MutexGuard<'static, Option<String>> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws a line in place of the one that was drawn before. It has no control characters, and fits the terminal. Where it
/// can't be written, nobody looks.
pub fn draw(line: &str) {
    let mut drawn = drawn();
    if drawn.as_deref() != Some(line) {
        let _ = std::io::stderr().lock().write_all(format!("{ERASE}{line}").as_bytes());
        *drawn = Some(line.to_owned());
    }
}

/// Takes the line that was drawn away.
pub fn erase() {
    let mut drawn = drawn();
    if drawn.take().is_some() {
        let _ = std::io::stderr().lock().write_all(ERASE.as_bytes());
    }
}

/// Something that is wrong, on standard error. Where that is closed, nobody can be told.
pub fn complain(text: &str) {
    complain_at(Level::Error, text);
}

/// The same, as grave as it is.
pub fn complain_at(level: Level, text: &str) {
    let _ = try_to_tell(&style::text(level, text));
}

/// Lines on standard error, as [`style`] made them.
///
/// # Errors
/// Where they can't be written.
pub fn try_to_tell(lines: &str) -> std::io::Result<()> {
    let drawn = drawn();
    let text = match &*drawn {
        Some(line) => format!("{ERASE}{lines}{line}"),
        None => lines.to_owned(),
    };
    // In one piece: standard error is not buffered.
    std::io::stderr().lock().write_all(text.as_bytes())
}

/// A line on standard output. A reader that has gone doesn't want it; a full disk is complained of.
///
/// # Errors
/// What writing answers, but for a closed pipe.
pub fn say(text: &str) -> std::io::Result<()> {
    erase();
    let mut output = std::io::stdout().lock();
    let written = stdio::is_output_open().and_then(|()| writeln!(output, "{text}"));
    match written.and_then(|()| output.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            complain(&format!("write the output: {error}"));
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}
