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
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::begin::{Begun, Place, not_ours};
use super::claim::{self, Standing};
use super::copy::{self, CopyError, Until};
use super::drain::{Drain, Draining};
use super::growth;
use super::leftovers::split;
use super::room::{Limits, Room};
use super::{Item, Rotation};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{ClaimedName, Ended, Segment};
use crate::spool::Part;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::host;
use crate::sys::lease::{self, Writers};

/// How many logs go through the steps together, where enough files may be open.
const BATCH: usize = 64;

/// How many bytes of logs go through the steps together, but for the last of them.
const BATCH_BYTES: u64 = 64 * 1024 * 1024;

/// How often what was written meanwhile is read, and made durable, before the unlink.
const TOP_UPS: usize = 3;

/// How long after the unlink a log is read again and again, before it is the next one's turn.
const IN_FLIGHT: Duration = Duration::from_micros(100);

/// A log whose bytes are in a part.
struct Copied {
    part: Part,
    log: File,
    place: Place,
}

/// Takes one item of each log, and seals what it took. Returns the logs of which something is left that must come
/// first.
pub(super) fn take(rotation: &mut Rotation<'_>, items: Vec<Item>) -> Vec<PathBuf> {
    // Each log keeps up to three descriptors open while it is drained: its own, the part's, its directory's.
    let files = usize::try_from(host::raise_open_files()).unwrap_or(usize::MAX);
    let (batch, most) = (BATCH.min(files / 10).max(1), (files / 4).max(1));
    let limits = Limits::of(rotation.settings);
    let mut batches = Batches { rotation, dirs: HashMap::new(), left: Vec::new(), limits, room: None };
    let mut drain = Drain::default();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() && !batches.rotation.stop.requested() {
        let batch = next_batch(&mut items, batch);
        let unlinked = batches.take(batch);
        drain.add(unlinked);
        // What busy writers still wrote to files that they have let go of is read before the next logs are copied.
        drain.round(batches.rotation);
        batches.dirs.clear();
        batches.room = None;
        if drain.len() >= most {
            drain.finish(batches.rotation);
        }
    }
    drain.finish(batches.rotation);
    batches.left.append(&mut drain.unsealed);
    batches.rotation.outcome.stopped.untouched += items.count();
    batches.left
}

/// The items that go through the steps together: not too many, and not too many bytes, since what their writers write
/// meanwhile is read again at the end.
fn next_batch(items: &mut impl Iterator<Item = Item>, count: usize) -> Vec<Item> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < count && bytes < BATCH_BYTES {
        let Some(item) = items.next() else { break };
        bytes += match &item {
            Item::Fresh(found) => found.size,
            Item::Claimed(_) | Item::Adopted { .. } | Item::Growth { .. } => 0,
        };
        batch.push(item);
    }
    batch
}

/// What the steps of a round need.
pub(super) struct Batches<'r, 'a> {
    pub(super) rotation: &'r mut Rotation<'a>,
    /// Directories that are open for this batch.
    pub(super) dirs: HashMap<PathBuf, Rc<Dir>>,
    /// Logs of which something is left that must come first.
    pub(super) left: Vec<PathBuf>,
    limits: Limits,
    /// What the spool may still take, as far as this batch knows.
    room: Option<Room>,
}

impl Batches<'_, '_> {
    fn take(&mut self, items: Vec<Item>) -> Vec<Draining> {
        let begun: Vec<Begun> = items.into_iter().filter_map(|item| self.begin(item)).collect();
        let Some(begun) = self.synced_spool(begun) else { return Vec::new() };
        fault::reached(Point::RecordsDurable);
        let claimed: Vec<Begun> = begun.into_iter().filter_map(|begun| self.claim(begun)).collect();
        let claimed = self.synced_claims(claimed);
        fault::reached(Point::ClaimsDurable);
        let copied: Vec<Copied> = claimed.into_iter().filter_map(|claimed| self.copy(claimed)).collect();
        let Some(copied) = self.durable(copied) else { return Vec::new() };
        fault::reached(Point::CopiesDurable);
        let unlinked: Vec<Copied> = copied.into_iter().filter_map(|copied| self.unlink(copied)).collect();
        // Synced before any of them is sealed: a claimed file that came back after a power loss would be taken twice.
        let dirs = unlinked.iter().filter_map(|copied| copied.place.dir().cloned()).collect();
        let unsynced = self.sync_dirs(dirs);
        fault::reached(Point::UnlinksDurable);
        unlinked.into_iter().map(|copied| copied.into_draining(&unsynced)).collect()
    }

    /// Makes the records durable before any log is touched.
    fn synced_spool(&mut self, begun: Vec<Begun>) -> Option<Vec<Begun>> {
        let Err(failure) = self.rotation.spool.sync() else { return Some(begun) };
        self.rotation.failed(&failure.path.clone(), &failure);
        for Begun { segment, place, .. } in begun {
            // Of a file that is claimed already the record is needed.
            if matches!(place, Place::InUse { .. }) {
                self.forget(&segment);
            }
            self.left.push(segment.path);
        }
        None
    }

    /// Makes the claims durable. A log whose claim may be undone by a power loss must not be copied: it would be there
    /// under its own name, and its part would be taken for one whose log was unlinked.
    fn synced_claims(&mut self, claimed: Vec<Begun>) -> Vec<Begun> {
        let unsynced = self.sync_dirs(claimed.iter().filter_map(|begun| begun.place.dir().cloned()).collect());
        let (lost, kept): (Vec<_>, Vec<_>) = claimed
            .into_iter()
            .partition(|begun| begun.place.dir().is_some_and(|dir| unsynced.iter().any(|bad| Rc::ptr_eq(bad, dir))));
        self.left.extend(lost.into_iter().map(|begun| begun.segment.path));
        kept
    }

    /// Fails where there is no room for a log of that size.
    pub(super) fn require_room(&mut self, size: u64) -> Result<()> {
        self.room()?.require_for(self.rotation.spool, size)
    }

    fn room(&mut self) -> Result<Room> {
        match self.room {
            Some(room) => Ok(room),
            None => Ok(*self.room.insert(self.limits.room(self.rotation.spool)?)),
        }
    }

    /// Makes the parts' names durable, and sees that there is room for what is still to come: only then may a log be
    /// unlinked. Where not, the logs stay claimed, and the next run copies them again.
    fn durable(&mut self, copied: Vec<Copied>) -> Option<Vec<Copied>> {
        let spool = &*self.rotation.spool;
        let Err(failure) = spool.sync().and_then(|()| self.limits.require_free(spool)) else { return Some(copied) };
        for Copied { part, .. } in copied {
            let segment = part.segment();
            let _ = self.rotation.spool.discard_part(segment.name);
            self.rotation.failed(&segment.path, &failure);
            self.left.push(segment.path.clone());
        }
        None
    }

    fn claim(&mut self, begun: Begun) -> Option<Begun> {
        let Begun { segment, log, place } = begun;
        let Place::InUse { dir, name } = &place else { return Some(Begun { segment, log, place }) };
        let claimed = segment.claimed.as_ref().expect("a log in use has a name to be claimed under");
        match claim::claim(dir, name, claimed, &log) {
            Ok(()) => {
                fault::reached(Point::Claimed);
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
        let mut part = match self.rotation.spool.start_part(segment) {
            Ok(part) => part,
            Err(failure) => {
                let _ = self.rotation.spool.discard_part(name);
                self.copy_failed(path, &CopyError::Part(failure));
                return None;
            }
        };
        match self.fill(&mut part, &log) {
            Ok(()) if part.raw() == 0 && self.gave_back(&part, &place) => None,
            Ok(()) => Some(Copied { part, log, place }),
            Err(error) => {
                self.broken_off(part, &error);
                None
            }
        }
    }

    fn fill(&mut self, part: &mut Part, log: &File) -> std::result::Result<(), CopyError> {
        self.copy_on(part, log)?;
        fault::reached(Point::Copied);
        part.sync().map_err(CopyError::Part)?;
        fault::reached(Point::CopyDurable);
        log::debug!("{}: {} bytes copied", part.segment().path.display(), part.raw());
        Ok(())
    }

    /// Copies while the log is still there, and the room lasts.
    fn copy_on(&mut self, part: &mut Part, log: &File) -> std::result::Result<u64, CopyError> {
        let mut room = self.room().map_err(CopyError::Part)?;
        let before = part.packed();
        let Rotation { encoder, buffer, stop, meter, .. } = &mut *self.rotation;
        let until = Until::Stopped { stop, most: before + room.left(), meter };
        let copied = copy::copy(encoder, buffer, part, log, until)?;
        room.take(part.packed() - before);
        self.room = Some(room);
        Ok(copied)
    }

    /// A copy that can't be brought to its end while the log is still there. Without its part the state is "claimed": the
    /// next run copies again from the start. Only where the log no longer has what was read of it, that is kept.
    fn broken_off(&mut self, part: Part, error: &CopyError) {
        let (name, path) = (part.segment().name, part.segment().path.clone());
        match error {
            CopyError::Truncated if part.raw() > 0 => self.keep(part),
            _ => {
                let _ = self.rotation.spool.discard_part(name);
                self.copy_failed(path, error);
            }
        }
    }

    /// Seals what was read of a log before someone else truncated it. What is in the claimed file now belongs to no
    /// segment any more: the next run finds it, and takes it for the one that follows.
    fn keep(&mut self, part: Part) {
        let path = part.segment().path.clone();
        let length = part.raw();
        let sealed = part.modified().and_then(|modified| self.rotation.spool.seal(part, modified, Ended::Interrupted));
        let what = format!(
            "it was truncated by someone else while it was copied; the {length} bytes that had been read are kept, and the \
             next run takes what was written to it since"
        );
        let problem = Problem::new(Effect::Failed, &path, what);
        self.rotation.problem(problem.hint("find out what else handles this log: logrotate, a cron job"));
        match sealed {
            Ok(sealed) => self.rotation.outcome.sealed.push(sealed),
            Err(failure) => self.rotation.failed(&path, &failure),
        }
        self.left.push(path);
    }

    fn copy_failed(&mut self, path: PathBuf, error: &CopyError) {
        match error {
            CopyError::Stopped => self.rotation.outcome.stopped.claimed += 1,
            CopyError::TooLarge => {
                let failure =
                    self.room().map(|room| room.exceeded(self.rotation.spool)).unwrap_or_else(|failure| failure);
                self.rotation.failed(&path, &failure);
            }
            CopyError::Log(failure) | CopyError::Part(failure) => self.rotation.failed(&path, failure),
            // Of which nothing had been read.
            CopyError::Truncated | CopyError::Hollow { .. } => {
                self.rotation.problem(Problem::new(Effect::Failed, &path, error))
            }
        }
        self.left.push(path);
    }

    /// Puts a log back under its name that someone else has emptied between the look and the copy. Where the name is
    /// taken meanwhile, false: the empty file goes on through the steps.
    fn gave_back(&mut self, part: &Part, place: &Place) -> bool {
        let segment = part.segment();
        let (Some(dir), Some(claimed)) = (place.dir(), &segment.claimed) else { return false };
        let (_, name) = split(&segment.path);
        if dir.rename_new(claimed.as_os_str(), &name).is_err() {
            return false;
        }
        fault::reached(Point::GivenBack);
        self.forget(segment);
        true
    }

    fn unlink(&mut self, mut copied: Copied) -> Option<Copied> {
        if copied.place.dir().is_none() {
            return Some(copied);
        }
        match self.try_unlink(&mut copied) {
            Ok(()) => Some(copied),
            Err(error) => {
                self.broken_off(copied.part, &error);
                None
            }
        }
    }

    fn try_unlink(&mut self, Copied { part, log, place }: &mut Copied) -> std::result::Result<(), CopyError> {
        // What its writer wrote while the others of the batch were copied.
        for _ in 0..TOP_UPS {
            if self.copy_on(part, log)? == 0 {
                break;
            }
            part.sync().map_err(CopyError::Part)?;
        }
        fault::reached(Point::ToppedUp);
        let segment = part.segment();
        let (Some(dir), Some(claimed)) = (place.dir(), &segment.claimed) else { return Ok(()) };
        let path = segment.path.clone();
        match claim::standing(dir, claimed, log).map_err(CopyError::Log)? {
            Standing::Claimed => {
                fault::reached(Point::BeforeUnlink);
                unlink(dir, claimed).map_err(CopyError::Log)?;
            }
            Standing::Moved => return Err(CopyError::Log(not_ours(dir, claimed))),
            // Whatever has its name now is left alone; all that was in it is here.
            Standing::Deleted => {
                let what = "it was deleted by someone else while it was copied; all that it held is kept";
                self.rotation.problem(Problem::new(Effect::Failed, &path, what));
            }
        }
        fault::reached(Point::Unlinked);
        if Status::of_file(log).is_ok_and(|status| status.links > 0) {
            let what = "it was given another hard link while it was taken, so that its writer won't reopen it";
            self.rotation.problem(Problem::new(Effect::Failed, &path, what).hint(growth::DOES_NOT_REOPEN));
        }
        self.read_in_flight(part, log);
        fault::reached(Point::InFlightRead);
        Ok(())
    }

    /// Reads a write that was in flight: it waits for the unlink inside of the kernel, and lands right behind it. Until
    /// it is read, it would be lost if this run were killed. Where reading fails, the drain tries again and says so.
    fn read_in_flight(&mut self, part: &mut Part, log: &File) {
        let unlinked = Instant::now();
        while lease::writers(log) != Writers::None && unlinked.elapsed() < IN_FLIGHT {
            let Rotation { encoder, buffer, .. } = &mut *self.rotation;
            if copy::copy(encoder, buffer, part, log, Until::TheEnd).is_err() {
                return;
            }
        }
    }

    /// Syncs directories, each once; returns those that could not be.
    fn sync_dirs(&mut self, dirs: Vec<Rc<Dir>>) -> Vec<Rc<Dir>> {
        let dirs: HashMap<PathBuf, Rc<Dir>> = dirs.into_iter().map(|dir| (dir.path().to_owned(), dir)).collect();
        let mut failed = Vec::new();
        for (path, dir) in dirs {
            if let Err(failure) = dir.sync() {
                self.rotation.failed(&path, &failure);
                failed.push(dir);
            }
        }
        failed
    }

    fn forget(&mut self, segment: &Segment) {
        if let Err(failure) = self.rotation.spool.discard(segment.name) {
            self.rotation.failed(&segment.path, &failure);
        }
    }
}

fn unlink(dir: &Dir, claimed: &ClaimedName) -> Result<()> {
    match dir.unlink(claimed.as_os_str()) {
        // If the name is gone all the same, the part is all there is: it must not be discarded.
        Err(_) if matches!(dir.look(claimed.as_os_str()), Ok(None)) => Ok(()),
        other => other,
    }
}

impl Copied {
    /// `unsynced` are the directories whose unlinks are not known to be durable.
    fn into_draining(self, unsynced: &[Rc<Dir>]) -> Draining {
        let Self { part, log, place } = self;
        match place {
            Place::InUse { dir, name } | Place::Claimed { dir, name } => {
                let to_sync = unsynced.iter().find(|failed| Rc::ptr_eq(failed, &dir)).cloned();
                Draining::new(part, log, Some((dir, name)), None).syncing_first(to_sync)
            }
            Place::Unlinked(held) => Draining::new(part, log, None, Some(held)),
        }
    }
}
