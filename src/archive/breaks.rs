//! Where the numbers of a stream don't follow one another: some are missing, or one is there with different bytes.

use std::collections::{BTreeSet, HashMap};

use super::StreamKey;
use super::order::{is_double, order};
use crate::model::key::Leaf;
use crate::model::names::{Seq, Service};
use crate::model::proof::laws::Window;

/// A place where a stream is not whole. Shown, it is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum Break {
    /// Numbers are missing between two segments.
    #[error("{0}")]
    Gap(String),
    /// Different objects have one number. Nobody knows which is the right one: both are read.
    #[error("{0}")]
    Doubled(String),
}

/// The breaks between segments, which are in order. What is missing before a stream's first one may have expired.
pub fn breaks<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Vec<Break> {
    let leaves: Vec<_> = leaves.collect();
    let doubled = leaves.chunk_by(|a, b| is_double(a, b)).filter(|chunk| chunk.len() > 1).map(doubled);
    let gaps = leaves.windows(2).filter(|pair| is_gap(pair[0], pair[1])).map(|pair| gap(pair[0], pair[1]));
    gaps.chain(doubled).collect()
}

/// As [`breaks`], of segments of that time with what is next to it: gaps at its edges and across it too. Nothing is said of what is
/// around it alone.
pub(super) fn breaks_of<'l>(
    segments: impl Iterator<Item = &'l Leaf>,
    around: impl Iterator<Item = &'l Leaf>,
    window: &Window,
) -> Vec<Break> {
    let segments: Vec<_> = segments.collect();
    let doubled: Vec<_> =
        breaks(segments.iter().copied()).into_iter().filter(|found| matches!(found, Break::Doubled(_))).collect();
    let places = places_around(&segments, around);
    let is_of_it = |a: &Place<'_>, b: &Place<'_>| {
        matches!((a, b), (Place::Within(_), Place::Within(_))) || window.touches(a.leaf().last, b.leaf().first)
    };
    let pairs = places.windows(2).filter(|pair| is_gap(pair[0].leaf(), pair[1].leaf()) && is_of_it(&pair[0], &pair[1]));
    pairs.map(|pair| gap(pair[0].leaf(), pair[1].leaf())).chain(doubled).collect()
}

/// Where a segment is.
enum Place<'l> {
    Within(&'l Leaf),
    Around(&'l Leaf),
}

impl Place<'_> {
    fn leaf(&self) -> &Leaf {
        let (Self::Within(leaf) | Self::Around(leaf)) = self;
        leaf
    }
}

fn places_around<'l>(segments: &[&'l Leaf], around: impl Iterator<Item = &'l Leaf>) -> Vec<Place<'l>> {
    let mut places: Vec<_> = segments.iter().map(|leaf| Place::Within(leaf)).chain(around.map(Place::Around)).collect();
    order(&mut places, |place| place.leaf());
    places
}

fn is_gap(a: &Leaf, b: &Leaf) -> bool {
    b.seq > a.seq.next() && StreamKey::is_one(a, b)
}

fn gap(a: &Leaf, b: &Leaf) -> Break {
    let (stream, until, from) = (StreamKey::of(a), a.last.to_second(), b.first.to_second());
    Break::Gap(format!(
        "{stream}: nothing is there between number {}, which ends at {until}, and number {}, which begins at {from}",
        a.seq.0, b.seq.0
    ))
}

fn doubled(doubles: &[&Leaf]) -> Break {
    let objects = doubles.iter().map(|leaf| {
        let (first, last, digest) = (leaf.first.to_second(), leaf.last.to_second(), &leaf.digest);
        format!("{digest} ({first} to {last})")
    });
    let (stream, seq) = (StreamKey::of(doubles[0]), doubles[0].seq.0);
    Break::Doubled(format!(
        "{stream}: different objects have number {seq}, and all of them are read: {}",
        objects.collect::<Vec<_>>().join(", ")
    ))
}

/// Numbers that are missing between segments: of each stream the pairs of numbers around a gap.
pub(super) struct Holes(HashMap<StreamKey, Vec<(Seq, Seq)>>);

impl Holes {
    /// Those between these segments, which are in order.
    pub(super) fn between<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Self {
        let (mut holes, mut before): (HashMap<_, Vec<_>>, Option<&Leaf>) = (HashMap::new(), None);
        for leaf in leaves {
            if let Some(before) = before.replace(leaf).filter(|before| is_gap(before, leaf)) {
                holes.entry(StreamKey::of(leaf)).or_default().push((before.seq, leaf.seq));
            }
        }
        Self(holes)
    }

    /// Whether a segment is in one of them.
    pub(super) fn hold(&self, leaf: &Leaf) -> bool {
        let holes = self.0.get(&StreamKey::of(leaf));
        holes.is_some_and(|holes| {
            holes.iter().any(|(before, after)| (*before..*after).contains(&leaf.seq) && leaf.seq != *before)
        })
    }

    /// The services in which there are any.
    pub(super) fn services(&self) -> BTreeSet<&Service> {
        self.0.keys().map(|stream| &stream.service).collect()
    }
}
