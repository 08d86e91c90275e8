//! The order in which segments are told and read, and what is there more than once.

use std::collections::HashMap;

use super::{Shipped, StreamKey};
use crate::model::key::Leaf;
use crate::model::time::Moment;

/// Services by name; in each, streams by the time of their first segment; in each, segments by number.
pub(super) fn order<T>(segments: &mut [T], leaf: impl Fn(&T) -> &Leaf) {
    let places = places(segments.iter().map(&leaf));
    segments.sort_by_cached_key(|segment| {
        let leaf = leaf(segment);
        (places.get(&StreamKey::of(leaf)).copied(), leaf.seq)
    });
    for doubles in segments.chunk_by_mut(|a, b| is_double(leaf(a), leaf(b))).filter(|chunk| chunk.len() > 1) {
        doubles.sort_by(|a, b| rest(leaf(a)).cmp(&rest(leaf(b))));
    }
}

/// The place of each stream among all.
fn places<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> HashMap<StreamKey, usize> {
    let mut begins: HashMap<StreamKey, Moment> = HashMap::new();
    for leaf in leaves {
        let begin = begins.entry(StreamKey::of(leaf)).or_insert(leaf.first);
        *begin = leaf.first.min(*begin);
    }
    let mut streams: Vec<_> = begins.into_iter().collect();
    streams.sort_by(|(a, begin_a), (b, begin_b)| {
        (&a.service, begin_a, &a.instance, a.id).cmp(&(&b.service, begin_b, &b.instance, b.id))
    });
    streams.into_iter().enumerate().map(|(place, (stream, _))| (stream, place)).collect()
}

/// Whether two segments have the same number of the same stream.
pub(super) fn is_double(a: &Leaf, b: &Leaf) -> bool {
    a.seq == b.seq && StreamKey::is_one(a, b)
}

/// What tells segments of the same number apart.
fn rest(leaf: &Leaf) -> (&str, Moment, Moment) {
    (&leaf.digest, leaf.first, leaf.last)
}

/// As [`order`]; an object that several listings showed is left once.
pub(super) fn order_and_dedup(segments: &mut Vec<Shipped>) {
    segments.sort_by(|a, b| a.directory().cmp(b.directory()));
    order(segments, |shipped| &shipped.leaf);
    segments.dedup_by(|later, earlier| later.is(earlier));
    segments.shrink_to_fit();
}

/// Of objects that are copies of one another leaves the first; how many went. They have the same number of the same stream,
/// and the same digest, which readers verify: an archive that is being moved to another layout has them in two directories.
pub(super) fn leave_out_copies(segments: &mut Vec<Shipped>) -> usize {
    let before = segments.len();
    segments.dedup_by(|later, earlier| {
        let is_copy = is_double(&later.leaf, &earlier.leaf) && later.leaf.digest == earlier.leaf.digest;
        if is_copy {
            log::info!("{}: left out, it is a copy of {}", later.key(), earlier.key());
        }
        is_copy
    });
    before - segments.len()
}
