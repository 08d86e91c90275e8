//! Taking a log out of use: rename it, in its own directory, to a hidden name, and make sure that what was renamed is
//! what was looked at.
//!
//! The order against anyone who swaps files in a directory that he may write to: open without following links, look at
//! what was opened, rename, look at what the new name stands for. Only if it is the file that is open is the claim
//! good; else the rename is taken back.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{ClaimedName, Identity};
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::{Kind, Status};

/// What is said of a log that was renamed, or removed, since it was found, as those do who rotate it.
const REPLACED: &str = "it was renamed or replaced just now; it waits";

/// Why a log was not claimed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotClaimed {
    /// Something is wrong with it.
    #[error("refused: {0}")]
    Refused(String),
    /// Another file is by its name now.
    #[error("{REPLACED}")]
    Replaced,
    /// It is empty or gone: nothing to do.
    #[error("nothing to take")]
    Nothing,
    /// The system refused.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl NotClaimed {
    /// What is told of a log that is left where it is.
    pub(super) fn problem(&self, path: &Path) -> Problem {
        match self {
            Self::Replaced => Problem::new(Effect::Waits, path, self).hint("nothing to do: the next run takes it"),
            Self::Refused(_) | Self::Nothing | Self::Failed(_) => {
                Problem::new(Effect::Failed, path, self).because(Cause::Refused)
            }
        }
    }
}

/// Opens a log and checks that it is still the file that was discovered.
pub(super) fn open(dir: &Dir, name: &OsStr, discovered: Identity) -> std::result::Result<File, NotClaimed> {
    let file = match dir.open_read(name) {
        Err(failure) if failure.is(std::io::ErrorKind::NotFound) => return Err(NotClaimed::Nothing),
        other => other?,
    };
    let metadata = file.metadata().doing("look at", dir.path_of(name))?;
    let status = Status::of(&metadata);
    if Kind::of(&metadata) != Kind::Regular || status.identity != discovered {
        return Err(NotClaimed::Replaced);
    }
    match status {
        Status { links: 1, size: 1.., .. } => Ok(file),
        Status { size: 0, .. } => Err(NotClaimed::Nothing),
        Status { links, .. } => Err(NotClaimed::Refused(format!("it has {links} hard links"))),
    }
}

/// Renames the log that `file` is to its claimed name.
pub(super) fn claim(
    dir: &Dir,
    name: &OsStr,
    claimed: &ClaimedName,
    file: &File,
) -> std::result::Result<(), NotClaimed> {
    match dir.rename_new(name, claimed.as_os_str()) {
        // Someone else was faster.
        Err(failure) if failure.is(std::io::ErrorKind::NotFound) => return Err(NotClaimed::Nothing),
        renamed => renamed?,
    }
    fault::reached(Point::Renamed);
    let open = Status::of_file(file).doing("look at", dir.path_of(name))?;
    let is_ours = |entry: &Entry| entry.kind == Kind::Regular && entry.status.identity == open.identity;
    let found = dir.look(claimed.as_os_str())?;
    if found.as_ref().is_some_and(is_ours) && open.links == 1 {
        return Ok(());
    }
    // Something else was renamed, or it has another name: it goes back.
    match dir.rename_new(claimed.as_os_str(), name) {
        // Who renames one file after another has given its name to the next one: it stays claimed, and the next run adopts it.
        Err(failure) if failure.is(std::io::ErrorKind::AlreadyExists) => Err(NotClaimed::Replaced),
        renamed => {
            renamed?;
            Err(NotClaimed::Refused("it was replaced or linked while it was claimed".to_owned()))
        }
    }
}

/// Opens a claimed file that an earlier run left.
///
/// # Errors
/// `None` when it isn't the file that was claimed then.
pub(super) fn reopen(dir: &Dir, claimed: &ClaimedName, expected: Option<Identity>) -> Result<Option<(File, Status)>> {
    let file = dir.open_read(claimed.as_os_str())?;
    let metadata = file.metadata().doing("look at", dir.path_of(claimed.as_os_str()))?;
    let status = Status::of(&metadata);
    let sound = Kind::of(&metadata) == Kind::Regular && status.links == 1;
    let same = expected.is_none_or(|expected| expected.is_same_but_for_device(&status.identity));
    Ok((sound && same).then_some((file, status)))
}

/// What became of a claimed file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its name stands for it.
    Claimed,
    /// Someone else has deleted it; we have it open still.
    Deleted,
    /// Someone else has moved it.
    Moved,
}

/// What became of the claimed file that is open as `file`.
pub(super) fn standing(dir: &Dir, claimed: &ClaimedName, file: &File) -> Result<Standing> {
    let open = Status::of_file(file).doing("look at", dir.path_of(claimed.as_os_str()))?;
    let found = dir.look(claimed.as_os_str())?;
    Ok(match found.is_some_and(|entry| entry.status.identity == open.identity) {
        true => Standing::Claimed,
        false if open.links == 0 => Standing::Deleted,
        false => Standing::Moved,
    })
}
