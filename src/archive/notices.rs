//! What segments tell of what is missing, for whoever doesn't ask them all: a bounded number of requests, several under way at
//! once.
//!
//! Where there are no more than [`MOST`] segments, all are asked. Where there are more, the latest one of each stream is, of as many
//! streams as that: what went wrong lately stands in what was shipped last.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::details::is_of_object;
use super::{StreamKey, side_by_side};
use crate::model::key::{Leaf, ObjectKey};
use crate::model::proof::object::Facts;
use crate::store::{Store, StoreError};

/// How many objects are asked: less than a second's work for most stores.
pub const MOST: usize = 100;

/// What those say that were asked.
#[derive(Default)]
pub struct Notices {
    /// What they tell, in words and in sentences, by their place among all.
    pub told: HashMap<usize, (String, Vec<String>)>,
    /// How many were asked.
    pub asked: usize,
    /// Why no more were, where the store is at fault.
    pub failed: Option<StoreError>,
}

impl Notices {
    /// What was not asked of so many, as a sentence; nothing where all were. `all` says how all are asked.
    pub fn unasked(&self, of: usize, all: &str) -> Option<String> {
        let why = self.failed.as_ref().map(|error| format!(" ({})", crate::model::problem::chain(error)));
        let latest = if why.is_none() { ", the latest of their streams" } else { "" };
        let why = why.unwrap_or_default();
        (self.asked < of)
            .then(|| format!("notices: {} of {of} segments were asked{latest}{why}; {all} asks all", self.asked))
    }
}

/// Asks some of these segments, which are so called.
pub fn ask<'l>(
    store: &dyn Store,
    leaves: impl Iterator<Item = &'l Leaf>,
    key: impl Fn(usize) -> ObjectKey + Sync,
) -> Notices {
    let (chosen, is_over) = (chosen(leaves), AtomicBool::new(false));
    let answers = side_by_side::each(&chosen, |place| {
        // A store that refuses one is not asked a hundred times.
        let answer = (!is_over.load(Ordering::Relaxed)).then(|| store.describe(&key(*place)));
        if let Some(Err(error)) = &answer
            && !is_of_object(error.kind)
        {
            is_over.store(true, Ordering::Relaxed);
        }
        answer
    });
    let mut notices = Notices::default();
    for (place, answer) in chosen.into_iter().zip(answers) {
        match answer {
            Some(Ok(description)) => {
                notices.asked += 1;
                let facts = Facts(&description.metadata);
                let (text, sentences) = (facts.notice(), facts.notices());
                text.map(|text| notices.told.insert(place, (text, sentences)));
            }
            // One that was removed since, or whose metadata are damaged, has nothing to tell.
            Some(Err(error)) if is_of_object(error.kind) || error.kind == crate::store::Kind::NoObject => {
                notices.asked += 1
            }
            Some(Err(error)) => notices.failed = notices.failed.or(Some(error)),
            None => {}
        }
    }
    notices
}

/// The places of those that are asked.
fn chosen<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Vec<usize> {
    let (mut all, mut latest): (_, HashMap<StreamKey, (&Leaf, usize)>) = (0, HashMap::new());
    for (place, leaf) in leaves.enumerate() {
        all += 1;
        let known = latest.entry(StreamKey::of(leaf)).or_insert((leaf, place));
        if leaf.seq > known.0.seq {
            *known = (leaf, place);
        }
    }
    if all <= MOST {
        return (0..all).collect();
    }
    let mut latest: Vec<_> = latest.into_values().collect();
    latest.sort_by_key(|(leaf, place)| (Reverse(leaf.last), *place));
    latest.into_iter().take(MOST).map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(stream: u32, seq: u32) -> Leaf {
        let leaf = format!(
            "web_20261121T000000Z_20261121T{:02}0000Z_i-0abc_aaa{stream:03}-{seq:08}-9f86d081.log.gz",
            seq % 24
        );
        Leaf::parse(&leaf).expect("a leaf")
    }

    #[test]
    fn all_are_asked_where_they_are_few_and_else_the_latest_of_each_stream() {
        let few: Vec<_> = (1..=100).map(|seq| leaf(1, seq)).collect();
        assert_eq!(chosen(few.iter()).len(), 100);
        let many: Vec<_> = (1..=3).flat_map(|stream| (1..=50).map(move |seq| leaf(stream, seq))).collect();
        let mut places = chosen(many.iter());
        places.sort_unstable();
        assert_eq!(places, [49, 99, 149]);
        let crowd: Vec<_> = (0..150).flat_map(|stream| [leaf(stream, 1), leaf(stream, 2)]).collect();
        assert_eq!(chosen(crowd.iter()).len(), MOST);
    }
}
