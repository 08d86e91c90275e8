//! How many bytes of a log are in no segment yet: for those who only look, without the lock.

use super::claim;
use super::discover::Found;
use super::known;
use super::leftovers::split;
use crate::model::in_place::Known;
use crate::model::segment::SealedSegment;
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::spool::Continued;
use crate::sys::dir::Dir;

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
    match position(last, found) {
        Some(position) => {
            let behind = matches!(last.segment.way, Way::Holds { .. }).then_some(last.segment.claimed_at);
            Untaken { bytes: found.size.saturating_sub(position), behind }
        }
        None => whole,
    }
}

/// How many bytes at its start are in segments; `None` where it isn't known again, or can't be read.
fn position(last: &SealedSegment, found: &Found) -> Option<u64> {
    let (parent, name) = split(&found.path);
    let log = claim::open(&Dir::open(&parent).ok()?, &name, found.identity).ok()?;
    match known::known(last, &found.path, &log, found.size) {
        Ok(Known::Same { position, .. }) => Some(position),
        Ok(Known::Changed) | Err(_) => None,
    }
}
