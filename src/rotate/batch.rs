//! The steps that all ways share which begin with a claim: records, claims, copies, each made durable for many logs at once.
//!
//! A log that fails at a step leaves the batch; what it has then is a state that the next run knows how to bring to its end.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Rotation;
use super::begin::{Begun, Place};
use super::budget::Budget;
use super::claim;
use super::copy::{CopyError, To};
use super::leftovers::split;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, Segment};
use crate::spool::Part;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};
use crate::sys::host;

/// How often what was written meanwhile is read, and made durable, before the unlink.
const TOP_UPS: usize = 3;

/// A log whose bytes are in a part.
pub(super) struct Copied {
    pub(super) part: Part,
    pub(super) log: File,
    pub(super) place: Place,
}

/// What the steps of a round need.
pub(super) struct Batches<'r, 'a> {
    pub(super) rotation: &'r mut Rotation<'a>,
    /// Directories that are open for this batch.
    pub(super) dirs: HashMap<PathBuf, Rc<Dir>>,
    /// Logs of which something is left that must come first.
    pub(super) left: Vec<PathBuf>,
    /// What the spool may still take, as far as this batch knows.
    pub(super) budget: Budget,
}

impl<'r, 'a> Batches<'r, 'a> {
    pub(super) fn new(rotation: &'r mut Rotation<'a>) -> Self {
        let budget = Budget::of(rotation.settings);
        Self { rotation, dirs: HashMap::new(), left: Vec::new(), budget }
    }

    /// Forgets what belongs to one batch only: its directories, and how much room there was.
    pub(super) fn end_batch(&mut self) {
        self.dirs.clear();
        self.budget.renew();
    }
}

/// How many logs may be at work at once: each keeps up to three descriptors open, its own, the part's, its directory's.
pub(super) fn most_at_once() -> usize {
    let files = usize::try_from(host::raise_open_files()).unwrap_or(usize::MAX);
    (files / 4).max(1)
}

/// Makes a copy that has come to its end durable.
pub(super) fn made_durable(part: &Part) -> std::result::Result<(), CopyError> {
    fault::reached(Point::Copied);
    part.sync().map_err(CopyError::Part)?;
    fault::reached(Point::CopyDurable);
    log::debug!("{}: {} bytes copied", part.segment().path.display(), part.raw());
    Ok(())
}

impl Batches<'_, '_> {
    /// Makes the records durable before any log is touched.
    pub(super) fn synced_spool(&mut self, begun: Vec<Begun>) -> Option<Vec<Begun>> {
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
    pub(super) fn synced_claims(&mut self, claimed: Vec<Begun>) -> Vec<Begun> {
        let unsynced = self.sync_dirs(claimed.iter().filter_map(|begun| begun.place.dir().cloned()).collect());
        let (lost, kept): (Vec<_>, Vec<_>) = claimed
            .into_iter()
            .partition(|begun| begun.place.dir().is_some_and(|dir| unsynced.iter().any(|bad| Rc::ptr_eq(bad, dir))));
        self.left.extend(lost.into_iter().map(|begun| begun.segment.path));
        kept
    }

    /// Fails where there is no room for a log of that size.
    pub(super) fn require_room(&mut self, size: u64) -> Result<()> {
        self.budget.require(self.rotation.spool, size)
    }

    pub(super) fn claim(&mut self, begun: Begun) -> Option<Begun> {
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

    /// Copies a log, and makes the copy durable.
    pub(super) fn copy(&mut self, begun: Begun) -> Option<Copied> {
        let mut copied = self.start(begun)?;
        let filled = self.fill(&mut copied.part, &copied.log);
        self.filled(copied, filled)
    }

    /// Makes a log's part, which holds nothing yet.
    pub(super) fn start(&mut self, Begun { segment, log, place }: Begun) -> Option<Copied> {
        let (name, path) = (segment.name, segment.path.clone());
        match self.rotation.spool.start_part(segment) {
            Ok(part) => Some(Copied { part, log, place }),
            Err(failure) => {
                let _ = self.rotation.spool.discard_part(name);
                self.copy_failed(path, &CopyError::Part(failure));
                None
            }
        }
    }

    /// What is left to do of a log, by what copying it came to.
    pub(super) fn filled(&mut self, copied: Copied, filled: std::result::Result<(), CopyError>) -> Option<Copied> {
        match filled {
            // Someone else has emptied it between the look and the copy. If it can't have its name back, it goes on
            // through the steps.
            Ok(()) if copied.part.raw() == 0 && self.gave_back(copied.part.segment(), &copied.place) => None,
            Ok(()) => Some(copied),
            Err(error) => {
                self.broken_off(copied.part, &error);
                None
            }
        }
    }

    pub(super) fn fill(&mut self, part: &mut Part, log: &File) -> std::result::Result<(), CopyError> {
        self.copy_on(part, log)?;
        made_durable(part)
    }

    /// Copies while the log is still there, and the room lasts.
    pub(super) fn copy_on(&mut self, part: &mut Part, log: &File) -> std::result::Result<u64, CopyError> {
        self.budget.copy(self.rotation, part, log, To::ItsEnd)
    }

    /// Copies, and makes durable, what its writer wrote while the log, and the others of its batch, were copied: again, as
    /// long as that is getting less. What a writer that is as fast as the compressor writes meanwhile can't be caught up
    /// with before it has let go.
    pub(super) fn top_up(&mut self, part: &mut Part, log: &File) -> std::result::Result<(), CopyError> {
        let mut before = part.raw();
        for _ in 0..TOP_UPS {
            let copied = self.copy_on(part, log)?;
            if copied == 0 {
                break;
            }
            part.sync().map_err(CopyError::Part)?;
            if copied > before / 2 {
                break;
            }
            before = copied;
        }
        Ok(())
    }

    /// A copy that can't be brought to its end while the log is still there. Without its part the state is "claimed": the
    /// next run copies again from the start. Only where the log no longer has what was read of it, that is kept.
    pub(super) fn broken_off(&mut self, part: Part, error: &CopyError) {
        let (name, path) = (part.segment().name, part.segment().path.clone());
        match error {
            CopyError::Truncated if part.raw() > 0 => self.keep(part),
            _ => {
                // While it is open, its room is not free.
                drop(part);
                let _ = self.rotation.spool.discard_part(name);
                self.copy_failed(path, error);
            }
        }
    }

    /// Seals what was read of a log before someone else truncated it. What is in the claimed file now belongs to no
    /// segment any more: the next run finds it, and takes it for the one that follows.
    pub(super) fn keep(&mut self, part: Part) {
        let path = part.segment().path.clone();
        let length = part.raw();
        let sealed = part.modified().and_then(|modified| self.rotation.spool.seal(part, modified, Ended::Interrupted));
        let what = format!(
            "it was truncated by someone else while it was copied; the {length} bytes that had been read are kept, and the \
             next run takes what was written to it since"
        );
        let problem = Problem::new(Effect::Failed, &path, what).because(Cause::Truncated);
        self.rotation.problem(problem.hint("find out what else handles this log: logrotate, a cron job"));
        match sealed {
            Ok(sealed) => self.rotation.outcome.sealed.push(sealed),
            Err(failure) => self.rotation.failed(&path, &failure),
        }
        self.left.push(path);
    }

    pub(super) fn copy_failed(&mut self, path: PathBuf, error: &CopyError) {
        match error {
            CopyError::Stopped => self.rotation.outcome.stopped.claimed += 1,
            CopyError::TooLarge => {
                let failure = self.budget.exceeded(self.rotation.spool);
                self.rotation.failed(&path, &failure);
            }
            CopyError::Log(failure) | CopyError::Part(failure) => self.rotation.failed(&path, failure),
            // Of which nothing had been read.
            CopyError::Truncated | CopyError::Hollow { .. } => {
                self.rotation.problem(Problem::new(Effect::Failed, &path, error).because(error.cause()))
            }
        }
        self.left.push(path);
    }

    /// Puts a claimed log back under its name, and forgets its segment. Where the name is taken meanwhile, false: it stays
    /// claimed.
    pub(super) fn gave_back(&mut self, segment: &Segment, place: &Place) -> bool {
        let (Some(dir), Some(claimed)) = (place.dir(), &segment.claimed) else { return false };
        let (_, name) = split(&segment.path);
        if dir.rename_new(claimed.as_os_str(), &name).is_err() {
            return false;
        }
        fault::reached(Point::GivenBack);
        self.forget(segment);
        true
    }

    /// Syncs directories, each once; returns those that could not be.
    pub(super) fn sync_dirs(&mut self, dirs: Vec<Rc<Dir>>) -> Vec<Rc<Dir>> {
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

    pub(super) fn forget(&mut self, segment: &Segment) {
        if let Err(failure) = self.rotation.spool.discard(segment.name) {
            self.rotation.failed(&segment.path, &failure);
        }
    }
}
