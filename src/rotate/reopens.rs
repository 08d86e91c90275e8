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

use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Rotation;
use super::batch::{Batches, Copied, most_at_once};
use super::begin::{Begun, Place, not_ours};
use super::claim::{self, Standing};
use super::copy::{self, CopyError, To, Until};
use super::drain::{Drain, Draining};
use super::growth;
use super::queues::Item;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::ClaimedName;
use crate::spool::Part;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::lease::{self, Writers};

/// How many logs go through the steps together, where enough files may be open.
const BATCH: usize = 64;

/// How many bytes of logs go through the steps together, but for the last of them.
const BATCH_BYTES: u64 = 64 * 1024 * 1024;

/// How long after the unlink a log is read again and again, before it is the next one's turn.
const IN_FLIGHT: Duration = Duration::from_micros(100);

/// Takes one item of each log, and seals what it took. Returns the logs of which something is left that must come
/// first.
pub(super) fn take(rotation: &mut Rotation<'_>, items: Vec<Item>) -> Vec<PathBuf> {
    let most = most_at_once();
    let batch = BATCH.min(most * 2 / 5).max(1);
    let mut batches = Batches::new(rotation);
    let mut drain = Drain::default();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() && !batches.rotation.stop.requested() {
        let batch = next_batch(&mut items, batch);
        let unlinked = batches.take(batch);
        drain.add(unlinked);
        // What busy writers still wrote to files that they have let go of is read before the next logs are copied.
        drain.round(batches.rotation);
        batches.rotation.hand_over();
        batches.end_batch();
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
            Item::Fresh(found, _) => found.size,
            Item::Rotated(_) | Item::Renamed(_) | Item::Claimed(_) | Item::Adopted { .. } | Item::Growth { .. } => 0,
        };
        batch.push(item);
    }
    batch
}

impl Batches<'_, '_> {
    fn take(&mut self, items: Vec<Item>) -> Vec<Draining> {
        let begun: Vec<Begun> = items.into_iter().filter_map(|item| self.begin(item)).collect();
        let Some(begun) = self.synced_spool(begun) else { return Vec::new() };
        fault::reached(Point::RecordsDurable);
        let claimed: Vec<Begun> = begun.into_iter().filter_map(|begun| self.claim(begun)).collect();
        let claimed = self.synced_claims(claimed);
        fault::reached(Point::ClaimsDurable);
        let copied = self.copy_all(claimed);
        let Some(copied) = self.durable(copied) else { return Vec::new() };
        fault::reached(Point::CopiesDurable);
        let unlinked: Vec<Copied> = copied.into_iter().filter_map(|copied| self.unlink(copied)).collect();
        // Synced before any of them is sealed: a claimed file that came back after a power loss would be taken twice.
        let dirs = unlinked.iter().filter_map(|copied| copied.place.dir().cloned()).collect();
        let unsynced = self.sync_dirs(dirs);
        fault::reached(Point::UnlinksDurable);
        unlinked.into_iter().map(|copied| copied.into_draining(&unsynced)).collect()
    }

    /// Makes the parts' names durable, and sees that there is room for what is still to come: only then may a log be
    /// unlinked. Where not, the logs stay claimed, and the next run copies them again.
    fn durable(&mut self, copied: Vec<Copied>) -> Option<Vec<Copied>> {
        let spool = &*self.rotation.spool;
        let Err(failure) = spool.sync().and_then(|()| self.budget.require_free(spool)) else { return Some(copied) };
        for Copied { part, .. } in copied {
            let segment = part.segment();
            let _ = self.rotation.spool.discard_part(segment.name);
            self.rotation.failed(&segment.path, &failure);
            self.left.push(segment.path.clone());
        }
        None
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
        self.top_up(part, log)?;
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
            let problem = Problem::new(Effect::Failed, &path, what).because(Cause::Unreleased);
            self.rotation.problem(problem.hint(growth::DOES_NOT_REOPEN));
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
            if copy::copy(&mut self.rotation.press, part, log, To::ItsEnd, Until::TheEnd).is_err() {
                return;
            }
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
