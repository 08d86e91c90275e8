//! Knowing a log again that was compressed, or copied, since a part of it was taken: by what it unpacks to.
//!
//! Only the piece that the record of its last segment speaks of is compared, and nothing behind it is unpacked.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::known;
use crate::model::family::Packing;
use crate::model::in_place::Known;
use crate::model::segment::SealedSegment;
use crate::model::time::Moment;
use crate::sys::failure::{Failure, Result};
use crate::unpack::{Unpacked, Unsound};

/// Compressors keep the time of the last change; some keep it in whole seconds.
const CLOCK: i64 = 1_000_000_000;

/// How much is unpacked at a time.
const PIECE: usize = 64 * 1024;

/// Whether a compressed file, or a copy, was last changed before that.
pub(super) fn is_before(modified: Moment, moment: Moment) -> bool {
    let clock = if modified.nanos() % CLOCK == 0 { CLOCK } else { 1 };
    modified.nanos() < moment.nanos() - moment.nanos().rem_euclid(clock)
}

/// A compressed file, or a copy.
pub(super) struct Packed<'f> {
    pub(super) path: &'f Path,
    pub(super) file: &'f File,
    pub(super) packing: Packing,
    /// When it was last changed.
    pub(super) modified: Moment,
}

impl Packed<'_> {
    /// How many of its unpacked bytes are in segments, if it is the file that this segment was made of. What can't be unpacked
    /// is not: whoever takes it says so.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(super) fn position(&self, last: &SealedSegment, stop: &dyn Fn() -> bool) -> Result<Option<u64>> {
        if is_before(self.modified, last.seal.last) {
            return Ok(None);
        }
        let behind = known::behind(last);
        let mut there = |at, length| self.piece(at, usize::try_from(length).unwrap_or(usize::MAX), stop);
        match last.seal.in_place {
            Some(in_place) => Ok(match in_place.look(&behind, there)? {
                Known::Same { position, .. } => Some(position),
                Known::Changed => None,
            }),
            // The version before did not note it of what it had salvaged: nothing is known of it then.
            None if behind.ending.is_none() => Ok(None),
            None => Ok(behind.ends_at(behind.end, &mut there)?.then_some(behind.end)),
        }
    }

    /// Whether all that it unpacks to is how another file begins. What can't be unpacked to its end is taken for that.
    ///
    /// # Errors
    /// Where one of the two can't be read.
    pub(super) fn is_beginning_of(&self, other: &File, stop: &dyn Fn() -> bool) -> Result<bool> {
        match is_beginning(self.file, self.packing, other, stop) {
            Ok(is_it) => Ok(is_it),
            Err(Unsound::Content(_)) => Ok(true),
            Err(Unsound::Unread(error)) => Err(Failure::new("read", self.path, error)),
            Err(Unsound::Stopped) => Err(Failure::new("read", self.path, io::Error::from(io::ErrorKind::Interrupted))),
        }
    }

    /// A piece of what it unpacks to; `None` where that ends before the piece does.
    fn piece(&self, at: u64, length: usize, stop: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>> {
        match read(self.file, self.packing, at, length, stop) {
            Ok(bytes) => Ok(bytes),
            Err(Unsound::Content(_)) => Ok(None),
            Err(Unsound::Unread(error)) => Err(Failure::new("read", self.path, error)),
            Err(Unsound::Stopped) => Err(Failure::new("read", self.path, io::Error::from(io::ErrorKind::Interrupted))),
        }
    }
}

fn read(
    file: &File,
    packing: Packing,
    at: u64,
    length: usize,
    stop: &dyn Fn() -> bool,
) -> std::result::Result<Option<Vec<u8>>, Unsound> {
    let mut unpacked = Unpacked::of(file, packing)?;
    if !unpacked.skip(at, stop)? {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    // Its length is that of a record that somebody may have changed.
    while bytes.len() < length {
        let mut piece = vec![0; PIECE.min(length - bytes.len())];
        let count = unpacked.fill(&mut piece)?;
        if count < piece.len() {
            return Ok(None);
        }
        bytes.extend(piece);
    }
    Ok(Some(bytes))
}

fn is_beginning(
    file: &File,
    packing: Packing,
    other: &File,
    stop: &dyn Fn() -> bool,
) -> std::result::Result<bool, Unsound> {
    let mut unpacked = Unpacked::of(file, packing)?;
    let (mut ours, mut theirs, mut at) = (vec![0; PIECE], vec![0; PIECE], 0);
    loop {
        if stop() {
            return Err(Unsound::Stopped);
        }
        let count = unpacked.fill(&mut ours)?;
        match other.read_exact_at(&mut theirs[..count], at) {
            Ok(()) if ours[..count] != theirs[..count] => return Ok(false),
            Ok(()) if count < PIECE => return Ok(true),
            Ok(()) => at += count as u64,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(Unsound::Unread(error)),
        }
    }
}
