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
use super::packed::Packed;
use super::{Rotation, copy};
use crate::gzip::WINDOW;
use crate::model::digest::Digest;
use crate::model::doubt::{Doubt, Why};
use crate::model::in_place::{Head, InPlace, Known};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, Identity, SealedSegment};
use crate::model::time::Moment;
use crate::spool::{Continued, Search};
use crate::sys::clock;
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
        let last = self.continued()?.of(path, status.identity).cloned();
        let Some(last) = last else { return Ok(Start::default()) };
        let first = Some(last.seal.last);
        match known(&last, path, log, status.size)? {
            Known::Same { position: from, head } => {
                let hole = last.seal.in_place.map_or(0, |in_place| in_place.hole());
                Ok(Start { from, first, hole, before: Some((last, head)) })
            }
            Known::Changed => {
                if self.changed.insert(status.identity) {
                    self.doubt_behind(&last, Why::Truncated)?;
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

    /// Where the next segment of a file begins that is not one of which a part was taken, but may be made of one: compressed, or
    /// copied before that was truncated. It begins behind what was taken if what it holds, unpacked, shows that.
    ///
    /// # Errors
    /// Where the file, or a record of the spool, can't be read.
    pub(super) fn start_of_copy(&mut self, log: &Path, packed: &Packed<'_>) -> Result<Start> {
        let continued = self.continued()?.of_log(log);
        for last in continued {
            if let Some(from) = packed.position(&last, &|| self.stop.requested())? {
                return Ok(Start { from, first: Some(last.seal.last), hole: 0, before: Some((last, Head::There)) });
            }
        }
        Ok(Start::default())
    }

    pub(super) fn continued(&mut self) -> Result<&Continued> {
        match &mut self.continued {
            Some(continued) => Ok(continued),
            none => Ok(none.insert(self.spool.continued()?)),
        }
    }

    /// Remembers the file that a stream is in now, where its next segment is of another one: so that its rest is looked for, and
    /// nothing of it is taken twice.
    ///
    /// # Errors
    /// Where that can't be written, or read.
    pub(super) fn remember_before(&mut self, last: &SealedSegment, next: Identity) -> Result<()> {
        let goes_on = last.seal.ended == Ended::Continued && !last.segment.source.file.is_same_but_for_device(&next);
        let name = last.segment.name;
        if !goes_on || self.spool.earlier_files()?.iter().any(|earlier| earlier.sealed.segment.name == name) {
            return Ok(());
        }
        self.continued()?;
        self.note_continued(last);
        self.spool.remember_file(last, Search::Open)
    }

    /// Takes note that nobody can know what a log got behind a segment: told once, by this command or the next one.
    ///
    /// # Errors
    /// Where that can't be written.
    pub(super) fn doubt_behind(&mut self, last: &SealedSegment, why: Why) -> Result<()> {
        let (from, until) = (last.seal.last, clock::now().max(last.seal.last));
        let (segment, path, service) = (last.segment.name, last.segment.path.clone(), last.segment.service.clone());
        let doubt = Doubt { segment, path, service, from, until, why };
        let problem = Problem::new(Effect::Noted, &doubt.path, &doubt).because(Cause::Truncated);
        self.spool.note(&problem, &self.settings.to);
        self.spool.doubt_for_good(&doubt)
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
    let count = ending_length(last);
    let bytes = piece(log, last.taken() - count as u64, count).doing("read", path)?;
    Ok(bytes.is_some_and(|bytes| copy::ending(&bytes) == ending))
}

/// How many bytes at a segment's end its `ending` is of.
pub(super) fn ending_length(last: &SealedSegment) -> usize {
    usize::try_from(last.seal.length).map_or(WINDOW, |length| length.min(WINDOW))
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
