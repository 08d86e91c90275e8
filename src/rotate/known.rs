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

use super::Rotation;
use super::claim::{self, NotClaimed};
use super::discover::Found;
use super::leftovers::split;
use super::packed::Packed;
use super::replaced;
use crate::gzip::WINDOW;
use crate::model::digest::Digest;
use crate::model::doubt::{Doubt, Why};
use crate::model::in_place::{Behind, Ending, Head, Known, Noted};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, Identity, SealedSegment, SegmentName};
use crate::model::time::Moment;
use crate::spool::{Continued, Search};
use crate::sys::clock;
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure::{Context, Result};
use crate::sys::file::{Kind, Status};

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
        let Some(last) = self.continued()?.of(path, status.identity).cloned() else { return Ok(Start::default()) };
        let first = Some(last.seal.last);
        let known = match known(&last, path, log, status.size)? {
            Known::Same { head: Head::There, .. } if may_have_gone(&last) && self.spool.is_given(&last) => {
                known_by_notes(&last, Noted::HeadWent, path, log, status.size)?
            }
            known => known,
        };
        match known {
            Known::Same { position: from, head } if !self.rewritten.contains(&status.identity) => {
                self.of_copies.insert(last.segment.name, status.identity);
                let hole = last.seal.in_place.map_or(0, |in_place| in_place.hole());
                Ok(Start { from, first, hole, before: Some((last, head)) })
            }
            Known::Same { .. } | Known::Changed => {
                if self.changed.insert(status.identity) {
                    match self.stand_ins.contains_key(&status.identity) {
                        // A doubt about that segment is about the file that it stands for.
                        true => self.doubt_once_more(&last, Why::Truncated)?,
                        false => self.doubt_behind(&last, Why::Truncated)?,
                    }
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
    /// copied before that was truncated. It begins behind what was taken if what it holds, unpacked, shows that, and nothing else
    /// is the file of which it was taken: one record stands for one file.
    ///
    /// # Errors
    /// Where the file, its directory, or a record of the spool, can't be read.
    pub(super) fn start_of_copy(&mut self, log: &Path, file: Identity, packed: &Packed<'_>) -> Result<Start> {
        for last in self.continued()?.of_log(log) {
            let name = last.segment.name;
            let Some(from) = packed.position(&last, &|| self.stop.requested())? else { continue };
            let is_another = self.of_copies.get(&name).is_some_and(|known| *known != file);
            let is_rewritten = self.rewritten.contains(&last.segment.source.file);
            if is_another || !is_rewritten && is_there_itself(&last, packed.path)? {
                self.note_alike(&last, packed.path);
                continue;
            }
            if self.is_removed(name)? {
                continue;
            }
            self.of_copies.insert(name, file);
            return Ok(Start { from, first: Some(last.seal.last), hole: 0, before: Some((last, Head::There)) });
        }
        Ok(Start::default())
    }

    /// Takes note that nothing was taken of a file: where it is the very one that a record speaks of, that may stand for what was
    /// made of it meanwhile.
    pub(super) fn not_taken(&mut self, file: Identity) {
        let Some(continued) = &self.continued else { return };
        self.of_copies
            .retain(|name, taken| *taken != file || !continued.any_of(file).any(|last| last.segment.name == *name));
    }

    /// Says that a file begins as one did that is there itself: a copy of that, or another log with the same beginning. Nobody can
    /// know which, and a log that was never read must not be left out.
    fn note_alike(&mut self, last: &SealedSegment, path: &Path) {
        if !replaced::is_shown(last) {
            return;
        }
        let what = format!(
            "it begins with the same {} bytes as a file of this log that is there too, of which they were taken: it is taken from \
             its start. If somebody has made it as a copy, these are in the store twice now",
            last.taken()
        );
        let problem = Problem::new(Effect::Noted, path, what);
        self.problem(problem.hint("keep copies of logs elsewhere, or under names that no rotated log has"));
    }

    /// Whether we have removed the file that a segment was made of: nothing that is there was made of it.
    fn is_removed(&self, name: SegmentName) -> Result<bool> {
        let mut earlier = self.spool.earlier_files()?.into_iter();
        Ok(earlier.any(|earlier| earlier.sealed.segment.name == name && earlier.search == Search::Removed))
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
        let doubt = self.doubt(last, why);
        self.spool.doubt_for_good(&doubt)
    }

    /// The same, where something is missing that was not told with an earlier doubt about that segment.
    ///
    /// # Errors
    /// Where that can't be written.
    pub(super) fn doubt_once_more(&mut self, last: &SealedSegment, why: Why) -> Result<()> {
        let doubt = self.doubt(last, why);
        self.spool.doubt_once_more(&doubt)
    }

    fn doubt(&mut self, last: &SealedSegment, why: Why) -> Doubt {
        let (from, until) = (last.seal.last, clock::now().max(last.seal.last));
        let (segment, path, service) = (last.segment.name, last.segment.path.clone(), last.segment.service.clone());
        let doubt = Doubt { segment, path, service, from, until, why };
        let problem = Problem::new(Effect::Noted, &doubt.path, &doubt).because(Cause::Truncated);
        self.spool.note(&problem, &self.settings.to);
        doubt
    }

    /// Takes note of a segment after which its log goes on.
    pub(super) fn note_continued(&mut self, sealed: &SealedSegment) {
        if let Some(continued) = &mut self.continued {
            continued.note(sealed.clone());
        }
    }
}

/// Whether a note can tell what became of a head.
fn may_have_gone(last: &SealedSegment) -> bool {
    last.seal.in_place.is_some_and(|in_place| in_place.give.is_some())
}

/// Whether the file that a segment was made of is in that directory, by whatever name, and is as it was.
fn is_there_itself(last: &SealedSegment, beside: &Path) -> Result<bool> {
    let dir = Dir::open(&split(beside).0)?;
    for name in dir.names()? {
        let is_it = |entry: &Entry| last.segment.source.file.is_same_but_for_device(&entry.status.identity);
        let Some(entry) = dir.look(&name)?.filter(|entry| entry.kind == Kind::Regular && is_it(entry)) else {
            continue;
        };
        let file = match dir.open_read(&name) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => continue,
            opened => opened?,
        };
        if matches!(known(last, &dir.path_of(&name), &file, entry.status.size)?, Known::Same { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks what has become of a file of which this segment was made.
///
/// # Errors
/// Where it can't be read.
pub(super) fn known(last: &SealedSegment, path: &Path, log: &File, size: u64) -> Result<Known> {
    known_by_notes(last, Noted::Nothing, path, log, size)
}

fn known_by_notes(last: &SealedSegment, noted: Noted, path: &Path, log: &File, size: u64) -> Result<Known> {
    let behind = Behind { noted, ..behind(last) };
    let mut there = |at, length| piece_of(log, at, length);
    let known = match last.seal.in_place {
        Some(in_place) => in_place.look(&behind, there),
        None if behind.end > size => Ok(Known::Changed),
        None => behind.ends_at(behind.end, &mut there).map(|is_same| match is_same {
            true => Known::Same { position: behind.end, head: Head::There },
            false => Known::Changed,
        }),
    };
    known.doing("read", path)
}

/// What the record of a segment says of where it ended.
pub(super) fn behind(last: &SealedSegment) -> Behind {
    // What is kept of its bytes for that is at most as much as primes its compression.
    let length = last.seal.length.min(WINDOW as u64);
    let ending = last.seal.ending.map(|crc| Ending { length, crc });
    Behind { end: last.taken(), ending, noted: Noted::Nothing }
}

/// The digest of a piece of a file; `None` where the file ends before it does.
pub(super) fn digest(log: &File, at: u64, length: u64) -> io::Result<Option<Digest>> {
    Ok(piece_of(log, at, length)?.map(|bytes| Digest::of(&bytes)))
}

fn piece_of(log: &File, at: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    match log.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
