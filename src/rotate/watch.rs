//! Deleted logs that a silent writer still holds, kept open for as long as this process goes on.
//!
//! An hourly run looks for them under `/proc` the next time, and what was written by a writer that has ended meanwhile is
//! gone with the file. Who keeps the file open loses none of it: the kernel tells when the last writer has let go, and all
//! that it wrote can be read then.

use std::collections::HashMap;
use std::fs::File;
use std::time::{Duration, Instant};

use crate::model::segment::Identity;
use crate::sys::file::Status;
use crate::sys::host;
use crate::sys::lease::{self, Writers};
use crate::sys::signals::Stop;

/// How often it is looked whether something has changed.
const EACH: Duration = Duration::from_millis(50);

/// The files that are kept open.
pub struct Watch {
    files: HashMap<Identity, Kept>,
    /// How many at the most, so that enough are left for the work.
    most: usize,
}

struct Kept {
    log: File,
    /// How many of its bytes were taken.
    taken: u64,
}

/// How a file that is watched stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Its writer holds it, and has not written to it.
    Nothing,
    /// It has bytes that nobody has taken yet.
    Grew,
    /// Nobody holds it any more, and all that is in it was taken.
    LetGo,
}

impl Default for Watch {
    fn default() -> Self {
        let files = usize::try_from(host::raise_open_files()).unwrap_or(usize::MAX);
        Self { files: HashMap::new(), most: files / 4 }
    }
}

impl Watch {
    /// Keeps a file of which so many bytes were taken.
    pub(super) fn keep(&mut self, file: Identity, log: File, taken: u64) {
        if self.files.len() < self.most {
            self.files.insert(file, Kept { log, taken });
        }
    }

    /// Closes a file.
    pub(super) fn forget(&mut self, file: Identity) {
        self.files.remove(&file);
    }

    /// How a file stands; `None` where it is not watched.
    pub(super) fn look(&self, file: Identity) -> Option<Change> {
        self.files.get(&file).map(Kept::look)
    }

    /// The file, for reading; `None` where it is not watched, or no more files can be open.
    pub(super) fn open(&self, file: Identity) -> Option<File> {
        self.files.get(&file)?.log.try_clone().ok()
    }

    /// Whether a writer still holds one of them.
    pub fn is_held(&self) -> bool {
        self.files.values().any(|kept| lease::writers(&kept.log) != Writers::None)
    }

    /// Waits until something has changed and at least so long, or until all are let go, or until we are to stop.
    pub fn wait(&self, least: Duration, stop: &Stop) {
        let begin = Instant::now();
        while !stop.requested() && self.is_held() {
            let changed = || self.files.values().any(|kept| kept.look() != Change::Nothing);
            if begin.elapsed() >= least && changed() {
                return;
            }
            stop.sleep(EACH);
        }
    }
}

impl Kept {
    fn look(&self) -> Change {
        // First ask, then look: what was written before the last writer let go is seen afterwards.
        let writers = lease::writers(&self.log);
        match Status::of_file(&self.log) {
            Ok(status) if status.size > self.taken => Change::Grew,
            // Where leases don't work, there is no telling.
            _ if writers == Writers::None => Change::LetGo,
            _ => Change::Nothing,
        }
    }
}
