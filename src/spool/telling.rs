//! What readers are to be told in the next segment of a log, and what was taken of each log so far.

use std::path::Path;

use super::{Head, Spool, Tally};
use crate::model::destination::Destination;
use crate::model::notice::Kind;
use crate::model::problem::Problem;
use crate::model::segment::Segment;
use crate::sys::clock;

impl Spool {
    /// Remembers a problem with a log for its readers, if it is one that its next segment is to tell them.
    pub fn note(&mut self, problem: &Problem, to: &Destination) {
        if let Some(kind) = Kind::of(problem.cause) {
            self.notices.note(&problem.path, to, kind, clock::now());
        }
    }

    /// A segment that is about to be begun behind `head`, with what it is to tell its readers.
    pub fn with_notice(&mut self, segment: Segment, head: Option<&Head>) -> Segment {
        let before = head.map(|head| head.told).unwrap_or_default();
        let notice = self.notices.of(&segment, &before);
        let notice = head.map_or(notice, |head| notice.behind(head.ended, head.last));
        Segment { notice, ..segment }
    }

    /// What was taken of a log since [`Self::begin_tally`].
    pub fn tally(&self, log: &Path) -> Option<Tally> {
        self.tallies.of(log)
    }

    /// Begins to count what is taken of a log, for as long as this spool is open.
    pub fn begin_tally(&mut self, log: &Path, tally: Tally) -> Tally {
        self.tallies.begin(log, tally)
    }

    /// Takes note that it was told that there is more of a log.
    pub fn tally_told(&mut self, log: &Path) {
        self.tallies.tell(log);
    }
}
