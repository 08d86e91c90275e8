//! What a look for logs finds.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Writer;
use crate::model::family::{self, Name};
use crate::model::looks::Silent;
use crate::model::names::Service;
use crate::model::priority::Priority;
use crate::model::problem::Problem;
use crate::model::segment::{ClaimedName, Identity};
use crate::model::time::Moment;
use crate::rotate::families::Family;
use crate::sys::file::Status;

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

/// A log that was empty.
#[derive(Clone, Debug)]
pub struct Empty {
    /// Its path.
    pub path: PathBuf,
    /// Which file it was when it was looked at.
    pub identity: Identity,
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
    pub empty: Vec<Empty>,
    /// Rotated files that are to be taken, by the logs that they were.
    pub families: Vec<Family>,
    /// Logs that a run leaves to their writers, which rotate them and go on with them: what is in these is taken when it is
    /// rotated, or by a flush when its writer has ended.
    pub current: Vec<Found>,
    /// How many files were left alone since they are compressed or rotated already.
    pub rotated: usize,
}

impl Discovery {
    /// Every log that there is, sorted: also those that are empty, and those that an earlier run took out of use, which
    /// their writers make anew.
    pub fn logs(&self) -> Vec<PathBuf> {
        let found = self.found.iter().map(|found| found.path.clone());
        let claimed = self.claimed.iter().map(ClaimedFile::of_log);
        let mut logs: Vec<PathBuf> =
            found.chain(claimed).chain(self.empty.iter().map(|empty| empty.path.clone())).collect();
        logs.sort();
        logs.dedup();
        logs
    }

    /// What the look for logs tells of those that hold nothing.
    pub fn silent(&self) -> impl Iterator<Item = Silent> {
        self.empty.iter().map(|empty| Silent { file: empty.identity, taken: 0 })
    }

    /// Leaves out logs in use, but for some, and what came before them: that was taken.
    pub fn keep_only(&mut self, logs: &HashSet<PathBuf>) {
        self.found.retain(|found| logs.contains(&found.path));
        self.families.clear();
    }
}
