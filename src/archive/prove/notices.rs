//! What segments tell of what is missing, where none is read back.

use super::super::notices;
use crate::model::problem;
use crate::model::proof::laws::{Stream, Window};
use crate::model::proof::{Finding, Kind};
use crate::store::Store;
use crate::sys::signals::Stop;

/// What came of asking.
#[derive(Default)]
pub struct Asked {
    /// What is told.
    pub findings: Vec<Finding>,
    /// How many were asked.
    pub count: usize,
    /// How many have metadata that can't be read; each is a finding.
    pub unread: usize,
    /// What was not asked, where not all were.
    pub unasked: Option<String>,
}

/// Asks some of the segments in the window ([`mod@notices`]). `stop` is what ends the store's requests, and may be requested: nothing is to
/// be asked of the store afterwards.
pub fn notices(store: &dyn Store, stop: &Stop, streams: &[Stream<'_>], window: &Window) -> Asked {
    let seen: Vec<_> =
        streams.iter().flat_map(|stream| stream.within(window).map(move |(_, seen)| (stream, seen))).collect();
    let asked = notices::ask(store, stop, seen.iter().map(|(_, seen)| seen.leaf()), |place| seen[place].1.key());
    let finding = |place: usize, what: &str| {
        let (stream, seen) = seen[place];
        let leaf = seen.leaf();
        Finding {
            numbers: Some((leaf.seq, leaf.seq)),
            between: Some((leaf.first, leaf.last)),
            key: Some(seen.key().to_string()),
            ..stream.finding(Kind::Notice, format!("number {}: {what}", leaf.seq.0))
        }
    };
    let told = asked.told.iter().flat_map(|(place, (_, told))| told.iter().map(|what| finding(*place, what)));
    let unread = asked.unread.iter().map(|(place, error)| {
        let what = format!("what it tells of what is missing can't be read: {}", problem::chain(error));
        finding(*place, &what).hint("see what wrote its metadata; `logferry verify --deep` judges the object")
    });
    Asked {
        findings: told.chain(unread).collect(),
        count: asked.asked,
        unread: asked.unread.len(),
        unasked: asked.unasked(seen.len(), "--deep"),
    }
}
