//! Logs that go on in the file in which a segment of theirs ended: found by the file, whoever's stream the segment is in.
//!
//! A log may change hands: it gets another service or store, and so another stream, while its file stays, with bytes at its
//! start that are in a segment of the stream before. Or its writer renames it, and it goes on under another name.

use std::collections::HashMap;
use std::path::Path;

use super::streams::by_age;
use crate::model::segment::{Ended, Identity, SealedSegment};
use crate::model::time::Moment;

/// The newest segment of each file that goes on.
#[derive(Debug, Default)]
pub struct Continued(HashMap<(u64, Option<Moment>), Vec<SealedSegment>>);

impl Continued {
    /// Takes note of a segment, if its log goes on.
    pub fn note(&mut self, sealed: SealedSegment) {
        if sealed.seal.ended == Ended::Continued {
            let Identity { ino, born, .. } = sealed.segment.source.file;
            self.0.entry((ino, born)).or_default().push(sealed);
        }
    }

    /// The newest segment that ended in this file. Its device may have another number since a reboot: then the path must be
    /// the same, since the copy of a file system has files of the same number and birth.
    pub fn of(&self, path: &Path, file: Identity) -> Option<&SealedSegment> {
        let is_it = |sealed: &&SealedSegment| sealed.segment.source.file.dev == file.dev || sealed.segment.path == path;
        let known = self.0.get(&(file.ino, file.born))?;
        known.iter().filter(is_it).max_by(|a, b| by_age(a, b))
    }
}
