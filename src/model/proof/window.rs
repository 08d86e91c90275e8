//! The time that is asked for.

use super::super::key::Leaf;
use super::super::time::Moment;

/// A key holds whole seconds: what it says of the last byte is up to this many nanoseconds too early.
const SECOND: i64 = 1_000_000_000;

/// The time that is asked for, and of which segments are kept.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Window {
    /// From when on; from the first segment on where it doesn't say.
    pub since: Option<Moment>,
    /// Until when.
    pub until: Option<Moment>,
    /// From when on the store keeps segments, where it removes them after a while: older ones need not be there.
    pub kept_since: Option<Moment>,
}

impl Window {
    /// Whether a span has something of it.
    pub fn touches(&self, first: Moment, last: Moment) -> bool {
        // The clock may have been set back in between.
        let (first, last) = (first.min(last), first.max(last));
        let last = last.nanos().saturating_add(SECOND - 1);
        self.since.is_none_or(|since| last >= since.nanos()) && self.until.is_none_or(|until| first <= until)
    }

    /// Whether an object is in it.
    pub fn holds(&self, leaf: &Leaf) -> bool {
        self.touches(leaf.first, leaf.last)
    }
}
