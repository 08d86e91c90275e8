//! Logs that go on in the file in which a segment of theirs ended: found by the file, whoever's stream the segment is in.
//!
//! A log may change hands: it gets another service or store, and so another stream, while its file stays, with bytes at its
//! start that are in a segment of the stream before. Or its writer renames it, and it goes on under another name.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::standings;
use super::streams::{Streams, by_age};
use super::survey::{self, Survey};
use crate::model::segment::{Ended, Identity, SealedSegment};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

/// The newest segment of each file that goes on.
#[derive(Debug, Default)]
pub struct Continued {
    going_on: HashMap<(u64, Option<Moment>), Vec<SealedSegment>>,
    /// The last segments of files that were taken to their end since.
    ended: HashMap<(u64, Option<Moment>), SealedSegment>,
}

/// The logs that go on, by a look at a state directory that changes nothing; a record that can't be read says nothing here.
///
/// # Errors
/// Where the directory is there and can't be read.
pub fn survey(state_dir: &Path) -> Result<Continued> {
    let mut continued = Continued::default();
    let Survey { sealed, .. } = survey::survey(state_dir)?;
    sealed.into_iter().for_each(|sealed| continued.note(sealed));
    let streams = match Dir::open(&state_dir.join("streams")) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(continued),
        other => Streams::new(other?),
    };
    for tag in streams.tags()? {
        streams.kept(&tag).unwrap_or_default().into_iter().for_each(|sealed| continued.note(sealed));
    }
    standings::earlier(state_dir)?.into_iter().for_each(|earlier| continued.note(earlier.sealed));
    Ok(continued)
}

impl Continued {
    /// Takes note of a segment: whether its log goes on.
    pub fn note(&mut self, sealed: SealedSegment) {
        let Identity { ino, born, .. } = sealed.segment.source.file;
        match sealed.seal.ended {
            Ended::Continued => self.going_on.entry((ino, born)).or_default().push(sealed),
            Ended::Released | Ended::Settled | Ended::Interrupted => match self.ended.get(&(ino, born)) {
                Some(known) if by_age(known, &sealed).is_ge() => {}
                _ => drop(self.ended.insert((ino, born), sealed)),
            },
        }
    }

    /// The files of a log that may have got other names and other contents on the disk since: compressed, for one; the oldest
    /// first. Not those that were taken to their end.
    pub fn of_log(&self, path: &Path) -> Vec<SealedSegment> {
        let goes_on = |(file, last): &(&(u64, Option<Moment>), &SealedSegment)| {
            self.ended.get(file).is_none_or(|ended| by_age(ended, last).is_lt())
        };
        let newest =
            self.going_on.iter().filter_map(|(file, known)| Some((file, known.iter().max_by(|a, b| by_age(a, b))?)));
        let newest = newest.filter(goes_on).map(|(_, sealed)| sealed);
        let mut newest: Vec<SealedSegment> = newest.filter(|sealed| sealed.segment.path == path).cloned().collect();
        newest.sort_by(by_age);
        newest
    }

    /// All segments that ended in this file.
    pub fn any_of(&self, file: Identity) -> impl Iterator<Item = &SealedSegment> {
        self.going_on.get(&(file.ino, file.born)).into_iter().flatten()
    }

    /// The newest segment that ended in this file. Its device may have another number since a reboot: then the path must be
    /// the same, since the copy of a file system has files of the same number and birth.
    pub fn of(&self, path: &Path, file: Identity) -> Option<&SealedSegment> {
        let is_it = |sealed: &&SealedSegment| sealed.segment.source.file.dev == file.dev || sealed.segment.path == path;
        let known = self.going_on.get(&(file.ino, file.born))?;
        known.iter().filter(is_it).max_by(|a, b| by_age(a, b))
    }
}
