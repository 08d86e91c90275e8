//! What is remembered of logs only as long as the spool is open: how much was taken of those that have limits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::model::segment::SealedSegment;
use crate::model::time::Moment;

/// What was taken of one log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// When it was taken before that; `None` where it never was.
    pub since: Option<Moment>,
    /// Whether it went on behind its stream's last segment even then.
    pub lagged: bool,
    /// How many raw bytes were sealed.
    pub taken: u64,
    /// Whether it was told that there is more.
    pub told: bool,
}

/// Of all logs.
#[derive(Default)]
pub(super) struct Tallies {
    logs: HashMap<PathBuf, Tally>,
}

impl Tallies {
    pub(super) fn of(&self, log: &Path) -> Option<Tally> {
        self.logs.get(log).copied()
    }

    pub(super) fn begin(&mut self, log: &Path, tally: Tally) -> Tally {
        *self.logs.entry(log.to_owned()).or_insert(tally)
    }

    pub(super) fn tell(&mut self, log: &Path) {
        if let Some(tally) = self.logs.get_mut(log) {
            tally.told = true;
        }
    }

    /// Counts a segment that was sealed.
    pub(super) fn count(&mut self, sealed: &SealedSegment) {
        if let Some(tally) = self.logs.get_mut(&sealed.segment.path) {
            tally.taken += sealed.seal.length;
        }
    }
}
