//! Reading back what was shipped: which objects there are, and their bytes in order; from the store, or from what is
//! still on this machine ([`local`]).
//!
//! An object is known by the last part of its key, in whatever directory it is. Directories only make the listing short:
//! what is listed is what the layouts that are known begin with ([`Places`]).

pub mod ahead;
pub mod by_time;
mod days;
mod details;
pub mod fetch;
pub mod filter;
mod hosts;
pub mod joined;
pub mod label;
pub mod local;
mod meant;
mod missing;
mod pattern;
mod places;
pub mod prove;
mod segment;
mod segments;
mod select;
mod selection;
mod shipped;
pub mod streams;
pub mod sums;

use std::collections::HashMap;
use std::io;

pub use details::{Details, details};
pub use filter::{Days, Filter};
pub use missing::{Missing, missing};
pub use pattern::NamePattern;
pub use places::{Looked, Places};
pub use segment::{Ended, Form};
pub use segments::{InStore, Segments};
pub use select::select;
pub use selection::Selection;
pub use shipped::Shipped;

use crate::model::key::Leaf;
use crate::model::problem;
use crate::store::{Kind, StoreError};

/// Services by name; in each, streams by the time of their first segment; in each, segments by number.
fn order<T>(segments: &mut [T], leaf: impl Fn(&T) -> &Leaf) {
    let mut begins = HashMap::new();
    for leaf in segments.iter().map(&leaf) {
        let begin = begins.entry(leaf.stream).or_insert(leaf.first);
        *begin = leaf.first.min(*begin);
    }
    segments.sort_by(|a, b| {
        let (a, b) = (leaf(a), leaf(b));
        let streams =
            || (begins.get(&a.stream), &a.instance, a.stream).cmp(&(begins.get(&b.stream), &b.instance, b.stream));
        let by_stream = a.service.cmp(&b.service).then_with(streams);
        by_stream.then_with(|| (a.seq, &a.digest).cmp(&(b.seq, &b.digest)))
    });
}

/// As [`order`]; an object that several listings showed is left once.
fn order_and_dedup(segments: &mut Vec<Shipped>) {
    segments.sort_by(|a, b| a.directory().cmp(b.directory()));
    order(segments, |shipped| &shipped.leaf);
    segments.dedup_by(|later, earlier| later.is(earlier));
    segments.shrink_to_fit();
}

/// Why an object's bytes did not all arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store did not give it out.
    #[error("{why}")]
    Refused {
        /// What the store said.
        why: String,
        /// What that means.
        kind: Kind,
    },
    /// The object could not be read, or is damaged.
    #[error("{0}")]
    Store(String),
}

impl ReadError {
    fn refused(error: &StoreError) -> Self {
        Self::Refused { why: problem::chain(error), kind: error.kind }
    }

    /// What went wrong while a body was read: the store's own failure, or what decompressing it says.
    fn of_body(name: &str, error: io::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => Self::refused(&error),
            Err(error) => Self::Store(format!("read {name}: {error}")),
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { kind, .. } => kind.hint(),
            Self::Store(_) => None,
        }
    }
}

/// Numbers that are missing between two segments of a stream. What is missing before the first may have expired.
pub fn gaps<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Vec<String> {
    let leaves: Vec<_> = leaves.collect();
    let pairs = leaves.windows(2).map(|pair| (pair[0], pair[1]));
    let gap = pairs.filter(|(a, b)| a.stream == b.stream && b.seq > a.seq.next());
    gap.map(|(a, b)| format!("stream {}: nothing is there between number {} and {}", a.stream, a.seq.0, b.seq.0))
        .collect()
}
