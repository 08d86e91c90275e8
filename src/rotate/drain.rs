//! Reading what still arrives in claimed inodes after the unlink, until the last writer has let go.
//!
//! All logs are watched side by side. The kernel proves the release ([`crate::sys::lease`]); once it has, nothing more
//! can arrive, and the inode is read once more to its end. A writer that holds the inode but is silent for the settle
//! time is not waited for any longer: the segment is sealed as settled, the inode is remembered, and what it still gets
//! is the stream's next segment. A writer that never stops writing there is left to the next run in the same way.

use std::ffi::OsString;
use std::fs::File;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::copy;
use super::{Rotation, problem_of};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::Ended;
use crate::spool::{Held, Part};
use crate::sys::dir::Dir;
use crate::sys::file::Status;
use crate::sys::lease::{self, Writers};

/// An unlinked inode and the part that its bytes go to.
pub(super) struct Draining {
    part: Part,
    log: File,
    /// Where its path is: the directory and the name that the writer opens anew.
    place: Option<(Rc<Dir>, OsString)>,
    /// The mark of an earlier run, when this is the growth of an inode that was held.
    held: Option<Held>,
    /// When the backlog of the copy was worked off: before that, the time says nothing about the writer.
    caught_up: Option<Instant>,
    grew: Instant,
}

/// What is known of a log at one look.
enum Look {
    Waits,
    Ended(Ended),
    StillGrowing,
}

impl Draining {
    pub(super) fn new(part: Part, log: File, place: Option<(Rc<Dir>, OsString)>, held: Option<Held>) -> Self {
        Self { part, log, place, held, caught_up: None, grew: Instant::now() }
    }

    /// Where leases don't work: the writer has let go when its path leads to another file.
    fn was_reopened(&self) -> bool {
        let Some((dir, name)) = &self.place else { return false };
        let ours = self.part.segment().source.file;
        dir.look(name).ok().flatten().is_some_and(|entry| entry.status.identity != ours)
    }
}

/// How long a writer may keep writing to an unlinked inode before its growth is left to the next run. Upstart's longest
/// time from unlink to reopening was 461 ms.
fn longest(settle: Duration) -> Duration {
    (settle * 5).max(Duration::from_secs(15))
}

/// Drains and seals all of `draining`.
pub(super) fn drain(rotation: &mut Rotation<'_>, mut draining: Vec<Draining>) {
    let mut pause = Duration::from_millis(1);
    while !draining.is_empty() {
        let mut waiting = Vec::with_capacity(draining.len());
        for mut log in draining {
            match look(rotation, &mut log) {
                Ok(Look::Waits) => waiting.push(log),
                Ok(Look::Ended(ended)) => seal(rotation, log, ended),
                Ok(Look::StillGrowing) => {
                    note_still_growing(rotation, &log);
                    seal(rotation, log, Ended::Settled);
                }
                Err(error) => {
                    // Its part stays: the next run salvages it and looks for the inode.
                    let problem = problem_of(&log.part.segment().path, error.failure());
                    rotation.problem(problem);
                }
            }
        }
        draining = waiting;
        if !draining.is_empty() {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

fn look(rotation: &mut Rotation<'_>, log: &mut Draining) -> Result<Look, copy::CopyError> {
    // First ask, then read: what was written before the last writer let go is read afterwards.
    let asked = Instant::now();
    let writers = lease::writers(&log.log);
    let reopened = writers == Writers::Unknown && log.was_reopened();
    let copied = copy::copy(&mut rotation.encoder, &mut rotation.buffer, &mut log.part, &log.log)?;
    if writers == Writers::None || reopened && copied == 0 {
        return Ok(Look::Ended(Ended::Released));
    }
    if copied > 0 {
        // Reading takes its time: it counts from here on.
        log.grew = Instant::now();
    }
    let caught_up = *log.caught_up.get_or_insert_with(Instant::now);
    let settle = rotation.settings.settle;
    Ok(match () {
        () if copied == 0 && asked.saturating_duration_since(log.grew) >= settle => Look::Ended(Ended::Settled),
        () if asked.saturating_duration_since(caught_up) >= longest(settle) => Look::StillGrowing,
        () => Look::Waits,
    })
}

fn seal(rotation: &mut Rotation<'_>, log: Draining, ended: Ended) {
    let path = log.part.segment().path.clone();
    if let Err(failure) = try_seal(rotation, log, ended) {
        rotation.failed(&path, &failure);
    }
}

fn try_seal(rotation: &mut Rotation<'_>, log: Draining, ended: Ended) -> crate::sys::failure::Result<()> {
    use crate::sys::failure::Context;
    let Draining { part, log, held, .. } = log;
    let path = part.segment().path.clone();
    let status = Status::of_file(&log).doing("look at", &path)?;
    if status.size < part.taken() {
        let what = "it was truncated by someone else while it was copied; what had been read is kept";
        rotation.problem(Problem::new(Effect::Failed, &path, what));
    }
    if part.raw() == 0 {
        // The growth of a held inode that turned out to be none.
        rotation.spool.discard(part.segment().name)?;
    } else {
        let sealed = rotation.spool.seal(part, status.modified, ended)?;
        let (name, length) = (sealed.segment.name, sealed.seal.length);
        log::info!("{}: {length} bytes, {ended}, sealed as {name}", path.display());
        rotation.outcome.sealed.push(sealed);
    }
    // Only now: the new mark, if one is needed, is durable.
    held.map_or(Ok(()), |held| rotation.spool.let_go(&held))
}

fn note_still_growing(rotation: &mut Rotation<'_>, log: &Draining) {
    let what = "its writer has not reopened it, and goes on writing to the file that was taken out of use";
    let problem = Problem::new(Effect::Noted, &log.part.segment().path, what);
    rotation.problem(problem.hint(super::growth::DOES_NOT_REOPEN));
}
