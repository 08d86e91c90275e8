//! Which rotated files are to be taken: those of sets whose writers rotate their logs themselves (`closed`), and those
//! that logrotate left (`backlog`).
//!
//! What a name says is [`crate::model::family`]'s; here it is looked up what else there is in the directory, and what the
//! user wants. Nothing is opened.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::discover::is_hidden;
use crate::config::{Backlog, LogSet, Settings, Writer};
use crate::model::family::{self, Name, Packing, Rotated, oldest_first};
use crate::model::names::Service;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::ClaimedName;
use crate::model::way::Way;
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure;
use crate::sys::file::{Kind, Status};

/// The rotated files of one log that are to be taken, the oldest first.
#[derive(Clone, Debug)]
pub struct Family {
    /// The log that they were.
    pub path: PathBuf,
    /// What it is about.
    pub service: Service,
    /// Who has rotated them.
    pub left_by: LeftBy,
    /// The files.
    pub files: Vec<RotatedFile>,
}

/// Who has rotated the files of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeftBy {
    /// The log's writer: the newest one may still be in use.
    Writer,
    /// Something else, such as logrotate.
    Logrotate,
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

impl fmt::Display for LeftBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writer => "its writer",
            Self::Logrotate => "logrotate, or something like it,",
        })
    }
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
}

impl Families {
    /// Takes note of a file.
    pub(super) fn add(&mut self, log: PathBuf, service: Service, left_by: LeftBy, file: RotatedFile) {
        let identity = file.status.identity;
        if self.seen.insert((identity.dev, identity.ino)) {
            let family = Family { path: log.clone(), service, left_by, files: Vec::new() };
            let family = self.by_log.entry(log).or_insert(family);
            family.files.push(file);
        }
    }

    /// Whether a log's own writer has rotated files of it that are still there: it goes on with the log itself.
    pub(super) fn is_current(&self, log: &Path) -> bool {
        self.by_log.get(log).is_some_and(|family| family.left_by == LeftBy::Writer)
    }

    /// All of them, each in the order of age; and what is in the way of some.
    pub(super) fn settled(self, settings: &Settings) -> (Vec<Family>, Vec<Problem>) {
        let (mut families, mut problems) = (Vec::new(), Vec::new());
        for family in self.by_log.into_values() {
            match settled(family, settings) {
                Ok(family) => families.push(family),
                Err(problem) => problems.push(problem),
            }
        }
        (families, problems)
    }
}

/// How often a directory is listed until two lists are the same.
const MOST_LOOKS: usize = 10;

/// The files of a family as they are together. While a directory is listed and its files are looked at, its writer may give
/// each of them another name, so that one is missed and those after it are not: they would be taken before it.
///
/// # Errors
/// The log's problem, where the files do not stay as they are, or can't be looked at.
pub(super) fn settled(family: Family, settings: &Settings) -> Result<Family, Problem> {
    let mut files = family.files;
    for _ in 0..MOST_LOOKS {
        let again = look_again(&family.path, settings)
            .map_err(|failure| Problem::from_error(Effect::Failed, &family.path, &failure))?;
        if names(&files) == names(&again) {
            let files = oldest_first(again, |file| (&file.rotated, file.status.modified));
            return Ok(Family { files, ..family });
        }
        files = again;
    }
    let what = "its rotated files are being renamed; they wait for the next run";
    Err(Problem::new(Effect::Waits, &family.path, what))
}

fn look_again(log: &Path, settings: &Settings) -> failure::Result<Vec<RotatedFile>> {
    let dir = Dir::open(log.parent().unwrap_or(Path::new("/")))?;
    let mut files = Vec::new();
    for name in dir.names()? {
        let mut wanted = settings.sets.iter().filter_map(|set| wanted(set, &settings.treated_as, &dir, &name));
        let Some(Wanted { rotated, .. }) = wanted.find(|wanted| wanted.log == log) else { continue };
        if let Some(entry) = dir.look(&name)?.filter(|entry| refusal(entry, &name).is_none()) {
            files.push(file(&dir, &name, rotated, &entry));
        }
    }
    Ok(files)
}

fn names(files: &[RotatedFile]) -> BTreeSet<(&Path, u64, u64)> {
    files.iter().map(|file| (file.path.as_path(), file.status.identity.dev, file.status.identity.ino)).collect()
}

/// Whether the writers of a set's logs rotate them themselves.
pub(super) fn rotate_themselves(set: &LogSet) -> bool {
    set.writer == Writer::Way(Way::Closed)
}

/// Who rotates the logs of a set.
pub(super) fn left_by(set: &LogSet) -> LeftBy {
    if rotate_themselves(set) { LeftBy::Writer } else { LeftBy::Logrotate }
}

/// Why a rotated file can't be taken, and what to do.
pub(super) fn refusal(Entry { kind, status }: &Entry, name: &OsStr) -> Option<(String, String)> {
    let refused = |why: String, hint: &str| Some((format!("refused: {why}"), hint.to_owned()));
    match kind {
        Kind::Regular if status.links > 1 => {
            let why = format!("it has {} hard links: what is taken would still be there", status.links);
            refused(why, "remove the other links: find / -xdev -samefile FILE")
        }
        Kind::Regular if name.len() > ClaimedName::LONGEST_LOG => {
            let why = format!("its name has {} bytes, which leaves no room for the claimed name", name.len());
            refused(why, "shorten it")
        }
        Kind::Regular => match family::packing_of(name) {
            Packing::Other(end) => {
                let why = format!("it is compressed in a way that is not read here ({end})");
                refused(why, "decompress it, or exclude it")
            }
            _ => None,
        },
        _ => refused(
            "it has the name of a rotated log, but is not a regular file".to_owned(),
            "remove it, or exclude it",
        ),
    }
}

/// A rotated file that is to be taken.
pub(super) struct Wanted<'s> {
    /// What its name says.
    pub(super) rotated: Rotated,
    /// The log that it was.
    pub(super) log: PathBuf,
    /// The set that says how it is treated.
    pub(super) treated: &'s LogSet,
}

/// What a file of that name is, if the set says that rotated ones are taken and it is one. By its own path or by that of
/// its log the set must cover it; none that is excluded by either.
pub(super) fn wanted<'s>(set: &'s LogSet, configured: &'s [LogSet], dir: &Dir, name: &OsStr) -> Option<Wanted<'s>> {
    let Name::Rotated(rotated) = family::read(name) else { return None };
    let (own, log) = (dir.path_of(name), dir.path_of(&rotated.log));
    let treated = configured.iter().find(|set| set.covers(&log) || set.covers(&own)).unwrap_or(set);
    let themselves = rotate_themselves(treated);
    if is_hidden(name) || !themselves && set.backlog == Backlog::Left && treated.backlog == Backlog::Left {
        return None;
    }
    let excluded = [set, treated].iter().any(|set| set.excludes(&own) || set.excludes(&log));
    let covered = set.covers(&own) || set.covers(&log);
    let certain = themselves || rotated.is_certain() || matches!(dir.look(&rotated.log), Ok(Some(_)));
    (covered && !excluded && certain).then_some(Wanted { rotated, log, treated })
}

/// What svlogd, multilog and s6-log keep beside their rotated files: the log in use, their lock and what they remember. Such
/// a directory is known by the log in use, and where a flush has taken that, by the lock, which they leave when they end.
pub(super) fn is_state_of_a_logger(dir: &Dir, name: &OsStr) -> bool {
    const LOCK: &str = "lock";
    const STATE: [&str; 8] =
        [LOCK, "state", "newstate", "previous", "processed", "newprocessed", "config", "newcurrent"];
    let is_there = |name: &str| matches!(dir.look(name), Ok(Some(_)));
    let is_state = STATE.iter().any(|state| name == *state);
    name == family::CURRENT || is_state && (is_there(family::CURRENT) || is_there(LOCK))
}

/// A rotated file as it was looked at.
pub(super) fn file(dir: &Dir, name: &OsStr, rotated: Rotated, entry: &Entry) -> RotatedFile {
    RotatedFile { path: dir.path_of(name), rotated, status: entry.status }
}
