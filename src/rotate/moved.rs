//! Logs that were taken in their place and are not at their path any more: their writers, or somebody else, have renamed,
//! compressed, deleted or emptied them since.
//!
//! Promise: what a log got behind its last segment is looked for, and taken before what is at its path now; so are the files
//! that came between the two. What can't be found is said, once.
//!
//! | the file of the last segment is | so |
//! | --- | --- |
//! | at its path | nothing is to be done here; where it is empty, it was truncated: a doubt |
//! | beside it by the name of a rotated log, compressed or not | it is taken with those that are younger, the oldest first (`closed.rs`) |
//! | beside it by the name of another log | it goes on there |
//! | beside it by any other name | its rest is taken, and it stays |
//! | claimed by an earlier run | it is taken from there |
//! | not there, and the one at its path is a copy of it | the log goes on there, behind what was taken (`replaced.rs`) |
//! | not there, and a process has it open | what it writes there is taken like the growth of a deleted log (`growth.rs`) |
//! | not there | a doubt |
//!
//! A rotated file is younger if it comes after the file of the last segment in the order of age, or if it was changed after the
//! stream's newest segment. What is older is history, which only `backlog` takes.

mod beside;
mod siblings;
mod sighted;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::closed::is_rest_of;
use super::families::{self, Family, LeftBy, RotatedFile};
use super::queues::{Item, Queues};
use super::{Rotation, known, replaced, untaken};
use crate::config::{ServiceTemplate, Settings};
use crate::model::doubt::Why;
use crate::model::in_place::Known;
use crate::model::names::{Instance, Service};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Ended, Identity, SealedSegment, Segment};
use crate::model::way::Way;
use crate::spool::{Continued, Search, Standings};
use crate::sys::failure::Result;
use crate::sys::file::Status;
use crate::sys::procfs::{self, Holder};
use beside::Directories;
use sighted::{Sighted, look};

/// A file that was renamed to a name that is neither a rotated log's nor another log's.
#[derive(Clone, Debug)]
pub(super) struct Renamed {
    /// The log that it was.
    pub(super) log: PathBuf,
    pub(super) service: Service,
    /// Where it is.
    pub(super) path: PathBuf,
    pub(super) status: Status,
}

/// A file that was a log, or came after it, and of which a run would take something.
#[derive(Clone, Debug)]
pub struct Left {
    /// Where it is.
    pub path: PathBuf,
    /// Which file it is.
    pub file: Identity,
    /// How many of its bytes are in no segment; of a compressed one, how many it has.
    pub bytes: u64,
    /// The log that it was, or came after.
    pub log: PathBuf,
    /// What that is about.
    pub service: Service,
    /// Why no run can take it, and what to do.
    pub refused: Option<(String, String)>,
}

impl Left {
    fn of_rotated(file: RotatedFile, log: &Path, service: &Service, continued: &Continued) -> Self {
        let refused = families::refusal(&file.entry(), file.path.file_name().unwrap_or_default());
        let bytes = untaken::of_moved(continued, log, &file.path, &file.status);
        let (log, service) = (log.to_owned(), service.clone());
        Self { path: file.path, file: file.status.identity, bytes, log, service, refused }
    }

    fn of_renamed(renamed: Renamed, continued: &Continued) -> Self {
        let Renamed { log, service, path, status } = renamed;
        let bytes = untaken::of_moved(continued, &log, &path, &status);
        Self { path, file: status.identity, bytes, log, service, refused: None }
    }
}

/// What a run would look for and find in these directories: for those who only look, without the lock. What can't be looked at is
/// left out.
pub fn left(settings: &Settings, standings: &Standings, continued: &Continued) -> Vec<Left> {
    let (mut dirs, mut left) = (Directories::default(), Vec::new());
    for (log, sought) in logs(standings, settings, None) {
        let Ok(Some(found)) = look(settings, standings, &mut dirs, &log, &sought) else { continue };
        let service = service_of(settings, &log).unwrap_or_else(|| ServiceTemplate::default().service(&log));
        left.extend(found.files.into_iter().map(|file| Left::of_rotated(file, &log, &service, continued)));
        left.extend(found.renamed.into_iter().map(|renamed| Left::of_renamed(renamed, continued)));
    }
    left.retain(|left| left.bytes > 0);
    left
}

/// Whether there is anything that a run looks for, even where no log is at its path.
pub fn looks_for_any(standings: &Standings) -> bool {
    standings.newest().any(is_followed) || !standings.sought().is_empty()
}

/// Puts what is found on the list, and takes note of what is not.
pub(super) fn find(rotation: &mut Rotation<'_>, families: &HashSet<PathBuf>, queues: &mut Queues) {
    if let Err(failure) = try_find(rotation, families, queues) {
        rotation.failed(&failure.path.clone(), &failure);
    }
}

fn try_find(rotation: &mut Rotation<'_>, families: &HashSet<PathBuf>, queues: &mut Queues) -> Result<()> {
    let standings = rotation.spool.standings()?;
    rotation.stand_ins = standings.stand_ins().map(|sealed| (sealed.segment.source.file, sealed.clone())).collect();
    let (mut dirs, mut missing) = (Directories::default(), Vec::new());
    for (log, sought) in logs(&standings, rotation.settings, Some(&rotation.instance)) {
        // Nothing of it is sought, and all its rotated files are taken anyway, in an order that was looked at.
        let is_listed = sought.is_empty() && families.contains(&log);
        if queues.is_blocked(&log) || is_listed {
            continue;
        }
        match look(rotation.settings, &standings, &mut dirs, &log, &sought) {
            Ok(None) => {}
            Ok(Some(found)) => {
                // What an earlier run has claimed of it is ours, and taken from there.
                let is_ours = |sealed: &&SealedSegment| queues.claimed().any(|segment| is_rest_of(segment, sealed));
                missing.extend(found.missing.iter().filter(|sealed| !is_ours(sealed)).cloned());
                list(rotation, queues, &log, found, families.contains(&log))?;
            }
            Err(problem) => {
                rotation.problem(problem);
                queues.block(log);
            }
        }
    }
    elsewhere(rotation, missing)
}

/// The logs that this run is for and that were taken in their place, or rotated, with their files that may hold more.
/// `instance` is this machine, where that is known: an image may have been made of another one, with its state.
fn logs(
    standings: &Standings,
    settings: &Settings,
    instance: Option<&Instance>,
) -> BTreeMap<PathBuf, Vec<SealedSegment>> {
    let ours = |sealed: &SealedSegment| {
        instance.is_none_or(|instance| sealed.segment.instance == *instance)
            && settings.sets.iter().any(|set| set.covers(&sealed.segment.path))
    };
    let mut logs: BTreeMap<PathBuf, Vec<SealedSegment>> = BTreeMap::new();
    for sealed in standings.newest().filter(|sealed| ours(sealed) && is_followed(sealed)) {
        logs.entry(sealed.segment.path.clone()).or_default();
    }
    for sealed in standings.sought().into_iter().filter(ours) {
        logs.entry(sealed.segment.path.clone()).or_default().push(sealed);
    }
    logs
}

impl Rotation<'_> {
    /// Whether the file that a segment was made of is looked for by runs with these settings.
    pub(super) fn looks_for(&self, segment: &Segment) -> bool {
        segment.instance == self.instance && self.settings.sets.iter().any(|set| set.covers(&segment.path))
    }
}

/// Whether a stream goes on in the rotated files that are younger than this segment: those of a log that is left in its place,
/// or that had been rotated. What is claimed and unlinked by us is kept from being rotated by others.
fn is_followed(newest: &SealedSegment) -> bool {
    newest.seal.ended == Ended::Continued || matches!(newest.segment.way, Way::Holds { .. } | Way::Closed)
}

/// What a log is about, as the set says that names it.
fn service_of(settings: &Settings, log: &Path) -> Option<Service> {
    settings.set_of(log).map(|set| set.service.service(log))
}

/// Puts what is found of a log on the list. A family that is taken anyway has all its rotated files already.
fn list(rotation: &mut Rotation<'_>, queues: &mut Queues, log: &Path, found: Sighted, is_listed: bool) -> Result<()> {
    let Sighted { files, renamed, emptied, replaced, rewritten, missing: _ } = found;
    rotation.rewritten.extend(rewritten);
    for sealed in emptied {
        rotation.doubt_once_more(&sealed, Why::Truncated)?;
        rotation.spool.remember_file(&sealed, Search::Over)?;
    }
    for (file, sealed) in replaced {
        // A file of which something was taken already stands for itself.
        if rotation.continued()?.of(log, file).is_none() {
            rotation.replaced.insert(sealed.segment.name, file);
        }
    }
    for renamed in renamed {
        queues.push(log.to_owned(), Item::Renamed(renamed));
    }
    let mut sound = Vec::new();
    for file in files {
        match families::refusal(&file.entry(), file.path.file_name().unwrap_or_default()) {
            Some((why, hint)) => rotation.problem(Problem::new(Effect::Failed, &file.path, why).hint(hint)),
            None => sound.push(file),
        }
    }
    if !sound.is_empty() && !is_listed {
        let (path, service) = (log.to_owned(), rotation.service_of(log));
        queues.push(log.to_owned(), Item::Rotated(Family { path, service, left_by: LeftBy::Since, files: sound }));
    }
    Ok(())
}

/// What is not in its directory any more: a process may have it open; else nobody can know what was in it. Where another file
/// stands for it, that is looked for from now on (`replaced.rs`).
fn elsewhere(rotation: &mut Rotation<'_>, missing: Vec<SealedSegment>) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let files: Vec<(&Path, Identity)> =
        missing.iter().map(|sealed| (sealed.segment.path.as_path(), sealed.segment.source.file)).collect();
    let holders = procfs::holders_of_moved(&files);
    for sealed in &missing {
        let holders = holders.by_file.get(&sealed.segment.source.file).map_or(&[][..], Vec::as_slice);
        let stand_in = rotation.replaced.get(&sealed.segment.name).copied();
        match holders.iter().find_map(|holder| open(sealed, holder)) {
            Some(_) if rotation.is_held(sealed)? => {}
            Some((file, position)) => {
                let copied =
                    stand_in.map(|stand_in| replaced::copied(sealed, stand_in, &file, position)).transpose()?;
                rotation.spool.hold(sealed, position + copied.unwrap_or_default())?;
            }
            None => rotation.doubt_once_more(sealed, Why::Replaced)?,
        }
        match stand_in {
            Some(stand_in) => rotation.goes_on_in(sealed, stand_in)?,
            None => rotation.spool.remember_file(sealed, Search::Over)?,
        }
    }
    Ok(())
}

/// The file that a process has open, and how many of its bytes are in segments; `None` where it is not that file as it was.
fn open(sealed: &SealedSegment, holder: &Holder) -> Option<(File, u64)> {
    let file = holder.open().ok()?;
    let Status { identity, size, .. } = Status::of_file(&file).ok()?;
    match known::known(sealed, &sealed.segment.path, &file, size) {
        Ok(Known::Same { position, .. }) if identity == sealed.segment.source.file => Some((file, position)),
        _ => None,
    }
}
