//! What counts as news of a machine: the newest moment that a segment shows, as far as clocks can be believed.
//!
//! The end of a segment is its log's modification time, which the log's owner may set to any time (`touch -d`), and a clock may
//! have been ahead. A time that is still to come would hide for ever that nothing arrives any more: it is no news.

use super::super::key::Leaf;
use super::super::time::Moment;

/// How far ahead of ours the clock of another machine may be, in nanoseconds.
const AHEAD: i64 = 3600 * 1_000_000_000;

/// Whether a time is further ahead than clocks differ.
pub fn is_to_come(moment: Moment, now: Moment) -> bool {
    moment.nanos().saturating_sub(AHEAD) > now.nanos()
}

/// The newest moment at which a segment shows its machine at work: its end, else its beginning; none where both are still to
/// come.
pub fn end(leaf: &Leaf, now: Moment) -> Option<Moment> {
    [leaf.last.max(leaf.first), leaf.first].into_iter().find(|moment| !is_to_come(*moment, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_still_to_come_is_no_news() {
        let at = |hour: i64| Moment::from_nanos(hour * 3600 * 1_000_000_000);
        let leaf = |first: i64, last: i64| {
            let (first, last) = (at(first).stamp(), at(last).stamp());
            Leaf::parse(&format!("web_{first}_{last}_i-0abc_k3f9a2-00000001-9f86d081.log.gz")).expect("a leaf")
        };
        assert_eq!(end(&leaf(1, 2), at(10)), Some(at(2)));
        assert_eq!(end(&leaf(3, 2), at(10)), Some(at(3)));
        // As far as clocks of two machines differ.
        assert_eq!(end(&leaf(1, 11), at(10)), Some(at(11)));
        assert_eq!(end(&leaf(1, 12), at(10)), Some(at(1)));
        assert_eq!(end(&leaf(12, 13), at(10)), None);
    }
}
