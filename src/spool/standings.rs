//! Where all streams stand: their newest segments, and the files that they went on from. What a run looks for follows from it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::earlier::{self, Earlier, Search};
use super::streams::{Streams, by_age};
use super::survey::{self, Survey};
use crate::model::segment::{Ended, Identity, OwnerTag, SealedSegment, StreamOwner};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

/// Where streams stand.
#[derive(Debug, Default)]
pub struct Standings {
    newest: HashMap<OwnerTag, SealedSegment>,
    pub(super) earlier: Vec<Earlier>,
    /// Whether a record could not be read.
    lacks: bool,
}

/// Where streams stand, by a look at a state directory that changes nothing.
///
/// # Errors
/// Where it is there and can't be read.
pub fn survey(state_dir: &Path) -> Result<Standings> {
    let mut standings = Standings { earlier: earlier(state_dir)?, ..Standings::default() };
    let Survey { sealed, .. } = survey::survey(state_dir)?;
    sealed.into_iter().for_each(|sealed| standings.note(Some(sealed)));
    let streams = match Dir::open(&state_dir.join("streams")) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(standings),
        other => Streams::new(other?),
    };
    for tag in streams.tags()? {
        standings.note(streams.kept(&tag).unwrap_or_default());
    }
    Ok(standings)
}

/// The files that streams of a state directory went on from.
pub(super) fn earlier(state_dir: &Path) -> Result<Vec<Earlier>> {
    match Dir::open(&state_dir.join("earlier")) {
        // The version before made none.
        Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(Vec::new()),
        Err(failure) => Err(failure),
        Ok(dir) => earlier::list(&dir),
    }
}

impl Standings {
    pub(super) fn note(&mut self, sealed: Option<SealedSegment>) {
        let Some(sealed) = sealed else { return };
        let tag = OwnerTag::of(&StreamOwner::of(&sealed.segment));
        match self.newest.get(&tag) {
            Some(known) if by_age(known, &sealed) != Ordering::Less => {}
            _ => drop(self.newest.insert(tag, sealed)),
        }
    }

    /// Takes note that a record can't be read, or makes no sense.
    pub(super) fn lacks_some(&mut self) {
        self.lacks = true;
    }

    /// Whether all records could be read.
    pub(super) fn are_complete(&self) -> bool {
        !self.lacks
    }

    /// The newest segment of a log, whatever its service and store.
    pub fn newest_of_log(&self, path: &Path) -> Option<&SealedSegment> {
        self.newest.values().filter(|sealed| sealed.segment.path == path).max_by(|a, b| by_age(a, b))
    }

    /// The newest segment of each stream.
    pub fn newest(&self) -> impl Iterator<Item = &SealedSegment> {
        self.newest.values()
    }

    /// The files that stand for others that were replaced, with the last segments of those.
    pub fn stand_ins(&self) -> impl Iterator<Item = &SealedSegment> {
        self.earlier.iter().filter(|earlier| earlier.search == Search::Instead).map(|earlier| &earlier.sealed)
    }

    /// The last segments of files that may hold more: of those that streams are in now or went on from, but not those that were
    /// taken to their end since, and those that nobody finds.
    pub fn sought(&self) -> Vec<SealedSegment> {
        let open = self.earlier.iter().filter(|earlier| earlier.search.goes_on());
        let is_replaced =
            |sealed: &&SealedSegment| self.stand_ins().any(|file| file.segment.name == sealed.segment.name);
        let newest = self.newest.values().filter(|sealed| !is_replaced(sealed));
        let all = newest.chain(open.map(|earlier| &earlier.sealed));
        let mut last: HashMap<(u64, Option<Moment>), &SealedSegment> = HashMap::new();
        for sealed in all {
            let Identity { ino, born, .. } = sealed.segment.source.file;
            let known = last.entry((ino, born)).or_insert(sealed);
            // A log that got another service or store has a segment of the same file in each of two streams.
            if by_age(known, sealed) == Ordering::Less {
                *known = sealed;
            }
        }
        let over = |sealed: &SealedSegment| {
            let is_it = |earlier: &Earlier| earlier.sealed.segment.name == sealed.segment.name;
            self.earlier.iter().any(|earlier| is_it(earlier) && !earlier.search.goes_on())
        };
        let sought = last.into_values().filter(|sealed| sealed.seal.ended == Ended::Continued && !over(sealed));
        let mut sought: Vec<SealedSegment> = sought.cloned().collect();
        sought.sort_by(by_age);
        sought
    }
}
