//! What is next to the time that is asked for: of each stream the last segment before it and the first one behind it. Whoever
//! judges whether a stream is whole needs them: where numbers are missing between them and what is asked for, or between the two
//! of them, something of that time is missing.

use std::collections::{HashMap, HashSet};

use super::{Filter, Shipped, StreamKey};
use crate::model::names::Seq;

/// Of each stream two segments: listings are long, and the others need not be remembered.
#[derive(Default)]
pub(super) struct Edges(HashMap<StreamKey, Edge>);

/// What is next to a time, by number.
#[derive(Default)]
struct Edge {
    before: Option<Shipped>,
    behind: Option<Shipped>,
}

impl Edge {
    /// Whether numbers are missing between the two, of which nothing was found in between.
    fn is_torn(&self) -> bool {
        let next = self.before.as_ref().map_or(Seq::FIRST, |before| before.leaf.seq.next());
        self.behind.as_ref().is_some_and(|behind| behind.leaf.seq > next)
    }
}

impl Edges {
    /// Sees a segment that is not of the time asked for.
    pub(super) fn see(&mut self, filter: &Filter, shipped: Shipped) {
        let edge = self.0.entry(StreamKey::of(&shipped.leaf)).or_default();
        let seq = shipped.leaf.seq;
        if filter.until.is_some_and(|until| shipped.leaf.first > until) {
            if edge.behind.as_ref().is_none_or(|known| seq < known.leaf.seq) {
                edge.behind = Some(shipped);
            }
        } else if edge.before.as_ref().is_none_or(|known| seq > known.leaf.seq) {
            edge.before = Some(shipped);
        }
    }

    /// Those of streams that can have something of the time asked for: something was found of it, or numbers are missing.
    pub(super) fn relevant(self, segments: &[Shipped]) -> Vec<Shipped> {
        let found: HashSet<StreamKey> = segments.iter().map(|shipped| StreamKey::of(&shipped.leaf)).collect();
        let relevant = self.0.into_iter().filter(|(stream, edge)| found.contains(stream) || edge.is_torn());
        relevant.flat_map(|(_, edge)| edge.before.into_iter().chain(edge.behind)).collect()
    }
}
