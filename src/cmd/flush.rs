//! `logferry flush`: everything into the store, now, and not before that is so or a deadline comes is it over.
//!
//! ```text
//! wait for the lock ─> pass ─> pass ─> … ─> what stays, told ─> exit
//!                        │
//!   recover ─> discover ─┴> rounds, the urgent and the small ones first: take, seal ─> hand over
//!                                                                threads: ship <───────────┘
//! ```
//!
//! Promise: exit code 0 means that every byte that was written to the logs before it began is in the store, and all that
//! was in the spool. It ends before its deadline whatever hangs: the work is done by a thread that is not waited for any
//! longer then (`in_time`), and what it was at is as after a crash, which loses nothing.

mod again;
mod in_time;
mod job;
mod left;
mod lock;
mod owed;
mod pass;

use std::time::Instant;

use super::work;
use crate::cli;
use crate::config::{Backlog, Settings};
use crate::exit::Exit;
use crate::model::history::Command;
use crate::model::left::Left;
use crate::report::progress::Show;
use crate::report::told::Told;
use crate::report::{self, Report, steps};
use crate::sys::clock;
use crate::sys::signals::{self, Stop};
use job::{Job, Output};

/// What comes after a flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The hourly runs go on.
    Usual,
    /// Nothing: the machine is about to disappear, at a time that is set.
    Last,
    /// Nothing: the machine is about to disappear, and waits for us. Writers that don't end are not waited for until the
    /// deadline, which is only how long to try a store that is away.
    Awaited,
}

/// Carries out a flush.
pub fn flush(args: cli::Flush) -> Exit {
    let begun = Instant::now();
    super::tell_as(args.logs.log.log_format);
    steps::tell(super::verbosity(args.logs.store.verbose));
    let (json, started) = (args.logs.json, clock::now());
    let deadline = args.deadline.and_then(|time| begun.checked_add(time));
    let kind = if args.last { Kind::Last } else { Kind::Usual };
    let settings = match work::settings(args.logs, None, Backlog::Left) {
        Ok(settings) => unlimited(settings).with_metrics(args.metrics.metrics),
        Err(problem) => return work::not_begun(json, started, problem),
    };
    let stop = match signals::prepare() {
        Ok(stop) => stop,
        Err(failure) => {
            let problem = work::no_state(&settings, &failure);
            let _ = report::print_problems(std::slice::from_ref(&problem));
            return work::not_begun(json, started, problem);
        }
    };
    let (show, output) = match json {
        true => (Show::Nothing, Output::Json),
        false => (Show::fitting(), Output::Summary),
    };
    let told = Told::default();
    let command = Command::Flush;
    in_time::flushed(Job { settings, command, kind, begun, deadline, stop, show, output, started, told }).exit
}

/// A flush is over when all is in the store: what a limit leaves in a log would not be, and someone waits for it.
fn unlimited(settings: Settings) -> Settings {
    settings.at_full_speed().without_log_limits()
}

/// What a flush came to.
pub struct Flushed {
    /// Its exit code: [`Exit::Done`] means that every byte that was written before it began is in the store.
    pub exit: Exit,
    /// What is not in the store: logs and segments with their bytes. Where the flush did not come to its end in time, it is
    /// not known, and this is empty.
    pub waiting: Vec<Left>,
    /// The report; its problems were printed.
    pub report: Report,
}

/// The last flush of a machine that is about to disappear, as `flush --final` makes it, but without showing progress, and
/// without saying what was `told` already. It returns before the deadline, if there is one, whatever hangs; what still hangs then goes on, and
/// holds the lock, until the process ends.
pub fn last_flush(settings: &Settings, kind: Kind, deadline: Option<Instant>, stop: &Stop, told: &Told) -> Flushed {
    in_time::flushed(Job {
        settings: unlimited(settings.clone()),
        command: Command::Lifecycle,
        kind,
        begun: Instant::now(),
        deadline,
        stop: stop.clone(),
        show: Show::Nothing,
        output: Output::Nothing,
        started: clock::now(),
        told: told.clone(),
    })
}
