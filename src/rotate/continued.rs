//! Whether a log is still the file that the last segment of its stream ended in the middle of.
//!
//! Where a slice was taken of a log (slices.rs), the next segment begins behind it. In between, anyone may have truncated the
//! log or put another file in its place. The inode tells the second; its length does not always tell the first, for a
//! log that was truncated may have grown again beyond the place. So the last bytes of a slice are known by their CRC-32.

use std::os::unix::fs::FileExt;

use super::claim;
use super::discover::Found;
use super::leftovers::split;
use super::{Rotation, copy};
use crate::gzip::WINDOW;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Ended, SealedSegment, StreamOwner};
use crate::model::way::Way;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};

/// What to do about a log that someone else handles.
pub(super) const HANDLED: &str = "find out what else handles this log: logrotate, a cron job";

/// Looks whether a log goes on where its stream ended; says so where it doesn't, and has it taken from its start then.
///
/// # Errors
/// Where the stream's last record or the log can't be read.
pub(super) fn look(rotation: &mut Rotation<'_>, found: &Found, owner: &StreamOwner) -> Result<()> {
    let Some(last) = rotation.spool.newest(owner)? else { return Ok(()) };
    // What is taken in its place has a way of its own to know where it is.
    let goes_on = last.seal.ended == Ended::Continued && !matches!(last.segment.way, Way::Holds { .. });
    if !goes_on {
        return Ok(());
    }
    let taken = last.taken();
    if !last.segment.source.file.is_same_but_for_device(&found.identity) {
        let what = format!(
            "another file is there since the last run, which had taken {taken} bytes of the one before and left the rest to \
             this one: what was behind them is not where it was"
        );
        rotation.problem(Problem::new(Effect::Failed, &found.path, what).hint(HANDLED));
        return Ok(());
    }
    if found.size >= taken && !ends_like(found, &last)? {
        let what = format!(
            "it was truncated by someone else: {taken} bytes of it had been taken, and others are there now; it is taken from \
             its start"
        );
        rotation.problem(Problem::new(Effect::Noted, &found.path, what).hint(HANDLED));
        rotation.spool.begin_anew(found.identity);
    }
    Ok(())
}

/// Whether a log has, before the place where a segment ended, the bytes that the segment ended in.
fn ends_like(found: &Found, last: &SealedSegment) -> Result<bool> {
    let Some(ending) = last.seal.ending else { return Ok(found.identity.born.is_some()) };
    let (parent, name) = split(&found.path);
    let Ok(log) = claim::open(&Dir::open(&parent)?, &name, found.identity) else {
        // It changes under our eyes; what is wrong is told when it is taken.
        return Ok(true);
    };
    let count = usize::try_from(last.seal.length).map_or(WINDOW, |length| length.min(WINDOW));
    let mut bytes = vec![0; count];
    let from = last.taken() - count as u64;
    match log.read_exact_at(&mut bytes, from) {
        Ok(()) => Ok(copy::ending(&bytes) == ending),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error).doing("read", &found.path),
    }
}
