//! Claimed files that earlier runs left: those that no record speaks of, and in which way any of them is taken.

use std::path::Path;

use super::choose::{self, Chosen};
use super::discover::{ClaimedFile, Found};
use super::queues::{Item, Queues};
use super::{Rotation, taken};
use crate::config::Writer;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::way::Way;
use crate::sys::file::Status;

impl Rotation<'_> {
    /// How a claimed file is taken that an earlier run left: as the user says now, where that begins with a claim too; else as
    /// that run had it.
    pub(super) fn way_of_claimed(&self, path: &Path, before: Way) -> Way {
        match self.settings.set_of(path).map(|set| &set.writer) {
            Some(Writer::Way(way)) if way.claims() && before.claims() => way.clone(),
            _ => before,
        }
    }

    /// Claimed files that were found but that no unfinished segment speaks of: the state directory was lost or changed; or
    /// the run that sealed them did not come to unlinking them, which is done now.
    pub(super) fn adoptable(&mut self, claimed: Vec<ClaimedFile>, queues: &mut Queues) -> Vec<ClaimedFile> {
        let mut adopted = Vec::new();
        for file in claimed {
            match () {
                () if queues.knows(&file.claimed) || taken::is_taken(self, &file, queues) => {}
                () if file.foreign => {
                    let what = "refused: it has the name of a claimed log, but belongs to another user than that log";
                    let problem = Problem::new(Effect::Failed, file.dir.join(file.claimed.as_os_str()), what);
                    let problem = problem.because(Cause::Refused);
                    self.problem(problem.hint("its owner has put it there: remove it"));
                }
                () => adopted.push(file),
            }
        }
        adopted
    }

    /// A claimed file as if it were a log in use, to ask who writes it.
    pub(super) fn as_found(&self, ClaimedFile { dir, claimed, log, status, .. }: &ClaimedFile) -> Found {
        let (set, path) =
            (self.settings.set_of(&dir.join(log)).cloned().unwrap_or_default(), dir.join(claimed.as_os_str()));
        let Status { identity, size, owner, modified, .. } = *status;
        let (service, priority, writer) = (set.service.service(&path), set.priority, set.writer);
        Found { path, service, identity, size, priority, owner, modified, writer }
    }

    /// Puts claimed files that no record speaks of on the list.
    pub(super) fn adopt(&mut self, adopted: Vec<ClaimedFile>, as_found: Vec<Found>, queues: &mut Queues) {
        for (file, found) in adopted.into_iter().zip(as_found) {
            let rotated = file.rotated().is_some().then(|| file.of_log());
            let ClaimedFile { dir, claimed, log, .. } = file;
            if let Some(queue) = rotated {
                queues.push(queue, Item::Adopted { dir, claimed, log, way: Way::Closed });
                continue;
            }
            let path = dir.join(&log);
            match choose::choose(&found, &self.holders) {
                Ok(Chosen { way, .. }) => {
                    // It is claimed already: one that nobody writes is taken like that, whatever the way was.
                    let way = if way.claims() { way } else { Way::Reopens };
                    queues.push(path, Item::Adopted { dir, claimed, log, way });
                }
                Err(undecided) => {
                    self.problem(undecided.problem(&found.path));
                    queues.block(path);
                }
            }
        }
    }
}
