//! Reading what still arrives in claimed inodes after the unlink, until the last writer has let go.
//!
//! All logs are watched side by side. The kernel proves the release ([`crate::sys::lease`]); once it has, nothing more
//! can arrive, and the inode is read once more to its end. A writer that holds the inode but is silent for the settle
//! time is not waited for any longer: the segment is sealed as settled, the inode is remembered, and what it still gets
//! is the stream's next segment. A writer that never stops writing there is left to the next run in the same way, and so
//! is every one when a deadline leaves no time for waiting.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Rotation;
use super::copy::{self, CopyError, To, Until};
use crate::model::problem::{Cause, Effect, Problem, chain};
use crate::model::segment::{Ended, Identity};
use crate::spool::{Complete, Held, Part};
use crate::sys::dir::Dir;
use crate::sys::failure::{self, Context};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::lease::{self, Writers};

/// How long a log whose path leads to another file must be quiet where leases don't work. Upstart's longest time from
/// unlink to reopening was 461 ms; a second writer would have to be slower than that to write unseen, and even then the
/// inode is remembered.
const QUIET_AFTER_REOPENING: Duration = Duration::from_millis(500);

/// How much kept segments give back at a time, in bytes: single writes of 62 MB were seen, a tenth of that when compressed.
const LONGEST_WRITE: u64 = 8 * 1024 * 1024;

/// How long to wait for room in the spool before the bytes that an unlinked inode still gets are given up.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(10);

/// An unlinked inode and the part that its bytes go to.
pub(super) struct Draining {
    part: Part,
    log: File,
    /// Where its path is: the directory and the name that the writer opens anew.
    place: Option<(Rc<Dir>, OsString)>,
    /// Its directory, where the unlink could not be made durable: before it is, the segment must not be sealed.
    to_sync: Option<Rc<Dir>>,
    /// The mark of an earlier run, when this is the growth of an inode that was held.
    held: Option<Held>,
    /// When the backlog of the copy was worked off: before that, the time says nothing about the writer.
    caught_up: Option<Instant>,
    grew: Instant,
    /// Since when the spool has no room for it.
    no_room: Option<Instant>,
}

/// What is known of a log at one look.
enum Look {
    Waits,
    Ended(Ended),
    StillGrowing,
}

impl Draining {
    pub(super) fn new(part: Part, log: File, place: Option<(Rc<Dir>, OsString)>, held: Option<Held>) -> Self {
        Self { part, log, place, to_sync: None, held, caught_up: None, grew: Instant::now(), no_room: None }
    }

    /// With a directory that must be synced before the seal.
    pub(super) fn syncing_first(self, to_sync: Option<Rc<Dir>>) -> Self {
        Self { to_sync, ..self }
    }

    /// Where leases don't work: the writer has let go when its path leads to another file.
    fn was_reopened(&self) -> bool {
        let Some((dir, name)) = &self.place else { return false };
        let ours = self.part.segment().source.file;
        dir.look(name).ok().flatten().is_some_and(|entry| entry.status.identity != ours)
    }

    /// Whether to go on waiting for room.
    fn hopes_for_room(&mut self, error: &CopyError) -> bool {
        let no_room = matches!(error, CopyError::Part(failure) if failure.no_room());
        no_room && self.no_room.get_or_insert_with(Instant::now).elapsed() < WAIT_FOR_ROOM
    }
}

/// How long a writer may keep writing to an unlinked inode before its growth is left to the next run.
fn longest(settle: Duration) -> Duration {
    (settle * 5).max(Duration::from_secs(15))
}

/// The logs that are being drained.
#[derive(Default)]
pub(super) struct Drain {
    logs: Vec<Draining>,
    /// Logs whose segment could not be sealed: nothing that comes after it may be taken now.
    pub(super) unsealed: Vec<PathBuf>,
}

impl Drain {
    /// Takes logs that were just unlinked.
    pub(super) fn add(&mut self, logs: Vec<Draining>) {
        self.logs.extend(logs);
    }

    /// How many logs are being drained.
    pub(super) fn len(&self) -> usize {
        self.logs.len()
    }

    /// Looks at each log once, without waiting.
    pub(super) fn round(&mut self, rotation: &mut Rotation<'_>) {
        let mut complete = Vec::new();
        for mut log in std::mem::take(&mut self.logs) {
            match look(rotation, &mut log) {
                Ok(Look::Waits) => self.logs.push(log),
                Ok(Look::Ended(ended)) => complete.push((log, ended)),
                Ok(Look::StillGrowing) => {
                    note_still_growing(rotation, &log);
                    complete.push((log, Ended::Settled));
                }
                Err(error) if !rotation.must_be_drained() && log.hopes_for_room(&error) => {
                    // Those that are only kept for people make way; if none is left, others may give room back.
                    let _ = rotation.spool.make_room(LONGEST_WRITE);
                    self.logs.push(log);
                }
                // What is on the disk of it has been read; whatever its writer still writes there, the next run looks at.
                Err(error @ CopyError::Hollow { .. }) => {
                    rotation
                        .problem(Problem::new(Effect::Failed, &log.part.segment().path, &error).because(error.cause()));
                    complete.push((log, Ended::Settled));
                }
                Err(error) => self.give_up(rotation, &log, &error),
            }
        }
        self.seal(rotation, complete);
    }

    /// Waits until all logs are drained and sealed.
    pub(super) fn finish(&mut self, rotation: &mut Rotation<'_>) {
        let mut pause = Duration::from_millis(1);
        self.round(rotation);
        while !self.logs.is_empty() {
            rotation.hand_over();
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
            self.round(rotation);
        }
    }

    /// Seals what has ended, all of it together.
    fn seal(&mut self, rotation: &mut Rotation<'_>, ended: Vec<(Draining, Ended)>) {
        let (mut rests, mut parts) = (Vec::new(), Vec::new());
        for (log, ended) in ended {
            let path = log.part.segment().path.clone();
            match prepare(rotation, log, ended) {
                Ok((rest, Some(part))) => {
                    rests.push(rest);
                    parts.push(part);
                }
                Ok((rest, None)) => {
                    let ended = rest.end(rotation, Growth::None);
                    self.tell(rotation, path, ended);
                }
                Err(failure) => self.tell(rotation, path, Err(failure)),
            }
        }
        let sealed = rotation.spool.seal_all(rotation.press.pool(), parts);
        for (rest, sealed) in rests.into_iter().zip(sealed) {
            let path = rest.path.clone();
            let ended = sealed.and_then(|sealed| {
                let (name, length) = (sealed.segment.name, sealed.seal.length);
                log::info!("{}: {length} bytes, {}, sealed as {name}", path.display(), rest.ended);
                rotation.outcome.sealed.push(sealed.clone());
                rotation.stands_for_itself(&sealed)?;
                rest.end(rotation, Growth::Sealed)
            });
            self.tell(rotation, path, ended);
        }
    }

    fn tell(&mut self, rotation: &mut Rotation<'_>, path: PathBuf, ended: failure::Result<()>) {
        if let Err(failure) = ended {
            let problem = Problem::from_error(Effect::Waits, &path, &failure);
            rotation.problem(problem.hint("what was read of it is in the spool; the next run seals and ships it"));
            self.unsealed.push(path);
        }
    }

    /// The part stays: the next run salvages it and looks for the inode.
    fn give_up(&mut self, rotation: &mut Rotation<'_>, log: &Draining, error: &CopyError) {
        let path = log.part.segment().path.clone();
        let taken = log.part.taken();
        let what = format!("{}; what its writer wrote behind byte {taken} before it reopened it is lost", chain(error));
        let problem = Problem::new(Effect::Failed, &path, what);
        rotation.problem(problem.hint("unless the writer still holds the file: then the next run ships it"));
        self.unsealed.push(path);
    }
}

impl Rotation<'_> {
    /// Whether there is no time left for waiting.
    fn must_be_drained(&self) -> bool {
        self.drained_by.is_some_and(|time| Instant::now() >= time)
    }
}

fn look(rotation: &mut Rotation<'_>, log: &mut Draining) -> Result<Look, CopyError> {
    // First ask, then read: what was written before the last writer let go is read afterwards.
    let asked = Instant::now();
    let writers = lease::writers(&log.log);
    let reopened = writers == Writers::Unknown && log.was_reopened();
    let copied = copy::copy(&mut rotation.press, &mut log.part, &log.log, To::ItsEnd, Until::TheEnd)?;
    if writers == Writers::None {
        return Ok(Look::Ended(Ended::Released));
    }
    if copied > 0 {
        // Reading takes its time: it counts from here on.
        log.grew = Instant::now();
    }
    let caught_up = *log.caught_up.get_or_insert_with(Instant::now);
    let settle = rotation.settings.settle;
    let quiet = match copied {
        0 => asked.saturating_duration_since(log.grew),
        _ => Duration::ZERO,
    };
    Ok(match () {
        () if quiet >= settle || reopened && quiet >= QUIET_AFTER_REOPENING => Look::Ended(Ended::Settled),
        () if rotation.must_be_drained() => Look::Ended(Ended::Settled),
        () if asked.saturating_duration_since(caught_up) >= longest(settle) => Look::StillGrowing,
        () => Look::Waits,
    })
}

/// What is left to do of a log once its part is sealed.
struct Rest {
    path: PathBuf,
    log: File,
    file: Identity,
    taken: u64,
    ended: Ended,
    held: Option<Held>,
}

/// What came of a log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// The growth of a held inode turned out to be none.
    None,
    /// A segment was sealed.
    Sealed,
}

/// Gets ready to seal; without a part where there is nothing to be sealed.
fn prepare(rotation: &mut Rotation<'_>, log: Draining, ended: Ended) -> failure::Result<(Rest, Option<Complete>)> {
    fault::reached(Point::Drained);
    let Draining { part, log, held, to_sync, .. } = log;
    if let Some(dir) = to_sync {
        dir.sync()?;
    }
    let path = part.segment().path.clone();
    let status = Status::of_file(&log).doing("look at", &path)?;
    if status.size < part.taken() {
        let what = "it was truncated by someone else while it was copied; what had been read is kept";
        rotation.problem(Problem::new(Effect::Failed, &path, what).because(Cause::Truncated));
    }
    let rest = Rest { path, log, file: part.segment().source.file, taken: part.taken(), ended, held };
    if part.raw() == 0 {
        rotation.spool.discard(part.segment().name)?;
        return Ok((rest, None));
    }
    Ok((rest, Some(Complete { part, last: status.modified, ended })))
}

impl Rest {
    fn end(self, rotation: &mut Rotation<'_>, growth: Growth) -> failure::Result<()> {
        let Self { log, file, taken, ended, held, .. } = self;
        if let Some(watch) = &mut rotation.watch {
            match ended {
                Ended::Settled => watch.keep(file, log, taken),
                Ended::Released | Ended::Interrupted | Ended::Continued => watch.forget(file),
            }
        }
        match held {
            // The new mark, if one is needed, is durable now.
            Some(held) if growth == Growth::Sealed || ended == Ended::Released => rotation.spool.let_go(&held),
            _ => Ok(()),
        }
    }
}

fn note_still_growing(rotation: &mut Rotation<'_>, log: &Draining) {
    let what = "its writer has not reopened it, and goes on writing to the file that was taken out of use";
    let problem = Problem::new(Effect::Noted, &log.part.segment().path, what).because(Cause::Unreleased);
    rotation.problem(problem.hint(super::growth::DOES_NOT_REOPEN));
}
