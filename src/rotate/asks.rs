//! The protocol for a writer that opens its log anew when it is asked to: by a signal, or by a command.

use std::path::PathBuf;

use super::Rotation;
use super::discover::ClaimedFile;
use super::queues::{Item, Queues};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Ended, Identity, SealedSegment};
use crate::model::way::Way;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

/// Whether a log that is taken in that way is this module's.
pub(super) fn is_for(way: &Way) -> bool {
    matches!(way, Way::Signal { .. } | Way::Command { .. })
}

/// Unlinks a claimed file whose bytes are all in a sealed segment: the run that sealed it did not come to that. Whether it
/// is such a file; where it can't be unlinked its log is left alone, so that its segment stays the last of its stream.
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
    let is_it = |sealed: &SealedSegment| is_all_of(sealed, status.identity, status.size);
    if !rotation.spool.sealed_from(claimed)?.is_some_and(|sealed| is_it(&sealed)) {
        return Ok(false);
    }
    let dir = Dir::open(dir)?;
    dir.unlink_if_there(claimed.as_os_str())?;
    dir.sync()?;
    Ok(true)
}

/// Whether a sealed segment has all that is in a file.
fn is_all_of(sealed: &SealedSegment, file: Identity, size: u64) -> bool {
    let released = is_for(&sealed.segment.way) && sealed.seal.ended == Ended::Released;
    released && sealed.segment.source.file.is_same_but_for_device(&file) && sealed.taken() == size
}

/// Takes one item of each log. Returns the logs of which something is left that must come first.
pub(super) fn take(rotation: &mut Rotation<'_>, items: Vec<Item>) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = items.iter().map(Item::path).collect();
    for path in &paths {
        rotation.problem(Problem::new(
            Effect::Failed,
            path,
            "`signal` and `command` are not yet decided by this build",
        ));
    }
    paths
}
