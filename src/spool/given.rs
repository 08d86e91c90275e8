//! Of which segments it is known that the head of their log went to its end, when they were sealed in its place.
//!
//! A file for each owner, `TAG.json`: the segment, and the boot in which that was seen. It is made without an fsync, after the
//! head went: what is known of a call that has returned holds for as long as the system runs. After a power loss nobody knows
//! what of the call is on the disk, whatever stands here; so a note of another boot says nothing, nor does one that can't be read.
//!
//! None of this may hold a log up. A segment without a note only means that its log is looked at more closely: whether there are
//! zeros in it that taking its head away has left, where that was cut short.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::model::problem;
use crate::model::segment::{OwnerTag, SealedSegment, StreamOwner};
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::host;

/// The largest file that is read, in bytes: longer ones are none of ours.
const LARGEST: u64 = 4096;

/// What stands in a file.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    segment: String,
    boot: String,
}

impl Note {
    /// `None` where nothing tells one boot from another.
    fn of(sealed: &SealedSegment) -> Option<Self> {
        let boot = host::boot_id();
        (!boot.is_empty()).then(|| Self { segment: sealed.segment.name.to_string(), boot })
    }
}

/// Takes note that the head went to its end.
pub(super) fn note(dir: &Dir, sealed: &SealedSegment) {
    let written = Note::of(sealed).map_or(Ok(()), |note| write(dir, &file_name(sealed), &note));
    if let Err(failure) = written {
        log::info!("{}", problem::chain(&failure));
    }
    fault::reached(Point::GivenNoted);
}

fn write(dir: &Dir, file_name: &str, note: &Note) -> Result<()> {
    let text = serde_json::to_string(note).doing("write", dir.path_of(file_name))?;
    dir.unlink_if_there(file_name)?;
    let mut file = dir.create(file_name, 0o600)?;
    file.write_all(text.as_bytes()).doing("write", dir.path_of(file_name))
}

/// Whether it is noted, in this boot, that the head went to its end.
pub(super) fn is_noted(dir: &Dir, sealed: &SealedSegment) -> bool {
    let mut text = String::new();
    let read = dir.open_read(file_name(sealed)).ok().and_then(|file| file.take(LARGEST).read_to_string(&mut text).ok());
    read.and_then(|_| serde_json::from_str::<Note>(&text).ok()).is_some_and(|note| Some(note) == Note::of(sealed))
}

fn file_name(sealed: &SealedSegment) -> String {
    format!("{}.json", OwnerTag::of(&StreamOwner::of(&sealed.segment)).as_str())
}
