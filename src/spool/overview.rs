//! All that the state directory tells a person or a monitor, in one look that changes nothing.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::model::key::Leaf;
use crate::model::segment::SealedSegment;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

use super::history::{self, Runs};
use super::streams::Streams;
use super::survey::{Survey, survey};

/// What there is.
#[derive(Default)]
pub struct Overview {
    /// Whether a run has worked with it.
    pub is_used: bool,
    /// What waits, and what may be missing.
    pub survey: Survey,
    /// What the runs came to.
    pub runs: Runs,
    /// How many streams something was shipped of.
    pub streams: usize,
    /// The newest segment that was shipped, by the last change of its log.
    pub newest: Option<SealedSegment>,
    /// The shipped segments that stay here.
    pub kept: Copies,
}

/// Shipped segments that stay on the machine.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Copies {
    /// How many.
    pub count: usize,
    /// Their bytes, compressed.
    pub bytes: u64,
}

/// Looks at a state directory, which need not be there.
///
/// # Errors
/// Where it is there and can't be read.
pub fn overview(state_dir: &Path) -> Result<Overview> {
    let (survey, runs) = (survey(state_dir)?, history::survey(state_dir)?);
    let mut overview = Overview { survey, runs, ..Overview::default() };
    if let Some(dir) = dir(&state_dir.join("streams"))? {
        let streams = Streams::new(dir);
        let tags = streams.tags()?;
        overview.streams = tags.len();
        // One that can't be read is told by the run that needs it.
        let kept = tags.iter().filter_map(|tag| streams.kept(tag).ok().flatten());
        overview.newest = kept.max_by_key(|sealed| sealed.seal.last);
    }
    overview.kept = copies(state_dir)?;
    overview.is_used = is_used(state_dir)?;
    Ok(overview)
}

/// Whether there is anything of what a run makes first.
fn is_used(state_dir: &Path) -> Result<bool> {
    let Some(dir) = dir(state_dir)? else { return Ok(false) };
    for name in ["spool", "last.json", "instance.json"] {
        if dir.look(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts the shipped segments that stay in a state directory, which need not be there.
///
/// # Errors
/// Where it is there and can't be read.
pub fn copies(state_dir: &Path) -> Result<Copies> {
    let mut copies = Copies::default();
    let Some(dir) = dir(&state_dir.join("kept"))? else { return Ok(copies) };
    for name in dir.names()?.into_iter().filter(|name| is_kept(name)) {
        // It may be removed at any time.
        let Some(entry) = dir.look(&name)? else { continue };
        copies.count += 1;
        copies.bytes += entry.status.size;
    }
    Ok(copies)
}

fn is_kept(name: &OsStr) -> bool {
    name.to_str().and_then(Leaf::parse).is_some()
}

fn dir(path: &Path) -> Result<Option<Dir>> {
    match Dir::open(path) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(None),
        other => other.map(Some),
    }
}
