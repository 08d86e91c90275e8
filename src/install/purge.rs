//! Taking the state directory away, which nothing brings back.
//!
//! Promise: it is removed only if it is a state directory of ours: private, and nothing in it that logferry doesn't put
//! there. No link is followed, no other file system entered. All of it is looked at before anything is removed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::host::Host;
use super::{Result, problem};
use crate::model::path_text::to_text;
use crate::model::problem::Problem;
use crate::spool::{self, Copies};
use crate::sys::dir::{Dir, Entry};
use crate::sys::file::Kind;
use crate::sys::lock::{self, Lock};

/// What a state directory holds: see `src/spool/FORMAT.md`.
const DIRECTORIES: [&str; 10] =
    ["damaged", "doubts", "earlier", "gaps", "given", "held", "kept", "notices", "spool", "streams"];
const FILES: [&str; 11] = [
    "instance.json",
    ".instance.json.tmp",
    "last.json",
    ".last.json.tmp",
    "lifecycle.json",
    ".lifecycle.json.tmp",
    "lifecycle.lock",
    "looks",
    ".looks.tmp",
    "skipped.json",
    ".skipped.json.tmp",
];

/// Deeper than anything that is ever put aside.
const DEEPEST: usize = 16;

/// How many segments are named before the rest is only counted.
const MOST_NAMED: usize = 10;

/// A state directory that is there.
pub struct StateDir {
    path: PathBuf,
    dir: Dir,
}

impl StateDir {
    /// Opens the state directory of a host; `None` where there is none.
    ///
    /// # Errors
    /// Where it isn't private to us: then no run of ours can use it either.
    pub fn open(host: &Host, within: &Path) -> Result<Option<Self>> {
        if !host.has_dir(within)? {
            return Ok(None);
        }
        let path = host.path(within)?;
        let dir = Dir::open_private(&path)?;
        Ok(Some(Self { path, dir }))
    }

    /// Keeps runs from beginning until the lock is dropped.
    ///
    /// # Errors
    /// Where one is at work.
    pub fn lock(&self) -> Result<Lock> {
        lock::try_lock(&self.dir)?.ok_or_else(|| {
            let busy = problem(&self.path, "a run is at work; nothing was uninstalled");
            Box::new(busy.hint("wait until it has ended, then do it again"))
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What would be lost with it, as sentences; nothing where all was shipped.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn unshipped(&self) -> Result<Vec<String>> {
        let survey = spool::survey(&self.path)?;
        let sealed = survey.sealed.iter().map(|sealed| (&sealed.segment, sealed.seal.packed));
        let mut lost: Vec<String> = sealed
            .map(|(segment, bytes)| {
                format!("{} ({bytes} bytes of {}, for {})", segment.name, to_text(&segment.path), segment.to)
            })
            .collect();
        lost.extend(
            survey
                .unfinished
                .iter()
                .map(|segment| format!("{} (unfinished, of {})", segment.name, to_text(&segment.path))),
        );
        lost.extend(survey.damaged.iter().map(|path| format!("{} (put aside as damaged)", to_text(path))));
        lost.extend(self.without_record(&lost)?);
        Ok(lost)
    }

    /// The copies of what was shipped: they stay or go with it, and the store has them.
    ///
    /// # Errors
    /// Where they can't be looked at.
    pub fn copies(&self) -> Result<Copies> {
        Ok(spool::copies(&self.path)?)
    }

    /// Bytes in the spool whose record can't be read, so that nobody knows what they are of.
    fn without_record(&self, known: &[String]) -> Result<Vec<String>> {
        let Ok(spool) = self.dir.open_subdir("spool") else { return Ok(Vec::new()) };
        let holds_bytes = |name: &String| name.ends_with(".gz") || name.ends_with(".part");
        let is_known = |name: &String| {
            known.iter().any(|known| name.rsplit_once('.').is_some_and(|(stem, _)| known.starts_with(stem)))
        };
        let names = spool.names()?.into_iter().map(|name| name.to_string_lossy().into_owned());
        Ok(names.filter(|name| holds_bytes(name) && !is_known(name)).collect())
    }

    /// Fails unless all of it may be removed.
    ///
    /// # Errors
    /// The first thing in it that isn't ours.
    pub fn require_ours(&self, host: &Host, within: &Path) -> Result<()> {
        let (around, name) = host.parent(within)?;
        match around.look(name)? {
            Some(entry) if entry.kind == Kind::Directory => {}
            _ => return Err(foreign(&self.path, "it is a symbolic link")),
        }
        let device = self.dir.status()?.identity.dev;
        for name in self.dir.names()? {
            let path = self.dir.path_of(&name);
            let known = |names: &[&str]| names.iter().any(|known| OsStr::new(known) == name);
            match self.dir.look(&name)? {
                None => {}
                Some(Entry { kind: Kind::Directory, .. }) if known(&DIRECTORIES) => {
                    require_plain(&self.dir.open_subdir(&name)?, device, DEEPEST)?;
                }
                Some(Entry { kind: Kind::Regular, .. }) if known(&FILES) => {}
                Some(_) => return Err(foreign(&path, "logferry has not put it there")),
            }
        }
        Ok(())
    }

    /// Removes it with all in it.
    ///
    /// # Errors
    /// The first thing that can't be removed; what was removed before is gone.
    pub fn remove(&self, host: &Host, within: &Path) -> Result<()> {
        self.require_ours(host, within)?;
        empty(&self.dir, DEEPEST + 1)?;
        let (around, name) = host.parent(within)?;
        around.remove_subdir(name)?;
        Ok(around.sync()?)
    }
}

fn foreign(path: &Path, why: &str) -> Box<Problem> {
    let refused = problem(path, format!("{why}, so the state directory is not removed, and nothing was uninstalled"));
    Box::new(refused.hint("look at it and remove it yourself, or uninstall without --purge"))
}

/// Fails where a directory leads to another file system, or is deeper than anything of ours.
fn require_plain(dir: &Dir, device: u64, depth: usize) -> Result<()> {
    if dir.status()?.identity.dev != device {
        return Err(foreign(dir.path(), "it is on another file system"));
    }
    for name in dir.names()? {
        match dir.look(&name)?.map(|entry| entry.kind) {
            Some(Kind::Directory) if depth == 0 => return Err(foreign(&dir.path_of(&name), "it is too deep")),
            Some(Kind::Directory) => require_plain(&dir.open_subdir(&name)?, device, depth - 1)?,
            _ => {}
        }
    }
    Ok(())
}

/// Removes all that is in a directory; never through a link.
fn empty(dir: &Dir, depth: usize) -> Result<()> {
    for name in dir.names()? {
        match dir.look(&name)?.map(|entry| entry.kind) {
            None => {}
            Some(Kind::Directory) if depth > 0 => {
                empty(&dir.open_subdir(&name)?, depth - 1)?;
                dir.remove_subdir(&name)?;
            }
            Some(_) => dir.unlink_if_there(&name)?,
        }
    }
    Ok(())
}

/// The problem of a purge that would lose segments.
pub fn refuse_to_lose(path: &Path, lost: &[String]) -> Problem {
    let named = lost.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    let more = lost.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let problem = problem(
        path,
        format!("it holds what is not in the store yet, and would be lost; nothing was uninstalled: {named}{more}"),
    );
    problem.hint("ship it first: logferry run; or say twice that it may be lost: --purge --purge")
}
