//! Which logs there are: files, directories and patterns, looked up without opening or changing anything.
//!
//! Taken are regular files with bytes in them. Left alone without a word are empty logs, compressed and rotated
//! siblings (`web.log.1`, `web.log-20261120`, `web.log.2.gz`), hidden files, and what the user excludes. Anything else
//! that was named or matched is refused with its reason.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::config::{LogSet, Pattern, Settings};
use crate::model::names::Service;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{ClaimedName, Identity};
use crate::sys::file::{Kind, Status};

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
    /// How many logs were empty.
    pub empty: usize,
}

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
        listed: HashSet::new(),
        claimed: HashSet::new(),
        discovery: Discovery::default(),
    };
    for set in &settings.sets {
        for pattern in &set.paths {
            search.pattern(set, pattern);
        }
    }
    let mut discovery = search.discovery;
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
    listed: HashSet<PathBuf>,
    /// Device and inode of the claimed files.
    claimed: HashSet<(u64, u64)>,
    discovery: Discovery,
}

impl Search<'_> {
    fn pattern(&mut self, set: &LogSet, pattern: &Pattern) {
        match pattern {
            Pattern::Literal(path) => self.literal(set, path),
            Pattern::Glob { base, depth, hidden, .. } => {
                let named = Named::ByPattern { hidden: *hidden };
                self.walk(set, base, depth.unwrap_or(usize::MAX), named, |path| pattern.covers(path));
            }
        }
    }

    fn literal(&mut self, set: &LogSet, path: &Path) {
        // A link to a directory stands for the directory; whether the link can be trusted is checked on opening it.
        if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            return self.walk(set, path, usize::MAX, Named::ByPattern { hidden: false }, |_| true);
        }
        match path.symlink_metadata() {
            Ok(metadata) => self.consider(set, path, &metadata, Named::ByName),
            // Upstart makes a log at its first output: a missing one is nothing unusual, a missing directory is.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.parent().is_some_and(Path::is_dir) => {
                log::debug!("{}: there is none", path.display());
            }
            Err(error) => self.refuse(path, format!("it can't be looked at: {error}")),
        }
        let Some(dir) = path.parent().filter(|dir| self.listed.insert(dir.to_path_buf())) else { return };
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            self.note_claimed(set, &entry.path());
        }
    }

    fn walk(&mut self, set: &LogSet, base: &Path, depth: usize, named: Named, wanted: impl Fn(&Path) -> bool) {
        let hidden = matches!(named, Named::ByPattern { hidden: true });
        let enter = |entry: &DirEntry| {
            let is_dir = entry.file_type().is_dir();
            let skip =
                is_dir && entry.depth() > 0 && (is_hidden(entry.file_name()) && !hidden || set.excludes(entry.path()));
            !(skip || is_dir && identity(entry.path()).is_some_and(|dir| self.avoid.contains(&dir)))
        };
        let walk = WalkDir::new(base).max_depth(depth).sort_by_file_name().into_iter().filter_entry(enter);
        let entries: Vec<_> = walk.collect();
        for entry in entries {
            match entry {
                // The base itself may be a link to a directory.
                Ok(entry) if entry.file_type().is_dir() || entry.depth() == 0 => {}
                Ok(entry) => {
                    let claimed = self.note_claimed(set, entry.path());
                    if !claimed && wanted(entry.path()) {
                        self.walked(set, &entry, named);
                    }
                }
                Err(error) => self.walk_failed(base, &error),
            }
        }
    }

    fn walked(&mut self, set: &LogSet, entry: &DirEntry, named: Named) {
        match entry.metadata() {
            Ok(metadata) => self.consider(set, entry.path(), &metadata, named),
            // Gone between listing and looking.
            Err(error) if is_gone(&error) => {}
            Err(error) => self.refuse(entry.path(), format!("it can't be looked at: {error}")),
        }
    }

    fn walk_failed(&mut self, base: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(base);
        if is_gone(error) && path != base {
            return;
        }
        let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        self.refuse(path, format!("it can't be looked through: {why}"));
    }

    /// Takes note of a claimed file of a log that the set covers; false when it is none.
    fn note_claimed(&mut self, set: &LogSet, path: &Path) -> bool {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let Some((claimed, log)) = ClaimedName::parse(name) else { return false };
        if set.covers(&dir.join(&log)) && identity(path).is_some_and(|file| self.claimed.insert(file)) {
            self.discovery.claimed.push(ClaimedFile { dir: dir.to_owned(), claimed, log });
        }
        true
    }

    fn consider(&mut self, set: &LogSet, path: &Path, metadata: &Metadata, named: Named) {
        let Some(name) = path.file_name() else { return };
        let by_name = named == Named::ByName;
        if ClaimedName::parse(name).is_some() || set.excludes(path) {
            return;
        }
        if !by_name && is_hidden(name) && named != (Named::ByPattern { hidden: true }) {
            return;
        }
        if is_rotated(path) {
            if by_name {
                self.refuse(path, "it is compressed or rotated already, not a log in use".to_owned());
            }
            log::debug!("{}: left alone, as it is compressed or rotated already", path.display());
            return;
        }
        let status = Status::of(metadata);
        let file = (status.identity.dev, status.identity.ino);
        // By another path it is the same log; several links are refused at each.
        let again = self.seen.insert(file, path.to_owned());
        if again.is_some_and(|seen| status.links == 1 || seen == path) {
            return;
        }
        match refusal(name, metadata, &status) {
            Some((why, hint)) => self.discovery.problems.push(Problem::new(Effect::Failed, path, why).hint(hint)),
            None if status.size == 0 => self.discovery.empty += 1,
            None => {
                let service = self.service(set, path);
                let (path, identity, size) = (path.to_owned(), status.identity, status.size);
                self.discovery.found.push(Found { path, service, identity, size });
            }
        }
    }

    /// What a log is about: as the set says; where the log is an argument, as the configured set that covers it says.
    fn service(&self, set: &LogSet, path: &Path) -> Service {
        let treated = self.settings.treated_as.iter().find(|configured| configured.covers(path));
        treated.unwrap_or(set).service.service(path)
    }

    fn refuse(&mut self, path: &Path, why: String) {
        self.discovery.problems.push(Problem::new(Effect::Failed, path, why));
    }
}

/// Why something that was named or matched can't be taken, and what to do.
fn refusal(name: &OsStr, metadata: &Metadata, status: &Status) -> Option<(String, String)> {
    const NAME_THE_FILE: &str = "name the file itself, or exclude this one";
    const EXCLUDE: &str = "exclude it, or take it out of the directory";
    let refused = |why: &str, hint: &str| Some((format!("refused: {why}"), hint.to_owned()));
    match Kind::of(metadata) {
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
        Kind::Regular if name.len() > ClaimedName::LONGEST_LOG => {
            let why = format!("its name has {} bytes, which leaves no room for the claimed name", name.len());
            refused(&why, &format!("shorten it to at most {} bytes", ClaimedName::LONGEST_LOG))
        }
        Kind::Regular => None,
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Device and inode of what a path leads to.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Whether a file is one that logrotate, savelog or a compressor has made, by its name. A date in the middle may also be
/// part of a job's own name: it counts only if there is a log without it.
fn is_rotated(path: &Path) -> bool {
    const SET_ASIDE: [&[u8]; 16] = [
        b".gz", b".bz2", b".xz", b".zst", b".lz4", b".lzma", b".Z", b".zip", b".tgz", b".tar", b".old", b".bak",
        b".orig", b".save", b".swp", b"~",
    ];
    let name = path.file_name().unwrap_or_default().as_bytes();
    let has_sibling = |without: Vec<u8>| path.with_file_name(OsStr::from_bytes(&without)).exists();
    SET_ASIDE.iter().any(|end| name.ends_with(end))
        || has_number(name)
        || has_date(name)
        || without_inner_date(name).is_some_and(has_sibling)
        || behind_log(name).is_some_and(has_sibling)
}

/// `web.log.1`: a short number behind the last dot, and a name before it.
fn has_number(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|&b| b == b'.') else { return false };
    let number = &name[dot + 1..];
    dot > 0 && (1..=3).contains(&number.len()) && number.iter().all(u8::is_ascii_digit)
}

/// `web.log-20261120`, also with the hour (logrotate's `dateext` and `hourly`), and `web.log.20261120`.
fn has_date(name: &[u8]) -> bool {
    let at = name.iter().rposition(|b| b"-.".contains(b));
    at.is_some_and(|at| at > 0 && is_date(&name[at + 1..]))
}

/// `web.log` for `web-20261120.log` (logrotate's `dateext` with `extension .log`).
fn without_inner_date(name: &[u8]) -> Option<Vec<u8>> {
    let dot = name.iter().rposition(|&b| b == b'.')?;
    let dash = name[..dot].iter().rposition(|b| b"-.".contains(b))?;
    is_date(&name[dash + 1..dot]).then(|| [&name[..dash], &name[dot..]].concat())
}

/// `web.log` for whatever follows it behind a dash or a dot: `web.log-2026-11-20`, `web.log.1700000000`.
fn behind_log(name: &[u8]) -> Option<Vec<u8>> {
    let at = memchr::memmem::rfind(name, b".log")? + b".log".len();
    name.get(at).is_some_and(|b| b"-.".contains(b)).then(|| name[..at].to_vec())
}

/// A year of this or the last century, a month and a day, perhaps an hour.
fn is_date(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    if !(text.len() == 8 || text.len() == 10) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    let hour = if text.len() == 10 { number(8..10) } else { 0 };
    (1900..2100).contains(&number(0..4))
        && (1..=12).contains(&number(4..6))
        && (1..=31).contains(&number(6..8))
        && hour < 24
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
            assert!(is_rotated(Path::new(name)), "{name}");
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
            assert!(!is_rotated(Path::new(name)), "{name}");
        }
        assert_eq!(without_inner_date(b"web-20261120.log"), Some(b"web.log".to_vec()));
    }
}
