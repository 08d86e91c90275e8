//! Heartbeats: while there is work, the hook is told to wait anew, at a third of the time that it waits.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::hook::{MOST_BEATS, Waiting};
use crate::ec2::autoscaling::{AutoScaling, Kind, Refused};

/// The pulse of a hook.
pub struct Beats<'a> {
    api: &'a AutoScaling,
    waiting: &'a Waiting,
    pulse: Mutex<Pulse>,
}

#[derive(Clone, Copy)]
struct Pulse {
    /// When the hook's time is over unless another heartbeat comes.
    until: Instant,
    /// How many heartbeats there may be still.
    left: u32,
    /// Whether there will be others.
    goes_on: bool,
}

impl<'a> Beats<'a> {
    /// Gives the first heartbeat, which tells too whether the hook waits and whether we may tell it anything. It has waited
    /// for `waited` already.
    pub fn begin(api: &'a AutoScaling, waiting: &'a Waiting, waited: Duration) -> (Self, Result<(), Refused>) {
        let until = Instant::now() + waiting.heartbeat.saturating_sub(waited);
        let pulse = Mutex::new(Pulse { until, left: MOST_BEATS, goes_on: true });
        let beats = Self { api, waiting, pulse };
        let first = beats.beat();
        (beats, first)
    }

    /// Until when there is time, where there are no more heartbeats; `None` as long as they go on.
    pub fn end(&self) -> Option<Instant> {
        let pulse = *self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        let end = pulse.until.checked_sub(self.waiting.margin()).unwrap_or(pulse.until);
        (!pulse.goes_on).then_some(end)
    }

    /// Does the work, with heartbeats beside it.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            let (at_work, ended) = mpsc::channel();
            scope.spawn(move || self.go_on(&ended));
            let result = work();
            drop(at_work);
            result
        })
    }

    fn go_on(&self, ended: &Receiver<()>) {
        let mut wait = self.waiting.heartbeat / 3;
        // The other end is dropped when the work is done.
        while self.end().is_none() && ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = match self.beat() {
                Ok(()) => self.waiting.heartbeat / 3,
                Err(_) => (self.waiting.heartbeat / 10).max(Duration::from_secs(1)),
            };
        }
    }

    fn beat(&self) -> Result<(), Refused> {
        let asked = Instant::now();
        let answer = self.api.heartbeat(&self.waiting.group, &self.waiting.hook);
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        pulse.left = pulse.left.saturating_sub(1);
        match &answer {
            Ok(()) => {
                log::info!("the hook {} waits for another {} s", self.waiting.hook, self.waiting.heartbeat.as_secs());
                pulse.until = asked + self.waiting.heartbeat;
                pulse.goes_on = pulse.left > 0;
            }
            Err(refused) => {
                log::info!("{refused}");
                // One that does not wait may do so later: a load balancer may have to let go of the instance before.
                let may_pass = matches!(refused.kind, Kind::Passing | Kind::NotActive);
                pulse.goes_on = pulse.left > 0 && may_pass;
            }
        }
        answer
    }
}
