//! Where in a file its next segment begins: at its start, or behind what is in segments already.
//!
//! A log that stays in its place has such bytes at its start: what was not given back of it. The record of its last segment
//! says how many, and how to know the file again (`model/in_place.rs`). A file that isn't known again was truncated or written
//! anew by someone else: what it holds then is taken from its start, so that nothing is lost, and that is said, since some of
//! it may be in segments already.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Rotation;
use crate::model::digest::Digest;
use crate::model::in_place::{Head, InPlace, Known};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::SealedSegment;
use crate::model::time::Moment;
use crate::sys::failure::{Context, Result};
use crate::sys::file::Status;

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
                self.problem(changed(&last, path));
                Ok(Start { first, ..Start::default() })
            }
        }
    }

    /// Takes note of a segment after which its log goes on.
    pub(super) fn note_continued(&mut self, sealed: &SealedSegment) {
        if let Some(continued) = &mut self.continued {
            continued.note(sealed.clone());
        }
    }
}

fn known(last: &SealedSegment, path: &Path, log: &File, size: u64) -> Result<Known> {
    let end = last.taken();
    match last.seal.in_place {
        Some(in_place) => look(&in_place, end, path, log),
        None if end <= size => Ok(Known::Same { position: end, head: Head::There }),
        None => Ok(Known::Changed),
    }
}

fn changed(last: &SealedSegment, path: &Path) -> Problem {
    let (name, taken) = (last.segment.name, last.seal.last);
    let what = format!(
        "it was truncated or written anew by someone else after {taken}, up to where segment {name} has it: what it holds now is \
         taken from its start, what it held besides is in no segment"
    );
    Problem::new(Effect::Noted, path, what)
        .hint("find out what else handles this log: logrotate, a cron job, its own program")
}

/// Looks what has become of a file.
pub(super) fn look(in_place: &InPlace, end: u64, path: &Path, log: &File) -> Result<Known> {
    in_place.look(end, |at, length| digest(log, at, length)).doing("read", path)
}

/// The digest of a piece of a file; `None` where the file ends before it does.
pub(super) fn digest(log: &File, at: u64, length: u64) -> std::io::Result<Option<Digest>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    match log.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(Some(Digest::of(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
