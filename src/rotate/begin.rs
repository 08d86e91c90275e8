//! Beginning a segment: its log is found and opened, and its record written.
//!
//! Nothing of the log is touched yet. What can't be begun is named and left as it is.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::batch::Batches;
use super::claim::{self, NotClaimed};
use super::discover::Found;
use super::leftovers::split;
use super::next::Beginning;
use super::queues::Item;
use super::taken;
use crate::model::names::StreamId;
use crate::model::segment::{ClaimedName, Segment, Source, Taken};
use crate::model::way::Way;
use crate::spool::Held;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::procfs;
use crate::sys::{clock, random};

/// Where a log's bytes are to be taken from.
pub(super) enum Place {
    /// In its directory, under its own name; to be claimed.
    InUse { dir: Rc<Dir>, name: OsString },
    /// In its directory, claimed by an earlier run.
    Claimed { dir: Rc<Dir>, name: OsString },
    /// In no directory any more.
    Unlinked(Held),
}

impl Place {
    pub(super) fn dir(&self) -> Option<&Rc<Dir>> {
        match self {
            Self::InUse { dir, .. } | Self::Claimed { dir, .. } => Some(dir),
            Self::Unlinked(_) => None,
        }
    }
}

/// A log whose segment was begun.
pub(super) struct Begun {
    pub(super) segment: Segment,
    pub(super) log: File,
    pub(super) place: Place,
}

impl Batches<'_, '_> {
    /// Begins the segment of an item.
    pub(super) fn begin(&mut self, item: Item) -> Option<Begun> {
        let path = item.path();
        let begun = match item {
            Item::Fresh(found, way) => self.begin_fresh(found, way),
            Item::Claimed(segment) => self.begin_claimed(*segment).map_err(NotClaimed::from),
            Item::Adopted { dir, claimed, log, way } => {
                self.begin_adopted(&dir, claimed, log, way).map_err(NotClaimed::from)
            }
            Item::Growth { held, log, .. } => self.begin_growth(held, log),
            // Files that were rotated are never in use: closed.rs takes them.
            Item::Rotated(_) | Item::Renamed(_) => Err(NotClaimed::Nothing),
        };
        match begun {
            Ok(begun) => Some(begun),
            Err(error) => {
                self.not_taken(path, &error);
                None
            }
        }
    }

    fn begin_fresh(&mut self, found: Found, way: Way) -> std::result::Result<Begun, NotClaimed> {
        // Looked at before the claim too: where there is no room, people better find the log under its own name.
        self.require_room(found.size)?;
        let (parent, name) = split(&found.path);
        let dir = self.open_dir(&parent)?;
        let log = claim::open(&dir, &name, found.identity)?;
        fault::reached(Point::Opened);
        let claimed = ClaimedName::new(&name, clock::now(), StreamId::from_random(random::bytes()?));
        let start = self.rotation.start(&found.path, &log)?;
        let Status { size, modified, .. } = Status::of_file(&log).doing("look at", &found.path)?;
        if start.from == size {
            self.rotation.outcome.nothing_new.push(found.identity);
            self.rotation.silent(found.identity, size, start.from);
            return Err(NotClaimed::Nothing);
        }
        let Found { path, service, identity: file, .. } = found;
        let directory = dir.status()?.identity;
        let beginning = Beginning { path, service, claimed: Some(claimed), file, modified, start, directory, way };
        let segment = self.rotation.next_segment(beginning)?;
        self.rotation.spool.begin(&segment)?;
        Ok(Begun { segment, log, place: Place::InUse { dir, name } })
    }

    fn begin_claimed(&mut self, segment: Segment) -> Result<Begun> {
        let (parent, name) = split(&segment.path);
        let dir = self.open_dir(&parent)?;
        let claimed = segment.claimed.as_ref().expect("only a claimed file is copied again");
        let Some((log, _)) = claim::reopen(&dir, claimed, Some(segment.source.file))? else {
            return Err(not_ours(&dir, claimed));
        };
        // It is copied from the start.
        self.rotation.spool.discard_part(segment.name)?;
        Ok(Begun { segment, log, place: Place::Claimed { dir, name } })
    }

    fn begin_adopted(&mut self, parent: &Path, claimed: ClaimedName, name: OsString, way: Way) -> Result<Begun> {
        let dir = self.open_dir(parent)?;
        let Some((log, status)) = claim::reopen(&dir, &claimed, None)? else {
            return Err(not_ours(&dir, &claimed));
        };
        // A run with another state directory may have claimed it a moment ago: then it has it open.
        if let Some(pid) = procfs::another_of_us_with(status.identity) {
            let why = format!("another logferry (pid {pid}), with another state directory, is at work on it");
            let error = io::Error::new(io::ErrorKind::WouldBlock, why);
            return Err(Failure::new("take", dir.path_of(claimed.as_os_str()), error));
        }
        let path = parent.join(&name);
        let service = self.rotation.service_of(&path);
        let mut start = self.rotation.start(&path, &log)?;
        // Where all of it was sealed and somebody has written to it since, only that is left.
        let taken = taken::taken_of(self.rotation, &claimed, status.identity)?.filter(|taken| *taken <= status.size);
        start.from = start.from.max(taken.unwrap_or_default());
        let (file, modified, directory) = (status.identity, status.modified, dir.status()?.identity);
        let beginning = Beginning { path, service, claimed: Some(claimed), file, modified, start, directory, way };
        let segment = self.rotation.next_segment(beginning)?;
        self.rotation.spool.begin(&segment)?;
        Ok(Begun { segment, log, place: Place::Claimed { dir, name } })
    }

    fn begin_growth(&mut self, held: Held, log: File) -> std::result::Result<Begun, NotClaimed> {
        // Asked anew: another item of the same log may have been sealed in between.
        let last = self.rotation.spool.newest_of(&held)?.ok_or(NotClaimed::Nothing)?;
        let head = self.rotation.spool.after(&last);
        self.rotation.remember_before(&last, held.file)?;
        let modified = Status::of_file(&log).doing("look at", &last.segment.path)?.modified;
        let first = self.rotation.not_before_look(last.seal.last, held.file, held.taken, modified);
        let Segment { service, instance, host, .. } = &last.segment;
        let key_directory = self.rotation.key_directory(service, instance, host, first);
        let segment = Segment {
            name: head.name,
            claimed: None,
            offset: head.offset,
            previous: head.previous,
            source: Source { file: held.file, from: held.taken },
            claimed_at: clock::now(),
            first,
            key_directory,
            way: Way::Reopens,
            taken: Taken::Away,
            format: self.rotation.settings.format,
            ..last.segment
        };
        let segment = self.rotation.spool.with_notice(segment, Some(&head));
        self.rotation.spool.begin(&segment)?;
        Ok(Begun { segment, log, place: Place::Unlinked(held) })
    }

    fn open_dir(&mut self, path: &Path) -> Result<Rc<Dir>> {
        if let Some(dir) = self.dirs.get(path) {
            return Ok(Rc::clone(dir));
        }
        let dir = Rc::new(Dir::open(path)?);
        self.dirs.insert(path.to_owned(), Rc::clone(&dir));
        Ok(dir)
    }

    pub(super) fn not_taken(&mut self, path: PathBuf, error: &NotClaimed) {
        match error {
            NotClaimed::Nothing => log::debug!("{}: nothing to take", path.display()),
            NotClaimed::Refused(_) | NotClaimed::Replaced => {
                self.rotation.problem(error.problem(&path));
                self.left.push(path);
            }
            NotClaimed::Failed(failure) => {
                self.rotation.failed(&path, failure);
                self.left.push(path);
            }
        }
    }
}

/// The failure of a name that does not stand for the file that was claimed.
pub(super) fn not_ours(dir: &Dir, claimed: &ClaimedName) -> Failure {
    let why = std::io::Error::other("it is not the file that was claimed; it is left alone");
    Failure::new("take", dir.path_of(claimed.as_os_str()), why)
}
