//! `logferry flush`: everything into the store, now.

use std::time::{Duration, Instant};

use super::work::{self, Work};
use crate::cli;
use crate::config::Settings;
use crate::exit::Exit;
use crate::model::left::Left;
use crate::model::problem::{Effect, Problem};
use crate::report::{self, Report, steps};
use crate::spool::Spool;
use crate::sys::clock;
use crate::sys::lock::Lock;
use crate::sys::signals::{self, Stop};

/// Carries out a flush.
pub fn flush(args: cli::Flush) -> Exit {
    let begun = Instant::now();
    steps::tell(super::verbosity(args.logs.store.verbose));
    let (json, started) = (args.logs.json, clock::now());
    let deadline = args.deadline.and_then(|time| begun.checked_add(time));
    let settings = match work::settings(args.logs, None) {
        Ok(settings) => settings,
        Err(problem) => return work::not_begun(json, started, problem),
    };
    let stop = match signals::prepare() {
        Ok(stop) => stop,
        Err(failure) => return work::not_begun(json, started, work::no_state(&settings, &failure)),
    };
    let flushed = last_flush(&settings, deadline, &stop);
    work::ended(&flushed.report, json).max(flushed.exit)
}

/// What a flush came to.
pub struct Flushed {
    /// Its exit code: [`Exit::Done`] means that every byte that was written before it began is in the store.
    pub exit: Exit,
    /// What is not in the store: logs and segments with their bytes.
    pub waiting: Vec<Left>,
    /// The report; its problems were printed.
    pub report: Report,
}

/// The last flush of a machine that is about to disappear, as `flush --final` makes it. It returns before the deadline.
pub fn last_flush(settings: &Settings, deadline: Option<Instant>, stop: &Stop) -> Flushed {
    let started = clock::now();
    let work = Work { settings, stop, started };
    let mut spool = match work::open_spool(settings) {
        Ok(spool) => spool,
        Err(failure) => {
            let problem = work::no_state(settings, &failure);
            let _ = report::print_problems(std::slice::from_ref(&problem));
            let report = Report::of_problems(started, vec![problem]);
            return Flushed { exit: Exit::Config, waiting: Vec::new(), report };
        }
    };
    let (report, _lock) = match wait_for_lock(&spool, deadline, stop) {
        Ok(lock) => {
            let report = work.in_passes(&mut spool).unwrap_or_else(|failure| work.failed(&failure));
            (work::tell(report, &spool), Some(lock))
        }
        Err(problem) => (work::tell(Report::of_problems(started, vec![problem]), &spool), None),
    };
    Flushed { exit: report::exit(&report.problems), waiting: Vec::new(), report }
}

fn wait_for_lock(spool: &Spool, deadline: Option<Instant>, stop: &Stop) -> Result<Lock, Problem> {
    loop {
        let lock = spool.try_lock();
        let lock = lock.map_err(|failure| Problem::from_error(Effect::Failed, failure.path.clone(), &failure))?;
        if let Some(lock) = lock {
            return Ok(lock);
        }
        if stop.requested() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Problem::new(Effect::Waits, spool.root().path(), "another run is at work on it still"));
        }
        stop.sleep(Duration::from_millis(50));
    }
}
