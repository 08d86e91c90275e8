//! Logs that nobody writes any more: rotated ones, and those whose writers have ended.
//!
//! Promise: only a file that no process has open for writing is taken, so nothing has to be waited for and there is no
//! moment in which a crash could lose a byte; the files of a family become segments in the order of their age; one that
//! is damaged is named and passed over, one that can't be taken just now holds up all that came after it.
//!
//! ```text
//! a family, oldest first:   web.log.2.gz   web.log.1   (web.log itself, in the way that was chosen for it)
//! each file:                proof, claim, proof, copy, proof, unlink, seal                    (closed/protocol.rs)
//! its stream:               that of web.log; where it is older than what is in there, one beside it (closed/stream.rs)
//! ```

mod error;
mod in_place;
mod proofs;
mod protocol;
mod rest;
mod stream;
mod twins;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) use proofs::packing_of;
pub(super) use protocol::seal_unlinked;
pub(super) use rest::is_rest_of;

use super::Rotation;
use super::at_rest;
use super::budget::Budget;
use super::choose::{self, Chosen};
use super::discover::Found;
use super::families::{Family, LeftBy, RotatedFile};
use super::holds;
use super::leftovers::split;
use super::queues::Item;
use crate::config::Writer;
use crate::model::family::{self, Name, Rotated};
use crate::model::in_place::Reach;
use crate::model::names::Service;
use crate::model::segment::{Identity, Segment};
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::sys::lease::{self, Writers};
use crate::sys::procfs;
use error::NotTaken;

/// The log that a segment is of, as far as order goes: where it was a rotated file, the log that it was.
pub(super) fn queue_of(segment: &Segment) -> PathBuf {
    match (&segment.way, family::read(&segment.own_name())) {
        (Way::Closed, Name::Rotated(rotated)) => split(&segment.path).0.join(rotated.log),
        _ => segment.path.clone(),
    }
}

/// Takes one item of each log. Returns the logs of which something is left that must come first.
pub(super) fn take(rotation: &mut Rotation<'_>, items: Vec<Item>) -> Vec<PathBuf> {
    let budget = Budget::of(rotation.settings);
    let mut closed = Closed { rotation, budget, left: Vec::new() };
    for item in items {
        match item {
            Item::Rotated(family) => closed.family(&family),
            Item::Renamed(renamed) => {
                let taken = closed.renamed(&renamed);
                closed.told(renamed.log, &renamed.path, taken);
            }
            Item::Fresh(found, _) => closed.fresh(&found),
            Item::Claimed(segment) => {
                let (queue, path) = (queue_of(&segment), segment.path.with_file_name(segment.own_name()));
                let taken = closed.finish(*segment);
                closed.told(queue, &path, taken);
            }
            Item::Adopted { dir, claimed, log, .. } => {
                let path = dir.join(&log);
                let base = match family::read(&log) {
                    Name::Rotated(rotated) => dir.join(rotated.log),
                    Name::Plain | Name::Aside(_) => path.clone(),
                };
                let taken = closed.adopt(&dir, claimed, &base);
                closed.told(base, &path, taken);
            }
            // What was unlinked is no file any more that could be closed.
            Item::Growth { path, .. } => closed.left.push(path),
        }
        closed.rotation.hand_over();
    }
    closed.left
}

/// What taking closed logs needs.
struct Closed<'r, 'a> {
    rotation: &'r mut Rotation<'a>,
    budget: Budget,
    /// Logs of which something is left that must come first.
    left: Vec<PathBuf>,
}

/// A file that is to be taken.
struct Wanted<'w> {
    /// Its own path.
    path: &'w Path,
    /// The log that it is, or was.
    log: &'w Path,
    service: &'w Service,
    identity: Identity,
    size: u64,
    modified: Moment,
    /// What its name says, where it was rotated.
    rotated: Option<&'w Rotated>,
}

impl Closed<'_, '_> {
    fn family(&mut self, Family { path: log, service, left_by, files }: &Family) {
        for (place, file) in files.iter().enumerate() {
            if self.rotation.stop.requested() {
                self.rotation.outcome.stopped.untouched += files.len() - place;
                return self.left.push(log.clone());
            }
            let RotatedFile { path, rotated, status } = file;
            let (identity, size, modified) = (status.identity, status.size, status.modified);
            if size == 0 {
                continue;
            }
            let wanted = Wanted { path, log, service, identity, size, modified, rotated: Some(rotated) };
            let taken = match self.rotated(&wanted) {
                // What was compressed just now comes before all that is younger, and the next run finds it.
                Err(NotTaken::Redundant { name, .. }) if !files.iter().any(|file| file.path.ends_with(&name)) => {
                    Err(NotTaken::gone())
                }
                taken => taken,
            };
            // The newest one of a writer that names its log after the day is the log that it writes.
            let is_newest = place + 1 == files.len() && *left_by == LeftBy::Writer;
            let taken = match taken {
                Err(NotTaken::InUse) if self.goes_on_in(log, *left_by, identity) => self.in_place(&wanted),
                Err(NotTaken::InUse) if is_newest => Err(NotTaken::Current),
                Err(NotTaken::InUse) => Err(self.in_use(path, identity)),
                other => other,
            };
            self.note_if_nothing(&taken, identity);
            if taken.is_err() {
                self.rotation.not_taken(identity);
            }
            if !self.goes_on(path, taken) {
                return self.left.push(log.clone());
            }
        }
    }

    /// Whether a rotated file that is open for writing is one with which a writer goes on: its log was taken in its place, so
    /// that its writer need not have let go of it.
    fn goes_on_in(&mut self, log: &Path, left_by: LeftBy, file: Identity) -> bool {
        match left_by {
            LeftBy::Since => true,
            // Whoever reads the records for a segment says what is in the way.
            LeftBy::Writer | LeftBy::Logrotate => {
                self.rotation.continued().is_ok_and(|known| known.of(log, file).is_some())
            }
        }
    }

    /// A rotated file. A compressor that came to its end just when its source got its name back has not found that: then
    /// it is looked at once more.
    fn rotated(&mut self, wanted: &Wanted<'_>) -> Result<(), NotTaken> {
        match self.file(wanted) {
            Err(NotTaken::AtWork { twin, .. }) if lease::writers(&twin) == Writers::None => self.file(wanted),
            taken => taken,
        }
    }

    /// A log that has its own name still. Where all is to be taken, even the one that a writer will go on with when it starts
    /// again, if nobody has it open now.
    fn fresh(&mut self, found: &Found) {
        let Found { path, service, identity, size, writer, .. } = found;
        let modified = found.modified;
        let wanted = Wanted { path, log: path, service, identity: *identity, size: *size, modified, rotated: None };
        let by_the_user = *writer == Writer::Way(Way::Closed);
        let goes_on = match self.rotation.reach {
            Reach::End => Ok(false),
            Reach::LastLine if by_the_user => self.is_current(&wanted),
            Reach::LastLine => Ok(false),
        };
        let taken = match goes_on {
            Ok(true) => Err(NotTaken::Current),
            Ok(false) => self.file(&wanted),
            Err(failure) => Err(failure.into()),
        };
        let taken = match taken {
            Err(NotTaken::InUse) if by_the_user => Err(NotTaken::Current),
            Err(NotTaken::InUse) => self.opened_anew(found, &wanted),
            other => other,
        };
        self.note_if_nothing(&taken, *identity);
        self.told(path.clone(), path, taken);
    }

    /// A log that nobody had open when its way was chosen, and somebody has now: one who opens it for each line leaves it alone
    /// between two of them; where it can, it is taken in its place, where he is in nobody's way.
    fn opened_anew(&mut self, found: &Found, wanted: &Wanted<'_>) -> Result<(), NotTaken> {
        if let Some(Ok(Chosen { way: way @ Way::Holds { .. }, why })) = at_rest::once_closed(found, &[]) {
            log::info!("{}: taken as {way} after all, since {why}", found.path.display());
            self.left.extend(holds::take(self.rotation, vec![Item::Fresh(found.clone(), way)]));
            return Ok(());
        }
        for _ in 0..at_rest::LOOKS {
            match self.file(wanted) {
                Err(NotTaken::InUse) => std::thread::sleep(Duration::from_millis(1)),
                taken => return taken,
            }
        }
        Err(self.in_use(&found.path, found.identity))
    }

    /// All that is in such a file is in a segment, or will be by another file.
    fn note_if_nothing(&mut self, taken: &Result<(), NotTaken>, file: Identity) {
        if let Err(NotTaken::Nothing | NotTaken::Redundant { .. }) = taken {
            self.rotation.outcome.nothing_new.push(file);
        }
    }

    fn told(&mut self, log: PathBuf, path: &Path, taken: Result<(), NotTaken>) {
        if !self.goes_on(path, taken) {
            self.left.push(log);
        }
    }

    /// Tells what became of a file; false where what comes after it has to wait.
    fn goes_on(&mut self, path: &Path, taken: Result<(), NotTaken>) -> bool {
        let Err(error) = taken else { return true };
        let goes_on = error.goes_on();
        match error {
            NotTaken::Nothing | NotTaken::Redundant { .. } => log::debug!("{}: nothing to take", path.display()),
            NotTaken::Current => {
                log::debug!("{}: left alone, as its writer goes on with it", path.display());
                self.rotation.outcome.current.push(path.to_owned());
            }
            NotTaken::Stopped => self.rotation.outcome.stopped.untouched += 1,
            NotTaken::Failed(failure) => self.rotation.failed(path, &failure),
            other => self.rotation.problem(other.problem(path)),
        }
        goes_on
    }

    /// Somebody has a file open for writing that should be closed.
    fn in_use(&self, path: &Path, identity: Identity) -> NotTaken {
        let holders = procfs::holders_in_use(&[(path, identity)]);
        let who = holders.by_file.get(&identity).map(|holders| choose::list(holders));
        NotTaken::waits(
            format!(
                "{} has it open for writing; it and what came after it wait",
                who.as_deref().unwrap_or("some process")
            ),
            "nothing to do if that is a compressor at work, or a writer that is about to open a new log",
        )
    }
}
