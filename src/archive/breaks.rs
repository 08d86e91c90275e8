//! Where the numbers of a stream don't follow one another: some are missing, or one is there with different bytes.

use super::StreamKey;
use super::order::is_double;
use crate::model::key::Leaf;

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

pub(super) fn is_gap(a: &Leaf, b: &Leaf) -> bool {
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
