//! Logs that somebody has replaced by a copy of themselves: `sed -i`, an editor, a restored backup.
//!
//! The file of the last segment is gone, and the one at the log's path, which no segment was made of, begins with all that was
//! taken of it. It goes on behind that. Whether it is a copy, or another log that begins alike, nobody can know for certain: so it
//! is told, when something of it is taken. The file that is gone is looked for like any other: who has it open goes on writing to it,
//! and where nobody has, nobody can know what it got behind what was taken.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Rotation;
use super::known::{HANDLED, Start, behind, known};
use super::leftovers::split;
use crate::model::doubt::Why;
use crate::model::in_place::{Known, SHORTEST};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Identity, SealedSegment};
use crate::spool::Search;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::file::Status;

/// How many bytes of two files are compared at a time.
const PIECE: usize = 64 * 1024;

/// Whether enough bytes are known of a segment to know a copy of its file by. A few don't show it: many logs begin with the same
/// line.
pub(super) fn is_shown(sealed: &SealedSegment) -> bool {
    let shown_by = behind(sealed).ending.map_or(0, |ending| ending.length);
    let marked = sealed.seal.in_place.map_or(0, |in_place| in_place.mark.length);
    shown_by > 0 && shown_by.max(marked) >= SHORTEST
}

/// Whether a file at a log's path is a copy of the one that this segment was made of.
///
/// # Errors
/// Where it can't be read.
pub(super) fn is_copy(sealed: &SealedSegment, dir: &Dir, name: &OsStr) -> Result<bool> {
    if !is_shown(sealed) {
        return Ok(false);
    }
    let file = match dir.open_read(name) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(false),
        opened => opened?,
    };
    let path = dir.path_of(name);
    let size = Status::of_file(&file).doing("look at", &path)?.size;
    Ok(matches!(known(sealed, &path, &file, size)?, Known::Same { .. }))
}

impl Rotation<'_> {
    /// Takes note that a file stands for the one that a segment was made of. If a segment was made of it already, nothing more is to
    /// be looked for.
    ///
    /// # Errors
    /// Where that can't be written, or the records can't be read.
    pub(super) fn found_replaced(&mut self, log: &Path, file: Identity, sealed: SealedSegment) -> Result<()> {
        match self.continued()?.of(log, file).is_some() {
            true => self.end_search_of_replaced(&sealed),
            false => {
                self.replaced.insert(file, sealed);
                Ok(())
            }
        }
    }

    /// Whether another file stands for the one that a segment was made of.
    pub(super) fn is_replaced(&self, sealed: &SealedSegment) -> bool {
        self.replaced.values().any(|replaced| replaced.segment.name == sealed.segment.name)
    }

    /// Whether the file that a segment was made of is known to be held by a process, without a name.
    ///
    /// # Errors
    /// Where that can't be read.
    pub(super) fn is_held(&self, sealed: &SealedSegment) -> Result<bool> {
        Ok(self.spool.held()?.iter().any(|held| held.file == sealed.segment.source.file))
    }

    /// How many bytes behind that place of a file that was replaced are in the one that stands for it, too: what it had got when the
    /// copy was made. They are taken from there.
    ///
    /// # Errors
    /// Where one of the two can't be read.
    pub(super) fn copied_of(&self, sealed: &SealedSegment, file: &File, position: u64) -> Result<u64> {
        let path = &sealed.segment.path;
        let stands_for_it = |(_, replaced): &(&Identity, &SealedSegment)| replaced.segment.name == sealed.segment.name;
        let Some((identity, _)) = self.replaced.iter().find(stands_for_it) else { return Ok(0) };
        let (parent, name) = split(path);
        let copy = match Dir::open(&parent)?.open_read(&name) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(0),
            opened => opened?,
        };
        let status = Status::of_file(&copy).doing("look at", path)?;
        match known(sealed, path, &copy, status.size)? {
            Known::Same { position: in_copy, .. } if status.identity == *identity => {
                alike(file, position, &copy, in_copy).doing("read", path)
            }
            Known::Same { .. } | Known::Changed => Ok(0),
        }
    }

    /// Where the next segment of a file begins that no segment was made of: at its start, or behind what was taken of the file that
    /// it stands for.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(super) fn start_of_replacement(&mut self, path: &Path, log: &File, status: &Status) -> Result<Start> {
        let Some(last) = self.replaced.get(&status.identity).cloned() else { return Ok(Start::default()) };
        // One record stands for one file.
        if self.of_copies.contains_key(&last.segment.name) {
            return Ok(Start::default());
        }
        match known(&last, path, log, status.size)? {
            Known::Same { position: from, head } => {
                let hole = last.seal.in_place.map_or(0, |in_place| in_place.hole());
                Ok(Start { from, first: Some(last.seal.last), hole, before: Some((last, head)) })
            }
            Known::Changed => Ok(Start::default()),
        }
    }

    /// Says of which file a segment was made, where that stands for another one.
    ///
    /// # Errors
    /// Where that can't be written: then the next run does it.
    pub(super) fn tell_replaced(&mut self, sealed: &SealedSegment) -> Result<()> {
        let source = sealed.segment.source;
        let Some(last) = self.replaced.remove(&source.file) else { return Ok(()) };
        if source.from > 0 {
            let what = format!(
                "it was replaced by a file that begins with the {} bytes that were taken of it before: it is taken for a copy of \
                 itself (sed -i, an editor, a restored backup), and goes on behind them. If it is another log that begins with the \
                 same bytes, these are in no segment a second time",
                source.from
            );
            let problem =
                Problem::new(Effect::Noted, &sealed.segment.path, what).because(Cause::Truncated).hint(HANDLED);
            self.problem(problem);
        }
        self.end_search_of_replaced(&last)
    }

    /// Another file stands for the one that this segment was made of, and is in a segment. Where nobody has that one open, nobody can
    /// know what it got behind what was taken, and the other one has not.
    fn end_search_of_replaced(&mut self, last: &SealedSegment) -> Result<()> {
        if !self.is_held(last)? {
            self.doubt_behind(last, Why::Replaced)?;
        }
        self.spool.remember_file(last, Search::Over)
    }
}

/// How many bytes are the same, from these places of two files on.
fn alike(one: &File, at: u64, other: &File, at_other: u64) -> io::Result<u64> {
    let (mut ours, mut theirs, mut same) = (vec![0; PIECE], vec![0; PIECE], 0);
    loop {
        let (count, counted) = (one.read_at(&mut ours, at + same)?, other.read_at(&mut theirs, at_other + same)?);
        let both = ours[..count].iter().zip(&theirs[..counted]);
        let alike = both.take_while(|(own, their)| own == their).count();
        same += alike as u64;
        if alike == 0 || alike < count.min(counted) {
            return Ok(same);
        }
    }
}
