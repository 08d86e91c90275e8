//! Which stream a rotated file is of, and from when its bytes are.
//!
//! It is the stream of the log that it was, unless something younger is in there already: a stream's order is fixed once
//! it is shipped. That is so where a run took the log before anyone asked for the files that logrotate had left, and for a
//! file that was repaired too late. Then it goes into a stream beside it, whose path ends in `.backlog`; and if even there
//! something younger is, into one that has its own path. All of them have the log's service, and are read in the order in
//! which they begin.

use std::path::PathBuf;

use super::{Closed, Wanted};
use crate::model::family::{self, Name, Packing, Rotated};
use crate::model::segment::{ClaimedName, Ended, SealedSegment, Segment, StreamOwner};
use crate::model::time::Moment;
use crate::rotate::known::Start;
use crate::sys::failure::Result;

/// What is behind the path of a stream that holds what came too late for the log's own.
const BESIDE: &str = ".backlog";

/// Where a file goes, and what is there already.
pub(super) struct Place {
    pub(super) owner: StreamOwner,
    newest: Option<SealedSegment>,
}

impl Closed<'_, '_> {
    /// Whether a log is the one that its writer goes on with: its writer rotates it, as what was taken of it before shows.
    pub(super) fn is_current(&mut self, wanted: &Wanted<'_>) -> Result<bool> {
        let owner = self.owner(wanted, wanted.log.to_owned());
        let newest = self.rotation.spool.newest(&owner)?;
        Ok(newest.is_some_and(|newest| was_rotated(&newest.segment).is_some()))
    }

    /// The stream that a file goes into.
    pub(super) fn place(&mut self, wanted: &Wanted<'_>, start: &Start) -> Result<Place> {
        let log = self.owner(wanted, wanted.log.to_owned());
        let newest = self.rotation.spool.newest(&log)?;
        // Its first bytes are in there already.
        let goes_on = start.before.as_ref().is_some_and(|(before, _)| before.segment.path == wanted.log);
        if goes_on || wanted.rotated.is_none() || !newest.as_ref().is_some_and(|newest| is_older(wanted, newest)) {
            return Ok(Place { owner: log, newest });
        }
        let mut beside = wanted.log.as_os_str().to_owned();
        beside.push(BESIDE);
        let beside = self.owner(wanted, beside.into());
        let newest = self.rotation.spool.newest(&beside)?;
        if !newest.as_ref().is_some_and(|newest| is_older(wanted, newest)) {
            return Ok(Place { owner: beside, newest });
        }
        let own = self.owner(wanted, wanted.path.to_owned());
        let newest = self.rotation.spool.newest(&own)?;
        Ok(Place { owner: own, newest })
    }

    fn owner(&self, wanted: &Wanted<'_>, path: PathBuf) -> StreamOwner {
        let (service, instance, to) =
            (wanted.service.clone(), self.rotation.instance.clone(), self.rotation.settings.to.clone());
        StreamOwner { path, service, instance, to }
    }
}

/// What the name of the file said that a segment was made of, if that was a rotated one.
fn was_rotated(segment: &Segment) -> Option<Rotated> {
    let (_, name) = ClaimedName::parse(segment.claimed.as_ref()?.as_os_str())?;
    match family::read(&name) {
        Name::Rotated(rotated) => Some(rotated),
        Name::Plain | Name::Aside(_) => None,
    }
}

/// Whether a file is older than what is in a stream already: by the dates in the names, where both have one; else by the
/// times of the last changes.
fn is_older(wanted: &Wanted<'_>, newest: &SealedSegment) -> bool {
    if newest.seal.ended == Ended::Continued && newest.segment.source.file.is_same_but_for_device(&wanted.identity) {
        return false;
    }
    let stamp = |rotated: &Rotated| rotated.age.stamp.clone();
    match (wanted.rotated.and_then(stamp), was_rotated(&newest.segment).as_ref().and_then(stamp)) {
        (Some(own), Some(theirs)) if own != theirs => own < theirs,
        _ => wanted.modified < newest.seal.last,
    }
}

impl Place {
    /// When a file's first byte can have been written: its birth, if it kept that (a compressor makes a new file); else
    /// when what is before it in the stream ended; else the day in its name; else when it was last changed. Never later
    /// than that.
    pub(super) fn first(&self, wanted: &Wanted<'_>) -> Moment {
        let packing = wanted.rotated.map_or(Packing::None, |rotated| rotated.packing);
        let born = wanted.identity.born.filter(|_| packing == Packing::None);
        let before = self.newest.as_ref().map(|newest| newest.seal.last);
        let named = wanted.rotated.and_then(Rotated::begins);
        let possible = |moment: &Moment| *moment <= wanted.modified;
        [born, before, named].into_iter().flatten().find(possible).unwrap_or(wanted.modified)
    }
}
