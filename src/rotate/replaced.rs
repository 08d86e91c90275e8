//! Logs that somebody has replaced by a copy of themselves: `sed -i`, an editor, a restored backup.
//!
//! The file of the last segment is gone, and the one at the log's path, which no segment was made of, begins with all that was
//! taken of it. It goes on behind that. Whether it is a copy, or another log that begins alike, nobody can know for certain: so it
//! is told. The file that is gone is looked for like any other: who has it open goes on writing to it,
//! and where nobody has, nobody can know what it got behind what was taken.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Rotation;
use super::known::{HANDLED, behind, known};
use super::leftovers::split;
use crate::model::in_place::{Known, SHORTEST};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, Identity, SealedSegment};
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

/// How many bytes behind that place of a file that was replaced are in its stand-in, too: what it had got when the copy was made.
/// They are taken from there.
///
/// # Errors
/// Where one of the two can't be read.
pub(super) fn copied(sealed: &SealedSegment, stand_in: Identity, file: &File, position: u64) -> Result<u64> {
    let path = &sealed.segment.path;
    let (parent, name) = split(path);
    let copy = match Dir::open(&parent)?.open_read(&name) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(0),
        opened => opened?,
    };
    let status = Status::of_file(&copy).doing("look at", path)?;
    match known(sealed, path, &copy, status.size)? {
        Known::Same { position: in_copy, .. } if status.identity == stand_in => {
            alike(file, position, &copy, in_copy).doing("read", path)
        }
        Known::Same { .. } | Known::Changed => Ok(0),
    }
}

impl Rotation<'_> {
    /// Whether the file that a segment was made of is known to be held by a process, without a name.
    ///
    /// # Errors
    /// Where that can't be read.
    pub(super) fn is_held(&self, sealed: &SealedSegment) -> Result<bool> {
        Ok(self.spool.held()?.iter().any(|held| held.file == sealed.segment.source.file))
    }

    /// Remembers, before anything is taken of it, that a file stands for the one that a segment was made of, and says it.
    ///
    /// # Errors
    /// Where that can't be written.
    pub(super) fn goes_on_in(&mut self, sealed: &SealedSegment, stand_in: Identity) -> Result<()> {
        let mut instead = sealed.clone();
        instead.segment.source.file = stand_in;
        self.spool.remember_file(&instead, Search::Instead)?;
        let what = "it was replaced by a file that begins with what was taken of it before: it is taken for a copy of itself (sed -i, \
                    an editor, a restored backup), and goes on behind that. If it is another log that begins with the same bytes, these \
                    are in no segment a second time";
        let problem = Problem::new(Effect::Noted, &sealed.segment.path, what).because(Cause::Truncated).hint(HANDLED);
        self.problem(problem);
        self.continued()?;
        self.note_continued(&instead);
        self.stand_ins.insert(stand_in, instead);
        Ok(())
    }

    /// Takes note that a segment was made of a file that stood for another one: from now on it stands for itself.
    ///
    /// # Errors
    /// Where that can't be written.
    pub(super) fn stands_for_itself(&mut self, sealed: &SealedSegment) -> Result<()> {
        match self.stand_ins.remove(&sealed.segment.source.file) {
            None => Ok(()),
            Some(before) => match sealed.seal.ended {
                Ended::Continued => self.spool.remember_file(&before, Search::Over),
                Ended::Released | Ended::Settled | Ended::Interrupted => self.spool.forget_file(before.segment.name),
            },
        }
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
