//! What becomes of a file that may be a log: it is found, empty, refused, or left alone.

use std::collections::hash_map::Entry as Seen;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::refusal::{problem, refusal};
use super::rotated::{is_hidden, is_rotated_as};
use super::{Empty, Found, Named, Search};
use crate::config::{LogSet, Settings, Writer};
use crate::model::family::{self, Name};
use crate::model::segment::ClaimedName;
use crate::model::way::Way;
use crate::rotate::{families, loggers};
use crate::sys::dir::{Dir, Entry};
use crate::sys::file::Status;

/// A file that was met.
pub(super) struct Met {
    pub(super) path: PathBuf,
    /// What its name says.
    pub(super) says: Name,
    pub(super) entry: Entry,
    pub(super) named: Named,
}

impl Met {
    /// One whose own name the user wrote.
    pub(super) fn by_name(dir: &Dir, name: &OsStr, entry: Entry) -> Self {
        Self { path: dir.path_of(name), says: family::read(name), entry, named: Named::ByName }
    }
}

impl Search<'_> {
    pub(super) fn consider(&mut self, set: &LogSet, dir: &Dir, name: &OsStr, met: Met) {
        let Met { path, says, entry, named } = met;
        if ClaimedName::parse(name).is_some() || set.excludes(&path) {
            return;
        }
        if matches!(named, Named::ByPattern { hidden: false }) && is_hidden(name) {
            return;
        }
        let treated = treated(self.settings, set, &path);
        if loggers::is_state(treated, dir, name) {
            return log::debug!("{}: left alone, as its writer needs it", path.display());
        }
        if name == family::CURRENT && loggers::rotate_themselves(treated, dir) {
            return self.current(treated, &path, &entry);
        }
        if is_rotated_as(&says, dir) {
            // By its own name it was noted already where it is to be taken.
            let is_noted = || families::wanted(set, &self.settings.treated_as, dir, name).is_some();
            if named == Named::ByName && !is_noted() {
                self.refuse(&path, "it is compressed or rotated already, not a log in use".to_owned());
            }
            self.discovery.rotated += 1;
            return log::debug!("{}: left alone, as it is compressed or rotated already", path.display());
        }
        self.in_use(treated, name, path, &entry);
    }

    /// A file that is a log in use, unless something is in the way.
    fn in_use(&mut self, treated: &LogSet, name: &OsStr, path: PathBuf, entry: &Entry) {
        let Status { identity, links, size, .. } = entry.status;
        // By another path it is the same log; several links are refused at each.
        match self.seen.entry((identity.dev, identity.ino)) {
            Seen::Occupied(seen) if links == 1 || *seen.get() == path => return,
            Seen::Occupied(mut seen) => drop(seen.insert(path.clone())),
            Seen::Vacant(new) => drop(new.insert(path.clone())),
        }
        match refusal(name, entry, &treated.writer) {
            Some(refused) => self.discovery.problems.push(problem(&path, entry, refused)),
            None if size == 0 => self.discovery.empty.push(Empty { path, identity }),
            None => self.discovery.found.push(found(treated, &path, &entry.status)),
        }
    }

    /// The log that svlogd, multilog or s6-log goes on with.
    fn current(&mut self, treated: &LogSet, path: &Path, entry: &Entry) {
        let writer = Writer::Way(Way::Closed);
        match refusal(OsStr::new(family::CURRENT), entry, &writer) {
            Some(refused) => self.discovery.problems.push(problem(path, entry, refused)),
            None if entry.status.size == 0 => {}
            None => {
                let current = Found { writer, ..found(treated, path, &entry.status) };
                self.discovery.current.push(current);
            }
        }
    }
}

/// The set that says how a log is treated: where it is an argument, the configured one that covers it.
fn treated<'t>(settings: &'t Settings, set: &'t LogSet, path: &Path) -> &'t LogSet {
    settings.treated_as.iter().find(|configured| configured.covers(path)).unwrap_or(set)
}

/// A log, as the set says that it is to be treated by.
fn found(treated: &LogSet, path: &Path, status: &Status) -> Found {
    let (service, writer, priority) = (treated.service.service(path), treated.writer.clone(), treated.priority);
    let (path, Status { identity, size, owner, modified, .. }) = (path.to_owned(), *status);
    Found { path, service, identity, size, priority, owner, modified, writer }
}
