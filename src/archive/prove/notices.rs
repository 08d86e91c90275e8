//! What segments tell of what is missing, where none is read back.

use super::super::notices;
use crate::model::proof::laws::{Stream, Window};
use crate::model::proof::{Finding, Kind};
use crate::store::Store;

/// What came of asking.
pub struct Asked {
    /// What is told.
    pub findings: Vec<Finding>,
    /// How many were asked.
    pub count: usize,
    /// What was not asked, where not all were.
    pub unasked: Option<String>,
}

/// Asks some of the segments in the window ([`notices`]).
pub fn notices(store: &dyn Store, streams: &[Stream<'_>], window: &Window) -> Asked {
    let seen: Vec<_> =
        streams.iter().flat_map(|stream| stream.within(window).map(move |(_, seen)| (stream, seen))).collect();
    let asked = notices::ask(store, seen.iter().map(|(_, seen)| seen.leaf()), |place| seen[place].1.key());
    let of = |(place, (_, sentences)): (&usize, &(String, Vec<String>))| {
        let (stream, seen) = seen[*place];
        let leaf = seen.leaf();
        let finding = |what: &String| Finding {
            numbers: Some((leaf.seq, leaf.seq)),
            between: Some((leaf.first, leaf.last)),
            key: Some(seen.key().to_string()),
            ..stream.finding(Kind::Notice, format!("number {}: {what}", leaf.seq.0))
        };
        sentences.iter().map(finding).collect::<Vec<_>>()
    };
    let unasked = asked.unasked(seen.len(), "--deep");
    Asked { findings: asked.told.iter().flat_map(of).collect(), count: asked.asked, unasked }
}
