//! A flush from its lock to what it tells.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::again::{self, Next};
use super::pass::Passes;
use super::{Flushed, Kind, left, lock};
use crate::cmd::work::{self, Doubts, Work};
use crate::cmd::{lagging, record};
use crate::config::Settings;
use crate::exit::Exit;
use crate::model::history::Command;
use crate::model::meter::Meter;
use crate::model::time::Moment;
use crate::model::timetable::Timetable;
use crate::report::progress::{Progress, Show};
use crate::report::style::Level;
use crate::report::told::Told;
use crate::report::{self, Report, steps};
use crate::spool::Spool;
use crate::sys::clock;
use crate::sys::failure::Failure;
use crate::sys::signals::Stop;

/// What is printed at the end, besides problems.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Output {
    /// What was shipped, for a person.
    Summary,
    /// The report, for a program.
    Json,
    /// Nothing.
    Nothing,
}

/// A flush that is to be made.
pub(super) struct Job {
    pub(super) settings: Settings,
    pub(super) command: Command,
    pub(super) kind: Kind,
    pub(super) begun: Instant,
    pub(super) deadline: Option<Instant>,
    pub(super) stop: Stop,
    pub(super) show: Show,
    pub(super) output: Output,
    pub(super) started: Moment,
    /// What needs not be said again.
    pub(super) told: Told,
}

impl Job {
    /// What the deadline leaves time for, where there is one.
    pub(super) fn timetable(&self) -> Option<Timetable> {
        self.deadline.map(|deadline| Timetable::between(self.begun, deadline))
    }

    /// All of it, but for being over in time.
    pub(super) fn work(self) -> Flushed {
        let mut spool = match work::open_spool(&self.settings) {
            Ok(spool) => spool,
            Err(failure) => return self.not_begun(&failure),
        };
        let meter = Arc::new(Meter::default());
        let progress = Progress::start(self.show, &meter, self.deadline);
        let ship_until = self.timetable().map(|times| times.ship_until);
        // Held to the end: what was told is told by one command only.
        let locked = lock::wait(&spool, &self.stop.by(ship_until), &progress);
        let done = locked.map(|lock| {
            spool.command_begins(self.command);
            (self.in_passes(&mut spool, &meter), lock)
        });
        drop(progress);
        match done {
            Ok((report, _lock)) => {
                let report = lagging::settled(report, &spool, &self.settings);
                let mut report = work::tell(report, &spool, Doubts::Grave, &self.told);
                record::ended(&mut spool, &self.settings, self.command, &mut report);
                self.come_to(report)
            }
            Err(problem) => {
                spool.command_skipped(self.command);
                let _ = self.told.print(std::slice::from_ref(&problem));
                self.come_to(Report::of_problems(self.started, vec![problem]).ended(clock::now()))
            }
        }
    }

    fn not_begun(&self, failure: &Failure) -> Flushed {
        let problem = work::no_state(&self.settings, failure);
        let _ = self.told.print(std::slice::from_ref(&problem));
        let report = Report { exit_code: Exit::Config as u8, ..Report::of_problems(self.started, vec![problem]) };
        if self.output == Output::Json {
            let _ = report::print_json(&report);
        }
        Flushed { exit: Exit::Config, waiting: Vec::new(), report }
    }

    /// Goes over all again and again, as long as there is reason to.
    fn in_passes(&self, spool: &mut Spool, meter: &Arc<Meter>) -> Report {
        let work = Work { settings: &self.settings, stop: &self.stop, started: self.started };
        let mut passes = Passes::new(&work, self.kind, self.timetable(), meter);
        let mut watched = Duration::ZERO;
        let done = loop {
            let came = match passes.once(spool) {
                Ok(came) => came,
                Err(failure) => break Err(failure),
            };
            match again::after(&came, self.kind, &self.now(&passes, watched)) {
                Next::Again(pause) => self.stop.sleep(pause),
                Next::Watch { least, most } => {
                    let begin = Instant::now();
                    log::info!("all is shipped; waiting for writers that still hold a log that was taken");
                    passes.watch(least, most);
                    watched += begin.elapsed();
                }
                Next::Enough => break Ok(()),
            }
        };
        let mut report = passes.into_report(spool, done);
        report.problems.extend(work::put_aside(spool));
        report
    }

    fn now(&self, passes: &Passes<'_>, watched: Duration) -> again::Now {
        let now = Instant::now();
        let left = |until: Instant| until.saturating_duration_since(now);
        again::Now {
            passes: passes.count(),
            slices: passes.slices(),
            watched,
            asked: self.stop.asked(),
            to_take: self.timetable().map(|times| left(times.take_until)),
            to_ship: self.timetable().map(|times| left(times.ship_until)),
        }
    }

    /// Tells the rest of it; problems were told.
    fn come_to(&self, mut report: Report) -> Flushed {
        let exit = report::exit(&report.problems);
        let mut waiting = Vec::new();
        if exit != Exit::Done {
            waiting = left::all(&self.settings);
            if self.output != Output::Nothing && !waiting.is_empty() {
                report::print_left(&waiting);
            }
        }
        report.left = Some(waiting.clone());
        if self.output == Output::Summary {
            self.sum_up(&report);
        }
        let exit = match self.output {
            Output::Json => work::ended(&report, true),
            Output::Summary | Output::Nothing => exit,
        };
        Flushed { exit, waiting, report }
    }

    fn sum_up(&self, report: &Report) {
        if !report.shipped.is_empty() {
            let bytes: u64 = report.shipped.iter().map(report::Item::raw_bytes).sum();
            let (segments, time) = (report::count(report.shipped.len(), "segment"), self.begun.elapsed().as_secs_f64());
            let what = format!("shipped {segments} with {bytes} bytes of logs in {time:.1} s");
            steps::complain_at(Level::Info, &what);
        }
    }
}
