//! What is in a log's directory: its rotated files in the order of their age, and everything else by its inode.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use super::super::discover::{is_hidden, is_rotated};
use super::super::families::RotatedFile;
use super::super::packed::Packed;
use crate::config::Settings;
use crate::model::family::{self, Name, Packing, oldest_first};
use crate::model::segment::{ClaimedName, Identity, SealedSegment};
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure::Result;
use crate::sys::file::{Kind, Status};

/// How often a directory is listed until two lists are the same.
const MOST_LOOKS: usize = 10;

/// What is beside a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    /// Its rotated files with bytes in them, the oldest first.
    pub(super) rotated: Vec<RotatedFile>,
    /// The other regular files, where these were asked for.
    others: Vec<(OsString, Status)>,
}

/// The names in directories, listed once for all logs in one: thousands may be.
#[derive(Default)]
pub(super) struct Directories(HashMap<PathBuf, Vec<OsString>>);

impl Directories {
    /// What is beside the log `name`, once two looks have shown the same: while a directory is listed, a writer may rename its
    /// files one after another. `None` where that does not come to rest. The names of other files are listed once only, and
    /// looked at where a file is sought.
    pub(super) fn settled(&mut self, dir: &Dir, name: &OsStr, sought: bool) -> Result<Option<Beside>> {
        let names = match self.0.get(dir.path()) {
            Some(names) => names.clone(),
            None => dir.names()?,
        };
        self.0.insert(dir.path().to_owned(), names.clone());
        let is_of_log = |other: &OsString| matches!(family::read(other), Name::Rotated(is) if is.log == name);
        // Nothing rotated, and nothing sought: the usual case, which costs no look at any file.
        if !sought && !names.iter().any(is_of_log) {
            return Ok(Some(Beside::default()));
        }
        let mut before = None;
        for _ in 0..MOST_LOOKS {
            let now = look(dir, &dir.names()?, name)?;
            let seen = now.identities();
            if before.as_ref() == Some(&seen) {
                return Ok(Some(now));
            }
            before = Some(seen);
        }
        Ok(None)
    }
}

fn look(dir: &Dir, names: &[OsString], log: &OsStr) -> Result<Beside> {
    let mut beside = Beside::default();
    for name in names.iter().filter(|name| *name != log) {
        // What is claimed is ours, and taken from there.
        if ClaimedName::parse(name).is_some() {
            continue;
        }
        let Some(Entry { kind: Kind::Regular, status }) = dir.look(name)? else { continue };
        match family::read(name) {
            Name::Rotated(rotated) if rotated.log == log => {
                if status.size > 0 {
                    beside.rotated.push(RotatedFile { path: dir.path_of(name), rotated, status });
                }
            }
            _ => beside.others.push((name.clone(), status)),
        }
    }
    beside.rotated = oldest_first(beside.rotated, |file| (&file.rotated, file.status.modified));
    Ok(beside)
}

impl Beside {
    /// Whether there are rotated files.
    pub(super) fn has_any(&self) -> bool {
        !self.rotated.is_empty()
    }

    fn identities(&self) -> Vec<(PathBuf, Identity)> {
        self.rotated.iter().map(|file| (file.path.clone(), file.status.identity)).collect()
    }

    /// The file by another name that is so.
    pub(super) fn other(&self, is_it: impl Fn(&Identity) -> bool) -> Option<(&OsStr, &Status)> {
        let (name, status) = self.others.iter().find(|(_, status)| is_it(&status.identity))?;
        Some((name, status))
    }

    /// Which rotated file is compressed and unpacks to the file that the segment was made of; the oldest one, if several do.
    pub(super) fn unpacks_to(&self, dir: &Dir, sealed: &SealedSegment) -> Result<Option<usize>> {
        for (place, RotatedFile { path, rotated, status }) in self.rotated.iter().enumerate() {
            let packing = rotated.packing;
            if !matches!(packing, Packing::Gzip | Packing::Zstd) {
                continue;
            }
            let file = match dir.open_read(path.file_name().unwrap_or_default()) {
                Err(failure) if failure.is(io::ErrorKind::NotFound) => continue,
                other => other?,
            };
            let packed = Packed { path, file: &file, packing, modified: status.modified };
            if packed.position(sealed, &|| false)?.is_some() {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

/// Whether a file by that name is a log that runs take by itself: it is known there how much of it is in segments.
pub(super) fn is_taken_by_itself(settings: &Settings, dir: &Dir, name: &OsStr) -> bool {
    let covered = settings.sets.iter().any(|set| set.covers(&dir.path_of(name)));
    covered && !is_hidden(name) && !is_rotated(name, dir)
}
