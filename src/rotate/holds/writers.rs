//! Who writes a log that is to be taken in its place: each must append, whatever the file's length is then.
//!
//! A writer with a place of its own in the file would go on there when the head has gone: behind a hole of as many zeros. So
//! before anything is taken, and again before the head goes, every process's descriptors and mappings are looked at; and the
//! kernel says, by refusing a lease, whether there is a writer that was not seen.

use std::path::Path;

use super::InUse;
use crate::model::in_place::Reach;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::Identity;
use crate::sys::lease::{self, Writers};
use crate::sys::mappings::{self, Mappings};
use crate::sys::procfs::{self, Holders, Writes};

/// Why a log can't be taken in its place, and what to do.
#[derive(Debug)]
pub(in crate::rotate) struct Refusal {
    pub(in crate::rotate) what: String,
    pub(in crate::rotate) hint: String,
    pub(in crate::rotate) cause: Cause,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), cause: Cause::Refused }
    }

    pub(super) fn problem(self, path: &Path) -> Problem {
        Problem::new(Effect::Failed, path, format!("refused: {}", self.what)).because(self.cause).hint(self.hint)
    }
}

/// What one look through `/proc` found.
pub(super) struct Seen {
    holders: Holders,
    mappings: Mappings,
}

/// Looks who writes these logs.
pub(super) fn look(logs: &[InUse]) -> Seen {
    look_for(&logs.iter().map(|log| (log.found.path.as_path(), log.found.identity)).collect::<Vec<_>>())
}

/// Looks who writes these logs.
pub(super) fn look_for(logs: &[(&Path, Identity)]) -> Seen {
    match logs.is_empty() {
        true => Seen { holders: Holders::default(), mappings: Mappings::default() },
        false => Seen { holders: procfs::holders_in_use(logs), mappings: mappings::shared_writable(logs) },
    }
}

/// How often a writer that the kernel knows of is looked for: one that opens and closes the log for each line is seldom seen.
const LOOKS: usize = 20;

impl Seen {
    /// How far a log may be taken.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn judge(&self, log: &InUse) -> Result<Reach, Refusal> {
        self.require_appending(log.found.identity)?;
        match lease::writers(&log.log) {
            Writers::None => Ok(Reach::End),
            Writers::Unknown => Err(Refusal::new(
                "the kernel does not say who has it open for writing, as on a file system of another machine (NFS)",
                "logs are taken in their place on local disks only, by root or by the user that they belong to",
            )),
            Writers::Some if !self.holders.complete && !self.holders.restless => Err(Refusal::new(
                "somebody has it open for writing, and not all processes can be looked into, so that nobody knows whether \
                 all append",
                "run logferry as root, on the machine itself and not in a container",
            )),
            Writers::Some if self.holders.complete && self.is_held(log.found.identity) => Ok(Reach::LastLine),
            Writers::Some => look_closer(log),
        }
    }

    /// Fails where somebody writes to a place of his own.
    ///
    /// # Errors
    /// Who does, and how.
    pub(super) fn require_appending(&self, file: Identity) -> Result<(), Refusal> {
        let holders = self.holders.by_file.get(&file).map_or(&[][..], Vec::as_slice);
        if let Some(writer) = holders.iter().find(|holder| holder.writes == Writes::Anywhere) {
            return Err(Refusal::new(
                format!(
                    "{} has it open for writing without O_APPEND: it writes at a place of its own, which would be behind the \
                     end once the head is given back",
                    writer.shown()
                ),
                "have it append (in a shell `>>` in the place of `>`; systemd's `append:`, not `file:`), or set `writer` to how \
                 it lets go of its log",
            ));
        }
        if let Some(writer) = self.mappings.get(&file).and_then(|processes| processes.first()) {
            return Err(Refusal::new(
                format!("{} (pid {}) has it mapped into its memory for writing", writer.name, writer.pid),
                "set `writer` to how it lets go of its log, or exclude it: it is not written as logs are",
            ));
        }
        Ok(())
    }

    fn is_held(&self, file: Identity) -> bool {
        self.holders.by_file.contains_key(&file)
    }
}

/// Looks again for a writer that the kernel knows of and the first look has not seen.
fn look_closer(log: &InUse) -> Result<Reach, Refusal> {
    let mut restless = false;
    for _ in 0..LOOKS {
        let seen = look_for(&[(&log.found.path, log.found.identity)]);
        seen.require_appending(log.found.identity)?;
        if seen.holders.complete && seen.is_held(log.found.identity) {
            return Ok(Reach::LastLine);
        }
        if lease::writers(&log.log) == Writers::None {
            return Ok(Reach::End);
        }
        restless = seen.holders.restless;
    }
    if restless {
        return Err(Refusal::new(
            "somebody opens and closes files so fast that it can't be seen how he has it open for writing",
            "the next run tries again; if this lasts, set `writer` to how it lets go of its log",
        ));
    }
    Err(Refusal::new(
        "somebody has it open for writing whom /proc does not show: a process in another PID namespace (a container), or the \
         kernel itself (NFS, a loop device)",
        "run logferry on the machine itself; what nobody sees can't be known to append",
    ))
}
