//! The protocol for a writer that reopens its log when the link count is 0, as Upstart does
//! (FACTS: `fstat` before every write; only `st_nlink == 0` makes it reopen the path).
//!
//! ```text
//! begin   the segment's record is durable        .json
//! claim   web.log -> .web.log.<stamp>.claimed    the same inode as the one that is open, else undone; directory synced
//! copy    to the end of the file                 .part, synced, with its directory
//! unlink  nlink is 0: the writer reopens         directory synced
//! drain   what still arrives, then seal          (drain.rs)
//! ```
//!
//! The order is the point: bytes are durable in the spool before the unlink, and the descriptor stays open after it.
//! Logs go through the steps in batches, so that one fsync of a directory serves many. A log that fails at a step
//! leaves the batch; what it has then is a state that the next run knows how to bring to its end.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::claim::{self, NotClaimed};
use super::copy;
use super::discover::Found;
use super::drain::{self, Draining};
use super::leftovers::split;
use super::{Beginning, Item, Rotation};
use crate::model::names::StreamId;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{ClaimedName, Segment, Source};
use crate::spool::{Held, Part};
use crate::sys::dir::Dir;
use crate::sys::failure::{Failure, Result};
use crate::sys::{clock, host, random};

/// How many logs go through the steps together.
const BATCH: usize = 64;

/// Where a log's bytes are to be taken from.
enum Place {
    /// In its directory, under its own name; to be claimed.
    InUse { dir: Rc<Dir>, name: OsString },
    /// In its directory, claimed by an earlier run.
    Claimed { dir: Rc<Dir>, name: OsString },
    /// In no directory any more.
    Unlinked(Held),
}

impl Place {
    fn dir(&self) -> Option<&Rc<Dir>> {
        match self {
            Self::InUse { dir, .. } | Self::Claimed { dir, .. } => Some(dir),
            Self::Unlinked(_) => None,
        }
    }
}

/// A log whose segment was begun.
struct Begun {
    segment: Segment,
    log: File,
    place: Place,
}

/// A log whose bytes are in a part.
struct Copied {
    part: Part,
    log: File,
    place: Place,
}

/// Takes one item of each log, and seals what it took. Returns the logs of which something is left that must come
/// first.
pub(super) fn take(rotation: &mut Rotation<'_>, items: Vec<Item>) -> Vec<PathBuf> {
    // Each log keeps up to three descriptors open while it is drained: its own, the part's, the directory's.
    let most = usize::try_from(host::raise_open_files() / 3).unwrap_or(usize::MAX).saturating_sub(2 * BATCH).max(BATCH);
    let mut batches = Batches { rotation, dirs: HashMap::new(), left: Vec::new() };
    let mut draining = Vec::new();
    let mut items = items.into_iter();
    loop {
        let batch: Vec<Item> = items.by_ref().take(BATCH).collect();
        if batch.is_empty() || batches.rotation.stop.requested() {
            break;
        }
        draining.extend(batches.take(batch));
        batches.dirs.clear();
        if draining.len() >= most {
            drain::drain(batches.rotation, std::mem::take(&mut draining));
        }
    }
    let Batches { rotation, left, .. } = batches;
    drain::drain(rotation, draining);
    left
}

struct Batches<'r, 'a> {
    rotation: &'r mut Rotation<'a>,
    /// Directories that are open for this batch.
    dirs: HashMap<PathBuf, Rc<Dir>>,
    left: Vec<PathBuf>,
}

impl Batches<'_, '_> {
    fn take(&mut self, items: Vec<Item>) -> Vec<Draining> {
        let begun: Vec<Begun> = items.into_iter().filter_map(|item| self.begin(item)).collect();
        if !self.synced_spool(&begun) {
            return Vec::new();
        }
        let claimed: Vec<Begun> = begun.into_iter().filter_map(|begun| self.claim(begun)).collect();
        self.sync_dirs(claimed.iter().filter_map(|begun| begun.place.dir()));
        let copied: Vec<Copied> = claimed.into_iter().filter_map(|claimed| self.copy(claimed)).collect();
        if let Err(failure) = self.rotation.spool.sync() {
            // No part is known to be durable, so nothing is unlinked: the next run copies again.
            self.rotation.failed(&failure.path.clone(), &failure);
            return Vec::new();
        }
        let unlinked: Vec<Copied> = copied.into_iter().filter_map(|copied| self.unlink(copied)).collect();
        // Synced before any of them is sealed: a claimed file that came back after a power loss would be taken twice.
        self.sync_dirs(unlinked.iter().filter_map(|copied| copied.place.dir()));
        unlinked.into_iter().map(Copied::into_draining).collect()
    }

    fn begin(&mut self, item: Item) -> Option<Begun> {
        let path = path_of(&item);
        let begun = match item {
            Item::Fresh(found) => self.begin_fresh(found),
            Item::Claimed(segment) => self.begin_claimed(segment).map_err(NotClaimed::from),
            Item::Adopted { dir, claimed, log } => self.begin_adopted(&dir, claimed, log).map_err(NotClaimed::from),
            Item::Growth { held, file, .. } => self.begin_growth(held, file),
        };
        match begun {
            Ok(begun) => Some(begun),
            Err(error) => {
                self.not_taken(path, &error);
                None
            }
        }
    }

    fn begin_fresh(&mut self, found: Found) -> std::result::Result<Begun, NotClaimed> {
        let (parent, name) = split(&found.path);
        let dir = self.open_dir(&parent)?;
        let log = claim::open(&dir, &name, found.identity)?;
        let claimed = ClaimedName::new(&name, clock::now(), StreamId::from_random(random::bytes()?));
        let beginning = Beginning::of_file(found.path, found.service, claimed, found.identity);
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
        Ok(Begun { segment, log, place: Place::Claimed { dir, name } })
    }

    fn begin_adopted(&mut self, parent: &Path, claimed: ClaimedName, name: OsString) -> Result<Begun> {
        let dir = self.open_dir(parent)?;
        let Some((log, status)) = claim::reopen(&dir, &claimed, None)? else {
            return Err(not_ours(&dir, &claimed));
        };
        let path = parent.join(&name);
        let service = self.service_of(&path);
        let beginning = Beginning::of_file(path, service, claimed, status.identity);
        let segment = self.rotation.next_segment(beginning)?;
        self.rotation.spool.begin(&segment)?;
        Ok(Begun { segment, log, place: Place::Claimed { dir, name } })
    }

    fn begin_growth(&mut self, held: Held, log: File) -> std::result::Result<Begun, NotClaimed> {
        // Asked anew: another item of the same log may have been sealed in between.
        let last = self.rotation.spool.newest_of(&held)?.ok_or(NotClaimed::Nothing)?;
        let head = self.rotation.spool.after(&last);
        let segment = Segment {
            name: head.name,
            claimed: None,
            offset: head.offset,
            previous: head.previous,
            source: Source { file: held.file, from: held.taken },
            claimed_at: clock::now(),
            first: last.seal.last,
            ..last.segment
        };
        self.rotation.spool.begin(&segment)?;
        Ok(Begun { segment, log, place: Place::Unlinked(held) })
    }

    /// Makes the records durable before any log is touched.
    fn synced_spool(&mut self, begun: &[Begun]) -> bool {
        let Err(failure) = self.rotation.spool.sync() else { return true };
        self.rotation.failed(&failure.path.clone(), &failure);
        for begun in begun {
            self.forget(&begun.segment);
        }
        false
    }

    fn claim(&mut self, begun: Begun) -> Option<Begun> {
        let Begun { segment, log, place } = begun;
        let Place::InUse { dir, name } = &place else { return Some(Begun { segment, log, place }) };
        let claimed = segment.claimed.as_ref().expect("a log in use has a name to be claimed under");
        match claim::claim(dir, name, claimed, &log) {
            Ok(()) => {
                log::info!("{}: claimed as {}", segment.path.display(), Path::new(claimed.as_os_str()).display());
                Some(Begun { segment, log, place })
            }
            Err(error) => {
                self.forget(&segment);
                self.not_taken(segment.path, &error);
                None
            }
        }
    }

    fn copy(&mut self, begun: Begun) -> Option<Copied> {
        let Begun { segment, log, place } = begun;
        let (name, path) = (segment.name, segment.path.clone());
        if self.rotation.stop.requested() {
            let what = "stopped by a signal after it was claimed; the next run goes on from there";
            self.rotation.problem(Problem::new(Effect::Waits, &path, what));
            return None;
        }
        let copied = self.try_copy(segment, &log);
        match copied {
            Ok(part) if part.raw() == 0 && !matches!(place, Place::Unlinked(_)) => {
                self.give_back(&part, &place);
                None
            }
            Ok(part) => Some(Copied { part, log, place }),
            Err(error) => {
                // Without its part the state is "claimed": the next run copies again from the start.
                let _ = self.rotation.spool.discard_part(name);
                self.rotation.failed(&path, error.failure());
                self.left.push(path);
                None
            }
        }
    }

    fn try_copy(&mut self, segment: Segment, log: &File) -> std::result::Result<Part, copy::CopyError> {
        let Rotation { spool, encoder, buffer, .. } = &mut *self.rotation;
        let mut part = spool.start_part(segment).map_err(copy::CopyError::Part)?;
        copy::copy(encoder, buffer, &mut part, log)?;
        part.sync().map_err(copy::CopyError::Part)?;
        log::debug!("{}: {} bytes copied", part.segment().path.display(), part.raw());
        Ok(part)
    }

    /// A log that was emptied by someone else between the look and the copy goes back under its name.
    fn give_back(&mut self, part: &Part, place: &Place) {
        let segment = part.segment();
        if let (Some(dir), Some(claimed)) = (place.dir(), &segment.claimed) {
            let (_, name) = split(&segment.path);
            if let Err(failure) = dir.rename_new(claimed.as_os_str(), &name) {
                self.left.push(segment.path.clone());
                return self.rotation.failed(&segment.path.clone(), &failure);
            }
        }
        self.forget(&segment.clone());
    }

    fn unlink(&mut self, copied: Copied) -> Option<Copied> {
        let segment = copied.part.segment();
        let (Some(dir), Some(claimed)) = (copied.place.dir(), &segment.claimed) else { return Some(copied) };
        let still = claim::is_still(dir, claimed.as_os_str(), &copied.log);
        let unlinked = still.and_then(|still| match still {
            true => dir.unlink(claimed.as_os_str()),
            false => Err(not_ours(dir, claimed)),
        });
        match unlinked {
            Ok(()) => self.read_at_once(copied),
            Err(failure) => {
                let path = segment.path.clone();
                self.rotation.failed(&path, &failure);
                self.left.push(path);
                None
            }
        }
    }

    /// Reads what a write in flight has left behind the unlink, before anything else is done: should this run be killed
    /// now, only what comes later is at risk.
    fn read_at_once(&mut self, mut copied: Copied) -> Option<Copied> {
        let Rotation { encoder, buffer, .. } = &mut *self.rotation;
        match copy::copy(encoder, buffer, &mut copied.part, &copied.log) {
            Ok(_) => Some(copied),
            Err(error) => {
                // Its part stays: the next run salvages it and looks for the inode.
                let path = copied.part.segment().path.clone();
                self.rotation.failed(&path, error.failure());
                self.left.push(path);
                None
            }
        }
    }

    fn sync_dirs<'d>(&mut self, dirs: impl Iterator<Item = &'d Rc<Dir>>) {
        let dirs: HashMap<&Path, &Rc<Dir>> = dirs.map(|dir| (dir.path(), dir)).collect();
        for dir in dirs.into_values() {
            if let Err(failure) = dir.sync() {
                self.rotation.failed(dir.path(), &failure);
            }
        }
    }

    fn open_dir(&mut self, path: &Path) -> Result<Rc<Dir>> {
        if let Some(dir) = self.dirs.get(path) {
            return Ok(Rc::clone(dir));
        }
        let dir = Rc::new(Dir::open(path)?);
        self.dirs.insert(path.to_owned(), Rc::clone(&dir));
        Ok(dir)
    }

    fn service_of(&self, path: &Path) -> crate::model::names::Service {
        let settings = self.rotation.settings;
        let set = settings.treated_as.iter().chain(&settings.sets).find(|set| set.covers(path));
        set.map_or_else(crate::config::ServiceTemplate::default, |set| set.service.clone()).service(path)
    }

    fn forget(&mut self, segment: &Segment) {
        if let Err(failure) = self.rotation.spool.discard(segment.name) {
            self.rotation.failed(&segment.path, &failure);
        }
    }

    fn not_taken(&mut self, path: PathBuf, error: &NotClaimed) {
        match error {
            NotClaimed::Nothing => log::debug!("{}: nothing to take", path.display()),
            NotClaimed::Refused(_) => {
                self.rotation.problem(Problem::new(Effect::Failed, &path, error));
                self.left.push(path);
            }
            NotClaimed::Failed(failure) => {
                self.rotation.failed(&path, failure);
                self.left.push(path);
            }
        }
    }
}

impl Copied {
    fn into_draining(self) -> Draining {
        let Self { part, log, place } = self;
        match place {
            Place::InUse { dir, name } | Place::Claimed { dir, name } => {
                Draining::new(part, log, Some((dir, name)), None)
            }
            Place::Unlinked(held) => Draining::new(part, log, None, Some(held)),
        }
    }
}

fn path_of(item: &Item) -> PathBuf {
    match item {
        Item::Claimed(segment) => segment.path.clone(),
        Item::Adopted { dir, log, .. } => dir.join(log),
        Item::Growth { path, .. } => path.clone(),
        Item::Fresh(found) => found.path.clone(),
    }
}

fn not_ours(dir: &Dir, claimed: &ClaimedName) -> Failure {
    let why = std::io::Error::other("it is not the file that was claimed; it is left alone");
    Failure::new("take", dir.path_of(claimed.as_os_str()), why)
}
