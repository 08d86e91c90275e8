//! The command before the last flush: when it is run, and that it is run once.

use std::path::Path;
use std::time::{Duration, Instant};

use super::end::End;
use super::failed;
use crate::ec2::lifecycle::vigil::{Stands, Vigil};
use crate::model::path_text::to_shell;
use crate::model::problem::{Effect, Problem};
use crate::sys::clock::Stamp;
use crate::sys::errand::{self, AtWork, Done, Ended};
use crate::sys::failure::Failure;
use crate::sys::fault::{self, Point};

/// How long it is put off where the API does not say whether the hook waits.
pub(super) const LONGEST_UNKNOWN: Duration = Duration::from_secs(10);

/// How long it is put off as long as the hook does not wait yet. Before it does, a load balancer lets go of the instance, and
/// requests that are under way are brought to their end for an hour at the most
/// (`deregistration_delay.timeout_seconds`,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>).
pub(super) const LONGEST_DRAINING: Duration = Duration::from_secs(3600);

/// When the command is to be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    /// There is none, or it was.
    Never,
    /// Now.
    Now,
    /// When it is known whether the hook waits.
    Known,
    /// When the hook waits: the service is at work still.
    Later,
}

impl End<'_> {
    /// When the command is to be run; this call began to ask at `asked`. `None` stands for a hook that is not to be asked now,
    /// since it did not wait a moment ago.
    pub(super) fn when(&self, stands: Option<&Stands>, asked: Instant) -> When {
        let noted = self.record.noted();
        let is_to_be = !self.settings.lifecycle.before.is_empty() && self.untrusted.is_none();
        let idle = match stands {
            None => true,
            Some(stands) => matches!(stands, Stands::Idle(_)),
        };
        match () {
            () if noted.at_work.is_some() => When::Now,
            () if !is_to_be || noted.before.is_some() => When::Never,
            // Nothing can make the time of a notice longer.
            () if !self.is_awaited() => When::Now,
            () if idle && noted.since.elapsed() < LONGEST_DRAINING => When::Later,
            () if matches!(stands, Some(Stands::Unknown)) && asked.elapsed() < LONGEST_UNKNOWN => When::Known,
            () => When::Now,
        }
    }

    /// Runs the command, once. Whatever comes of it, the flush follows.
    pub(super) fn before(&mut self, vigil: Option<&Vigil>) {
        let (lifecycle, limit) = (&self.settings.lifecycle, self.longest(vigil));
        if let Some(at_work) = self.record.noted().at_work {
            return self.wait_for(at_work, limit);
        }
        // Noted before it begins: cut short here, it is not run again.
        self.note(|noted| noted.before = Some(Stamp::now()));
        fault::reached(Point::BeforeNoted);
        log::info!("running {}", lifecycle.before.join(" "));
        let (record, mut unnoted) = (&mut self.record, None);
        let done = errand::run(&lifecycle.before, limit, self.stop, |at_work| {
            unnoted = record.note(|noted| noted.at_work = Some(at_work)).err();
            fault::reached(Point::BeforeBegun);
        });
        if let Some(failure) = unnoted {
            self.complain(&failed(&failure));
        }
        fault::reached(Point::BeforeEnded);
        self.ended(matches!(done, Ok(Done { ended: Ended::Stopped, .. })));
        if let Some(problem) = of_errand(&lifecycle.before, limit, done) {
            self.complain(&problem);
        }
    }

    /// Waits for the command that a call has begun which was killed.
    fn wait_for(&mut self, at_work: AtWork, limit: Duration) {
        let begun = self.record.noted().before.map_or(Duration::ZERO, |begun| begun.elapsed());
        let rest = self.settings.lifecycle.before_timeout.saturating_sub(begun).min(limit);
        log::info!("waiting for the command before the last flush, which an earlier call has begun");
        let ended = errand::wait_for(at_work, rest, self.stop);
        self.ended(matches!(ended, Ok(Some(Ended::Stopped))));
        let done = match ended {
            Ok(None) => return,
            Ok(Some(ended)) => Ok(Done { ended, said: String::new() }),
            Err(failure) => Err(failure),
        };
        if let Some(problem) = of_errand(&self.settings.lifecycle.before, begun + rest, done) {
            self.complain(&problem);
        }
    }

    /// Notes that the command has ended. One that was ended since we were asked to stop is begun anew by the next call.
    fn ended(&mut self, was_stopped: bool) {
        self.note(|noted| {
            noted.at_work = None;
            if was_stopped {
                noted.before = None;
            }
        });
    }

    /// How long the command may take: half of the time that there is at the most, since what it has the writers say is to be
    /// shipped in the other half. Where the hook does not wait, no time runs.
    fn longest(&self, vigil: Option<&Vigil>) -> Duration {
        let usual = self.settings.lifecycle.before_timeout;
        let is_idle = vigil.is_none_or(|vigil| matches!(vigil.stands(), Stands::Idle(_)));
        match self.is_awaited() && is_idle {
            true => usual,
            false => usual.min(self.end_of_time(vigil).saturating_duration_since(Instant::now()) / 2),
        }
    }
}

/// Why the command is not run where others can say what it is: it may be root that would run it.
pub(super) fn untrusted(config: &Path, why: &std::io::Error) -> Problem {
    let what =
        format!("the command before the last flush is not run, since not only its user can say what it is: {why}");
    let path = to_shell(config);
    let hint = format!("chown root:root {path}; chmod 644 {path}; and so with the directories that it is in");
    Problem::new(Effect::Failed, config, what).hint(hint)
}

/// What is wrong with how a command ended.
fn of_errand(argv: &[String], limit: Duration, done: Result<Done, Failure>) -> Option<Problem> {
    let program = argv.first().map_or("", String::as_str);
    let what = match done {
        Err(failure) => format!("the command before the last flush: {failure}: {}", failure.source),
        Ok(Done { ended: Ended::ByItself(status), .. }) if status.success() => return None,
        Ok(Done { ended: Ended::Stopped, .. }) => return None,
        Ok(Done { ended: Ended::ByItself(status), said }) => {
            format!("the command before the last flush failed ({status}): {said}")
        }
        Ok(Done { ended: Ended::OutOfTime, said }) => {
            format!("the command before the last flush had not ended after {} s and was ended: {said}", limit.as_secs())
        }
    };
    let what = what.trim_end_matches([' ', ':']).to_owned();
    let problem = Problem::new(Effect::Failed, program, what);
    Some(problem.hint("the last flush was done all the same; see `before` and `before_timeout` in [lifecycle]"))
}
