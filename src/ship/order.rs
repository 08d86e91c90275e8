//! In which order segments are shipped. Whatever it is, those of a stream go by their numbers.

use std::collections::HashMap;

use crate::model::names::StreamId;
use crate::model::priority::Priority;
use crate::model::segment::{SealedSegment, Segment};
use crate::model::time::Moment;

/// The order of a line.
pub enum Order<'a> {
    /// The oldest first.
    Oldest,
    /// When there may not be time for all: by this priority, then the streams of which the least waits, so that most
    /// services are complete.
    Urgent(&'a (dyn Fn(&Segment) -> Priority + Sync)),
}

impl Order<'_> {
    /// Puts segments in order.
    pub(super) fn sort(&self, mut segments: Vec<SealedSegment>) -> Vec<SealedSegment> {
        segments.sort_by_key(|sealed| sealed.segment.name);
        match self {
            Self::Oldest => oldest_first(segments),
            Self::Urgent(priority) => {
                let ranks = ranks(&segments, priority);
                // A stable sort: those of a stream have the same rank, and stay in the order of their numbers.
                segments.sort_by_key(|sealed| ranks.get(&sealed.segment.name.stream).copied());
                segments
            }
        }
    }
}

/// What each stream goes by: its most urgent segment, and how many bytes of it wait.
fn ranks(segments: &[SealedSegment], priority: &dyn Fn(&Segment) -> Priority) -> HashMap<StreamId, (Priority, u64)> {
    let mut ranks: HashMap<StreamId, (Priority, u64)> = HashMap::new();
    for SealedSegment { segment, seal } in segments {
        let of_segment = priority(segment);
        let (of_stream, bytes) = ranks.entry(segment.name.stream).or_insert((of_segment, 0));
        *of_stream = of_segment.min(*of_stream);
        *bytes += seal.packed;
    }
    ranks
}

/// Oldest first; but those of a stream by their numbers, even where the clock was set back between two of them.
fn oldest_first(segments: Vec<SealedSegment>) -> Vec<SealedSegment> {
    let mut latest: HashMap<StreamId, Moment> = HashMap::new();
    let not_before = |sealed: SealedSegment| {
        let claimed_at = sealed.segment.claimed_at;
        let latest = latest.entry(sealed.segment.name.stream).or_insert(claimed_at);
        *latest = (*latest).max(claimed_at);
        (*latest, sealed)
    };
    let mut segments: Vec<_> = segments.into_iter().map(not_before).collect();
    // A stable sort: what has the same time stays in the order of the names.
    segments.sort_by_key(|(when, _)| *when);
    segments.into_iter().map(|(_, sealed)| sealed).collect()
}
