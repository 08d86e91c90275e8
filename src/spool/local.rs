//! What of the logs can be read on this machine: segments that are kept, and those that wait. Nothing is changed, and no
//! lock is taken: a run may be at work meanwhile.
//!
//! A segment only ever moves forward, and its record stays in the spool until the file has moved:
//!
//! ```text
//! spool/NAME.gz  ->  spool/NAME.shipped  ->  kept/LEAF  ->  removed
//! ```
//!
//! So the spool is listed before what is kept, and a file that is gone from one place is looked for in the next.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use super::file_names::{sealed_file, shipped_file};
use super::kept;
use super::record::Record;
use super::recovery::{Files, read_record};
use crate::model::key::Leaf;
use crate::model::problem;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

/// Why a segment is on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stays {
    /// It is not confirmed in the store yet.
    Waits,
    /// The store has it too.
    Kept,
}

/// A segment on this machine.
#[derive(Clone, Debug)]
pub struct Local {
    /// What it is.
    pub leaf: Leaf,
    /// Its compressed size in bytes.
    pub size: u64,
    /// Why it is here.
    pub stays: Stays,
}

/// The segments on this machine, and where they are.
pub struct Locals {
    segments: Dir,
    kept: Option<Dir>,
    /// One of each, in no order that means anything.
    pub found: Vec<Local>,
    /// What can't be told of segments in the spool, a sentence each: which log they are of, for one.
    pub unread: Vec<String>,
}

impl Locals {
    /// Looks at a state directory.
    ///
    /// # Errors
    /// Where it isn't there or can't be read.
    pub fn list(state_dir: &Path) -> Result<Self> {
        let root = Dir::open(state_dir)?;
        let segments = root.open_subdir("spool")?;
        let kept = match root.open_subdir("kept") {
            // A version that kept nothing has made it.
            Err(failure) if failure.is(io::ErrorKind::NotFound) => None,
            opened => Some(opened?),
        };
        let mut unread = Vec::new();
        let mut found = waiting(&segments, &mut unread)?;
        for kept::File { leaf, size, .. } in kept.as_ref().map_or_else(|| Ok(Vec::new()), kept::files)? {
            let local = Local { leaf, size, stays: Stays::Kept };
            found.insert(name_of(&local), local);
        }
        Ok(Self { segments, kept, found: found.into_values().collect(), unread })
    }

    /// Opens a segment; `None` where it was removed meanwhile.
    ///
    /// # Errors
    /// Where it is there and can't be opened.
    pub fn open(&self, local: &Local) -> Result<Option<File>> {
        let (name, leaf) = (name_of(local), local.leaf.to_string());
        let in_spool = [sealed_file(name), shipped_file(name)].map(|file_name| (Some(&self.segments), file_name));
        for (dir, file_name) in in_spool.into_iter().chain([(self.kept.as_ref(), leaf)]) {
            match dir.map(|dir| dir.open_read(&file_name)) {
                Some(Err(failure)) if failure.is(io::ErrorKind::NotFound) => {}
                Some(opened) => return opened.map(Some),
                None => {}
            }
        }
        Ok(None)
    }
}

fn name_of(local: &Local) -> SegmentName {
    SegmentName { stream: local.leaf.stream, seq: local.leaf.seq }
}

/// The sealed segments of the spool. One whose record can't be read doesn't stop the others.
fn waiting(segments: &Dir, unread: &mut Vec<String>) -> Result<BTreeMap<SegmentName, Local>> {
    let mut found = BTreeMap::new();
    for file_name in segments.names()? {
        let name = file_name.to_str().and_then(|name| SegmentName::parse(name.strip_suffix(".json")?));
        let Some(name) = name else { continue };
        match read_record(segments, name, &Files::with_record()) {
            Ok(Ok(Record { segment, seal: Some(seal), .. })) => {
                found.extend(in_spool(segments, &SealedSegment { segment, seal })?.map(|local| (name, local)));
            }
            Ok(Ok(_)) => {}
            // A run has just dropped it.
            Err(failure) if failure.is(io::ErrorKind::NotFound) => {}
            Ok(Err(why)) => unread.push(format!("{}: {why}", segments.path_of(&file_name).display())),
            Err(failure) => unread.push(problem::chain(&failure)),
        }
    }
    Ok(found)
}

/// A sealed segment, if its file is in the spool. Where it is not any more, it is among those that are kept, or was dropped.
fn in_spool(segments: &Dir, sealed: &SealedSegment) -> Result<Option<Local>> {
    let name = sealed.segment.name;
    // As its name will have it: that shortens long services, and holds whole seconds.
    let leaf = Leaf::parse(&sealed.leaf().to_string()).unwrap_or_else(|| sealed.leaf());
    let local = |stays| Some(Local { leaf: leaf.clone(), size: sealed.seal.packed, stays });
    match segments.look(sealed_file(name))? {
        Some(_) => Ok(local(Stays::Waits)),
        None => Ok(segments.look(shipped_file(name))?.and_then(|_| local(Stays::Kept))),
    }
}
