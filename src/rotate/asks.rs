//! The protocol for a writer that opens its log anew when it is asked to: by a signal, or by a command.
//!
//! ```text
//! begin   the segment's record is durable        .json
//! claim   web.log -> .web.log.<stamp>.claimed    directory synced; its writer still writes there
//! ask     one signal to each process, or one call of each command, for all logs of the round     (asking.rs)
//! copy    while the writer lets go, and after it, to the end                                     .part
//! seal    once the kernel has proved the release                                                 .gz
//! unlink  only then                              directory synced
//! ```
//!
//! The log is linked until all of it is in a sealed segment, so that there is no window: killed anywhere, the next run finds
//! the claimed file, and starts again with it or, if its segment is sealed, unlinks it. A log that is not released in time
//! gets its name back, unless the name is taken: then it stays claimed, and the next run asks again.

use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::askable::look;
use super::asking::{Asking, Whom};
use super::batch::{Batches, Copied, most_at_once};
use super::begin::{Begun, Place};
use super::copy::CopyError;
use super::queues::Item;
use super::taken::{self, Taken};
use super::{Rotation, choose};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, Identity, Segment};
use crate::model::way::Way;
use crate::spool::Part;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::lease::{self, Writers};
use crate::sys::procfs::Holder;

/// After how long the processes are looked at again that have a log open still, and all of them are asked that were not.
const ASK_ALL_AFTER: Duration = Duration::from_secs(1);

/// How long a log is waited for whose command has failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// How often all processes are looked through for a log of which the kernel does not say who has it open.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Takes one item of each log. Returns the logs of which something is left that must come first.
pub(super) fn take(rotation: &mut Rotation<'_>, items: Vec<Item>) -> Vec<PathBuf> {
    let mut batches = Batches::new(rotation);
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() && !batches.rotation.stop.requested() {
        let batch = items.by_ref().take(most_at_once()).collect();
        batches.ask_and_take(batch);
        batches.rotation.hand_over();
        batches.end_batch();
    }
    batches.rotation.outcome.stopped.untouched += items.count();
    batches.left
}

/// A claimed log whose writer was asked.
struct Waiting {
    copied: Copied,
    until: Instant,
    /// When it was looked at last: however long other logs took meanwhile, it is not late before it was looked at once more.
    looked: Instant,
    /// When all processes are to be looked through, where the kernel does not say who has it open.
    look_at: Instant,
}

impl Batches<'_, '_> {
    fn ask_and_take(&mut self, items: Vec<Item>) {
        let begun: Vec<Begun> = items.into_iter().filter_map(|item| self.begin(item)).collect();
        let begun = self.askable(begun);
        let Some(begun) = self.synced_spool(begun) else { return };
        fault::reached(Point::RecordsDurable);
        let claimed: Vec<Begun> = begun.into_iter().filter_map(|begun| self.claim(begun)).collect();
        let claimed = self.synced_claims(claimed);
        fault::reached(Point::ClaimsDurable);
        let mut asking = Asking::default();
        for Begun { segment, log, .. } in &claimed {
            self.ask(&mut asking, segment, log, Whom::Masters);
        }
        fault::reached(Point::WritersAsked);
        let copied = self.copy_all(claimed);
        let waiting = copied.into_iter().map(|copied| Waiting::new(copied, &asking)).collect();
        self.wait(waiting, &mut asking);
        for (argv, why) in asking.failed_commands() {
            let problem =
                Problem::new(Effect::Noted, argv.program(), format!("the command `{argv}` has failed: {why}"));
            self.rotation.problem(problem);
        }
    }

    fn ask(&self, asking: &mut Asking, segment: &Segment, log: &File, whom: Whom) {
        let Ok(status) = Status::of_file(log) else { return };
        if lease::writers(log) != Writers::None {
            asking.ask(&segment.way, status.identity, self.holders_of(status.identity), whom);
        }
    }

    /// Waits for all of them side by side; seals and unlinks each that is released, and gives up those that are not in time.
    fn wait(&mut self, mut waiting: Vec<Waiting>, asking: &mut Asking) {
        let (begun, mut pause, mut whom) = (Instant::now(), Duration::from_millis(1), Whom::Masters);
        let mut unlinked = Vec::new();
        while !waiting.is_empty() {
            let looked = std::mem::take(&mut waiting).into_iter().filter_map(|log| self.look_at(log, &mut unlinked));
            let (late, in_time) = looked.collect::<Vec<_>>().into_iter().partition(Waiting::is_late);
            self.give_up(late, asking);
            waiting = in_time;
            if whom == Whom::Masters && !waiting.is_empty() && begun.elapsed() >= ASK_ALL_AFTER {
                whom = Whom::All;
                self.ask_all(&waiting, asking);
            }
            if !waiting.is_empty() {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
        }
        self.sync_dirs(unlinked);
        fault::reached(Point::TakenUnlinkDurable);
    }

    /// One look at a log, without waiting: reads what there is. `None` when it is done with.
    fn look_at(&mut self, mut log: Waiting, unlinked: &mut Vec<Rc<Dir>>) -> Option<Waiting> {
        log.looked = Instant::now();
        // First ask, then read: what was written before the last writer let go is read afterwards.
        let released = log.is_released();
        let Copied { part, log: file, .. } = &mut log.copied;
        match self.copy_on(part, file) {
            Ok(_) if released => {
                unlinked.extend(self.seal_released(log.copied));
                None
            }
            Ok(_) if self.rotation.stop.requested() => {
                self.broken_off(log.copied.part, &CopyError::Stopped);
                None
            }
            Ok(_) => Some(log),
            Err(error) => {
                self.broken_off(log.copied.part, &error);
                None
            }
        }
    }

    /// Seals a log that nobody writes any more, then unlinks it. Returns the directory that is to be synced.
    fn seal_released(&mut self, Copied { part, log, place }: Copied) -> Option<Rc<Dir>> {
        fault::reached(Point::ReleaseSeen);
        let path = part.segment().path.clone();
        let sealed = self.seal_or_discard(part, &log);
        let unlinked = sealed.and_then(|claimed| taken::unlink(&claimed, &log, &place));
        match unlinked {
            Ok(dir) => dir,
            Err(failure) => {
                self.rotation.failed(&path, &failure);
                self.left.push(path);
                None
            }
        }
    }

    /// Seals a part; discards one in which nothing is, since someone else has emptied the log.
    fn seal_or_discard(&mut self, part: Part, log: &File) -> Result<Taken> {
        let (segment, taken) = (part.segment().clone(), part.taken());
        let status = Status::of_file(log).doing("look at", &segment.path)?;
        if status.size < taken {
            let what = "it was truncated by someone else while it was copied; what had been read is kept";
            self.rotation.problem(Problem::new(Effect::Failed, &segment.path, what).because(Cause::Truncated));
        }
        if part.raw() == 0 {
            self.rotation.spool.discard(segment.name)?;
            return Ok(Taken { segment, up_to: taken });
        }
        fault::reached(Point::Drained);
        let sealed = self.rotation.spool.seal(part, status.modified, Ended::Released)?;
        let (name, length) = (sealed.segment.name, sealed.seal.length);
        log::info!("{}: {length} bytes, {}, sealed as {name}", segment.path.display(), Ended::Released);
        self.rotation.outcome.sealed.push(sealed.clone());
        self.rotation.stands_for_itself(&sealed)?;
        Ok(Taken { segment, up_to: taken })
    }

    /// Looks once more through all processes, and asks whoever has one of these logs open still and was not asked.
    fn ask_all(&mut self, waiting: &[Waiting], asking: &mut Asking) {
        let holders = look(&waiting.iter().filter_map(Waiting::current).collect::<Vec<_>>());
        self.rotation.holders.by_file.extend(holders.by_file);
        for Waiting { copied: Copied { part, log, .. }, .. } in waiting {
            self.ask(asking, part.segment(), log, Whom::All);
        }
    }

    /// Gives logs their names back that were not released in time, and says who has them open.
    fn give_up(&mut self, late: Vec<Waiting>, asking: &Asking) {
        if late.is_empty() {
            return;
        }
        let seen = look(&late.iter().filter_map(Waiting::current).collect::<Vec<_>>());
        for log in late {
            let file = log.current().map(|(_, file)| file);
            let holders = file.and_then(|file| seen.by_file.get(&file)).map_or(&[][..], Vec::as_slice);
            let Waiting { copied: Copied { part, place, .. }, .. } = log;
            let segment = part.segment().clone();
            drop(part);
            let what = not_released(&segment, holders, asking, self.give_back(&segment, &place));
            let problem = Problem::new(Effect::Failed, &segment.path, what).because(Cause::Unreleased);
            self.rotation.problem(problem.hint(HINT_NOT_RELEASED));
            self.left.push(segment.path);
        }
    }

    /// What became of the name of a log that was not released.
    fn give_back(&mut self, segment: &Segment, place: &Place) -> &'static str {
        if self.gave_back(segment, place) {
            return "it has its name back, and the next run tries again";
        }
        // It is copied again from its start; until then its copy is of no use.
        if let Err(failure) = self.rotation.spool.discard_part(segment.name) {
            self.rotation.failed(&segment.path, &failure);
        }
        "its name is taken by a new log, so it stays claimed, and the next run asks again"
    }
}

const HINT_NOT_RELEASED: &str = "see that it opens its logs anew when it is asked so, and that nothing else has this one open; \
    `timeout` says how long it has time for that (docs/writers.md)";

fn not_released(segment: &Segment, holders: &[Holder], asking: &Asking, name: &str) -> String {
    let who = match holders {
        [] => "somebody whom /proc does not show has it open still".to_owned(),
        holders => choose::said(holders, "has it open still", "have it open still"),
    };
    let failed = asking.failed(&segment.way, holders).map_or(String::new(), |why| format!(" ({why})"));
    format!("its writer was asked to let go of it, and did not in time{failed}: {who}; {name}")
}

impl Waiting {
    fn new(copied: Copied, asking: &Asking) -> Self {
        let (now, way) = (Instant::now(), &copied.part.segment().way);
        let longest = match way {
            Way::Signal { timeout, .. } => *timeout,
            Way::Command { timeout, .. } if asking.failed(way, &[]).is_some() => (*timeout).min(AFTER_A_FAILURE),
            Way::Command { timeout, .. } => *timeout,
            Way::Reopens | Way::Closed | Way::Holds { .. } => Duration::ZERO,
        };
        Self { copied, until: now + longest, looked: now, look_at: now }
    }

    fn is_late(&self) -> bool {
        self.until <= self.looked
    }

    /// The path of the claimed file, and which file it is.
    fn current(&self) -> Option<(PathBuf, Identity)> {
        let segment = self.copied.part.segment();
        let path = segment.path.with_file_name(segment.claimed.as_ref()?.as_os_str());
        Some((path, Status::of_file(&self.copied.log).ok()?.identity))
    }

    /// Whether nobody has the log open for writing: by the kernel's word; where it gives none, by that of all processes.
    fn is_released(&mut self) -> bool {
        match lease::writers(&self.copied.log) {
            Writers::None => true,
            Writers::Some => false,
            Writers::Unknown if Instant::now() < self.look_at => false,
            Writers::Unknown => {
                self.look_at = Instant::now() + LOOK_AGAIN;
                let seen = self.current().map(|log| look(&[log]));
                seen.is_some_and(|seen| seen.complete && seen.by_file.is_empty())
            }
        }
    }
}
