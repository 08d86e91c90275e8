//! Segments that the store has confirmed and that stay here for a while, for people who read them on the machine.
//!
//! Promise: the store is the truth, so nothing depends on them. They are neither waiting nor shipped again, don't count
//! as the spool's, and make way as soon as there is no room for segments that are not in the store yet. What can't be kept
//! is dropped, and no run fails for it.
//!
//! ```text
//! spool/NAME.shipped  ->  kept/LEAF          a rename, while the record is still in the spool
//! spool/NAME.json     ->  streams/TAG.json   only then; a record whose segment is in kept/ has been shipped
//! kept/LEAF           ->  -                  once its last byte is old enough, or when it is too much
//! ```
//!
//! A file is called as its object is, so that its name says what it is and no record is needed.

use std::ffi::OsString;
use std::io;

use super::file_names::{record_file, shipped_file};
use crate::model::keep::Keep;
use crate::model::key::Leaf;
use crate::model::problem;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::model::time::Moment;
use crate::sys::clock;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};

/// The directory, and what stays in it.
pub(super) struct Kept {
    dir: Dir,
    policy: Policy,
}

/// What stays.
enum Policy {
    /// No one has said: nothing comes, and nothing goes.
    NotSaid,
    /// What this says, and nothing else.
    Said(Option<Keep>),
}

/// A kept segment.
pub(super) struct File {
    pub(super) file_name: OsString,
    pub(super) leaf: Leaf,
    pub(super) size: u64,
}

impl Kept {
    pub(super) fn new(dir: Dir) -> Self {
        Self { dir, policy: Policy::NotSaid }
    }

    pub(super) fn set(&mut self, keep: Option<Keep>) {
        self.policy = Policy::Said(keep);
    }

    /// Moves those of the confirmed segments here that are to stay. What can't be moved is dropped with the others.
    pub(super) fn take(&self, segments: &Dir, shipped: &[SealedSegment]) {
        let Policy::Said(Some(keep)) = &self.policy else { return };
        let now = clock::now();
        let stays = |sealed: &&SealedSegment| keep.covers(sealed.seal.last, now) && sealed.seal.packed <= keep.size;
        let mut moved = false;
        for sealed in shipped.iter().filter(stays) {
            match segments.rename_into(shipped_file(sealed.segment.name), &self.dir, sealed.leaf().to_string()) {
                Ok(()) => moved = true,
                // An earlier run has, and was killed before it came to the record.
                Err(failure) if failure.is(io::ErrorKind::NotFound) => {}
                Err(failure) => log::info!("{}; it is not kept", problem::chain(&failure)),
            }
            fault::reached(Point::Kept);
        }
        if moved {
            if let Err(failure) = self.dir.sync() {
                log::info!("{}", problem::chain(&failure));
            }
            fault::reached(Point::KeptDurable);
        }
    }

    /// Whether a segment is here.
    pub(super) fn holds(&self, sealed: &SealedSegment) -> Result<bool> {
        let entry = self.dir.look(sealed.leaf().to_string())?;
        Ok(entry.is_some_and(|entry| entry.status.size == sealed.seal.packed))
    }

    /// Removes what is old enough, then the oldest of what is too much.
    pub(super) fn clear_out(&self, segments: &Dir, now: Moment) -> Result<()> {
        let Policy::Said(keep) = &self.policy else { return Ok(()) };
        let (mut files, mut removed) = (files(&self.dir)?, false);
        let mut total: u64 = files.iter().map(|file| file.size).sum();
        for file in files.drain(..) {
            let stays = keep.is_some_and(|keep| keep.covers(file.leaf.last, now) && total <= keep.size);
            if !stays && self.remove(segments, &file)? {
                total -= file.size;
                removed = true;
            }
        }
        // A kept segment that comes back after a power loss is removed again.
        if removed { self.dir.sync() } else { Ok(()) }
    }

    /// Removes the oldest until so many bytes are gone; gives how many went.
    pub(super) fn make_room(&self, segments: &Dir, bytes: u64) -> Result<u64> {
        let mut freed = 0;
        for file in files(&self.dir)? {
            if freed >= bytes {
                break;
            }
            if self.remove(segments, &file)? {
                log::info!("{}: no longer kept here, since new segments need the room", file.leaf);
                freed += file.size;
            }
        }
        if freed > 0 {
            // Where a file system frees blocks only with its journal, this is what frees them.
            self.dir.sync()?;
        }
        Ok(freed)
    }

    /// Removes a kept segment, unless its record is still in the spool: without it, that would speak of a loss.
    fn remove(&self, segments: &Dir, file: &File) -> Result<bool> {
        let Leaf { stream, seq, .. } = file.leaf;
        if segments.look(record_file(SegmentName { stream, seq }))?.is_some() {
            return Ok(false);
        }
        self.dir.unlink_if_there(&file.file_name)?;
        fault::reached(Point::KeptRemoved);
        Ok(true)
    }
}

/// The kept segments of a directory, the oldest first. Names that are none of ours are left alone; so are files that are
/// gone by now.
pub(super) fn files(dir: &Dir) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for file_name in dir.names()? {
        let Some(leaf) = file_name.to_str().and_then(Leaf::parse) else { continue };
        if let Some(entry) = dir.look(&file_name)? {
            files.push(File { file_name, leaf, size: entry.status.size });
        }
    }
    files.sort_by_key(|file| (file.leaf.last, file.leaf.stream, file.leaf.seq));
    Ok(files)
}
