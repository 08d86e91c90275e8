//! A look at the spool that changes nothing, not even what is damaged: for plans.

use std::io;
use std::path::Path;

use crate::model::segment::{SealedSegment, Segment, SegmentName};
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

use super::recovery::{Files, read_record};

/// What waits in the spool.
#[derive(Default)]
pub struct Survey {
    /// Segments that were begun and not sealed.
    pub unfinished: Vec<Segment>,
    /// Segments to ship.
    pub sealed: Vec<SealedSegment>,
}

/// Looks at the spool of a state directory, which need not be there.
///
/// # Errors
/// Where it is there and can't be read.
pub fn survey(state_dir: &Path) -> Result<Survey> {
    let segments = match Dir::open(&state_dir.join("spool")) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(Survey::default()),
        other => other?,
    };
    let mut survey = Survey::default();
    for file_name in segments.names()? {
        let name = file_name.to_str().and_then(|name| SegmentName::parse(name.strip_suffix(".json")?));
        let Some(name) = name else { continue };
        let shipped = segments.look(super::shipped_file(name))?.is_some();
        match read_record(&segments, name, &Files::with_record()) {
            Ok(Ok(record)) if !shipped => match record.seal {
                Some(seal) => survey.sealed.push(SealedSegment { segment: record.segment, seal }),
                None => survey.unfinished.push(record.segment),
            },
            _ => {}
        }
    }
    Ok(survey)
}
