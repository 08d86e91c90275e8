//! Slices of logs in use: read in their place from where the stream stands, and sealed as `continued`. The log is not touched.
//!
//! ```text
//! begin   the segment's record, which says that the log stays in its place    .json
//! copy    from the position to a line end near the limit                      .part
//! seal    continued: the next segment begins behind it                        .gz
//! ```
//!
//! A crash before the seal leaves the log as it was: the part is discarded, and the slice is taken again. After the
//! seal, the record says how far the log is in segments. When the rest of it is no more than a run takes, the log is claimed
//! like any other, and its last segment begins behind the slices.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::budget::Budget;
use super::claim::{self, NotClaimed};
use super::copy::{CopyError, To};
use super::discover::Found;
use super::leftovers::split;
use super::next::Beginning;
use super::{Rotation, known};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, Segment};
use crate::model::size;
use crate::model::way::Way;
use crate::spool::Part;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;

/// How far back a line end is looked for, in bytes.
const NEAR: u64 = 64 * 1024;

/// A slice that is to be taken.
pub(super) struct Slice {
    pub(super) found: Found,
    pub(super) way: Way,
    /// How many bytes at the most.
    pub(super) most: u64,
    pub(super) then: Then,
}

/// What comes behind a slice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// More of the log, when the others have had their turn.
    More,
    /// Nothing before the next run: the log's limits are reached.
    NextRun,
    /// Nothing: all that it holds is taken, whether the last line has ended or not.
    Nothing,
}

/// Takes slices, one after another. Returns their logs: whatever else there is of them comes later.
pub(super) fn take(rotation: &mut Rotation<'_>, slices: Vec<Slice>) -> Vec<PathBuf> {
    let paths = slices.iter().map(|slice| slice.found.path.clone()).collect();
    let mut budget = Budget::of(rotation.settings);
    for slice in slices {
        if rotation.stop.requested() {
            rotation.outcome.stopped.untouched += 1;
            continue;
        }
        if slice.most > 0 {
            take_one(rotation, &mut budget, &slice);
            rotation.hand_over();
        }
        match slice.then {
            Then::More | Then::Nothing => {}
            Then::NextRun => {
                let taken = rotation.start_of(&slice.found).map_or(0, |start| start.from);
                say_limited(rotation, &slice.found.path, slice.found.size.saturating_sub(taken));
            }
        }
    }
    paths
}

fn take_one(rotation: &mut Rotation<'_>, budget: &mut Budget, Slice { found, way, most, then }: &Slice) {
    let path = &found.path;
    // What is left of it for later runs is known now, and stands in this segment already.
    let limit = (*then == Then::NextRun).then_some(*most);
    match begin(rotation, budget, found, way.clone(), limit) {
        Ok((segment, log)) => match slice(rotation, budget, segment, &log, (*most, *then)) {
            Ok(true) if *then == Then::More => rotation.outcome.more.push(path.clone()),
            Ok(_) => {}
            Err(error) => failed(rotation, budget, path, &error),
        },
        Err(NotClaimed::Nothing) => rotation.nothing_new(path, found.identity),
        Err(NotClaimed::Failed(failure)) => rotation.failed(path, &failure),
        Err(error @ (NotClaimed::Refused(_) | NotClaimed::Replaced)) => rotation.problem(error.problem(path)),
    }
}

fn begin(
    rotation: &mut Rotation<'_>,
    budget: &mut Budget,
    found: &Found,
    way: Way,
    limit: Option<u64>,
) -> std::result::Result<(Segment, File), NotClaimed> {
    budget.require(rotation.spool, 1)?;
    let (parent, name) = split(&found.path);
    let dir = Dir::open(&parent)?;
    let log = claim::open(&dir, &name, found.identity)?;
    let (directory, start) = (dir.status()?.identity, rotation.start(&found.path, &log)?);
    if found.size <= start.from {
        rotation.silent(found.identity, found.size, start.from);
        return Err(NotClaimed::Nothing);
    }
    let waits = limit.map(|most| found.size.saturating_sub(start.from.saturating_add(most)));
    let (path, service, file, modified) = (found.path.clone(), found.service.clone(), found.identity, found.modified);
    let segment =
        rotation.next_segment(Beginning { path, service, claimed: None, file, modified, start, directory, way })?;
    let segment = segment.limited(waits);
    rotation.spool.begin(&segment)?;
    // A part without its record would be taken for damage.
    if let Err(failure) = rotation.spool.sync() {
        let _ = rotation.spool.discard(segment.name);
        return Err(failure.into());
    }
    fault::reached(Point::SliceBegun);
    Ok((segment, log))
}

/// Copies a slice of at most that many bytes and seals it; whether there was anything to seal.
fn slice(
    rotation: &mut Rotation<'_>,
    budget: &mut Budget,
    segment: Segment,
    log: &File,
    (most, then): (u64, Then),
) -> std::result::Result<bool, CopyError> {
    let (name, from) = (segment.name, segment.source.from);
    let end = match then {
        Then::More | Then::NextRun => line_end(log, from, from.saturating_add(most)).doing("read", &segment.path),
        Then::Nothing => Status::of_file(log).map(|status| status.size).doing("look at", &segment.path),
    };
    match end {
        Ok(end) => fill(rotation, budget, segment, log, end),
        Err(failure) => {
            rotation.spool.discard(name).map_err(CopyError::Part)?;
            Err(CopyError::Log(failure))
        }
    }
}

/// Copies a slice up to that byte of the log and seals it; whether there was anything to seal.
pub(super) fn fill(
    rotation: &mut Rotation<'_>,
    budget: &mut Budget,
    segment: Segment,
    log: &File,
    end: u64,
) -> std::result::Result<bool, CopyError> {
    let name = segment.name;
    let copied = rotation.spool.start_part(segment).map_err(CopyError::Part).and_then(|mut part| {
        match budget.copy(rotation, &mut part, log, To::Byte(end)) {
            Err(CopyError::Truncated) if part.raw() > 0 => say_truncated(rotation, &part),
            copied => drop(copied?),
        }
        Ok(part)
    });
    let part = match copied {
        Ok(part) if part.raw() > 0 => part,
        other => {
            rotation.spool.discard(name).map_err(CopyError::Part)?;
            return other.map(|_| false);
        }
    };
    fault::reached(Point::SliceCopied);
    seal(rotation, part, log).map_err(CopyError::Part).map(|()| true)
}

fn seal(rotation: &mut Rotation<'_>, part: Part, log: &File) -> Result<()> {
    let path = part.segment().path.clone();
    let modified = Status::of_file(log).doing("look at", &path)?.modified;
    let sealed = rotation.spool.seal(part, modified, Ended::Continued)?;
    log::info!("{}: {} bytes taken; it goes on behind them", path.display(), sealed.seal.length);
    rotation.note_continued(&sealed);
    rotation.outcome.sealed.push(sealed.clone());
    rotation.stands_for_itself(&sealed)
}

/// What was read of a log before someone truncated it is nowhere else any more: it is sealed. The next look at the log sees
/// that it does not go on there.
fn say_truncated(rotation: &mut Rotation<'_>, part: &Part) {
    let (path, length) = (part.segment().path.clone(), part.raw());
    let what = format!(
        "it was truncated by someone else while it was copied; the {length} bytes that had been read are kept, and what is in it \
         now is taken next"
    );
    rotation.problem(Problem::new(Effect::Failed, path, what).because(Cause::Truncated).hint(known::HANDLED));
}

fn failed(rotation: &mut Rotation<'_>, budget: &mut Budget, path: &Path, error: &CopyError) {
    match error {
        CopyError::Stopped => rotation.outcome.stopped.untouched += 1,
        CopyError::TooLarge => rotation.failed(path, &budget.exceeded(rotation.spool)),
        CopyError::Log(failure) | CopyError::Part(failure) => rotation.failed(path, failure),
        CopyError::Truncated | CopyError::Hollow { .. } => {
            rotation.problem(Problem::new(Effect::Failed, path, error).because(error.cause()));
        }
    }
}

/// Where a slice ends: behind the last line end before `limit`, if one is near; else there.
pub(super) fn line_end(log: &File, from: u64, limit: u64) -> std::io::Result<u64> {
    let begin = limit.saturating_sub(NEAR).max(from);
    let mut bytes = vec![0; usize::try_from(limit - begin).unwrap_or_default()];
    let mut count = 0;
    while count < bytes.len() {
        match log.read_at(&mut bytes[count..], begin + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(memchr::memrchr(b'\n', &bytes[..count]).map_or(limit, |at| begin + at as u64 + 1))
}

/// Says that limits leave something in a log: when that begins, to whoever reads the mail, and then only to those who ask.
/// It is what was asked for, so it is no failure, and an hourly mail about it would only be a nuisance.
pub(super) fn say_limited(rotation: &mut Rotation<'_>, path: &Path, left: u64) {
    let what = format!(
        "its limits (max_rate, max_bytes_per_run) leave {} of it for later runs; nothing is lost, but these stay in its file until a \
         run takes them",
        size::show(left)
    );
    rotation.outcome.limited.insert(path.to_owned(), left);
    let tally = rotation.spool.tally(path);
    rotation.spool.tally_told(path);
    match tally {
        Some(tally) if tally.told => return,
        Some(tally) if tally.lagged => return log::info!("{}: {what}", path.display()),
        _ => {}
    }
    let hint = "raise the limits if this does not pass; what lags behind from now on is told with -v only";
    rotation.problem(Problem::new(Effect::Noted, path, what).because(Cause::Limited).hint(hint));
}
