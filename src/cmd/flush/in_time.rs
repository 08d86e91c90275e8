//! Being over before the deadline, whatever hangs: a disk, a network file system, the terminal that messages go to.
//!
//! The work is done by a thread of its own, and this one does nothing but wait for it, and not for too long. A thread that
//! hangs in the kernel can't be stopped; but it ends with the process, and what it was at is then as after a crash.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Flushed;
use super::job::{Job, Output};
use crate::exit::Exit;
use crate::model::problem::{Effect, Problem};
use crate::report::told::Told;
use crate::report::{self, Report};
use crate::sys::clock;

/// How long saying that it was not over in time may take.
const TO_TELL: Duration = Duration::from_millis(100);

/// Carries out a flush, and is over before its deadline.
pub(super) fn flushed(job: Job) -> Flushed {
    let give_up = job.timetable().map(|times| times.give_up);
    let overdue = Overdue::of(&job);
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        // Nobody listens where the deadline has come.
        let _ = sender.send(job.work());
    });
    let came = match give_up {
        None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(end) => receiver.recv_timeout(end.saturating_duration_since(Instant::now())),
    };
    match came {
        Ok(flushed) => flushed,
        Err(RecvTimeoutError::Timeout) => overdue.told(),
        // It can only have panicked, which was printed.
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => overdue.told(),
        },
    }
}

/// What is said of a flush that did not come to its end in time.
struct Overdue {
    report: Report,
    output: Output,
    told: Told,
}

impl Overdue {
    fn of(job: &Job) -> Self {
        let what = "the deadline came while it was still at work, or something hung; what was under way is left as after a \
                    crash, and the next run goes on from there";
        let problem = Problem::new(Effect::Waits, &job.settings.state_dir, what);
        let problem = problem.hint("logferry status tells what waits; see whether the disk or the store hangs");
        Self { report: Report::of_problems(job.started, vec![problem]), output: job.output, told: job.told.clone() }
    }

    fn told(self) -> Flushed {
        let report = self.report.ended(clock::now());
        let (sender, receiver) = mpsc::channel();
        // Whatever hangs may be what this is written to.
        std::thread::spawn(move || {
            let _ = self.told.print(&report.problems);
            if self.output == Output::Json {
                let _ = report::print_json(&report);
            }
            let _ = sender.send(report);
        });
        let report = receiver.recv_timeout(TO_TELL);
        let report = report.unwrap_or_else(|_| Report::of_problems(clock::now(), Vec::new()));
        Flushed { exit: Exit::Waits, waiting: Vec::new(), report }
    }
}
