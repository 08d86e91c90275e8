//! The end of an instance that its metadata have announced: what is done, in which order, and what the hook is told.

use std::time::{Duration, Instant};

use super::{deadline, deadline_of, failed};
use crate::cmd::flush::{self, Flushed};
use crate::config::Settings;
use crate::ec2::autoscaling::{AutoScaling, Kind, Refused};
use crate::ec2::lifecycle::beats::Beats;
use crate::ec2::lifecycle::hook::{self, Named, Unknown, Waiting};
use crate::ec2::lifecycle::record::{self, Record};
use crate::exit::Exit;
use crate::model::fate::{Fate, Omens, Verdict};
use crate::model::left::Left;
use crate::model::names::Instance;
use crate::model::problem::{Effect, Problem};
use crate::model::time::Moment;
use crate::report::{self, Report};
use crate::sys::clock;
use crate::sys::errand::{self, Done, Ended};
use crate::sys::failure::Failure;
use crate::sys::fault::{self, Point};
use crate::sys::signals::Stop;

/// How long a flush has at least, even where the time is over already.
const SHORTEST_FLUSH: Duration = Duration::from_secs(5);

/// The waits between two flushes that left something behind.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What came of it all.
pub(super) struct Came {
    /// Of all but the flush.
    pub(super) exit: Exit,
    /// Of the last flush.
    pub(super) flushed: Exit,
    /// What the hook was told, now or earlier.
    pub(super) hook_told: Option<Verdict>,
    /// The last flush.
    pub(super) flush: Option<Report>,
}

impl Default for Came {
    fn default() -> Self {
        Self { exit: Exit::Done, flushed: Exit::Done, hook_told: None, flush: None }
    }
}

/// What a last flush came to.
enum Flushing {
    /// All is in the store.
    ToItsEnd,
    /// Something is left, and the time is over.
    Short,
    /// We were asked to stop: the next call goes on.
    Stopped,
}

/// The end of an instance.
pub(super) struct End<'a> {
    pub(super) settings: &'a Settings,
    pub(super) omens: Omens,
    pub(super) named: Named,
    pub(super) instance: Instance,
    pub(super) region: Option<String>,
    pub(super) record: Record<'a>,
    pub(super) stop: &'a Stop,
    pub(super) came: Came,
}

impl End<'_> {
    /// Does what is to be done.
    pub(super) fn come(mut self) -> Came {
        match (self.omens.fate(), self.record.noted().hook_told) {
            // It was kept for someone to look at; the hourly runs go on.
            (_, Some(Verdict::Abandon)) => {
                log::info!("the hook was told already that something is left; nothing to do")
            }
            // What has been written since is to get into the store too; the hook knows already.
            (Fate::Ends, Some(Verdict::Continue)) => self.flush_once(),
            (Fate::Ends, None) => self.ends(),
            (Fate::Stays | Fate::Parks, _) => self.parks(),
        }
        self.came.hook_told = self.record.noted().hook_told;
        self.came
    }

    /// Tells a problem, unless an earlier call has told it; it counts in any case.
    fn complain(&mut self, problem: &Problem) {
        if self.record.is_new(&problem.to_string()) {
            let _ = report::print_problems(std::slice::from_ref(problem));
        }
        self.came.exit = self.came.exit.max(report::exit(std::slice::from_ref(problem)));
    }

    /// The disk stays: one flush, and a hook that waits may go on in any case.
    fn parks(&mut self) {
        let is_done = self.record.noted().flushed.is_some();
        if is_done && self.omens.notice.is_none() {
            log::info!("all was shipped already; nothing to do");
            return;
        }
        self.flush_once();
        if is_done || self.omens.target.is_none_or(|target| target.fate() != Fate::Parks) || self.stop.requested() {
            return;
        }
        let Some(api) = self.api() else { return };
        let found = self.find(&api);
        if let Some(waiting) = found {
            self.tell(&api, &waiting, Verdict::Continue);
        }
        // What is left in the spool is shipped when the machine is back.
        self.note(|noted| noted.flushed = Some(clock::now()));
    }

    /// The machine and its disk end.
    fn ends(&mut self) {
        let in_group = self.omens.target.is_some_and(|target| target.fate() == Fate::Ends);
        let api = if in_group { self.api() } else { None };
        let waiting = api.as_ref().and_then(|api| self.find(api));
        let came = match (&api, &waiting) {
            (Some(api), Some(waiting)) => {
                let (beats, first) = Beats::begin(api, waiting, self.waited());
                if let Err(refused) = first {
                    self.no_heartbeat(&refused);
                }
                beats.during(|| self.flush_to_the_end(Some(waiting), Some(&beats)))
            }
            _ => self.flush_to_the_end(None, None),
        };
        let (Some(api), false) = (&api, matches!(came, Flushing::Stopped)) else { return };
        // Whoever did not say then which hook it is may say so now.
        let Some(waiting) = waiting.or_else(|| self.find(api)) else { return };
        let verdict = match came {
            Flushing::ToItsEnd => Verdict::Continue,
            Flushing::Short | Flushing::Stopped => self.settings.lifecycle.on_failure,
        };
        self.tell(api, &waiting, verdict);
        if matches!(came, Flushing::Short) && self.record.noted().hook_told.is_some() {
            let what = format!("not all is in the store, and the lifecycle hook was told {}", verdict.word());
            self.complain(&Problem::new(Effect::Waits, &self.settings.state_dir, what).hint(
                "an instance lifecycle policy TerminateHookAbandon=retain keeps an instance whose hook was told ABANDON, and \
                 with it what waits",
            ));
        }
    }

    /// The client of the API.
    fn api(&mut self) -> Option<AutoScaling> {
        let api = AutoScaling::open(self.instance.clone(), self.region.clone(), self.stop);
        api.map_err(|refused| self.complain(&hook::of_refused(&refused))).ok()
    }

    fn find(&mut self, api: &AutoScaling) -> Option<Waiting> {
        match hook::find(api, &self.named) {
            Ok(Some(waiting)) => Some(waiting),
            Ok(None) => {
                log::info!("no hook waits for this instance to end");
                None
            }
            // Who keeps a warm pool without such a hook need not allow us to ask for one.
            Err(Unknown::Refused(refused)) if refused.kind == Kind::Denied && self.omens.fate() == Fate::Parks => {
                log::info!("{refused}");
                None
            }
            Err(unknown) => {
                self.complain(&unknown.problem());
                None
            }
        }
    }

    /// The last flush goes on without heartbeats, as long as the hook waits by itself.
    fn no_heartbeat(&mut self, refused: &Refused) {
        if matches!(refused.kind, Kind::Denied | Kind::Invalid) {
            self.complain(&hook::of_refused(refused));
        }
    }

    /// For how long it has been known that the machine goes.
    fn waited(&self) -> Duration {
        since(self.record.noted().since, clock::now())
    }

    /// Runs the command before the last flush, then flushes until nothing is left or the time is over.
    fn flush_to_the_end(&mut self, waiting: Option<&Waiting>, beats: Option<&Beats<'_>>) -> Flushing {
        let in_all = waiting.map(|waiting| waiting.in_all.saturating_sub(waiting.margin()));
        let limit = in_all.unwrap_or(Duration::MAX).min(self.settings.lifecycle.limit);
        let limit = Instant::now() + limit.saturating_sub(self.waited());
        let limit = deadline_of(&self.omens).map_or(limit, |deadline| deadline.min(limit));
        let end = || beats.and_then(Beats::end).map_or(limit, |end| end.min(limit));
        self.before(end());
        let mut wait = FIRST_WAIT;
        loop {
            let deadline = end().max(Instant::now() + SHORTEST_FLUSH);
            if self.flush(Some(deadline)) {
                self.note(|noted| noted.flushed = noted.flushed.or(Some(clock::now())));
                return Flushing::ToItsEnd;
            }
            if self.stop.requested() {
                return Flushing::Stopped;
            }
            if Instant::now() + wait >= end() {
                return Flushing::Short;
            }
            log::info!("something is left; again in {} s", wait.as_secs());
            self.stop.sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn flush_once(&mut self) {
        self.flush(deadline(&self.omens));
    }

    /// Flushes; whether nothing is left that could be shipped later.
    fn flush(&mut self, deadline: Option<Instant>) -> bool {
        let Flushed { exit, waiting, report } = flush::last_flush(self.settings, deadline, self.stop);
        // A writer that goes on writing has a new log by now; it was told if one could not be taken.
        let in_spool = waiting.iter().any(|left| matches!(left, Left::Segment { .. })) || !report.waiting.is_empty();
        (self.came.flushed, self.came.flush) = (exit, Some(report));
        !in_spool && !matches!(exit, Exit::Waits | Exit::Config)
    }

    /// Runs the command before the last flush, once. Whatever comes of it, the flush follows.
    fn before(&mut self, end: Instant) {
        let lifecycle = &self.settings.lifecycle;
        if lifecycle.before.is_empty() || self.record.noted().before.is_some() {
            return;
        }
        // Noted before it begins: cut short, it is not run again.
        if !self.note(|noted| noted.before = Some(clock::now())) {
            return;
        }
        fault::reached(Point::BeforeNoted);
        // Half of the time at most: what it has the writers say is to be shipped in the other half.
        let limit = lifecycle.before_timeout.min(end.saturating_duration_since(Instant::now()) / 2);
        log::info!("running {}", lifecycle.before.join(" "));
        let done = errand::run(&lifecycle.before, limit, self.stop);
        fault::reached(Point::BeforeEnded);
        if let Some(problem) = of_errand(&lifecycle.before, limit, done) {
            self.complain(&problem);
        }
    }

    /// Tells the hook, and notes that.
    fn tell(&mut self, api: &AutoScaling, waiting: &Waiting, verdict: Verdict) {
        let Waiting { group, hook, .. } = waiting;
        match api.complete(group, hook, verdict) {
            Ok(()) => {
                fault::reached(Point::HookTold);
                self.note(|noted| noted.hook_told = Some(verdict));
                fault::reached(Point::HookToldNoted);
                log::info!("the hook {hook} of {group} was told {}", verdict.word());
            }
            Err(refused) if refused.kind == Kind::NotActive => {
                // It was told by someone else, or by a call that was killed then; or it does not wait yet, as long as a load
                // balancer lets go of the instance: the next call tries again. An instance that goes into the warm pool is
                // seldom waited for.
                log::info!("the hook {hook} of {group} does not wait for this instance: {refused}");
                if self.omens.fate() == Fate::Ends {
                    self.complain(&hook::of_refused(&refused));
                }
            }
            Err(refused) => self.complain(&hook::of_refused(&refused)),
        }
    }

    /// Notes something; whether it is noted.
    fn note(&mut self, change: impl FnOnce(&mut record::Noted)) -> bool {
        let noted = self.record.note(change);
        noted.map_err(|failure| self.complain(&failed(&failure))).is_ok()
    }
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

fn since(begun: Moment, now: Moment) -> Duration {
    u64::try_from(now.nanos().saturating_sub(begun.nanos())).map_or(Duration::ZERO, Duration::from_nanos)
}
