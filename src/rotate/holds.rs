//! Logs whose writers never let go, taken in their place: what `copytruncate` promises, without the loss.
//!
//! ```text
//! look    who writes: all append, or refused             (holds/writers.rs)
//! known   where the next segment begins                  (known.rs)
//! gap     zeros that nobody wrote are no bytes of it      (holds/gap.rs)
//! copy    up to the last whole line                      .part, synced; the log is synced up to there too
//! seal    with how to know the file again, and with      .gz
//!         what of its head will be given back
//! look    who writes, once more
//! give    the head goes, by one call                     (holds/giving.rs)
//! ```
//!
//! The order is the point: the segment is durable before the head goes, and with it what is going to go, so that a run that
//! comes after a crash at any instant knows from the file's first bytes whether it went. Nothing else is to be remembered. The
//! log is synced before the seal, since its end after a power loss must not come before the place where the next segment
//! begins.
//!
//! The writers go on appending all the time. A log that fails at a step is left as it is.

mod beginning;
mod gap;
mod giving;
mod readers;
mod reading;
mod writers;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::Rotation;
use super::budget::Budget;
use super::copy::{self, CopyError};
use super::discover::Found;
use super::known::{Start, digest};
use super::queues::Item;
use super::reopens;
use crate::model::gap::Gap;
use crate::model::in_place::{Able, InPlace, LONGEST, Mark, Reach};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{SealedSegment, Segment};
use crate::model::way::{Holes, Way};
use crate::spool::Part;
use crate::sys::collapse::{self, Prospect};
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
pub(super) use giving::unable;
pub(super) use writers::Refusal;

/// How many logs go through the steps together: two looks through `/proc` and one fsync of the spool serve them all.
const BATCH: usize = 64;

/// Whether a log can be taken in its place, as far as can be told without touching it: whether its file system can take the
/// head of a file away.
pub(super) fn is_possible(log: &File) -> bool {
    collapse::prospect(log).is_ok_and(|prospect| prospect != Prospect::None)
}

pub(super) use reading::end as end_of;

/// Takes one item of each log. Returns the logs of which something is left that must come first.
pub(super) fn take(rotation: &mut Rotation<'_>, items: Vec<Item>) -> Vec<PathBuf> {
    let (mut logs, mut others) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Fresh(found, Way::Holds { holes }) => logs.push((found, holes)),
            // What is out of its place already is taken from there.
            other => others.push(other),
        }
    }
    let budget = Budget::of(rotation.settings);
    let mut places = Places { rotation, budget, left: Vec::new() };
    let mut logs = logs.into_iter().peekable();
    while logs.peek().is_some() && !places.rotation.stop.requested() {
        places.take(logs.by_ref().take(BATCH).collect());
        places.rotation.hand_over();
        places.budget.renew();
    }
    places.rotation.outcome.stopped.untouched += logs.count();
    let mut left = places.left;
    if !others.is_empty() {
        left.extend(reopens::take(rotation, others));
    }
    left
}

/// A log that is open, in its place.
struct InUse {
    found: Found,
    holes: Holes,
    dir: Dir,
    name: OsString,
    log: File,
    /// How far it is taken.
    reach: Reach,
}

/// A log whose segment was begun.
struct Begun {
    segment: Segment,
    log: InUse,
    /// What it was when the end of the segment was chosen.
    status: Status,
    start: Start,
    /// Where in the file the segment ends.
    end: u64,
    /// Whether there is more of it for this run.
    goes_on: bool,
    /// Zeros behind its end that are no bytes of the log.
    gap: Option<Gap>,
    able: Able,
}

/// A log of which something is to be given back.
struct Owing {
    sealed: SealedSegment,
    log: InUse,
    /// Whether the plan can still be changed: the segment was sealed by this run.
    is_new: bool,
}

/// What is to be done about a log.
enum Next {
    Segment(Box<Begun>),
    Give(Box<Owing>),
    Nothing,
}

/// Why a log was not taken.
enum NotTaken {
    Refused(Refusal),
    Failed(Failure),
}

impl From<Failure> for NotTaken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What the steps need.
struct Places<'r, 'a> {
    rotation: &'r mut Rotation<'a>,
    /// What the spool may still take, as far as this batch knows.
    budget: Budget,
    left: Vec<PathBuf>,
}

impl Places<'_, '_> {
    fn take(&mut self, batch: Vec<(Found, Holes)>) {
        let opened: Vec<InUse> = batch.into_iter().filter_map(|(found, holes)| self.open(found, holes)).collect();
        fault::reached(Point::Opened);
        let appended = self.only_appended(opened);
        let (mut begun, mut owing) = (Vec::new(), Vec::new());
        for log in appended {
            let (path, file) = (log.found.path.clone(), log.found.identity);
            match self.begin(log) {
                Ok(Next::Segment(log)) => begun.push(*log),
                Ok(Next::Give(log)) => {
                    self.rotation.nothing_new(&path, file);
                    owing.push(*log);
                }
                Ok(Next::Nothing) => self.rotation.nothing_new(&path, file),
                Err(error) => self.not_taken(path, error),
            }
        }
        let begun = self.synced_spool(begun);
        fault::reached(Point::RecordsDurable);
        owing.extend(begun.into_iter().filter_map(|begun| self.seal(begun)));
        giving::give_back(self.rotation, owing);
    }

    /// Makes the records durable before anything else is made of them.
    fn synced_spool(&mut self, begun: Vec<Begun>) -> Vec<Begun> {
        let Err(failure) = self.rotation.spool.sync() else { return begun };
        self.rotation.failed(&failure.path.clone(), &failure);
        for Begun { segment, .. } in begun {
            self.forget(&segment);
            self.left.push(segment.path);
        }
        Vec::new()
    }

    /// Copies a log, and seals what was copied.
    fn seal(&mut self, begun: Begun) -> Option<Owing> {
        let (name, path) = (begun.segment.name, begun.segment.path.clone());
        let sealed = self.copied(&begun).and_then(|copied| self.sealed(&begun, copied));
        match sealed {
            Ok(sealed) => {
                log::info!("{}: {} bytes, {}, sealed as {name}", path.display(), sealed.seal.length, sealed.seal.ended);
                self.rotation.note_continued(&sealed);
                self.rotation.outcome.sealed.push(sealed.clone());
                // Before its head goes, by which it is known whose place it has taken.
                if let Err(failure) = self.rotation.stands_for_itself(&sealed) {
                    self.rotation.failed(&path, &failure);
                    return None;
                }
                self.rotation.outcome.more.extend(begun.goes_on.then_some(path));
                Some(Owing { sealed, log: begun.log, is_new: true })
            }
            Err(error) => {
                self.copy_failed(&begun.segment, &error);
                None
            }
        }
    }

    /// What was copied, and the log's head as it was before.
    fn copied(
        &mut self,
        Begun { segment, log, start, end, .. }: &Begun,
    ) -> std::result::Result<(Part, Mark), CopyError> {
        let path = &segment.path;
        let length = LONGEST.min(*end - start.hole);
        let head = digest(&log.log, start.hole, length).doing("read", path).map_err(CopyError::Log)?;
        let head = Mark { at: start.hole, length, sha256: head.ok_or(CopyError::Truncated)? };
        let mut part = self.rotation.spool.start_part(segment.clone()).map_err(CopyError::Part)?;
        self.budget.copy_up_to(self.rotation, &mut part, &log.log, *end)?;
        fault::reached(Point::Copied);
        // First the log: what the power takes away of it must not be left in a part, which would look like one of another file.
        log.log.sync_data().doing("sync", path).map_err(CopyError::Log)?;
        fault::reached(Point::LogDurable);
        part.sync().map_err(CopyError::Part)?;
        fault::reached(Point::CopyDurable);
        Ok((part, head))
    }

    fn sealed(
        &mut self,
        Begun { segment, log, status, start, end, gap, able, .. }: &Begun,
        (part, head): (Part, Mark),
    ) -> std::result::Result<SealedSegment, CopyError> {
        let is_whole = part.taken() == *end
            && copy::still_has(&mut self.rotation.press, &part, &log.log)?
            && digest(&log.log, head.at, head.length).is_ok_and(|now| now == Some(head.sha256));
        let in_place = match is_whole {
            true => {
                let planned = giving::plan(&log.log, *end, start.hole, *able, *gap);
                planned.doing("read", &segment.path).map_err(CopyError::Log)?
            }
            false if part.raw() == 0 => return Err(CopyError::Truncated),
            // What was read is nowhere else any more. The next run doesn't know the file again.
            false => {
                self.rotation.problem(truncated(&part));
                InPlace {
                    mark: Mark { length: head.length.min(part.taken() - head.at), ..head },
                    give: None,
                    gap: None,
                }
            }
        };
        self.rotation.spool.seal_in_place(part, status.modified, in_place).map_err(CopyError::Part)
    }

    /// A copy that came to nothing: the log is as it was.
    fn copy_failed(&mut self, segment: &Segment, error: &CopyError) {
        self.forget(segment);
        let path = &segment.path;
        match error {
            CopyError::Stopped => self.rotation.outcome.stopped.untouched += 1,
            CopyError::TooLarge => self.rotation.failed(path, &self.budget.exceeded(self.rotation.spool)),
            CopyError::Log(failure) | CopyError::Part(failure) => self.rotation.failed(path, failure),
            CopyError::Truncated | CopyError::Hollow { .. } => {
                self.rotation.problem(Problem::new(Effect::Failed, path, error).because(error.cause()));
            }
        }
        self.left.push(path.clone());
    }

    fn not_taken(&mut self, path: PathBuf, error: NotTaken) {
        match error {
            NotTaken::Refused(refusal) => self.rotation.problem(refusal.problem(&path)),
            NotTaken::Failed(failure) => self.rotation.failed(&path, &failure),
        }
        self.left.push(path);
    }

    fn forget(&mut self, segment: &Segment) {
        if let Err(failure) = self.rotation.spool.discard(segment.name) {
            self.rotation.failed(&segment.path, &failure);
        }
    }
}

fn truncated(part: &Part) -> Problem {
    let what = format!(
        "it was truncated by someone else while it was copied; the {} bytes that had been read are kept, and the next run takes \
         what was written to it since",
        part.raw()
    );
    let problem = Problem::new(Effect::Failed, Path::new(&part.segment().path), what).because(Cause::Truncated);
    problem.hint("find out what else handles this log: logrotate, a cron job")
}
