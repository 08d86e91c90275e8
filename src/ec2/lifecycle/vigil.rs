//! The vigil: which hook waits is found, and it is told to wait anew at a third of its time, all beside the work. An API that
//! hangs holds nothing up.
//!
//! ```text
//! the work:   ── before ── flush ── flush ── … ─────────┐
//! the vigil:  find ─> heartbeat ─> heartbeat ─> …       └─> finish: the API, the hook, how it stands
//! ```

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::hook::{self, Named, Waiting};
use crate::ec2::autoscaling::{AutoScaling, Kind, Refused};
use crate::model::names::Instance;
use crate::model::problem::Problem;
use crate::sys::signals::Stop;

/// The pauses between two tries to find the hook.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The shortest time between two heartbeats.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How the hook stands.
#[derive(Clone, Debug, Default)]
pub enum Stands {
    /// Nobody has answered yet.
    #[default]
    Unknown,
    /// There is none, or which one it is is not known.
    Nowhere,
    /// It waits.
    Waits,
    /// It does not wait: not yet, or not any more.
    Idle(Refused),
    /// It may wait, and takes no heartbeats.
    Deaf,
}

/// What is known so far.
#[derive(Clone, Default)]
struct State {
    stands: Stands,
    /// Until when there is time; `None` where that is not known.
    until: Option<Instant>,
    problems: Vec<Problem>,
}

/// What a vigil is about.
pub struct Subject {
    /// The instance.
    pub instance: Instance,
    /// Its region.
    pub region: Option<String>,
    /// What the user has named.
    pub named: Named,
    /// For how long it has been known that the instance ends: so long the hook may have waited at the most.
    pub known: Duration,
    /// For how long it has waited in any case.
    pub waited: Duration,
    /// To end early.
    pub stop: Stop,
}

/// A vigil that goes on.
pub struct Vigil {
    shared: Arc<(Mutex<State>, Condvar)>,
    at_work: Sender<()>,
    thread: JoinHandle<Option<(AutoScaling, Waiting)>>,
}

impl Vigil {
    /// Begins it.
    pub fn begin(subject: Subject) -> Self {
        let shared = Arc::<(Mutex<State>, Condvar)>::default();
        let (at_work, ended) = mpsc::channel();
        let keeper = Keeper { subject, shared: Arc::clone(&shared), ended };
        Self { shared, at_work, thread: thread::spawn(move || keeper.keep()) }
    }

    /// How the hook stands now.
    pub fn stands(&self) -> Stands {
        lock(&self.shared.0).stands.clone()
    }

    /// How it stands, as soon as that is known, but no longer than that is waited for.
    pub fn stands_within(&self, longest: Duration) -> Stands {
        let (state, changed) = &*self.shared;
        let waited = changed.wait_timeout_while(lock(state), longest, |state| matches!(state.stands, Stands::Unknown));
        waited.unwrap_or_else(PoisonError::into_inner).0.stands.clone()
    }

    /// Until when the hook is to be told; `None` as long as nothing speaks for an end.
    pub fn end(&self) -> Option<Instant> {
        lock(&self.shared.0).until
    }

    /// What has been refused since the last time.
    pub fn problems(&self) -> Vec<Problem> {
        std::mem::take(&mut lock(&self.shared.0).problems)
    }

    /// Ends it: the work is done. Gives the hook that is to be told what came of it, where there is one; the call that is under
    /// way is waited for.
    pub fn finish(self) -> Kept {
        drop(self.at_work);
        // It can only have panicked, which was printed.
        let hook = self.thread.join().ok().flatten();
        let State { stands, problems, .. } = std::mem::take(&mut *lock(&self.shared.0));
        Kept { hook, stands, problems }
    }
}

/// What came of a vigil.
pub struct Kept {
    /// The hook, and whom to tell.
    pub hook: Option<(AutoScaling, Waiting)>,
    /// How it stands.
    pub stands: Stands,
    /// What has been refused since it was last asked for.
    pub problems: Vec<Problem>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever keeps the vigil.
struct Keeper {
    subject: Subject,
    shared: Arc<(Mutex<State>, Condvar)>,
    ended: Receiver<()>,
}

impl Keeper {
    fn keep(self) -> Option<(AutoScaling, Waiting)> {
        let Subject { instance, region, stop, .. } = &self.subject;
        let api = match AutoScaling::open(instance.clone(), region.clone(), stop) {
            Ok(api) => api,
            Err(refused) => {
                self.change(|state| {
                    (state.stands, state.problems) = (Stands::Nowhere, vec![hook::of_refused(&refused)])
                });
                return None;
            }
        };
        let waiting = self.find(&api)?;
        self.beats(&api, &waiting);
        Some((api, waiting))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let (state, changed) = &*self.shared;
        change(&mut lock(state));
        changed.notify_all();
    }

    /// Whether the work is done, after that time at the latest.
    fn is_over_within(&self, time: Duration) -> bool {
        self.ended.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
    }

    /// Finds the hook: what is missing for that may come as long as the work goes on.
    fn find(&self, api: &AutoScaling) -> Option<Waiting> {
        let mut pause = FIRST_PAUSE;
        loop {
            match hook::find(api, &self.subject.named) {
                Ok(Some(waiting)) => return Some(waiting),
                Ok(None) => {
                    log::info!("no hook waits for this instance to end");
                    self.change(|state| state.stands = Stands::Nowhere);
                    return None;
                }
                Err(unknown) => self.change(|state| {
                    state.stands = Stands::Nowhere;
                    state.problems.push(unknown.problem());
                }),
            }
            if self.is_over_within(pause) {
                return None;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Has the hook wait anew, again and again, until the work is done or it can't be had to wait any longer.
    fn beats(&self, api: &AutoScaling, waiting: &Waiting) {
        let Waiting { group, hook, heartbeat, in_all, .. } = waiting;
        let Subject { known, waited, .. } = self.subject;
        let end = |time: Duration, over: Duration| Instant::now() + time.saturating_sub(over + waiting.margin());
        let (end_of_one, end_of_all) = (end(*heartbeat, known), end(*in_all, waited));
        loop {
            let (stands, until, pause) = match api.heartbeat(group, hook) {
                Ok(()) => {
                    log::info!("the hook {hook} waits for another {} s", heartbeat.as_secs());
                    (Stands::Waits, Some(end_of_all), *heartbeat / 3)
                }
                Err(refused) if refused.kind == Kind::NotActive => {
                    log::info!("the hook {hook} of {group} does not wait for this instance: {refused}");
                    (Stands::Idle(refused), None, idle_pause(*heartbeat, 1))
                }
                Err(refused) if refused.kind == Kind::Passing => {
                    log::info!("{refused}");
                    let stood = lock(&self.shared.0).clone();
                    (stood.stands, stood.until, *heartbeat / 10)
                }
                Err(refused) => {
                    return self.change(|state| {
                        state.stands = Stands::Deaf;
                        state.until = Some(end_of_one);
                        state.problems.push(hook::of_refused(&refused));
                    });
                }
            };
            self.change(|state| (state.stands, state.until) = (stands, until));
            if self.is_over_within(pause.max(SHORTEST_PAUSE)) || Instant::now() >= end_of_all {
                return;
            }
        }
    }
}

/// How long a hook that does not wait is left alone before it is asked for the `times`th time whether it does: longer and
/// longer, but never so long that its time would be over meanwhile.
pub fn idle_pause(heartbeat: Duration, times: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << times.saturating_sub(1).min(8));
    pause.min(LONGEST_PAUSE).min(heartbeat / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_does_not_wait_yet_is_asked_seldom_and_never_too_late() {
        let pauses =
            |heartbeat| [1, 2, 3, 4, 5, 60].map(|times| idle_pause(Duration::from_secs(heartbeat), times).as_secs());
        assert_eq!(pauses(600), [5, 10, 20, 40, 60, 60]);
        assert_eq!(pauses(30), [5, 7, 7, 7, 7, 7]);
    }
}
