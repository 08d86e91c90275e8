//! How many bytes of a log are in no segment yet: for those who only look, without the lock.

use std::path::Path;

use super::claim;
use super::discover::Found;
use super::known;
use super::leftovers::split;
use crate::model::in_place::Known;
use crate::model::segment::{Identity, SealedSegment};
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::spool::Continued;
use crate::sys::dir::Dir;
use crate::sys::file::Status;

/// What of a log is in no segment yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Untaken {
    /// So many bytes; all of them where it can't be known.
    pub bytes: u64,
    /// When the segment before them was begun, of a log that stays in its place and is taken there to its end.
    pub behind: Option<Moment>,
}

/// Looks at a log. `continued` are the logs that go on in files of which segments were made.
pub fn of(continued: &Continued, found: &Found) -> Untaken {
    let whole = Untaken { bytes: found.size, behind: None };
    let Some(last) = continued.of(&found.path, found.identity) else { return whole };
    match position(last, &found.path, found.identity, found.size) {
        Some(position) => {
            let behind = matches!(last.segment.way, Way::Holds { .. }).then_some(last.segment.claimed_at);
            Untaken { bytes: found.size.saturating_sub(position), behind }
        }
        None => whole,
    }
}

/// How many bytes of a file that was a log are in no segment yet; all of them where it can't be known.
pub(super) fn of_moved(continued: &Continued, log: &Path, path: &Path, status: &Status) -> u64 {
    let Status { identity, size, .. } = *status;
    let last = continued.of(log, identity);
    let taken = last.and_then(|last| position(last, path, identity, size)).unwrap_or_default();
    size.saturating_sub(taken)
}

/// How many bytes at its start are in segments; `None` where it isn't known again, or can't be read.
fn position(last: &SealedSegment, path: &Path, file: Identity, size: u64) -> Option<u64> {
    let (parent, name) = split(path);
    let log = claim::open(&Dir::open(&parent).ok()?, &name, file).ok()?;
    match known::known(last, path, &log, size) {
        Ok(Known::Same { position, .. }) => Some(position),
        Ok(Known::Changed) | Err(_) => None,
    }
}
