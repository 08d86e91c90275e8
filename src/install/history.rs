//! What logrotate has left of the logs so far: how much of it there is, and what becomes of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Logs;
use super::host::Host;
use crate::config::Backlog;
use crate::model::family::{self, Name};
use crate::model::size;
use crate::sys::file::Kind;

/// A sentence about the rotated files beside these logs; none where there are none. Directories that can't be looked through
/// have none: it is the run that complains of them.
pub(super) fn note(host: &Host, logs: &Logs) -> Option<String> {
    let dirs: BTreeSet<&Path> = logs.existing.iter().filter_map(|log| log.parent()).collect();
    let sizes: Vec<u64> = dirs.into_iter().flat_map(|dir| rotated(host, logs, dir)).collect();
    let (files, bytes) = (sizes.len(), size::show(sizes.iter().sum()));
    let noun = if files == 1 { "rotated file" } else { "rotated files" };
    match (files, logs.sets.iter().any(|set| set.backlog == Backlog::Taken)) {
        (0, _) => None,
        (_, true) => {
            Some(format!("the first run also takes the {files} {noun} with {bytes} of what was logged so far"))
        }
        (_, false) => Some(format!(
            "{files} {noun} with {bytes} of what was logged so far stay where they are; it must be before the first run that they are shipped too, or they no longer go before the logs in their streams: logferry run --backlog"
        )),
    }
}

/// The sizes of the rotated files in a directory whose logs are to be taken.
fn rotated(host: &Host, logs: &Logs, path: &Path) -> Vec<u64> {
    let Ok(dir) = host.dir(path) else { return Vec::new() };
    let is_of_a_log = |name: &std::ffi::OsStr| {
        let Name::Rotated(rotated) = family::read(name) else { return false };
        let (own, log): (PathBuf, PathBuf) = (path.join(name), path.join(&rotated.log));
        let there = rotated.is_certain() || dir.look(&rotated.log).is_ok_and(|entry| entry.is_some());
        there && logs.sets.iter().any(|set| set.covers(&log) && !set.excludes(&own))
    };
    let names = dir.names().unwrap_or_default().into_iter().filter(|name| is_of_a_log(name));
    let entries = names.filter_map(|name| dir.look(name).ok().flatten());
    entries.filter(|entry| entry.kind == Kind::Regular).map(|entry| entry.status.size).collect()
}
