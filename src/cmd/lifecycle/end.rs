//! The end of an instance that its metadata have announced: what is done, in which order, and what the hook is told.
//!
//! ```text
//! record ─┬─ vigil: find the hook, heartbeats ───────────────────────┐
//!         └─ before, when the hook waits ─> flush ─> look ─> again … ┴─> the hook is told, and that is noted
//! ```

use std::time::{Duration, Instant};

use super::flushing::Flushing;
use super::{deadline, failed, left};
use crate::config::Settings;
use crate::ec2::autoscaling::{AutoScaling, Kind, Refused};
use crate::ec2::lifecycle::hook::{self, Named, Waiting};
use crate::ec2::lifecycle::record::{self, Record};
use crate::ec2::lifecycle::vigil::{self, Kept, Stands, Vigil};
use crate::exit::Exit;
use crate::model::fate::{Fate, Omens, Verdict};
use crate::model::left::Left;
use crate::model::names::Instance;
use crate::model::problem::{Effect, Problem};
use crate::report::told::Told;
use crate::report::{self, Report};
use crate::sys::clock::Stamp;
use crate::sys::failure::Failure;
use crate::sys::fault::{self, Point};
use crate::sys::signals::Stop;

/// What is tried in vain after the hook was told to abandon rests so long, and longer each time.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(60);

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

/// The end of an instance.
pub(super) struct End<'a> {
    pub(super) settings: &'a Settings,
    /// Why the command before the last flush is not run, where it is not.
    pub(super) untrusted: Option<Problem>,
    pub(super) omens: Omens,
    pub(super) named: Named,
    pub(super) instance: Instance,
    pub(super) region: Option<String>,
    pub(super) record: Box<Record<'a>>,
    pub(super) stop: &'a Stop,
    /// What needs not be said again.
    pub(super) told: Told,
    /// What the last flush has left behind.
    pub(super) left: Vec<Left>,
    pub(super) came: Came,
}

impl End<'_> {
    /// Does what is to be done, though it can't be noted for that reason, as on a full disk.
    pub(super) fn come(mut self, unnoted: Option<Failure>) -> Came {
        if let Some(failure) = unnoted {
            self.complain(&failed(&failure));
        }
        match (self.omens.fate(), self.record.noted().hook_told) {
            (_, Some(Verdict::Abandon)) => self.abandoned(),
            // What has been written since is to get into the store too; the hook knows already.
            (Fate::Ends, Some(Verdict::Continue)) => drop(self.flush_once(deadline(&self.omens))),
            (Fate::Ends, None) => self.ends(),
            (Fate::Stays | Fate::Parks, _) => self.parks(),
        }
        self.came.hook_told = self.record.noted().hook_told;
        self.came
    }

    /// Tells a problem, unless it was told before; it counts in any case.
    pub(super) fn complain(&mut self, problem: &Problem) {
        let _ = self.told.print(std::slice::from_ref(problem));
        self.came.exit = self.came.exit.max(report::exit(std::slice::from_ref(problem)));
        self.keep_told();
    }

    /// Notes what was told, so that no later call says it again. Where that can't be noted, it does.
    pub(super) fn keep_told(&mut self) {
        let marks = self.told.marks();
        if let Err(failure) = self.record.note(|noted| noted.told = marks) {
            log::info!("{failure}: {}", failure.source);
        }
    }

    /// The hook was told that something is left. Where a policy keeps the instance, it gets into the store as soon as that can
    /// be; without a word, since that something waits was said.
    fn abandoned(&mut self) {
        // Once through, as an hourly run: only a deadline would have a store that is away tried again and again.
        self.flush_seldom(None);
    }

    /// Flushes, unless that came to nothing a moment ago: the more often, the longer ago that must be. Whether all is shipped.
    pub(super) fn flush_seldom(&mut self, deadline: Option<Instant>) -> bool {
        if self.rests() {
            self.came.flushed = Exit::Waits;
            return false;
        }
        let is_shipped = self.flush_once(deadline) == Exit::Done;
        if self.stop.asked() {
            return false;
        }
        let doubled = FIRST_REST * (1 << self.record.noted().tries.min(8));
        self.rest(if is_shipped { Duration::ZERO } else { doubled.min(LONGEST_REST) });
        is_shipped
    }

    /// Whether what was tried in vain is to rest still.
    pub(super) fn rests(&self) -> bool {
        self.record.noted().rests_until.is_some_and(|until| until.is_ahead())
    }

    fn rest(&mut self, time: Duration) {
        let until = Stamp::ahead(time);
        self.note(|noted| {
            (noted.rests_until, noted.tries) = match time.is_zero() {
                true => (None, 0),
                false => (Some(until), noted.tries.saturating_add(1)),
            }
        });
    }

    /// The machine and its disk end.
    fn ends(&mut self) {
        if let (Some(problem), None) = (self.untrusted.clone(), self.record.noted().before) {
            self.complain(&problem);
        }
        let in_group = self.omens.target.is_some_and(|target| target.fate() == Fate::Ends);
        let vigil = (in_group && !self.rests()).then(|| self.vigil());
        let came = self.flush_to_the_end(vigil.as_ref());
        if came == Flushing::Stopped {
            log::info!("asked to stop: the hook is told nothing, and the next call goes on");
            self.came.exit = self.came.exit.max(Exit::Waits);
            return;
        }
        let told = vigil.map(|vigil| self.tell_what_came(vigil.finish(), came)).unwrap_or_default();
        self.tell_what_is_left(came, told);
    }

    fn vigil(&self) -> Vigil {
        let noted = self.record.noted();
        Vigil::begin(vigil::Subject {
            instance: self.instance.clone(),
            region: self.region.clone(),
            named: self.named.clone(),
            known: noted.hook_waits.unwrap_or(noted.since).elapsed(),
            waited: noted.hook_waits.map_or(Duration::ZERO, |waits| waits.elapsed()),
            stop: self.stop.clone(),
        })
    }

    /// Takes note of how the hook stands, and of what was refused.
    pub(super) fn heard(&mut self, stands: &Stands, problems: Vec<Problem>) {
        if matches!(stands, Stands::Waits) && self.record.noted().hook_waits.is_none() {
            self.note(|noted| noted.hook_waits = Some(Stamp::now()));
            fault::reached(Point::HookWaits);
        }
        problems.iter().for_each(|problem| self.complain(problem));
    }

    /// Tells the hook what came of it, if it waits; what it was told.
    fn tell_what_came(&mut self, Kept { hook, stands, problems }: Kept, came: Flushing) -> Option<Verdict> {
        self.heard(&stands, problems);
        let (api, waiting) = hook?;
        let verdict = match came {
            _ if matches!(stands, Stands::Idle(_)) => None,
            Flushing::ToItsEnd => Some(Verdict::Continue),
            Flushing::Short | Flushing::Damaged => Some(self.settings.lifecycle.on_failure),
            Flushing::TooEarly | Flushing::Stopped => None,
        };
        match (verdict, stands) {
            (Some(verdict), _) => {
                // It waits: nothing was in vain.
                self.rest(Duration::ZERO);
                self.tell(&api, &waiting, verdict);
            }
            (None, Stands::Idle(refused)) => self.idle(&waiting, &refused),
            (None, _) => {}
        }
        self.record.noted().hook_told
    }

    /// Something is left, and nothing more can be done about it in this call.
    fn tell_what_is_left(&mut self, came: Flushing, hook_told: Option<Verdict>) {
        let left = match came {
            Flushing::Damaged => format!(": see {}", self.settings.state_dir.join("damaged").display()),
            Flushing::Short if self.left.is_empty() => String::new(),
            Flushing::Short => format!(": {}", left::told(&self.left)),
            Flushing::ToItsEnd | Flushing::TooEarly | Flushing::Stopped => return,
        };
        let hint = "an instance lifecycle policy TerminateHookAbandon=retain keeps an instance whose hook was told ABANDON, and \
                    with it what waits";
        let what = match hook_told {
            Some(verdict) => {
                format!("not all is in the store, and the lifecycle hook was told {}{left}", verdict.word())
            }
            None if self.came.flushed == Exit::Done => format!("not all is in the store{left}"),
            // The flush has said it.
            None => return,
        };
        let problem = Problem::new(Effect::Waits, &self.settings.state_dir, what);
        self.complain(&if hook_told.is_some() { problem.hint(hint) } else { problem });
    }

    /// Tells the hook, and notes that.
    pub(super) fn tell(&mut self, api: &AutoScaling, waiting: &Waiting, verdict: Verdict) {
        let Waiting { group, hook, .. } = waiting;
        match api.complete(group, hook, verdict) {
            Ok(()) => {
                fault::reached(Point::HookTold);
                self.note(|noted| noted.hook_told = Some(verdict));
                fault::reached(Point::HookToldNoted);
                log::info!("the hook {hook} of {group} was told {}", verdict.word());
            }
            Err(refused) if refused.kind == Kind::NotActive => {
                log::info!("the hook {hook} of {group} does not wait for this instance: {refused}");
                // An instance that goes into the warm pool is seldom waited for.
                if self.omens.fate() == Fate::Ends {
                    self.complain(&hook::of_refused(&refused));
                    self.idle(waiting, &refused);
                }
            }
            Err(refused) => self.complain(&hook::of_refused(&refused)),
        }
    }

    /// The hook does not wait: it was told by someone else, or by a call that was killed then; or it does not wait yet, as long
    /// as a load balancer lets go of the instance, which is nothing to complain of. It is asked again after a while.
    fn idle(&mut self, waiting: &Waiting, refused: &Refused) {
        let noted = self.record.noted();
        let is_late = noted.since.elapsed() >= super::before::LONGEST_DRAINING;
        if noted.hook_waits.is_some() || is_late {
            self.complain(&hook::of_refused(refused));
        }
        let tries = self.record.noted().tries.saturating_add(1);
        self.rest(vigil::idle_pause(waiting.heartbeat, tries));
    }

    /// Notes something. Where that can't be, it is known to this call only.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut record::Noted)) {
        if let Err(failure) = self.record.note(change) {
            self.complain(&failed(&failure));
        }
    }
}
