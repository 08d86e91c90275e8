//! What can't be known to be complete, remembered until it was told, and then for a month.
//!
//! A file for each: `STREAM-SEQ.STATE`, JSON. The state is in the name:
//!
//! | state | meaning |
//! | --- | --- |
//! | `open` | a segment was salvaged; whether a process still holds its inode is not known yet |
//! | `new` | no process does, or none can be asked; nobody was told |
//! | `told` | a run has said it |
//!
//! A doubt is durable before the segment that it is about is sealed: a run that is cut short forgets none.

use std::io::{self, Read};
use std::path::Path;

use crate::model::doubt::Doubt;
use crate::model::segment::SegmentName;
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

/// How long a doubt is shown after its end, in nanoseconds.
const SHOWN: i64 = 31 * 24 * 60 * 60 * 1_000_000_000;

const STATES: [&str; 3] = ["open", "new", "told"];

/// The directory of doubts.
pub(super) struct Doubts {
    dir: Dir,
}

impl Doubts {
    pub(super) fn new(dir: Dir) -> Self {
        Self { dir }
    }

    /// Takes note of a doubt that the next look at the open files of all processes may settle.
    pub(super) fn open(&self, doubt: &Doubt) -> Result<()> {
        self.write(doubt, "open")
    }

    /// Takes note of a doubt that nothing can settle. What was told of that segment is not told again.
    pub(super) fn add(&self, doubt: &Doubt) -> Result<()> {
        match self.dir.look(file_name(doubt.segment, "told"))? {
            Some(_) => Ok(()),
            None => self.write(doubt, "new"),
        }
    }

    /// Takes note of a doubt that nothing can settle, and that is told once more, since something else was lost there.
    pub(super) fn renew(&self, doubt: &Doubt) -> Result<()> {
        self.write(doubt, "new")?;
        self.dir.unlink_if_there(file_name(doubt.segment, "told"))
    }

    /// A process holds the segment's inode: nothing is missing.
    pub(super) fn settle(&self, name: SegmentName) -> Result<()> {
        self.dir.unlink_if_there(file_name(name, "open"))
    }

    /// No process holds the segment's inode any more. Without an open doubt there is nothing to do.
    pub(super) fn confirm(&self, name: SegmentName) -> Result<()> {
        match self.dir.rename_into(file_name(name, "open"), &self.dir, file_name(name, "new")) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(()),
            Err(failure) => Err(failure),
            Ok(()) => {
                fault::reached(Point::DoubtConfirmed);
                self.dir.sync()
            }
        }
    }

    /// Those that no run has told yet.
    pub(super) fn untold(&self) -> Result<Vec<Doubt>> {
        Ok(list(&self.dir)?.into_iter().filter(|(_, state)| *state == "new").map(|(doubt, _)| doubt).collect())
    }

    /// They were told; those that were over long before `now` are forgotten.
    pub(super) fn told(&self, told: &[Doubt], now: Moment) -> Result<()> {
        for Doubt { segment, .. } in told {
            self.dir.rename_into(file_name(*segment, "new"), &self.dir, file_name(*segment, "told"))?;
        }
        for (Doubt { segment, until, .. }, state) in list(&self.dir)? {
            match state {
                "told" if until.nanos() < now.nanos().saturating_sub(SHOWN) => {
                    self.dir.unlink_if_there(file_name(segment, "told"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&self, doubt: &Doubt, state: &str) -> Result<()> {
        let name = file_name(doubt.segment, state);
        let text =
            serde_json::to_vec_pretty(doubt).map_err(io::Error::other).doing("write", self.dir.path_of(&name))?;
        self.dir.write_durable(&name, &text)
    }
}

/// All doubts of a state directory, for people; none where there is no such directory.
///
/// # Errors
/// Where the directory is there and can't be read.
pub(super) fn survey(state_dir: &Path) -> Result<Vec<Doubt>> {
    match Dir::open(&state_dir.join("doubts")) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(Vec::new()),
        Err(failure) => Err(failure),
        Ok(dir) => Ok(list(&dir)?.into_iter().map(|(doubt, _)| doubt).collect()),
    }
}

/// Doubts with their states, the earliest first. A file that makes no sense is nobody's.
fn list(dir: &Dir) -> Result<Vec<(Doubt, &'static str)>> {
    let mut doubts = Vec::new();
    for name in dir.names()? {
        let state =
            name.to_str().and_then(|name| STATES.into_iter().find(|state| name.ends_with(&format!(".{state}"))));
        let Some(state) = state else { continue };
        let mut text = String::new();
        let mut file = match dir.open_read(&name) {
            // A run at work has renamed it since.
            Err(failure) if failure.is(io::ErrorKind::NotFound) => continue,
            other => other?,
        };
        let read = file.read_to_string(&mut text);
        if let (Ok(_), Ok(doubt)) = (read, serde_json::from_str::<Doubt>(&text)) {
            doubts.push((doubt, state));
        }
    }
    doubts.sort_by_key(|(doubt, _)| (doubt.from, doubt.segment));
    Ok(doubts)
}

fn file_name(name: SegmentName, state: &str) -> String {
    format!("{name}.{state}")
}
