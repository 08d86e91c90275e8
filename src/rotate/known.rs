//! Where in a file its next segment begins: at its start, or behind what is in segments already.
//!
//! A log that stays in its place has such bytes at its start: what was not given back of it, or the slices that were taken of
//! it. The record of its last segment says how many, and how to know the file again: by a piece of it (`model/in_place.rs`),
//! or by what the last slice ended in. A file that isn't known again was truncated or written
//! anew by someone else: what it holds then is taken from its start, so that nothing is lost, and that is said, since some of
//! it may be in segments already.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::claim::{self, NotClaimed};
use super::discover::Found;
use super::leftovers::split;
use super::{Rotation, copy};
use crate::gzip::WINDOW;
use crate::model::digest::Digest;
use crate::model::in_place::{Head, InPlace, Known};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, SealedSegment, StreamOwner};
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::file::Status;

/// What to do about a log that someone else handles.
pub(super) const HANDLED: &str = "find out what else handles this log: logrotate, a cron job, its own program";

/// Where a segment begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Start {
    /// How many bytes of the file come before it.
    pub(super) from: u64,
    /// When its first byte can have been written at the earliest, if an earlier segment of the file says it.
    pub(super) first: Option<Moment>,
    /// How many bytes at the file's start may be a hole that we made.
    pub(super) hole: u64,
    /// The segment before it of the same file, and what became of what was to be given back with that.
    pub(super) before: Option<(SealedSegment, Head)>,
}

impl Rotation<'_> {
    /// Where the next segment of an open file begins.
    ///
    /// # Errors
    /// Where the file, or a record of the spool, can't be read.
    pub(super) fn start(&mut self, path: &Path, log: &File) -> Result<Start> {
        let status = Status::of_file(log).doing("look at", path)?;
        if self.continued.is_none() {
            self.continued = Some(self.spool.continued()?);
        }
        let last = self.continued.as_ref().and_then(|continued| continued.of(path, status.identity)).cloned();
        let Some(last) = last else { return Ok(Start::default()) };
        let first = Some(last.seal.last);
        match known(&last, path, log, status.size)? {
            Known::Same { position: from, head } => {
                let hole = last.seal.in_place.map_or(0, |in_place| in_place.hole());
                Ok(Start { from, first, hole, before: Some((last, head)) })
            }
            Known::Changed => {
                if self.changed.insert(status.identity) {
                    self.problem(changed(&last, path));
                }
                Ok(Start { first, ..Start::default() })
            }
        }
    }

    /// Where the next segment of a log in use begins.
    ///
    /// # Errors
    /// As [`Self::start`], and where it is not a log any more that could be taken.
    pub(super) fn start_of(&mut self, found: &Found) -> std::result::Result<Start, NotClaimed> {
        let (parent, name) = split(&found.path);
        let log = claim::open(&Dir::open(&parent)?, &name, found.identity)?;
        Ok(self.start(&found.path, &log)?)
    }

    /// Says so where another file has come in the place of one of which a part was taken in its place, and the rest was to come.
    ///
    /// # Errors
    /// Where the stream's last record can't be read.
    pub(super) fn note_replaced(&mut self, found: &Found, owner: &StreamOwner) -> Result<()> {
        let Some(last) = self.spool.newest(owner)? else { return Ok(()) };
        // What is taken in its place to its end has nothing behind that.
        let goes_on = last.seal.ended == Ended::Continued && !matches!(last.segment.way, Way::Holds { .. });
        if goes_on && !last.segment.source.file.is_same_but_for_device(&found.identity) {
            let what = format!(
                "another file is there since the last run, which had taken {} bytes of the one before and left the rest to this \
                 one: what was behind them is not where it was",
                last.taken()
            );
            self.problem(Problem::new(Effect::Failed, &found.path, what).because(Cause::Truncated).hint(HANDLED));
        }
        Ok(())
    }

    /// Takes note of a segment after which its log goes on.
    pub(super) fn note_continued(&mut self, sealed: &SealedSegment) {
        if let Some(continued) = &mut self.continued {
            continued.note(sealed.clone());
        }
    }
}

pub(super) fn known(last: &SealedSegment, path: &Path, log: &File, size: u64) -> Result<Known> {
    let end = last.taken();
    match last.seal.in_place {
        Some(in_place) => look(&in_place, end, path, log),
        None if end <= size && ends_like(last, path, log)? => Ok(Known::Same { position: end, head: Head::There }),
        None => Ok(Known::Changed),
    }
}

/// Whether a log has, before the place where a segment ended, the bytes that the segment ended in: one that was truncated may
/// have grown again beyond that place.
fn ends_like(last: &SealedSegment, path: &Path, log: &File) -> Result<bool> {
    let Some(ending) = last.seal.ending else { return Ok(true) };
    let count = usize::try_from(last.seal.length).map_or(WINDOW, |length| length.min(WINDOW));
    let bytes = piece(log, last.taken() - count as u64, count).doing("read", path)?;
    Ok(bytes.is_some_and(|bytes| copy::ending(&bytes) == ending))
}

fn changed(last: &SealedSegment, path: &Path) -> Problem {
    let (name, taken) = (last.segment.name, last.seal.last);
    let what = format!(
        "it was truncated or written anew by someone else after {taken}, up to where segment {name} has it: what it holds now is \
         taken from its start, what it held besides is in no segment"
    );
    Problem::new(Effect::Noted, path, what).because(Cause::Truncated).hint(HANDLED)
}

/// Looks what has become of a file.
pub(super) fn look(in_place: &InPlace, end: u64, path: &Path, log: &File) -> Result<Known> {
    in_place.look(end, |at, length| digest(log, at, length)).doing("read", path)
}

/// The digest of a piece of a file; `None` where the file ends before it does.
pub(super) fn digest(log: &File, at: u64, length: u64) -> io::Result<Option<Digest>> {
    let bytes = piece(log, at, usize::try_from(length).unwrap_or(usize::MAX))?;
    Ok(bytes.map(|bytes| Digest::of(&bytes)))
}

fn piece(log: &File, at: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; length];
    match log.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
