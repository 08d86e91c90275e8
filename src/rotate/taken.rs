//! Claimed files of which all is in a sealed segment: they are unlinked, and never taken again.

use std::fs::File;
use std::io;
use std::rc::Rc;

use super::Rotation;
use super::begin::{Place, not_ours};
use super::claim::{self, Standing};
use super::discover::ClaimedFile;
use super::queues::Queues;
use crate::model::segment::{ClaimedName, Ended, Identity, SealedSegment, Segment};
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;

/// A log of which all is in segments.
pub(super) struct Taken {
    pub(super) segment: Segment,
    /// How many of its bytes are.
    pub(super) up_to: u64,
}

/// Unlinks a claimed file, if it is the one that was taken and holds nothing more. Returns the directory that is to be synced.
pub(super) fn unlink(Taken { segment, up_to }: &Taken, log: &File, place: &Place) -> Result<Option<Rc<Dir>>> {
    let (Some(dir), Some(claimed)) = (place.dir(), &segment.claimed) else { return Ok(None) };
    if Status::of_file(log).doing("look at", &segment.path)?.size > *up_to {
        let why = "somebody has written to it after its writer had let go of it; the next run takes that";
        return Err(Failure::new("take", dir.path_of(claimed.as_os_str()), io::Error::other(why)));
    }
    match claim::standing(dir, claimed, log)? {
        Standing::Claimed => dir.unlink(claimed.as_os_str())?,
        Standing::Moved => return Err(not_ours(dir, claimed)),
        Standing::Deleted => {}
    }
    fault::reached(Point::TakenUnlinked);
    Ok(Some(Rc::clone(dir)))
}

/// Unlinks a claimed file that no unfinished segment speaks of, if all of it is in a sealed one: the run that sealed it did not
/// come to that. Whether it was such a file; where it can't be unlinked its log is left alone, so that its segment stays the last
/// of its stream.
pub(super) fn is_taken(rotation: &mut Rotation<'_>, file: &ClaimedFile, queues: &mut Queues) -> bool {
    let path = file.dir.join(&file.log);
    match finish_taken(rotation, file) {
        Ok(taken) => taken,
        Err(failure) => {
            rotation.failed(&path, &failure);
            queues.block(path);
            true
        }
    }
}

fn finish_taken(rotation: &Rotation<'_>, ClaimedFile { dir, claimed, status, .. }: &ClaimedFile) -> Result<bool> {
    if taken_of(rotation, claimed, status.identity)? != Some(status.size) {
        return Ok(false);
    }
    let dir = Dir::open(dir)?;
    let Some((log, now)) = claim::reopen(&dir, claimed, Some(status.identity))? else { return Ok(false) };
    if now.size != status.size || claim::standing(&dir, claimed, &log)? != Standing::Claimed {
        return Ok(false);
    }
    dir.unlink(claimed.as_os_str())?;
    fault::reached(Point::TakenUnlinked);
    dir.sync()?;
    fault::reached(Point::TakenUnlinkDurable);
    Ok(true)
}

/// How many bytes of a claimed file are in segments; `None` where no sealed segment was made of it.
pub(super) fn taken_of(rotation: &Rotation<'_>, claimed: &ClaimedName, file: Identity) -> Result<Option<u64>> {
    let is_of_it = |sealed: &SealedSegment| {
        let released = sealed.segment.way.asks() && sealed.seal.ended == Ended::Released;
        released && sealed.segment.source.file.is_same_but_for_device(&file)
    };
    Ok(rotation.spool.sealed_from(claimed)?.filter(is_of_it).map(|sealed| sealed.taken()))
}
