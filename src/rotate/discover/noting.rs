//! What is noted beside the logs: claimed files of earlier runs, and rotated ones that are to be taken.

use std::ffi::OsStr;

use super::{ClaimedFile, Search};
use crate::config::LogSet;
use crate::model::family::{self, Name};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::ClaimedName;
use crate::rotate::families::{self, Wanted};
use crate::sys::dir::{Dir, Entry};
use crate::sys::file::{Kind, Status};
use crate::sys::host;

impl Search<'_> {
    /// Takes note of a claimed file of a log that the set covers; false when it is none.
    pub(super) fn note_claimed(&mut self, set: &LogSet, dir: &Dir, name: &OsStr) -> bool {
        let Some((claimed, log)) = ClaimedName::parse(name) else { return false };
        // The name's own status, not that of what a link leads to: nobody may hide another one's claimed file.
        match dir.look(name) {
            _ if !set.covers(&dir.path_of(&log)) && !self.was_rotated(set, dir, &log) => {}
            Ok(Some(Entry { kind: Kind::Regular, status })) => {
                if self.claimed.insert((status.identity.dev, status.identity.ino)) {
                    let foreign = is_foreign(dir, &log, &status);
                    let dir = dir.path().to_owned();
                    self.discovery.claimed.push(ClaimedFile { dir, claimed, log, status, foreign });
                }
            }
            // It was never claimed, and so holds nothing up: no log has to wait until it was taken.
            Ok(Some(Entry { status, .. })) => {
                if self.claimed.insert((status.identity.dev, status.identity.ino)) {
                    let why = "refused: it has the name of a claimed log, but is not a regular file";
                    let problem = Problem::new(Effect::Failed, dir.path_of(name), why).because(Cause::Refused);
                    self.discovery.problems.push(problem.hint("someone else has put it there: remove it"));
                }
            }
            Ok(None) | Err(_) => {}
        }
        true
    }

    /// Whether a log that was claimed under that name is one that the set takes as a rotated one.
    fn was_rotated(&self, set: &LogSet, dir: &Dir, name: &OsStr) -> bool {
        match family::read(name) {
            Name::Rotated(rotated) => rotated.is_certain() && set.covers(&dir.path_of(&rotated.log)),
            Name::Plain | Name::Aside(_) => false,
        }
    }

    /// Takes note of a rotated file that is to be taken; false when it is none, as its name says for most.
    pub(super) fn note_rotated(&mut self, set: &LogSet, dir: &Dir, name: &OsStr, says: &Name) -> bool {
        if !matches!(says, Name::Rotated(_)) {
            return false;
        }
        let configured = &self.settings.treated_as;
        let Some(Wanted { rotated, log, treated }) = families::wanted(set, configured, dir, name) else { return false };
        match dir.look(name) {
            Ok(Some(entry)) => match families::refusal(&entry, name) {
                Some((why, hint)) => {
                    let problem = Problem::new(Effect::Failed, dir.path_of(name), why).because(Cause::Refused);
                    self.discovery.problems.push(problem.hint(hint));
                }
                None => {
                    let (service, file) = (treated.service.service(&log), families::file(dir, name, rotated, &entry));
                    self.families.add(log, service, families::left_by(treated, dir), file);
                }
            },
            Ok(None) => {}
            Err(failure) => self.not_looked_at(&dir.path_of(name), &failure),
        }
        true
    }
}

/// Whether a claimed file may be one that somebody has made up, in a directory where all may make files: the log is there,
/// and belongs to somebody else.
fn is_foreign(dir: &Dir, log: &OsStr, claimed: &Status) -> bool {
    let trusted = claimed.owner == 0 || claimed.owner == host::user();
    let of_another = |entry: Entry| entry.status.owner != claimed.owner;
    !trusted && dir.is_shared().unwrap_or(true) && dir.look(log).is_ok_and(|log| log.is_some_and(of_another))
}
