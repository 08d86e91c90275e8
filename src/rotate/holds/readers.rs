//! Who is in the middle of reading a log whose head is to go: a compressor, `cp`, `tar`. It would go on behind bytes that it has not
//! read, and its copy lack them.
//!
//! Who follows a log stands at its end. Who stands before it for more than [`LONGEST_READ`], and does not move, is no copy at work:
//! somebody has left a pager open, and a log must not grow for that.

use std::path::Path;
use std::time::Duration;

use crate::model::segment::Identity;
use crate::sys::readers::{self, Reader};

/// How long a process is taken for one at work, whether it moves or not.
const LONGEST_READ: Duration = Duration::from_secs(3600);

/// How long one that is older is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Processes that read logs.
pub(super) struct AtWork(Vec<Reader>);

/// Looks who is at work on one of these logs, of each of which so many bytes are taken.
pub(super) fn look(logs: &[(&Path, Identity, u64)]) -> AtWork {
    let files: Vec<(&Path, Identity)> = logs.iter().map(|(path, file, _)| (*path, *file)).collect();
    if files.is_empty() {
        return AtWork(Vec::new());
    }
    let is_before = |reader: &Reader| logs.iter().any(|(_, file, end)| *file == reader.file && reader.at < *end);
    let mut before: Vec<Reader> = readers::readers(&files).into_iter().filter(is_before).collect();
    let is_young = |reader: &Reader| reader.age().is_none_or(|age| age < LONGEST_READ);
    if before.iter().all(is_young) {
        return AtWork(before);
    }
    std::thread::sleep(LOOK);
    let now = readers::readers(&files);
    before.retain(|reader| is_young(reader) || !now.contains(reader));
    AtWork(before)
}

impl AtWork {
    /// Who is in the middle of that log.
    pub(super) fn on(&self, file: Identity) -> Option<String> {
        let reader = self.0.iter().find(|reader| reader.file == file)?;
        Some(format!("{} (pid {})", reader.name, reader.pid))
    }
}
