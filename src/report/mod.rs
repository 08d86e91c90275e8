//! What a run tells: problems on standard error, one JSON report on demand, and nothing when all is well.

pub mod checklist;
mod history;
mod lagging;
pub mod metrics;
pub mod page;
pub mod progress;
pub mod proof;
pub mod reading;
pub mod status;
pub mod steps;
pub mod style;
pub mod textfile;
pub mod told;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exit::Exit;
use crate::model::destination::Destination;
use crate::model::lag::Lag;
use crate::model::left::Left;
use crate::model::names::{Instance, Service};
use crate::model::path_text;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Ended, SealedSegment};
use crate::model::time::Moment;
use style::Level;

/// What a run came to.
#[derive(Serialize)]
pub struct Report {
    /// The program's version.
    pub version: &'static str,
    /// When it began.
    pub started: Moment,
    /// When it ended.
    pub finished: Moment,
    /// Who this machine is; absent where nothing was to be named after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// How many logs were empty.
    pub empty: usize,
    /// Segments that were sealed.
    pub sealed: Vec<Item>,
    /// Segments that the store confirmed.
    pub shipped: Vec<Item>,
    /// Segments that wait in the spool.
    pub waiting: Vec<Item>,
    /// What could not be done.
    pub problems: Vec<Problem>,
    /// Logs that lag behind their limits, those included that this command was not for.
    #[serde(serialize_with = "lagging::shown")]
    pub lagging: Vec<Lag>,
    /// Logs of which their limits left so many bytes in this run.
    #[serde(skip)]
    pub limited: BTreeMap<PathBuf, u64>,
    /// What is not in the store, with its bytes where it is; only a flush looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Vec<Left>>,
    /// Whether another run was at work, so that this one did nothing.
    pub other_run: bool,
    /// The exit code.
    pub exit_code: u8,
}

impl Report {
    /// The report of a run that has come to these problems so far, and to nothing else.
    pub fn of_problems(started: Moment, problems: Vec<Problem>) -> Self {
        let (sealed, shipped, waiting) = (Vec::new(), Vec::new(), Vec::new());
        let version = env!("CARGO_PKG_VERSION");
        let (instance, left, empty, other_run) = (None, None, 0, false);
        let (lagging, limited) = Default::default();
        let exit_code = exit(&problems) as u8;
        let finished = started;
        Self {
            version,
            started,
            finished,
            instance,
            empty,
            sealed,
            shipped,
            waiting,
            problems,
            lagging,
            limited,
            left,
            other_run,
            exit_code,
        }
    }

    /// Adds what was refused, unless a look before has said the same.
    pub fn found(&mut self, problems: &mut Vec<Problem>) {
        let known = |problem: &Problem| {
            self.problems.iter().any(|known| (&known.path, &known.what) == (&problem.path, &problem.what))
        };
        problems.retain(|problem| !known(problem));
        self.problems.append(problems);
    }

    /// The report of a run that has ended.
    #[must_use]
    pub fn ended(mut self, finished: Moment) -> Self {
        self.finished = finished;
        self.exit_code = exit(&self.problems) as u8;
        self
    }
}

/// A segment in a report.
#[derive(Serialize)]
pub struct Item {
    path: String,
    service: Service,
    to: Destination,
    key: String,
    raw_bytes: u64,
    lines: u64,
    bytes: u64,
    ended: Ended,
    /// The way in which its log was taken.
    writer: &'static str,
}

impl Item {
    /// How many bytes of its log it holds.
    pub fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    /// How many bytes it holds of that log; none of another one.
    pub fn raw_bytes_of(&self, log: &Path) -> u64 {
        if self.path == path_text::to_text(log) { self.raw_bytes } else { 0 }
    }

    /// The report's line on a segment.
    pub fn of(sealed: &SealedSegment) -> Self {
        Self {
            path: path_text::to_text(&sealed.segment.path),
            service: sealed.segment.service.clone(),
            to: sealed.segment.to.clone(),
            key: sealed.key().to_string(),
            raw_bytes: sealed.seal.length,
            lines: sealed.seal.lines,
            bytes: sealed.seal.packed,
            ended: sealed.seal.ended,
            writer: sealed.segment.way.name(),
        }
    }
}

/// The exit code that problems come to.
pub fn exit(problems: &[Problem]) -> Exit {
    let code = |problem: &Problem| match problem.effect {
        Effect::Noted => Exit::Done,
        Effect::Failed => Exit::Failed,
        Effect::Waits => Exit::Waits,
    };
    problems.iter().map(code).max().unwrap_or(Exit::Done)
}

/// Prints problems for a person.
///
/// # Errors
/// Where they could not be written, so that nobody was told.
pub fn print_problems(problems: &[Problem]) -> io::Result<()> {
    problems.iter().try_for_each(|problem| steps::try_to_tell(&style::problem(problem)))
}

/// So many of something: "1 log", "2 logs".
pub fn count(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// How much of what is left is listed one by one.
const LISTED: usize = 20;

/// Prints what is not in the store for a person: the first few of it, and how much it is together.
pub fn print_left(left: &[Left]) {
    let bytes: u64 = left.iter().map(Left::bytes).sum();
    let (logs, segments): (Vec<_>, Vec<_>) = left.iter().partition(|left| matches!(left, Left::Log { .. }));
    let kinds = [(logs.len(), "log"), (segments.len(), "segment")];
    let what: Vec<String> = kinds.iter().filter(|(some, _)| *some > 0).map(|(some, noun)| count(*some, noun)).collect();
    let tell = |text: &str| steps::complain_at(Level::Warning, text);
    tell(&format!("not in the store: {}, {bytes} bytes", what.join(" and ")));
    left.iter().take(LISTED).for_each(|left| tell(&format!("  {left}")));
    if left.len() > LISTED {
        tell(&format!("  and {} more; all of them: --json, logferry status", left.len() - LISTED));
    }
}

/// Prints something for a program.
///
/// # Errors
/// Where the output can't be written; it was complained of.
pub fn print_json(value: &impl Serialize) -> io::Result<()> {
    steps::say(&serde_json::to_string_pretty(value)?)
}

/// A problem that ends a run before it has begun.
pub fn fatal(path: &Path, error: &dyn std::error::Error) -> Problem {
    Problem::from_error(Effect::Failed, path, error)
}
