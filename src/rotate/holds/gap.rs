//! Zeros that no writer wrote, where taking the head of a log away was cut short: they are no bytes of the log.
//!
//! Only what that can have left is taken for it: the head is gone; nothing is noted, in this boot, of its having gone to the end
//! (`spool/given.rs`); and the zeros are as many as bytes were to go, at one of the places where that leaves them
//! (`model/gap.rs`). All other zeros are bytes of the log, as are those of a hole that someone made with truncate(1) or
//! fallocate(1). The log is not mended: one segment ends where the zeros begin, and the next one begins behind them. As long as
//! nothing is behind them, the record of each segment says where they are; with the heads that go later they go, too.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::model::gap::Gap;
use crate::rotate::known::Start;
use crate::spool::Spool;
use crate::sys::collapse;
use crate::sys::file::Status;
use crate::sys::holes;

/// How many holes are looked at. A log has none but the one that is looked for, unless someone makes them.
const MOST_HOLES: usize = 64;

/// A piece of a log that one segment may be made of.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Where it begins.
    pub(super) from: u64,
    /// Up to where it may reach.
    pub(super) most: u64,
    /// The gap behind it.
    pub(super) gap: Option<Gap>,
    /// Whether there is something of the log behind that gap.
    pub(super) goes_on: bool,
    /// How many bytes the gap has that there is, before the stretch or behind it.
    pub(super) zeros: u64,
}

/// What the next segment may be made of.
///
/// # Errors
/// Where the log can't be read.
pub(super) fn stretch(spool: &Spool, log: &File, path: &Path, start: &Start) -> io::Result<Stretch> {
    let found = find(spool, log, path, start)?;
    let (from, size) = (start.from, Status::of_file(log)?.size);
    let zeros = found.map_or(0, |gap| gap.length);
    Ok(match found {
        None => Stretch { from, most: size, gap: None, goes_on: false, zeros },
        Some(gap) if size > gap.end() && from >= gap.at => {
            Stretch { from: gap.end(), most: size, gap: None, goes_on: false, zeros }
        }
        Some(gap) => Stretch { from, most: gap.at, gap: Some(gap), goes_on: size > gap.end(), zeros },
    })
}

fn find(spool: &Spool, log: &File, path: &Path, start: &Start) -> io::Result<Option<Gap>> {
    let Some((sealed, head)) = &start.before else { return Ok(None) };
    let Some(in_place) = sealed.seal.in_place else { return Ok(None) };
    let gone = in_place.taken_away(*head);
    let cut_short = gone.filter(|_| !spool.is_given(sealed));
    let size = Status::of_file(log)?.size;
    if let Some(known) = in_place.gap.and_then(|gap| gap.moved_up(gone.unwrap_or(0))) {
        // One that was there before, and behind it what this time has left.
        let both = cut_short.map(|length| known.longer(length)).filter(|both| both.end() <= size);
        for gap in both.into_iter().chain([known]) {
            if gap.at >= start.from && holes::is_zeros(log, gap.at, gap.end().min(size))? {
                return Ok(Some(gap));
            }
        }
        return Ok(None);
    }
    let Some(length) = cut_short else { return Ok(None) };
    let left = left_behind(log, start.from, length)?;
    match left {
        Some(gap) => log::info!(
            "{}: the {} zeros at {} are none of its bytes: they are left of giving its head back, which was cut short",
            path.display(),
            gap.length,
            gap.at
        ),
        // So whatever hole comes later is someone else's.
        None => spool.note_given(sealed),
    }
    Ok(left)
}

/// The gap that taking `length` bytes away has left, behind `from`.
fn left_behind(log: &File, from: u64, length: u64) -> io::Result<Option<Gap>> {
    let (size, block) = (Status::of_file(log)?.size, collapse::unit(log)?);
    let mut behind = from;
    for _ in 0..MOST_HOLES {
        let Some(hole) = holes::first(log, behind)? else { break };
        let block_before = hole.begin.saturating_sub(block).max(from);
        let tail = holes::zeros_before(log, block_before, hole.begin)?;
        let gap = Gap::around(hole, tail, size, length, block).filter(|gap| gap.at >= from);
        if let Some(gap) = gap
            && is_all_there_is(log, gap, size)?
        {
            return Ok(Some(gap));
        }
        behind = hole.end;
    }
    Ok(None)
}

/// Whether all of a gap is zeros, and none are before it or behind it: with one more it is a hole that someone else has made, of
/// whatever length he liked.
fn is_all_there_is(log: &File, gap: Gap, size: u64) -> io::Result<bool> {
    let is_zero = |at: u64| holes::is_zeros(log, at, at.saturating_add(1));
    let begins_earlier = gap.at > 0 && is_zero(gap.at - 1)?;
    let ends_later = gap.end() < size && is_zero(gap.end())?;
    Ok(!begins_earlier && !ends_later && holes::is_zeros(log, gap.at, gap.end())?)
}
