//! Where the files of one log are now, and which rotated files came after them. Nothing is touched.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use super::beside::{self, Beside, Directories};
use super::siblings::{self, Siblings};
use super::{Renamed, is_followed, service_of};
use crate::config::Settings;
use crate::model::family;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Identity, SealedSegment};
use crate::rotate::families::RotatedFile;
use crate::rotate::leftovers::split;
use crate::rotate::packed::is_before;
use crate::rotate::replaced;
use crate::spool::Standings;
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure::Result;
use crate::sys::file::{Kind, Status};

/// What a look for the files of one log came to.
#[derive(Debug, Default)]
pub(super) struct Sighted {
    /// Rotated files to take, the oldest first.
    pub(super) files: Vec<RotatedFile>,
    pub(super) renamed: Vec<Renamed>,
    pub(super) emptied: Vec<SealedSegment>,
    /// Those for which the file at the log's path stands now, which it is.
    pub(super) replaced: Vec<(Identity, SealedSegment)>,
    pub(super) missing: Vec<SealedSegment>,
    /// The file at the log's path, if it was emptied and begins as before.
    pub(super) rewritten: Option<Identity>,
}

/// Looks for the files of a log; `None` where its directory can't be looked into, or is another one: a mount may be missing.
pub(super) fn look(
    settings: &Settings,
    standings: &Standings,
    dirs: &mut Directories,
    log: &Path,
    sought: &[SealedSegment],
) -> std::result::Result<Option<Sighted>, Problem> {
    let (parent, name) = split(log);
    let Some(newest) = standings.newest_of_log(log) else { return Ok(None) };
    let Ok(dir) = Dir::open(&parent) else { return Ok(None) };
    let same = |status: Status| status.identity.is_same_but_for_device(&newest.segment.directory);
    if !dir.status().is_ok_and(same) {
        return Ok(None);
    }
    let failed = |failure| Problem::from_error(Effect::Waits, log, &failure);
    let mut search = Sighted::default();
    let mut moved: Vec<&SealedSegment> = Vec::new();
    let at_path = dir.look(&name).map_err(failed)?;
    for sealed in sought {
        match at_path {
            Some(entry) if is_file_of(sealed, &entry.status.identity) && entry.status.size > 0 => {}
            Some(entry) if is_file_of(sealed, &entry.status.identity) => search.emptied.push(sealed.clone()),
            _ => moved.push(sealed),
        }
    }
    let beside = dirs.settled(&dir, &name, !moved.is_empty()).map_err(failed)?;
    let Some(beside) = beside else {
        let what = "its rotated files are being renamed; they wait for the next run";
        return Err(Problem::new(Effect::Waits, log, what));
    };
    let in_its_place =
        sought.iter().find(|sealed| at_path.is_some_and(|entry| is_file_of(sealed, &entry.status.identity)));
    let siblings = match in_its_place {
        Some(sealed) if beside.has_any() => siblings::of(sealed, newest, &beside, &dir, &name).map_err(failed)?,
        Some(_) | None => Siblings::Rotated,
    };
    search.rewritten = at_path.map(|entry| entry.status.identity).filter(|_| siblings == Siblings::CutOff);
    sort(settings, &dir, &beside, (log, newest, siblings), moved, &mut search).map_err(failed)?;
    find_replaced(&dir, &name, at_path, &mut search).map_err(failed)?;
    Ok(Some(search))
}

/// Finds the missing file that the one at the log's path is a copy of. It is missing all the same: a writer may have it open, or
/// have written to it behind what was taken.
fn find_replaced(dir: &Dir, name: &OsStr, at_path: Option<Entry>, search: &mut Sighted) -> Result<()> {
    let Some(entry) = at_path.filter(|entry| entry.kind == Kind::Regular && entry.status.size > 0) else {
        return Ok(());
    };
    // The youngest: what came before it is missing all the same.
    for place in (0..search.missing.len()).rev() {
        if replaced::is_copy(&search.missing[place], dir, name)? {
            search.replaced.push((entry.status.identity, search.missing[place].clone()));
            break;
        }
    }
    Ok(())
}

/// Finds each of the files that were moved, and those that are younger.
fn sort(
    settings: &Settings,
    dir: &Dir,
    beside: &Beside,
    (log, newest, siblings): (&Path, &SealedSegment, Siblings),
    moved: Vec<&SealedSegment>,
    search: &mut Sighted,
) -> Result<()> {
    let service = service_of(settings, log).unwrap_or_else(|| newest.segment.service.clone());
    let mut known: HashSet<usize> = HashSet::new();
    for sealed in moved {
        let is_it = |file: &RotatedFile| is_file_of(sealed, &file.status.identity);
        let by_content = || beside.unpacks_to(dir, sealed);
        match beside.rotated.iter().position(is_it) {
            Some(place) => drop(known.insert(place)),
            None => match beside.other(|file| is_file_of(sealed, file)) {
                Some((name, _)) if beside::is_taken_by_itself(settings, dir, name) => {}
                Some((name, status)) => {
                    let (log, service, path) = (log.to_owned(), service.clone(), dir.path_of(name));
                    search.renamed.push(Renamed { log, service, path, status: *status });
                }
                None => match by_content()? {
                    Some(place) => drop(known.insert(place)),
                    None => search.missing.push(sealed.clone()),
                },
            },
        }
    }
    let first = known.iter().min().copied();
    for (place, file) in beside.rotated.iter().enumerate() {
        let excluded = || settings.sets.iter().any(|set| set.excludes(&file.path));
        let is_younger = first.is_some_and(|first| place > first) || !is_older(file, newest);
        if known.contains(&place) || is_younger && siblings != Siblings::Copies && is_followed(newest) && !excluded() {
            search.files.push(file.clone());
        }
    }
    Ok(())
}

pub(super) fn is_older(file: &RotatedFile, newest: &SealedSegment) -> bool {
    match file.rotated.packing {
        family::Packing::None => file.status.modified < newest.seal.last,
        _ => is_before(file.status.modified, newest.seal.last),
    }
}

fn is_file_of(sealed: &SealedSegment, file: &Identity) -> bool {
    sealed.segment.source.file.is_same_but_for_device(file)
}
