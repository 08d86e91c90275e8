//! What rotated files are to a log that is at its path: whether somebody has made them for himself, or they were cut off from it.

use std::ffi::OsStr;
use std::io;

use super::beside::Beside;
use super::sighted::is_older;
use crate::model::in_place::{Head, Known};
use crate::model::segment::SealedSegment;
use crate::rotate::known::known;
use crate::rotate::packed::Packed;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::file::Status;

/// What the rotated files of a log are to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Siblings {
    /// They were rotated, or made of the log before it was truncated.
    Rotated,
    /// Nothing has happened to the log itself: what looks younger is a copy that somebody has made for himself.
    Copies,
    /// They were made of the log before it was truncated, and what it holds now begins with all that was taken of it before.
    CutOff,
}

/// What the files beside a log are to it, of which that segment was made and which is at its path.
///
/// # Errors
/// Where one of them can't be read.
pub(super) fn of(
    sealed: &SealedSegment,
    newest: &SealedSegment,
    beside: &Beside,
    dir: &Dir,
    name: &OsStr,
) -> Result<Siblings> {
    let log = match dir.open_read(name) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(Siblings::Rotated),
        opened => opened?,
    };
    let path = dir.path_of(name);
    let size = Status::of_file(&log).doing("look at", &path)?.size;
    match known(sealed, &path, &log, size)? {
        Known::Changed => return Ok(Siblings::Rotated),
        // What it begins with is not what it began with, so that only what is the same file can be like that.
        Known::Same { head: Head::Gone, .. } => return Ok(Siblings::Copies),
        Known::Same { .. } if sealed.seal.in_place.is_some_and(|in_place| in_place.hole() > 0) => {
            return Ok(Siblings::Copies);
        }
        Known::Same { head: Head::There, .. } => {}
    }
    for file in beside.rotated.iter().filter(|file| !is_older(file, newest)) {
        let (path, packing, modified) = (&file.path, file.rotated.packing, file.status.modified);
        let opened = match dir.open_read(path.file_name().unwrap_or_default()) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => continue,
            opened => opened?,
        };
        let sibling = Packed { path, file: &opened, packing, modified };
        // A copy is how the log begins; what was cut off goes on otherwise behind what was taken.
        if sibling.position(sealed, &|| false)?.is_some() && !sibling.is_beginning_of(&log, &|| false)? {
            return Ok(Siblings::CutOff);
        }
    }
    Ok(Siblings::Copies)
}
