//! Which logs there are: files, directories and patterns, looked up without opening or changing anything.
//!
//! Directories are gone through by descriptor, as [`crate::sys::dir`] opens them: whoever may write to one can't lead the
//! search out of it, neither by a link nor by swapping a directory while it is looked through.
//!
//! Taken are regular files with bytes in them. Left alone without a word are empty logs, compressed and rotated
//! siblings (`web.log.1`, `web.log-20261120`, `web.log.2.gz`), hidden files, and what the user excludes. Anything else
//! that was named or matched is refused with its reason.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::families::{self, Families, Family, Wanted};
use crate::config::{LogSet, Pattern, Settings, Writer};
use crate::model::family::{self, Name};
use crate::model::names::Service;
use crate::model::priority::Priority;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{ClaimedName, Identity};
use crate::model::time::Moment;
use crate::model::way::{Holes, Way};
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure::Failure;
use crate::sys::fault::{self, Point};
use crate::sys::file::{Kind, Status};
use crate::sys::host;

/// A log that can be taken.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path.
    pub path: PathBuf,
    /// What it is about.
    pub service: Service,
    /// Which file it was when it was looked at.
    pub identity: Identity,
    /// Its size in bytes then.
    pub size: u64,
    /// How urgent it is.
    pub priority: Priority,
    /// The user that it belongs to.
    pub owner: u32,
    /// When it was last changed.
    pub modified: Moment,
    /// How its writer lets go of it.
    pub writer: Writer,
}

/// A claimed file: an earlier run took it out of use and did not come to the end.
#[derive(Clone, Debug)]
pub struct ClaimedFile {
    /// The directory it is in.
    pub dir: PathBuf,
    /// Its name.
    pub claimed: ClaimedName,
    /// The log's name.
    pub log: OsString,
    /// What it is when it is looked at.
    pub status: Status,
    /// Whether somebody else may have made it up.
    pub foreign: bool,
}

impl ClaimedFile {
    /// The log that it is of: where it was rotated before it was claimed, the one that it was then.
    pub fn of_log(&self) -> PathBuf {
        self.dir.join(self.rotated().map_or_else(|| self.log.clone(), |rotated| rotated.log))
    }

    /// What its name before the claim says, where that is the name of a rotated file.
    pub fn rotated(&self) -> Option<family::Rotated> {
        match family::read(&self.log) {
            Name::Rotated(rotated) if rotated.is_certain() => Some(rotated),
            _ => None,
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The logs, in the order of the sets and their paths.
    pub found: Vec<Found>,
    /// Claimed files in the same directories, oldest first.
    pub claimed: Vec<ClaimedFile>,
    /// What was refused, and why.
    pub problems: Vec<Problem>,
    /// The logs that were empty.
    pub empty: Vec<PathBuf>,
    /// Rotated files that are to be taken, by the logs that they were.
    pub families: Vec<Family>,
    /// Logs that are left to their writers, which rotate them and go on with them: what is in these is taken when it is
    /// rotated.
    pub current: Vec<PathBuf>,
    /// How many files were left alone since they are compressed or rotated already.
    pub rotated: usize,
}

impl Discovery {
    /// Every log that there is, sorted: also those that are empty, and those that an earlier run took out of use, which
    /// their writers make anew.
    pub fn logs(&self) -> Vec<PathBuf> {
        let found = self.found.iter().map(|found| found.path.clone());
        let claimed = self.claimed.iter().map(ClaimedFile::of_log);
        let mut logs: Vec<PathBuf> = found.chain(claimed).chain(self.empty.iter().cloned()).collect();
        logs.sort();
        logs.dedup();
        logs
    }

    /// Leaves out logs in use, but for some, and what came before them: that was taken.
    pub fn keep_only(&mut self, logs: &HashSet<PathBuf>) {
        self.found.retain(|found| logs.contains(&found.path));
        self.families.clear();
    }
}

/// How many directories below one another are gone through: each keeps a descriptor open, and none so deep holds logs.
const DEEPEST: usize = 64;

/// Whether the user wrote the file's own name, or it only matched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    ByName,
    ByPattern { hidden: bool },
}

/// Looks for the logs that `settings` speak of. Below `avoid` (our own directories) nothing is looked for.
pub fn discover(settings: &Settings, avoid: &[PathBuf]) -> Discovery {
    let avoid = avoid.iter().filter_map(|path| identity(path)).collect();
    let mut search = Search {
        settings,
        avoid,
        seen: HashMap::new(),
        seen_through: HashSet::new(),
        claimed: HashSet::new(),
        families: Families::default(),
        discovery: Discovery::default(),
    };
    for set in &settings.sets {
        for pattern in &set.paths {
            search.pattern(set, pattern);
        }
    }
    fault::reached(Point::Discovered);
    let Search { mut discovery, families, .. } = search;
    // What has rotated siblings is still being written to, even if nobody has it open just now.
    let (current, found) = discovery.found.into_iter().partition(|found| families.is_current(&found.path));
    discovery.found = found;
    discovery.current.extend(current.into_iter().map(|found: Found| found.path));
    let (families, problems) = families.settled(settings);
    for problem in &problems {
        // What comes before it stays where it is.
        discovery.found.retain(|found| found.path != problem.path);
    }
    discovery.families = families;
    discovery.problems.extend(problems);
    discovery.claimed.sort_by(|a, b| (&a.dir, &a.claimed).cmp(&(&b.dir, &b.claimed)));
    discovery
}

struct Search<'a> {
    settings: &'a Settings,
    /// Device and inode of our own directories, whatever path leads there.
    avoid: HashSet<(u64, u64)>,
    /// Device and inode of what was considered already: a log that two patterns name is taken once.
    seen: HashMap<(u64, u64), PathBuf>,
    /// Directories that were looked through for claimed files.
    seen_through: HashSet<PathBuf>,
    /// Device and inode of the claimed files.
    claimed: HashSet<(u64, u64)>,
    families: Families,
    discovery: Discovery,
}

impl Search<'_> {
    fn pattern(&mut self, set: &LogSet, pattern: &Pattern) {
        match pattern {
            Pattern::Literal(path) => self.literal(set, path),
            Pattern::Glob { base, depth, hidden, .. } => {
                let named = Named::ByPattern { hidden: *hidden };
                match Dir::open(base) {
                    Ok(dir) => self.walk(set, dir, depth.unwrap_or(usize::MAX), named, &|path| pattern.covers(path)),
                    Err(failure) => self.not_looked_through(base, &failure),
                }
            }
        }
    }

    fn literal(&mut self, set: &LogSet, path: &Path) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.whole(set, path, Dir::open(path));
        };
        let dir = match Dir::open(parent) {
            Ok(dir) => dir,
            Err(failure) => return self.not_looked_at(path, &failure),
        };
        match dir.look(name) {
            Ok(Some(Entry { kind: Kind::Directory, .. })) => return self.whole(set, path, dir.open_subdir(name)),
            // A link to a directory stands for the directory, if the link can be trusted.
            Ok(Some(entry @ Entry { kind: Kind::Symlink, .. })) => match Dir::open(path) {
                Err(failure) if leads_to_no_directory(&failure) => {
                    self.consider(set, &dir, name, &entry, Named::ByName)
                }
                opened => return self.whole(set, path, opened),
            },
            Ok(Some(entry)) => self.consider(set, &dir, name, &entry, Named::ByName),
            // Upstart makes a log at its first output: a missing one is nothing unusual, a missing directory is.
            Ok(None) => log::debug!("{}: there is none", path.display()),
            Err(failure) => self.not_looked_at(path, &failure),
        }
        let first = self.seen_through.insert(parent.to_path_buf());
        for name in dir.names().unwrap_or_default() {
            if first {
                self.note_claimed(set, &dir, &name);
            }
            self.note_rotated(set, &dir, &name);
        }
    }

    /// All logs below a directory.
    fn whole(&mut self, set: &LogSet, path: &Path, opened: Result<Dir, Failure>) {
        match opened {
            Ok(dir) => self.walk(set, dir, usize::MAX, Named::ByPattern { hidden: false }, &|_| true),
            Err(failure) => self.not_looked_through(path, &failure),
        }
    }

    fn walk(&mut self, set: &LogSet, base: Dir, depth: usize, named: Named, wanted: &dyn Fn(&Path) -> bool) {
        let mut open: Vec<(Dir, std::vec::IntoIter<OsString>)> = Vec::new();
        let mut next = Some(base);
        loop {
            if let Some(dir) = next.take() {
                open.extend(self.listed(dir));
            }
            let at = open.len();
            let Some((dir, names)) = open.last_mut() else { return };
            let Some(name) = names.next() else {
                open.pop();
                continue;
            };
            let path = dir.path_of(&name);
            match dir.look(&name) {
                // Gone between listing and looking.
                Ok(None) => {}
                Ok(Some(Entry { kind: Kind::Directory, .. })) if at >= depth || !enters(set, &path, named) => {}
                Ok(Some(Entry { kind: Kind::Directory, .. })) if at >= DEEPEST => {
                    self.refuse(
                        &path,
                        format!("it can't be looked through: it is more than {DEEPEST} directories deep"),
                    );
                }
                Ok(Some(Entry { kind: Kind::Directory, .. })) => match dir.open_subdir(&name) {
                    Ok(below) => next = Some(below),
                    Err(failure) if failure.is(io::ErrorKind::NotFound) => {}
                    Err(failure) => self.not_looked_through(&path, &failure),
                },
                Ok(Some(entry)) => {
                    let noted = self.note_claimed(set, dir, &name) || self.note_rotated(set, dir, &name);
                    if !noted && wanted(&path) {
                        self.consider(set, dir, &name, &entry, named);
                    }
                }
                Err(failure) => self.not_looked_at(&path, &failure),
            }
        }
    }

    /// A directory with what is in it, unless it is one of our own or can't be listed.
    fn listed(&mut self, dir: Dir) -> Option<(Dir, std::vec::IntoIter<OsString>)> {
        let listed = dir.status().and_then(|status| Ok((status.identity, dir.names()?)));
        match listed {
            Ok((identity, _)) if self.avoid.contains(&(identity.dev, identity.ino)) => None,
            Ok((_, names)) => Some((dir, names.into_iter())),
            Err(failure) => {
                self.not_looked_through(dir.path(), &failure);
                None
            }
        }
    }

    /// Takes note of a claimed file of a log that the set covers; false when it is none.
    fn note_claimed(&mut self, set: &LogSet, dir: &Dir, name: &OsStr) -> bool {
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

    /// Takes note of a rotated file that is to be taken; false when it is none.
    fn note_rotated(&mut self, set: &LogSet, dir: &Dir, name: &OsStr) -> bool {
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
                    self.families.add(log, service, families::left_by(treated), file);
                }
            },
            Ok(None) => {}
            Err(failure) => self.not_looked_at(&dir.path_of(name), &failure),
        }
        true
    }

    fn consider(&mut self, set: &LogSet, dir: &Dir, name: &OsStr, entry: &Entry, named: Named) {
        let path = &dir.path_of(name);
        let by_name = named == Named::ByName;
        if ClaimedName::parse(name).is_some() || set.excludes(path) {
            return;
        }
        if !by_name && is_hidden(name) && named != (Named::ByPattern { hidden: true }) {
            return;
        }
        if families::rotate_themselves(self.treated(set, path)) && families::is_state_of_a_logger(dir, name) {
            log::debug!("{}: left alone, as its writer needs it", path.display());
            if name == family::CURRENT && entry.kind == Kind::Regular && entry.status.size > 0 {
                self.discovery.current.push(path.to_owned());
            }
            return;
        }
        if is_rotated(name, dir) {
            // By its own name it was noted already where it is to be taken.
            if by_name && families::wanted(set, &self.settings.treated_as, dir, name).is_none() {
                self.refuse(path, "it is compressed or rotated already, not a log in use".to_owned());
            }
            self.discovery.rotated += 1;
            log::debug!("{}: left alone, as it is compressed or rotated already", path.display());
            return;
        }
        let status = &entry.status;
        let file = (status.identity.dev, status.identity.ino);
        // By another path it is the same log; several links are refused at each.
        let again = self.seen.insert(file, path.to_owned());
        if again.is_some_and(|seen| status.links == 1 || seen == *path) {
            return;
        }
        let treated = self.treated(set, path);
        match refusal(name, entry, &treated.writer) {
            Some((why, hint)) => {
                let problem = Problem::new(Effect::Failed, path, why).because(Cause::Refused);
                self.discovery.problems.push(problem.hint(hint));
            }
            None if status.size == 0 => self.discovery.empty.push(path.to_owned()),
            None => {
                let (service, writer) = (treated.service.service(path), treated.writer.clone());
                let (path, Status { identity, size, owner, modified, .. }) = (path.to_owned(), *status);
                let priority = treated.priority;
                self.discovery.found.push(Found { path, service, identity, size, priority, owner, modified, writer });
            }
        }
    }

    /// The set that says how a log is treated: where it is an argument, the configured one that covers it.
    fn treated<'s>(&'s self, set: &'s LogSet, path: &Path) -> &'s LogSet {
        self.settings.treated_as.iter().find(|configured| configured.covers(path)).unwrap_or(set)
    }

    fn not_looked_at(&mut self, path: &Path, failure: &Failure) {
        self.refuse(path, format!("it can't be looked at: {}", failure.source));
    }

    fn not_looked_through(&mut self, path: &Path, failure: &Failure) {
        self.refuse(path, format!("it can't be looked through: {}", failure.source));
    }

    fn refuse(&mut self, path: &Path, why: String) {
        self.discovery.problems.push(Problem::new(Effect::Failed, path, why).because(Cause::Refused));
    }
}

/// Whether a claimed file may be one that somebody has made up, in a directory where all may make files: the log is there,
/// and belongs to somebody else.
fn is_foreign(dir: &Dir, log: &OsStr, claimed: &Status) -> bool {
    let trusted = claimed.owner == 0 || claimed.owner == host::user();
    let of_another = |entry: Entry| entry.status.owner != claimed.owner;
    !trusted && dir.is_shared().unwrap_or(true) && dir.look(log).is_ok_and(|log| log.is_some_and(of_another))
}

/// Why something that was named or matched can't be taken, and what to do.
fn refusal(name: &OsStr, Entry { kind, status }: &Entry, writer: &Writer) -> Option<(String, String)> {
    const NAME_THE_FILE: &str = "name the file itself, or exclude this one";
    const EXCLUDE: &str = "exclude it, or take it out of the directory";
    let refused = |why: &str, hint: &str| Some((format!("refused: {why}"), hint.to_owned()));
    match kind {
        Kind::Symlink => refused("it is a symbolic link", NAME_THE_FILE),
        Kind::Fifo => refused("it is a FIFO, not a regular file", EXCLUDE),
        Kind::Device => refused("it is a device, not a regular file", EXCLUDE),
        Kind::Socket => refused("it is a socket, not a regular file", EXCLUDE),
        Kind::Directory => refused("it is a directory", EXCLUDE),
        Kind::Regular if status.size == 0 => None,
        Kind::Regular if status.links > 1 => {
            let why = format!("it has {} hard links, so its writer would never see a link count of 0", status.links);
            refused(&why, "remove the other links: find / -xdev -samefile FILE")
        }
        // Its hole may be ours; that is looked at when it is taken.
        Kind::Regular if status.is_hollow() && !may_have_holes(writer) => {
            let Status { size, allocated, .. } = status;
            let why = format!("it is {size} bytes long, of which {allocated} are on the disk: the rest is a hole");
            refused(
                &why,
                "its writer may not open it with O_APPEND, and it was truncated; save what you need, remove it",
            )
        }
        Kind::Regular if name.len() > ClaimedName::LONGEST_LOG => {
            let why = format!("its name has {} bytes, which leaves no room for the claimed name", name.len());
            refused(&why, &format!("shorten it to at most {} bytes", ClaimedName::LONGEST_LOG))
        }
        Kind::Regular => None,
    }
}

fn may_have_holes(writer: &Writer) -> bool {
    matches!(writer, Writer::Way(Way::Holds { holes: Holes::Allowed }))
}

pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// Whether the files in a directory that was met on the way are looked at.
fn enters(set: &LogSet, path: &Path, named: Named) -> bool {
    let hidden = path.file_name().is_some_and(is_hidden);
    (!hidden || named == Named::ByPattern { hidden: true }) && !set.excludes(path)
}

/// Whether a link leads to a file, or to nothing.
fn leads_to_no_directory(failure: &Failure) -> bool {
    failure.is(io::ErrorKind::NotADirectory) || failure.is(io::ErrorKind::NotFound)
}

/// Device and inode of what a path leads to.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Whether a file is one that logrotate, savelog or a compressor has made, by its name. A date in the middle may also be
/// part of a job's own name: it counts only if there is a log without it. What a link there leads to is not looked at.
fn is_rotated(name: &OsStr, dir: &Dir) -> bool {
    is_rotated_beside(name, |sibling| matches!(dir.look(sibling), Ok(Some(_))))
}

fn is_rotated_beside(name: &OsStr, is_there: impl Fn(&OsStr) -> bool) -> bool {
    match family::read(name) {
        Name::Plain => false,
        Name::Aside(log) => log.is_none_or(|log| is_there(&log)),
        Name::Rotated(rotated) => rotated.is_certain() || is_there(&rotated.log),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_siblings_are_known_by_their_names() {
        for name in [
            "web.log.1",
            "web.log.12",
            "web.log-20261120",
            "web.log-2026112003",
            "web.log.2.gz",
            "a.xz",
            "a.tgz",
            "web.log.old",
            "web.log~",
        ] {
            assert!(is_rotated_beside(OsStr::new(name), |_| false), "{name}");
        }
    }

    #[test]
    fn jobs_with_numbers_in_their_names_are_logs_in_use() {
        for name in [
            "web.log",
            "app-2.log",
            "worker-12",
            "job-12345678.log",
            "job-1700000000.log",
            "svc.8080",
            "2026.log",
            ".1",
            "day-20261120.log",
            "v1.2-beta.log",
            "web.log.old.log",
        ] {
            assert!(!is_rotated_beside(OsStr::new(name), |_| false), "{name}");
        }
        assert!(is_rotated_beside(OsStr::new("web-20261120.log"), |sibling| sibling == "web.log"));
    }
}
