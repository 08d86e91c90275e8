//! Which rotated files are to be taken: those of sets whose writers rotate their logs themselves (`closed`), and those
//! that logrotate left (`backlog`).
//!
//! What a name says is [`crate::model::family`]'s; here it is looked up what else there is in the directory, and what the
//! user wants. Nothing is opened.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::config::{Backlog, LogSet, Writer};
use crate::model::family::{self, Name, Rotated, oldest_first};
use crate::model::names::Service;
use crate::model::way::Way;
use crate::sys::dir::{Dir, Entry};
use crate::sys::file::Status;

/// The rotated files of one log that are to be taken, the oldest first.
#[derive(Clone, Debug)]
pub struct Family {
    /// The log that they were.
    pub path: PathBuf,
    /// What it is about.
    pub service: Service,
    /// The files.
    pub files: Vec<RotatedFile>,
}

/// A rotated file.
#[derive(Clone, Debug)]
pub struct RotatedFile {
    /// Its own path.
    pub path: PathBuf,
    /// What its name says.
    pub rotated: Rotated,
    /// Which file it was when it was looked at, its size, and when it was last changed.
    pub status: Status,
}

impl Family {
    /// How many bytes its files have on the disk.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.status.size).sum()
    }
}

/// The families that were found so far.
#[derive(Default)]
pub(super) struct Families {
    by_log: BTreeMap<PathBuf, Family>,
    /// Device and inode of their files: several patterns may lead to one.
    seen: HashSet<(u64, u64)>,
    /// Logs of sets whose writers rotate them: they are in use, whatever a name says.
    rotate_themselves: HashSet<PathBuf>,
}

impl Families {
    /// Takes note of a file.
    pub(super) fn add(&mut self, log: PathBuf, service: Service, file: RotatedFile) {
        let identity = file.status.identity;
        if self.seen.insert((identity.dev, identity.ino)) {
            let family = self.by_log.entry(log.clone()).or_insert(Family { path: log, service, files: Vec::new() });
            family.files.push(file);
        }
    }

    /// Takes note that a log is one that its writer rotates itself.
    pub(super) fn rotates_itself(&mut self, log: PathBuf) {
        self.rotate_themselves.insert(log);
    }

    /// Whether a log is in use since its writer has rotated files of it that are still there.
    pub(super) fn is_current(&self, log: &Path) -> bool {
        self.rotate_themselves.contains(log)
    }

    /// All of them, each in the order of age.
    pub(super) fn in_order(self) -> Vec<Family> {
        let ordered = |family: Family| {
            let files = oldest_first(family.files, |file| (&file.rotated, file.status.modified));
            Family { files, ..family }
        };
        self.by_log.into_values().map(ordered).collect()
    }
}

/// Whether the writers of a set's logs rotate them themselves.
pub(super) fn rotate_themselves(set: &LogSet) -> bool {
    set.writer == Writer::Way(Way::Closed)
}

/// What a file of that name is, if the set says that rotated ones are taken and it is one. By its own path or by that of
/// its log the set must cover it; none that is excluded by either.
pub(super) fn wanted(set: &LogSet, treated: &LogSet, dir: &Dir, name: &OsStr) -> Option<Rotated> {
    let themselves = rotate_themselves(treated);
    if !themselves && set.backlog == Backlog::Left && treated.backlog == Backlog::Left {
        return None;
    }
    let Name::Rotated(rotated) = family::read(name) else { return None };
    let (own, log) = (dir.path_of(name), dir.path_of(&rotated.log));
    let excluded = [set, treated].iter().any(|set| set.excludes(&own) || set.excludes(&log));
    let covered = set.covers(&own) || set.covers(&log);
    let certain = themselves || rotated.is_certain() || matches!(dir.look(&rotated.log), Ok(Some(_)));
    (covered && !excluded && certain).then_some(rotated)
}

/// What svlogd, multilog and s6-log keep beside their rotated files: the log in use, their lock and what they remember.
pub(super) fn is_state_of_a_logger(dir: &Dir, name: &OsStr) -> bool {
    let is_there = |name: &str| matches!(dir.look(name), Ok(Some(_)));
    const STATE: [&str; 8] = ["lock", "state", "newstate", "previous", "processed", "newprocessed", "config", "newcurrent"];
    name == family::CURRENT || STATE.iter().any(|state| name == *state) && is_there(family::CURRENT)
}

/// A rotated file as it was looked at.
pub(super) fn file(dir: &Dir, name: &OsStr, rotated: Rotated, entry: &Entry) -> RotatedFile {
    RotatedFile { path: dir.path_of(name), rotated, status: entry.status }
}
