//! Logs that somebody has replaced by a copy of themselves: `sed -i`, an editor, a restored backup.
//!
//! The file of the last segment is gone, and the one at the log's path, which no segment was made of, begins with all that was
//! taken of it. It goes on behind that. Whether it is a copy, or another log that begins alike, nobody can know for certain: so it
//! is told, when something of it is taken. The file that is gone is looked for like any other: who has it open goes on writing to it,
//! and where nobody has, nobody can know what it got behind what was taken.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;

use super::Rotation;
use super::known::{HANDLED, Start, behind, known};
use crate::model::in_place::{Known, SHORTEST};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Identity, SealedSegment};
use crate::spool::Search;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::file::Status;

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
            true => self.spool.remember_file(&sealed, Search::Over),
            false => {
                self.replaced.insert(file, sealed);
                Ok(())
            }
        }
    }

    /// Where the next segment of a file begins that no segment was made of: at its start, or behind what was taken of the file that
    /// it stands for.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(super) fn start_of_replacement(&mut self, path: &Path, log: &File, status: &Status) -> Result<Start> {
        let Some(last) = self.replaced.get(&status.identity).cloned() else { return Ok(Start::default()) };
        match known(&last, path, log, status.size)? {
            Known::Same { position: from, head } => {
                let hole = last.seal.in_place.map_or(0, |in_place| in_place.hole());
                Ok(Start { from, first: Some(last.seal.last), hole, before: Some((last, head)) })
            }
            Known::Changed => Ok(Start::default()),
        }
    }

    /// Says of which file a segment was made, where that stands for another one, which is not looked for any more.
    ///
    /// # Errors
    /// Where that can't be written: then the next run does it.
    pub(super) fn tell_replaced(&mut self, sealed: &SealedSegment) -> Result<()> {
        let source = sealed.segment.source;
        let Some(last) = self.replaced.remove(&source.file) else { return Ok(()) };
        if source.from == 0 {
            return Ok(());
        }
        let what = format!(
            "it was replaced by a file that begins with the {} bytes that were taken of it before: it is taken for a copy of itself \
             (sed -i, an editor, a restored backup), and goes on behind them. If it is another log that begins with the same bytes, \
             these are in no segment a second time",
            source.from
        );
        let problem = Problem::new(Effect::Noted, &sealed.segment.path, what).because(Cause::Truncated).hint(HANDLED);
        self.problem(problem);
        self.spool.remember_file(&last, Search::Over)
    }
}
