//! A look at the state directory that changes nothing, not even what is damaged: for plans and people.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::doubt::Doubt;
use crate::model::segment::{SealedSegment, Segment, SegmentName};
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

use super::doubts;
use super::file_names::shipped_file;
use super::recovery::{Files, read_record};

/// What a state directory holds.
#[derive(Default)]
pub struct Survey {
    /// Segments that were begun and not sealed.
    pub unfinished: Vec<Segment>,
    /// Segments to ship.
    pub sealed: Vec<SealedSegment>,
    /// Records that can't be read, or make no sense: nobody knows what segment they are of.
    pub unread: Vec<PathBuf>,
    /// Where bytes may be missing.
    pub doubts: Vec<Doubt>,
    /// How many deleted logs a writer may still have open.
    pub held: usize,
    /// What was put aside as damaged.
    pub damaged: Vec<PathBuf>,
    /// How many bytes the files of the spool have.
    pub used: u64,
}

/// Looks at a state directory, which need not be there.
///
/// # Errors
/// Where it is there and can't be read.
pub fn survey(state_dir: &Path) -> Result<Survey> {
    let segments = match Dir::open(&state_dir.join("spool")) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(Survey::default()),
        other => other?,
    };
    let mut survey = Survey { doubts: doubts::survey(state_dir)?, ..Survey::default() };
    survey.held = names_in(&state_dir.join("held"))?.len();
    survey.damaged = names_in(&state_dir.join("damaged"))?;
    for file_name in segments.names()? {
        survey.used += segments.look(&file_name)?.map_or(0, |entry| entry.status.size);
        let name = file_name.to_str().and_then(|name| SegmentName::parse(name.strip_suffix(".json")?));
        let Some(name) = name else { continue };
        let shipped = segments.look(shipped_file(name))?.is_some();
        match read_record(&segments, name, &Files::with_record()) {
            Ok(Ok(record)) if !shipped => match record.seal {
                Some(seal) => survey.sealed.push(SealedSegment { segment: record.segment, seal }),
                None => survey.unfinished.push(record.segment),
            },
            // The next run drops it.
            _ if shipped => {}
            _ => survey.unread.push(segments.path_of(&file_name)),
        }
    }
    Ok(survey)
}

/// The paths of all files in a directory; none where there is no such directory.
fn names_in(path: &Path) -> Result<Vec<PathBuf>> {
    match Dir::open(path) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(Vec::new()),
        Err(failure) => Err(failure),
        Ok(dir) => Ok(dir.names()?.into_iter().map(|name| dir.path_of(name)).collect()),
    }
}
