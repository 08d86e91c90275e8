//! Which logs there are: files, directories and patterns, looked up without opening or changing anything.
//!
//! Directories are gone through by descriptor, as [`crate::sys::dir`] opens them: whoever may write to one can't lead the
//! search out of it, neither by a link nor by swapping a directory while it is looked through.
//!
//! Taken are regular files with bytes in them. Left alone without a word are empty logs, compressed and rotated
//! siblings (`web.log.1`, `web.log-20261120`, `web.log.2.gz`), hidden files, and what the user excludes. Anything else
//! that was named or matched is refused with its reason.

mod considering;
mod found;
mod noting;
mod refusal;
mod rotated;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::families::Families;
use crate::config::{LogSet, Pattern, Settings};
use crate::model::family;
use crate::model::problem::{Cause, Effect, Problem};
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure::Failure;
use crate::sys::fault::{self, Point};
use crate::sys::file::Kind;
use considering::Met;
pub use found::{ClaimedFile, Discovery, Empty, Found};
pub(super) use rotated::{is_hidden, is_rotated};

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
    discovery.current.extend::<Vec<Found>>(current);
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
                    self.consider(set, &dir, name, Met::by_name(&dir, name, entry))
                }
                opened => return self.whole(set, path, opened),
            },
            Ok(Some(entry)) => self.consider(set, &dir, name, Met::by_name(&dir, name, entry)),
            // Upstart makes a log at its first output: a missing one is nothing unusual, a missing directory is.
            Ok(None) => log::debug!("{}: there is none", path.display()),
            Err(failure) => self.not_looked_at(path, &failure),
        }
        for name in dir.names().unwrap_or_default() {
            // Those of other sets are noted with these.
            self.note_claimed(set, &dir, &name);
            self.note_rotated(set, &dir, &name, &family::read(&name));
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
                    let says = family::read(&name);
                    let noted = self.note_claimed(set, dir, &name) || self.note_rotated(set, dir, &name, &says);
                    if !noted && wanted(&path) {
                        self.consider(set, dir, &name, Met { path, says, entry, named });
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
