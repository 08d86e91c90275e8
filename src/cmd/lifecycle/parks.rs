//! An instance that stops, sleeps or goes into the warm pool: its disk stays, and nothing is lost with it.

use super::deadline;
use super::end::End;
use crate::ec2::autoscaling::{AutoScaling, Kind};
use crate::ec2::lifecycle::hook::{self, Unknown, Waiting};
use crate::model::fate::{Fate, Verdict};
use crate::sys::clock;

impl End<'_> {
    /// The disk stays: one flush, and a hook that waits may go on in any case.
    pub(super) fn parks(&mut self) {
        let is_done = self.record.noted().flushed.is_some();
        if is_done && self.omens.notice.is_none() {
            log::info!("all was shipped already; nothing to do");
            return;
        }
        // The first one is all that comes before the hook is told; what it leaves is tried again by the next calls.
        let is_first = self.record.noted().tries == 0;
        let is_shipped = self.flush_seldom(if is_first { deadline(&self.omens) } else { None });
        if is_first && !is_done && !self.stop.asked() {
            self.let_park();
        }
        if is_shipped {
            self.note(|noted| noted.flushed = Some(clock::now()));
        }
    }

    /// A hook that waits may go on: what is left in the spool is shipped when the machine is back, at the latest.
    fn let_park(&mut self) {
        if self.omens.target.is_none_or(|target| target.fate() != Fate::Parks) {
            return;
        }
        let api = AutoScaling::open(self.instance.clone(), self.region.clone(), self.stop);
        let Ok(api) = api.map_err(|refused| self.complain(&hook::of_refused(&refused))) else { return };
        if let Some(waiting) = self.find_of_parking(&api) {
            self.tell(&api, &waiting, Verdict::Continue);
        }
    }

    fn find_of_parking(&mut self, api: &AutoScaling) -> Option<Waiting> {
        match hook::find(api, &self.named) {
            Ok(found) => found,
            // Who keeps a warm pool without such a hook need not allow us to ask for one.
            Err(Unknown::Refused(refused)) if refused.kind == Kind::Denied => {
                log::info!("{refused}");
                None
            }
            Err(unknown) => {
                self.complain(&unknown.problem());
                None
            }
        }
    }
}
