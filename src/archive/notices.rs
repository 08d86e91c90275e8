//! What segments tell of what is missing, for whoever doesn't ask them all: a bounded number of requests in a bounded time, several
//! under way at once.
//!
//! Where there are no more than [`MOST`] segments, all are asked. Where there are more, the latest one of each stream is, then the one
//! before it of each, and so on, as many as that: what went wrong lately stands in what was shipped last.
//!
//! How it fails: what a store doesn't tell keeps nobody waiting for longer than `PATIENCE`, and what was not asked is told, with the
//! reason.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::details::is_of_object;
use super::patience::{Wait, within};
use super::{StreamKey, side_by_side};
use crate::model::key::{Leaf, ObjectKey};
use crate::model::names::Seq;
use crate::model::problem;
use crate::model::proof::object::Facts;
use crate::store::{Kind, Store, StoreError};
use crate::sys::signals::Stop;

/// How many objects are asked: less than a second's work for most stores.
pub const MOST: usize = 100;

/// How long they are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What those say that were asked.
#[derive(Default)]
pub struct Notices {
    /// What they tell, in words and in sentences, by their place among all.
    pub told: HashMap<usize, (String, Vec<String>)>,
    /// How many were asked.
    pub asked: usize,
    /// Those whose metadata can't be read, by their place, and why.
    pub unread: Vec<(usize, StoreError)>,
    /// Why no more were asked, where it is no matter of how many there are.
    pub failed: Option<Failed>,
}

/// Why segments were not asked.
pub enum Failed {
    /// The store is at fault.
    Store(StoreError),
    /// It took too long.
    TooSlow,
}

impl Notices {
    /// What was not asked of so many, as a sentence; nothing where all were. `all` says how all are asked.
    pub fn unasked(&self, of: usize, all: &str) -> Option<String> {
        if self.asked == of {
            return None;
        }
        let unread = match self.unread.len() {
            0 => String::new(),
            count => format!(
                ", {} metadata that can't be read",
                if count == 1 { "1 has".to_owned() } else { format!("{count} have") }
            ),
        };
        let why = match &self.failed {
            Some(Failed::Store(error)) => format!(" ({})", problem::chain(error)),
            Some(Failed::TooSlow) => format!(" (the store took longer than {} s)", PATIENCE.as_secs()),
            None if self.asked + self.unread.len() < of => ", the latest of each stream".to_owned(),
            None => String::new(),
        };
        Some(format!("notices: {} of {of} segments were asked{why}{unread}; {all} asks all", self.asked))
    }

    /// Whether something is wrong with what was not asked, other than that there is so much of it.
    pub fn is_trouble(&self) -> bool {
        self.failed.is_some() || !self.unread.is_empty()
    }
}

/// Asks some of these segments, which are so called. `stop` is what ends the store's requests: it is requested where they take too
/// long, and nothing can be asked of the store afterwards.
pub fn ask<'l>(
    store: &dyn Store,
    stop: &Stop,
    leaves: impl Iterator<Item = &'l Leaf>,
    key: impl Fn(usize) -> ObjectKey + Sync,
) -> Notices {
    let (chosen, is_over) = (chosen(leaves), AtomicBool::new(false));
    let ask = |place: &usize| {
        // A store that refuses one is not asked a hundred times.
        let answer = (!is_over.load(Ordering::Relaxed)).then(|| store.describe(&key(*place)));
        if let Some(Err(error)) = &answer
            && error.kind != Kind::NoObject
            && !is_of_object(error.kind)
        {
            is_over.store(true, Ordering::Relaxed);
        }
        answer
    };
    let (answers, wait) = within(PATIENCE, stop, || side_by_side::each(&chosen, ask));
    let mut notices = Notices::default();
    chosen.into_iter().zip(answers).for_each(|(place, answer)| notices.hear(place, answer));
    notices.failed = notices.failed.map(|failed| failed.after(wait));
    notices
}

impl Failed {
    /// What it is, where we have told the store to stop.
    fn after(self, wait: Wait) -> Self {
        match self {
            Self::Store(error) if wait == Wait::GivenUp && error.kind == Kind::Stopped => Self::TooSlow,
            failed => failed,
        }
    }
}

impl Notices {
    fn hear(&mut self, place: usize, answer: Option<Result<crate::store::Description, StoreError>>) {
        match answer {
            Some(Ok(description)) => {
                self.asked += 1;
                let facts = Facts(&description.metadata);
                let (text, sentences) = (facts.notice(), facts.notices());
                text.map(|text| self.told.insert(place, (text, sentences)));
            }
            // One that was removed since has nothing to tell.
            Some(Err(error)) if error.kind == Kind::NoObject => self.asked += 1,
            Some(Err(error)) if is_of_object(error.kind) => self.unread.push((place, error)),
            Some(Err(error)) => self.failed = self.failed.take().or(Some(Failed::Store(error))),
            None => {}
        }
    }
}

/// A segment of a stream: its number, its place, and itself. Of copies the one that comes first in the list is the latest.
type InStream<'l> = (Seq, Reverse<usize>, &'l Leaf);

/// The places of those that are asked: of each stream the latest, then of each the one before it, and so on.
fn chosen<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Vec<usize> {
    let mut streams: HashMap<StreamKey, Vec<InStream<'_>>> = HashMap::new();
    let mut all = 0;
    for (place, leaf) in leaves.enumerate() {
        all += 1;
        streams.entry(StreamKey::of(leaf)).or_default().push((leaf.seq, Reverse(place), leaf));
    }
    if all <= MOST {
        return (0..all).collect();
    }
    let mut ranked = Vec::with_capacity(all);
    for mut segments in streams.into_values() {
        segments.sort_unstable_by_key(|(seq, place, _)| Reverse((*seq, *place)));
        let latest = segments.into_iter().take(MOST).enumerate();
        ranked.extend(latest.map(|(rank, (_, Reverse(place), leaf))| (rank, Reverse(leaf.last), place)));
    }
    ranked.sort_unstable();
    ranked.into_iter().take(MOST).map(|(_, _, place)| place).collect()
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
    fn all_are_asked_where_they_are_few_and_else_the_latest_of_each_stream_and_those_before_them() {
        let few: Vec<_> = (1..=100).map(|seq| leaf(1, seq)).collect();
        assert_eq!(chosen(few.iter()).len(), 100);
        let long: Vec<_> = (1..=120).map(|seq| leaf(1, seq)).collect();
        let mut places = chosen(long.iter());
        places.sort_unstable();
        assert_eq!(places, (20..120).collect::<Vec<_>>());
        let many: Vec<_> = (1..=4).flat_map(|stream| (1..=50).map(move |seq| leaf(stream, seq))).collect();
        let mut places = chosen(many.iter());
        places.sort_unstable();
        assert_eq!(places, (0..4).flat_map(|stream| stream * 50 + 25..(stream + 1) * 50).collect::<Vec<_>>());
        let crowd: Vec<_> = (0..150).flat_map(|stream| [leaf(stream, 1), leaf(stream, 2)]).collect();
        let places = chosen(crowd.iter());
        assert!(places.len() == MOST && places.iter().all(|place| place % 2 == 1), "{places:?}");
    }
}
