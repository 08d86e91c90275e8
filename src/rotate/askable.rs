//! Whether the writer of a log can be asked to let go of it, before the log is touched.
//!
//! A log that somebody has open for writing, while no process is seen that bears the name of the one to be asked, would not be
//! released: it is left as it is, with the reason.

use std::path::PathBuf;

use super::batch::Batches;
use super::begin::{Begun, Place};
use super::choose;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::Identity;
use crate::model::way::Way;
use crate::sys::file::Status;
use crate::sys::lease::{self, Writers};
use crate::sys::procfs::{self, Holder, Holders};

impl Batches<'_, '_> {
    /// Those whose writers can be asked, or need not be. Others are not touched, or get their names back.
    pub(super) fn askable(&mut self, begun: Vec<Begun>) -> Vec<Begun> {
        let unseen: Vec<&Begun> = begun.iter().filter(|begun| self.lacks_its_process(begun)).collect();
        if !unseen.is_empty() {
            // They may have come after the first look.
            let files: Vec<_> = unseen.iter().filter_map(|begun| Some((begun.current_path(), begun.file()?))).collect();
            let again = look(&files);
            self.rotation.holders.by_file.extend(again.by_file);
            self.rotation.holders.complete = again.complete;
        }
        let mut askable = Vec::new();
        for begun in begun {
            match self.refusal(&begun) {
                None => askable.push(begun),
                Some((why, hint)) => self.refuse(begun, why, hint),
            }
        }
        askable
    }

    /// Whether somebody has a log open for writing, and no process is known that is to be asked.
    fn lacks_its_process(&self, begun: &Begun) -> bool {
        let Way::Signal { process, .. } = &begun.segment.way else { return false };
        let named =
            begun.file().is_some_and(|file| self.holders_of(file).iter().any(|holder| holder.is_called(process)));
        !named && lease::writers(&begun.log) != Writers::None
    }

    fn refusal(&self, begun: &Begun) -> Option<(String, &'static str)> {
        let Way::Signal { process, .. } = &begun.segment.way else { return None };
        if !self.lacks_its_process(begun) {
            return None;
        }
        let holders = begun.file().map_or(&[][..], |file| self.holders_of(file));
        match holders {
            [] if lease::writers(&begun.log) == Writers::Unknown && self.rotation.holders.complete => None,
            [] => Some((
                format!("no process called {process} is seen to have it open for writing, but somebody has"),
                "run logferry as root, on the machine itself and not in a container; or correct `process`",
            )),
            others => Some((
                format!(
                    "no process called {process} has it open for writing, but {} has, which gets no signal",
                    choose::list(others)
                ),
                "correct `process` in the configuration, or set another `writer` (docs/writers.md)",
            )),
        }
    }

    fn refuse(&mut self, Begun { segment, place, .. }: Begun, why: String, hint: &'static str) {
        match place {
            Place::InUse { .. } => self.forget(&segment),
            Place::Claimed { .. } | Place::Unlinked(_) => drop(self.gave_back(&segment, &place)),
        }
        self.rotation.problem(Problem::new(Effect::Failed, &segment.path, why).because(Cause::Refused).hint(hint));
        self.left.push(segment.path);
    }

    pub(super) fn holders_of(&self, file: Identity) -> &[Holder] {
        self.rotation.holders.by_file.get(&file).map_or(&[], Vec::as_slice)
    }
}

/// Looks for processes that have one of these files open for writing, each under its path.
pub(super) fn look(files: &[(PathBuf, Identity)]) -> Holders {
    let files: Vec<_> = files.iter().map(|(path, file)| (path.as_path(), *file)).collect();
    procfs::holders_in_use(&files)
}

impl Begun {
    /// Where the log is now.
    pub(super) fn current_path(&self) -> PathBuf {
        match (&self.place, &self.segment.claimed) {
            (Place::Claimed { .. }, Some(claimed)) => self.segment.path.with_file_name(claimed.as_os_str()),
            _ => self.segment.path.clone(),
        }
    }

    /// Which file the log is.
    pub(super) fn file(&self) -> Option<Identity> {
        Status::of_file(&self.log).ok().map(|status| status.identity)
    }
}
