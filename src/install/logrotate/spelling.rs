//! Patterns of logrotate's that name our logs by other paths than ours.
//!
//! Logrotate tells logs apart by the text of their paths. So a stanza of ours that names `/var/log/app/*.log` is no obstacle
//! to one that names the same files as `/data/app/*.log`, where `/var/log/app` is a link, or as `/var/log//app/*.log`. What
//! decides here is the directories that there are, and not the logs: they may be made any time.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::glob;
use super::naming;
use super::parse::Stanza;
use crate::config::Pattern;
use crate::install::host::Host;
use crate::install::{Logs, Result};
use crate::model::path_text::to_text;
use crate::sys::file::Kind;

/// How a stanza names a directory of our logs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Spelling {
    /// The directory in its words.
    pub(super) theirs: PathBuf,
    /// In ours.
    pub(super) ours: PathBuf,
}

impl Spelling {
    /// Why it has to be changed, and what to do; the stanza is in `file`.
    pub(super) fn problem(&self, file: &Path) -> (String, String) {
        let plain: PathBuf = self.theirs.components().collect();
        let is_plain = plain.as_os_str() == self.theirs.as_os_str() && !has_parent(&plain);
        let (theirs, ours) = (to_text(&self.theirs), to_text(&self.ours));
        let why = format!(
            "it calls their directory {theirs}, which is {ours} for logferry: logrotate tells logs apart by the text of their paths"
        );
        let hint = match is_plain {
            true => format!("name the logs for logferry as {} does: below {theirs}", to_text(file)),
            false => format!("write {ours} instead of {theirs} in {}, then do it again", to_text(file)),
        };
        (why, hint)
    }
}

fn has_parent(path: &Path) -> bool {
    path.components().any(|part| part == std::path::Component::ParentDir)
}

/// How a stanza names logs of ours otherwise than we do; `None` where it names none, or as we do.
///
/// # Errors
/// Where the directories that its patterns name can't be looked through.
pub(super) fn other_than_ours(host: &Host, stanza: &Stanza, ours: &[Place]) -> Result<Option<Spelling>> {
    for word in &stanza.words {
        let Some((directory, name)) = split(&word.pattern) else { continue };
        for theirs in directories(host, directory, Links::Followed)? {
            let found = other_spelling(&theirs, &link_free(host, &theirs), name, ours);
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

fn other_spelling(theirs: &Path, real: &Path, name: &[u8], ours: &[Place]) -> Option<Spelling> {
    let mut alike = ours.iter().filter_map(|place| Some((place, place.spells(real, name)?)));
    // By the text: a path says the same with two slashes as with one.
    let is_same = |spelled: &Path| spelled.as_os_str() == theirs.as_os_str();
    let also_as_theirs = |place: &Place| {
        ours.iter()
            .any(|other| other.names == place.names && other.spells(real, name).is_some_and(|path| is_same(&path)))
    };
    let (_, spelled) = alike.find(|(place, _)| !also_as_theirs(place))?;
    Some(Spelling { theirs: theirs.to_owned(), ours: spelled })
}

/// A directory of our logs.
#[derive(Debug)]
pub(super) struct Place {
    /// As the configuration names it.
    spelled: PathBuf,
    /// The same without links.
    real: PathBuf,
    names: Names,
}

/// What in a directory is ours.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Names {
    /// What matches this, in the directory itself.
    Pattern(Vec<u8>),
    /// All, or what can't be told, there and in the directories below.
    AllBelow,
}

impl Place {
    /// How we would spell a directory, if what matches `name` in it may be ours.
    fn spells(&self, real: &Path, name: &[u8]) -> Option<PathBuf> {
        let below = real.strip_prefix(&self.real).ok()?;
        match &self.names {
            Names::Pattern(ours) => {
                (below.as_os_str().is_empty() && glob::parts_may_meet(ours, name)).then(|| self.spelled.clone())
            }
            Names::AllBelow if below.as_os_str().is_empty() => Some(self.spelled.clone()),
            Names::AllBelow => Some(self.spelled.join(below)),
        }
    }
}

/// The directories of our logs.
///
/// # Errors
/// Where they can't be looked through.
pub(super) fn places(host: &Host, logs: &Logs) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for pattern in logs.sets.iter().flat_map(|set| &set.paths) {
        let named = match pattern {
            Pattern::Literal(path) => literal(host, path)?,
            Pattern::Glob { text, base, .. } => by_pattern(host, text, base)?,
        };
        places.extend(named.into_iter().map(|(spelled, names)| Place {
            real: link_free(host, &spelled),
            spelled,
            names,
        }));
    }
    Ok(places)
}

fn literal(host: &Host, path: &Path) -> Result<Vec<(PathBuf, Names)>> {
    let mut places = Vec::new();
    if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
        places.push((parent.to_owned(), Names::Pattern(naming::escaped(name.as_bytes()))));
    }
    if host.has_dir(path).unwrap_or(false) {
        places.push((path.to_owned(), Names::AllBelow));
    }
    Ok(places)
}

fn by_pattern(host: &Host, text: &str, base: &Path) -> Result<Vec<(PathBuf, Names)>> {
    if naming::unclear(text).is_some() {
        return Ok(vec![(base.to_owned(), Names::AllBelow)]);
    }
    let Some((directory, name)) = split(text.as_bytes()) else { return Ok(Vec::new()) };
    let directories = directories(host, directory, Links::Above(base.to_owned()))?;
    Ok(directories.into_iter().map(|directory| (directory, Names::Pattern(name.to_vec()))).collect())
}

/// The directory part of a pattern, and the rest.
fn split(pattern: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = memchr::memrchr(b'/', pattern)?;
    Some((&pattern[..slash], &pattern[slash + 1..]))
}

/// Which links to directories a pattern goes through.
enum Links {
    /// All, as `glob(3)`.
    Followed,
    /// Those on the way to this directory, as a run.
    Above(PathBuf),
}

/// The directories that a pattern names, spelled as it does; without wildcards, whether it is there or not.
fn directories(host: &Host, pattern: &[u8], links: Links) -> Result<Vec<PathBuf>> {
    let mut found = vec![Vec::new()];
    for part in pattern.split(|&byte| byte == b'/').skip(1) {
        let mut next = Vec::new();
        for dir in &found {
            let names = match glob::has_wildcard(part) {
                true => subdirectories(host, dir, part, &links)?,
                false => vec![glob::unescaped(part)],
            };
            next.extend(names.into_iter().map(|name| [dir, &b"/"[..], &name].concat()));
        }
        found = next;
    }
    Ok(found.into_iter().map(|path| to_path(&path)).collect())
}

fn subdirectories(host: &Host, dir: &[u8], pattern: &[u8], links: &Links) -> Result<Vec<Vec<u8>>> {
    let dir = to_path(dir);
    // What can't be looked through has no logs for us.
    let Ok(open) = host.dir(&dir) else { return Ok(Vec::new()) };
    let names = open.names()?.into_iter().filter(|name| crate::sys::pattern::matches_name(pattern, name.as_bytes()));
    let is_directory = |name: &std::ffi::OsString| match open.look(name).ok().flatten().map(|entry| entry.kind) {
        Some(Kind::Directory) => true,
        Some(Kind::Symlink) => match links {
            Links::Followed => host.has_dir(dir.join(name)).unwrap_or(false),
            Links::Above(base) => !dir.starts_with(base) && host.has_dir(dir.join(name)).unwrap_or(false),
        },
        _ => false,
    };
    Ok(names.filter(is_directory).map(OsStringExt::into_vec).collect())
}

/// A path from its bytes, where none is the root.
fn to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(if bytes.is_empty() { b"/".to_vec() } else { bytes.to_vec() }))
}

/// A directory without links, dots and doubled slashes, as far as it is there.
fn link_free(host: &Host, path: &Path) -> PathBuf {
    let real = |path: &Path| host.has_dir(path).ok().filter(|&there| there).and_then(|_| host.within(path).ok());
    path.ancestors()
        .find_map(|above| Some(real(above)?.join(path.strip_prefix(above).ok()?)))
        .unwrap_or_else(|| path.components().collect())
}
