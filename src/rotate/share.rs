//! How much of a log a run takes: all of it, a slice, or nothing.
//!
//! Two things make it less than all: the limits that the user has set for it, over the whole run; and [`SLICE`], so that a log
//! of many gigabytes neither holds up the small ones nor fills the spool. What is over stays in the log.

use std::path::PathBuf;
use std::time::Duration;

use super::Rotation;
use super::claim::NotClaimed;
use super::discover::Found;
use super::queues::Item;
use super::slices::{Slice, Then};
use crate::config::LogLimits;
use crate::model::segment::{Ended, StreamOwner};
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::spool::Tally;
use crate::sys::clock;
use crate::sys::failure::Result;

/// How many bytes of one log are taken before the other logs, and shipping, have their turn.
const SLICE: u64 = 256 * 1024 * 1024;

/// The smallest slice that is worth a segment, in bytes: what a limit allows less than that of is left for later.
const LEAST: u64 = 4096;

/// The time that counts where it is not known when a log was taken last: runs start each hour.
const USUAL_TIME: Duration = Duration::from_secs(3600);

/// How much is taken of a log now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Share {
    /// All of it.
    All,
    /// So many bytes, at the most, and more when all others have had their turn.
    Slice(u64),
    /// So many bytes, at the most (perhaps none); then the limits leave the rest for another run.
    Limited(u64),
}

impl Rotation<'_> {
    /// Whose stream a log's bytes go to.
    pub(super) fn owner_of(&self, found: &Found) -> StreamOwner {
        let (path, service) = (found.path.clone(), found.service.clone());
        StreamOwner { path, service, instance: self.instance.clone(), to: self.settings.to.clone() }
    }

    /// What of a round is taken whole, and the slices that are taken of the rest; last, logs whose share is not known.
    pub(super) fn in_shares(&mut self, round: Vec<Item>) -> (Vec<Item>, Vec<Slice>, Vec<PathBuf>) {
        let (mut whole, mut slices, mut left) = <(Vec<Item>, Vec<Slice>, Vec<PathBuf>)>::default();
        for item in round {
            let Item::Fresh(found, way) = item else {
                whole.push(item);
                continue;
            };
            let is_asked = way.asks() && self.asked.contains(&found.path);
            match self.share_of(&found, &way) {
                Ok(Share::All) if is_asked => slices.push(Slice { found, way, most: SLICE, then: Then::Nothing }),
                Ok(Share::All) => whole.push(Item::Fresh(found, way)),
                Ok(Share::Slice(most)) => slices.push(Slice { found, way, most, then: Then::More }),
                Ok(Share::Limited(most)) => slices.push(Slice { found, way, most, then: Then::NextRun }),
                Err(failure) => {
                    self.failed(&found.path, &failure);
                    left.push(found.path);
                }
            }
        }
        (whole, slices, left)
    }

    /// How much of a log is taken now. Logs that are taken in their place know that themselves, and files that nobody writes
    /// are taken whole.
    fn share_of(&mut self, found: &Found, way: &Way) -> Result<Share> {
        if matches!(way, Way::Holds { .. }) {
            return Ok(Share::All);
        }
        if !way.claims() {
            return Ok(Share::All);
        }
        let owner = self.owner_of(found);
        match self.start_of(found) {
            Ok(start) => self.share(found, &owner, found.size.saturating_sub(start.from)),
            Err(NotClaimed::Failed(failure)) => Err(failure),
            // Who takes it says so.
            Err(NotClaimed::Nothing | NotClaimed::Replaced | NotClaimed::Refused(_)) => Ok(Share::All),
        }
    }

    /// How much of a log this run takes now, of which so many bytes are in no segment yet.
    ///
    /// # Errors
    /// Where it can't be read where its stream stands.
    pub(super) fn share(&mut self, found: &Found, owner: &StreamOwner, rest: u64) -> Result<Share> {
        let allowed = self.allowed(found, owner)?;
        Ok(match () {
            () if rest <= allowed.min(SLICE) => Share::All,
            () if SLICE < allowed => Share::Slice(SLICE),
            () if allowed < LEAST => Share::Limited(0),
            () => Share::Limited(allowed),
        })
    }

    /// How many bytes of a log its limits allow this run still.
    fn allowed(&mut self, found: &Found, owner: &StreamOwner) -> Result<u64> {
        let limits = self.settings.set_of(&found.path).map(|set| set.limits).unwrap_or_default();
        if limits.is_none() {
            return Ok(u64::MAX);
        }
        let LogLimits { max_rate, max_bytes_per_run } = limits;
        let tally = match self.spool.tally(&found.path) {
            Some(tally) => tally,
            None => {
                let last = self.spool.newest(owner)?;
                let lagged = last.as_ref().is_some_and(|last| last.seal.ended == Ended::Continued);
                let since = last.map(|last| last.segment.claimed_at).or(found.identity.born);
                self.spool.begin_tally(&found.path, Tally { since, lagged, taken: 0, told: false })
            }
        };
        let by_rate = max_rate.map_or(u64::MAX, |rate| rate.bytes_in(time_since(tally.since)));
        Ok(by_rate.min(max_bytes_per_run.unwrap_or(u64::MAX)).saturating_sub(tally.taken))
    }
}

/// How long ago that was; the usual time where that is not known, or was never, since the clock was set back.
fn time_since(moment: Option<Moment>) -> Duration {
    let nanos = moment.and_then(|moment| u64::try_from(clock::now().nanos().saturating_sub(moment.nanos())).ok());
    nanos.map_or(USUAL_TIME, Duration::from_nanos)
}
