//! What must change so that logrotate leaves our logs alone: from its configuration as it would be without us, to the files
//! that we want, to the edits between what is there and what we want.
//!
//! Each stanza that names our logs is dealt with in one of three ways:
//!
//! ```text
//!  it is read after our fragment, and logrotate knows ignoreduplicates   nothing: our stanza is the first to name the logs
//!  it is in a file of a directory that is included                       the file is replaced
//!  else (the main file, a link, a file with mistakes ...)                refused: a person has to decide
//! ```
//!
//! One that names our logs by other paths than we do is refused, too.
//!
//! Our fragment is there in any case, even where nothing names our logs yet: a package may bring such a file tomorrow.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::effective::{self, Effective, Found, Place, Source};
use super::fragment::{Fragment, Way};
use super::program::{Logrotate, Release};
use super::recent::with_recent;
use super::replacement::{self, Replacement};
use super::{DIRECTORY, FRAGMENT, NAME, naming, packages, spelling};
use crate::install::edit::Edit;
use crate::install::host::{Host, HostFile};
use crate::install::signed::Signed;
use crate::install::{Logs, Plan, Result, problem};
use crate::model::path_text::to_text;
use crate::model::problem::Problem;
use crate::sys::file::Kind;

/// What is to be changed so that logrotate leaves these logs alone.
///
/// # Errors
/// Where its configuration can't be read, or a file that names our logs can't be dealt with.
pub(super) fn install(host: &Host, logs: &Logs) -> Result<Plan> {
    let Some(logrotate) = Logrotate::find(host)? else {
        let note = "logrotate is not installed: there is nothing to keep off the logs".to_owned();
        return Ok(Plan { edits: Vec::new(), notes: vec![note] });
    };
    let release = logrotate.release()?;
    let effective = Effective::read(host)?;
    let logs = &with_recent(logs, &Fragment::of(host)?);
    refuse_other_spellings(host, &effective, logs)?;
    let conflicts: Vec<&Found> =
        effective.stanzas.iter().filter(|found| replacement::concerns(&found.stanza, logs)).collect();
    if effective.directory_begins.is_none() {
        return match (conflicts.first(), unread_main(host, &effective)?) {
            (Some(conflict), _) => Err(not_included(host, &effective, conflict)),
            (None, Some(why)) => {
                let wanted = Wanted::new(host, &effective, release, logs)?;
                Ok(Plan { notes: vec![why], ..wanted.edits(host)? })
            }
            (None, None) => Ok(Plan::note(no_need(&effective))),
        };
    }
    let wanted = Wanted::new(host, &effective, release, logs)?;
    let mut plan = wanted.edits(host)?;
    plan.notes = wanted.notes(release);
    Ok(plan)
}

/// What names our logs by other paths would be let at them, whatever is said of ours: in a stanza of ours, and in a list of
/// the others.
fn refuse_other_spellings(host: &Host, effective: &Effective, logs: &Logs) -> Result<()> {
    let ours = spelling::places(host, logs)?;
    for found in &effective.stanzas {
        let Some(other) = spelling::other_than_ours(host, &found.stanza, &ours)? else { continue };
        let source = effective.source(found);
        let (why, hint) = other.problem(&source.path);
        return Err(Box::new(Problem { hint: Some(hint), ..*refusal(host, source, found, &why) }));
    }
    Ok(())
}

/// Why logrotate does not read its main file as whoever wrote it meant: once that is mended, what it includes is read again.
fn unread_main(host: &Host, effective: &Effective) -> Result<Option<String>> {
    let (main, why) = match effective.files.first() {
        Some(source) => (source.path.as_path(), source.mistake.map(|line| format!("it has a mistake in line {line}"))),
        None => {
            let main = Path::new(effective::MAIN_FILES[0]);
            let why = "logrotate passes it over: it is not root's, or others may write to it, or it is no file";
            (main, host.has(main)?.then(|| why.to_owned()))
        }
    };
    let note = |why| format!("{}: {why}; logferry's exclusion will count when that is mended", to_text(main));
    Ok(why.map(note))
}

/// The directory of our fragment is not read, and need not be.
fn no_need(effective: &Effective) -> String {
    let main = to_text(main_file(effective));
    format!("{main} does not include {DIRECTORY}, and nothing that it reads names the logs")
}

fn main_file(effective: &Effective) -> &Path {
    effective.files.first().map_or(Path::new(effective::MAIN_FILES[0]), |source| source.path.as_path())
}

/// The directory of our fragment is not read, and would have to be.
fn not_included(host: &Host, effective: &Effective, conflict: &Found) -> Box<Problem> {
    let source = effective.source(conflict);
    let what = format!(
        "it does not include {DIRECTORY}, where logrotate would have to be kept off the logs that line {} of {} names",
        conflict.stanza.line,
        to_text(&source.path),
    );
    Box::new(
        problem(host.shown(main_file(effective)), what)
            .hint(format!("put `include {DIRECTORY}` above all stanzas of it")),
    )
}

/// The files that we want, by their paths.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) fragment: Fragment,
    replacements: BTreeMap<PathBuf, WantedReplacement>,
}

#[derive(Debug)]
struct WantedReplacement {
    original: PathBuf,
    bytes: Vec<u8>,
}

impl Wanted {
    fn new(host: &Host, effective: &Effective, release: Release, logs: &Logs) -> Result<Self> {
        let mut wanted = Self::default();
        match release.ignores_duplicates() {
            true => wanted.fragment.words = naming::words(logs),
            false => wanted.fragment.way = Way::Replacements,
        }
        for (index, found) in effective.stanzas.iter().enumerate() {
            if !replacement::concerns(&found.stanza, logs) {
                continue;
            }
            let source = effective.source(found);
            let comes_later = is_after_us(source, effective.directory_begins.is_some_and(|begin| index >= begin));
            if release.ignores_duplicates() && comes_later || wanted.replacements.contains_key(&source.path) {
                continue;
            }
            let original = place_for_original(host, source, found, release)?;
            let bytes = replacement::write(host, &original, &source.bytes, logs)?;
            wanted.fragment.replaces.insert(source.path.clone(), original.clone());
            wanted.replacements.insert(source.path.clone(), WantedReplacement { original, bytes });
        }
        wanted.refuse_scripts_with_arguments(host, effective, logs)?;
        Ok(wanted)
    }

    /// A script that runs once for all logs of a stanza is given the stanza's paths, and these change.
    fn refuse_scripts_with_arguments(&self, host: &Host, effective: &Effective, logs: &Logs) -> Result<()> {
        let mut found = effective.stanzas.iter().filter(|found| {
            let is_changed = self.replacements.contains_key(&effective.source(found).path);
            is_changed && found.stanza.script_reads_arguments && replacement::concerns(&found.stanza, logs)
        });
        let why = "a script of it looks at its arguments, which would no longer be the same";
        found.next().map_or(Ok(()), |found| Err(refusal(host, effective.source(found), found, why)))
    }

    /// The edits between what is there and what we want. In between, and wherever a process is killed, logrotate may run:
    /// so what keeps it off our logs comes first, and what kept it off them until now goes last. And our fragment tells of
    /// each original as long as it is not in its place.
    fn edits(&self, host: &Host) -> Result<Plan> {
        let (path, there) = (Path::new(FRAGMENT), host.read(FRAGMENT)?);
        let present = present(host)?;
        let leave: Vec<&Present> = present.iter().filter(|file| !self.replacements.contains_key(&file.path)).collect();
        let mut first = self.fragment.clone();
        first.replaces.extend(leave.iter().map(|file| (file.path.clone(), file.original.clone())));
        let (first, last) = (first.write(), self.fragment.write());
        let mut edits: Vec<Edit> = Vec::new();
        edits.extend(match leave.is_empty() {
            true => write(host, path, there, &last)?,
            false => write(host, path, there, &first)?,
        });
        for (path, wanted) in &self.replacements {
            let interrupted = present.iter().any(|present| present.path == *path && present.file.is_none());
            let there = host.read(path)?;
            match there.as_ref().and_then(|file| Replacement::of(&file.bytes)) {
                None if !interrupted => edits.extend(put_aside(host, path, wanted)?),
                _ => edits.extend(write(host, path, there, &wanted.bytes)?),
            }
        }
        for present in &leave {
            edits.extend(put_back(host, present)?);
        }
        if !leave.is_empty() {
            edits.push(Edit::Write { path: path.to_owned(), before: Some(first), after: last });
        }
        Ok(Plan { edits, notes: Vec::new() })
    }

    fn notes(&self, release: Release) -> Vec<String> {
        let note = |(path, wanted): (&PathBuf, &WantedReplacement)| {
            let why = match release.ignores_duplicates() {
                true => format!("it is read before {NAME}"),
                false => format!("logrotate {release} can't leave single logs out of a pattern"),
            };
            let (path, original) = (to_text(path), to_text(&wanted.original));
            format!("{path} is replaced, since {why}; the original is kept as {original}")
        };
        self.replacements.iter().map(note).collect()
    }
}

/// Whether a file is read after our fragment, in whatever language logrotate sorts names: not all count punctuation, and not all
/// put capitals first.
fn is_after_us(source: &Source, directory_has_begun: bool) -> bool {
    let plain = |name: &[u8]| -> Vec<u8> {
        name.iter()
            .filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
            .map(u8::to_ascii_lowercase)
            .collect()
    };
    match (&source.place, source.path.parent() == Some(Path::new(DIRECTORY))) {
        (Place::InDirectory { .. }, true) => {
            let name = source.path.file_name().unwrap_or_default().as_bytes();
            name > NAME.as_bytes() && plain(name) > plain(NAME.as_bytes())
        }
        _ => directory_has_begun,
    }
}

/// Under which name the original of a file is kept: one that logrotate passes over there.
fn place_for_original(host: &Host, source: &Source, found: &Found, release: Release) -> Result<PathBuf> {
    let refuse = |why: &str| refusal(host, source, found, why);
    if let Some(original) = &source.original {
        return Ok(original.clone());
    }
    let Place::InDirectory { taboo } = &source.place else {
        return Err(refuse(&format!(
            "logrotate {release} can't leave single logs out of it, and it is not a file of {DIRECTORY}"
        )));
    };
    let (dir, name) = host.parent(&source.path)?;
    if dir.look(name)?.is_none_or(|entry| entry.kind != Kind::Regular) {
        return Err(refuse("the file is a symbolic link"));
    }
    if let Some(line) = source.mistake {
        return Err(refuse(&format!("the file has a mistake in line {line}, and so can't be replaced")));
    }
    const ENDINGS: [&str; 4] = [".disabled", ".bak", ".dpkg-bak", ".rpmsave"];
    let kept = ENDINGS.iter().map(|end| [name.as_bytes(), end.as_bytes()].concat());
    let kept = kept.filter(|name| effective::is_taboo(taboo, OsStr::from_bytes(name)));
    for name in kept {
        let path = source.path.with_file_name(OsStr::from_bytes(&name));
        if !host.has(&path)? {
            return Ok(path);
        }
    }
    Err(refuse("no name beside it is free that logrotate passes over (its tabooext)"))
}

fn refusal(host: &Host, source: &Source, found: &Found, why: &str) -> Box<Problem> {
    let line = found.stanza.line;
    let what = format!("its stanza in line {line} may name logs that logferry is to take, and {why}");
    let hint = match source.place {
        Place::Named => format!(
            "take these logs out of that stanza yourself; or, with logrotate 3.21 or later, put `include {DIRECTORY}` above it",
        ),
        Place::InDirectory { .. } => "take these logs out of that stanza yourself, then do it again".to_owned(),
    };
    Box::new(problem(host.shown(&source.path), what).hint(hint))
}

/// A file of ours that is in the place of another.
pub(super) struct Present {
    pub(super) path: PathBuf,
    /// Missing where a process was killed before it wrote it, or after it took it away.
    pub(super) file: Option<HostFile>,
    pub(super) original: PathBuf,
}

/// The replacements that are there: those in the directory, those that our fragment tells of, and those that logrotate
/// reads elsewhere. A process that was killed may have left one that the fragment doesn't tell of.
///
/// # Errors
/// Where they can't be looked for.
pub(super) fn present(host: &Host) -> Result<Vec<Present>> {
    let recorded = Fragment::of(host)?.replaces;
    let mut paths: BTreeSet<PathBuf> = recorded.keys().cloned().collect();
    // A configuration that can't be read keeps nothing from being put back.
    paths.extend(Effective::read(host).unwrap_or_default().files.into_iter().map(|source| source.path));
    paths.extend(host.names(DIRECTORY)?.iter().map(|name| Path::new(DIRECTORY).join(name)));
    let mut present = Vec::new();
    for path in paths {
        let file = if is_regular(host, &path)? { host.read(&path).ok().flatten() } else { None };
        let original = match &file {
            Some(file) => Replacement::of(&file.bytes).map(|replacement| replacement.original),
            None => recorded.get(&path).cloned(),
        };
        let Some(original) = original else { continue };
        if file.is_some() || !host.has(&path)? && host.has(&original)? {
            present.push(Present { path, file, original });
        }
    }
    Ok(present)
}

fn is_regular(host: &Host, path: &Path) -> Result<bool> {
    if !host.has(path)? {
        return Ok(false);
    }
    let (dir, name) = host.parent(path)?;
    Ok(dir.look(name)?.is_some_and(|entry| entry.kind == Kind::Regular))
}

/// The original comes back into its place. Where it is gone (its package was purged), so is what it was replaced by.
fn put_back(host: &Host, present: &Present) -> Result<Vec<Edit>> {
    let Present { path, file, original } = present;
    let mut edits = Vec::new();
    if let Some(file) = file {
        edits.push(Edit::Remove { path: path.clone(), before: untouched(host, path, file)?.to_vec() });
    }
    let kept = host.read(original)?;
    match (packages::diverts(host, path, original)?, &kept) {
        (true, _) => edits.push(Edit::Undivert { path: path.clone(), to: original.clone() }),
        (false, Some(_)) => edits.push(Edit::Move { from: original.clone(), to: path.clone() }),
        (false, None) => {}
    }
    if let (true, Some(kept)) = (packages::forgot(host, path, original)?, kept) {
        edits.push(Edit::Remove { path: path.clone(), before: kept.bytes });
    }
    Ok(edits)
}

fn put_aside(host: &Host, path: &Path, wanted: &WantedReplacement) -> Result<Vec<Edit>> {
    let (path, to) = (path.to_owned(), wanted.original.clone());
    let aside = match packages::owns(host, &path)? {
        true => Edit::Divert { path: path.clone(), to },
        false => Edit::Move { from: path.clone(), to },
    };
    Ok(vec![aside, Edit::Write { path, before: None, after: wanted.bytes.clone() }])
}

/// What brings a file of ours to that content.
fn write(host: &Host, path: &Path, there: Option<HostFile>, wanted: &[u8]) -> Result<Option<Edit>> {
    let before = match there {
        Some(file) if file.bytes == wanted && file.is_sound() => return Ok(None),
        Some(file) if file.bytes == wanted => Some(file.bytes),
        Some(file) => Some(untouched(host, path, &file)?.to_vec()),
        None => None,
    };
    Ok(Some(Edit::Write { path: path.to_owned(), before, after: wanted.to_vec() }))
}

/// What is in a file of ours, if nobody has changed it.
fn untouched<'f>(host: &Host, path: &Path, file: &'f HostFile) -> Result<&'f [u8]> {
    const CHANGED: &str = "it was changed by hand since logferry wrote it";
    let (what, hint) = match (Signed::read(&file.bytes), Replacement::of(&file.bytes)) {
        (Signed::Ours, _) => return Ok(&file.bytes),
        (Signed::Edited, Some(_)) => (
            CHANGED,
            "put what you need of it into a file of your own, or into the original that it names; remove it; do it again",
        ),
        (Signed::Edited, None) => {
            (CHANGED, "put what you need of it into a file of your own; remove it; call `logferry install`")
        }
        (Signed::Foreign, _) => ("logferry did not write it, but needs its name", "move it away, then do it again"),
    };
    Err(Box::new(problem(host.shown(path), what).hint(hint)))
}

/// Whether it is a file of ours that was changed by hand; `shown` as in a problem.
///
/// # Errors
/// Where our files can't be looked for.
pub(super) fn is_edited(host: &Host, shown: &Path) -> Result<bool> {
    let replacements = present(host)?.into_iter().filter_map(|present| Some((present.path, present.file?)));
    let fragment = host.read(FRAGMENT)?.map(|file| (PathBuf::from(FRAGMENT), file));
    let mut ours = replacements.chain(fragment).filter(|(path, _)| host.shown(path) == shown);
    Ok(ours.any(|(_, file)| Signed::read(&file.bytes) == Signed::Edited))
}

/// What is to be changed so that all is as it was before.
///
/// # Errors
/// Where a file of ours was changed by hand.
pub(super) fn uninstall(host: &Host) -> Result<Plan> {
    let mut plan = Plan::default();
    for present in present(host)? {
        plan.edits.extend(put_back(host, &present)?);
    }
    let path = Path::new(FRAGMENT);
    match host.read(path)? {
        Some(file) if Signed::read(&file.bytes) == Signed::Foreign => {
            plan.notes.push(format!("{FRAGMENT} is not logferry's, and stays"));
        }
        Some(file) => {
            let before = untouched(host, path, &file)?.to_vec();
            plan.edits.push(Edit::Remove { path: path.to_owned(), before });
        }
        None => {}
    }
    Ok(plan)
}
