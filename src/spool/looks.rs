//! When logs were last seen to hold nothing new: `looks` in the state directory, one small file for all of them.
//!
//! It is read when a command asks for it first, and written as a whole when the command ends. Nothing depends on it: where it
//! is missing, cut short or none of ours, nothing is known, and a segment's span begins as early as it does without it. So it is
//! not brought to the disk, and no failure to write it is more than a word with `-v`.

use std::io::{self, Read};
use std::time::Duration;

use super::{Spool, Standings};
use crate::model::looks::{Looks, Silent};
use crate::model::problem;
use crate::model::segment::Identity;
use crate::model::time::Moment;
use crate::sys::clock;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

/// The file.
const LOOKS: &str = "looks";

/// The largest file that is read, in bytes: as many files as are remembered don't come to that.
const LARGEST: u64 = 16 * 1024 * 1024;

/// No file system's times are coarser than that.
const COARSEST: Duration = Duration::from_secs(3);

/// What is known of earlier looks, and of those of this command.
#[derive(Default)]
pub(super) struct Looked {
    /// `None` before it was read.
    known: Option<Looks>,
    /// Whether there is something to write.
    changed: bool,
}

impl Spool {
    /// The moment of an earlier look at which nothing stood in a file from there on.
    pub fn look_before(&mut self, file: &Identity, from: u64) -> Option<Moment> {
        self.looks().before(file, from)
    }

    /// Takes note of what was seen after that moment: what segments were made of, and what held nothing new.
    pub fn looked<'s>(
        &mut self,
        at: Moment,
        sealed: impl IntoIterator<Item = &'s Identity>,
        silent: impl IntoIterator<Item = Silent>,
    ) {
        let (looks, mut changed) = (self.looks(), false);
        for file in sealed {
            changed |= looks.forget(file);
        }
        for silent in silent {
            looks.note(at, silent);
            changed = true;
        }
        self.looked.changed |= changed;
    }

    /// Whether no stream goes on where no log is at its path, as `rests` judges from where they stand. While their records are
    /// as they were when that was found out last, a thousand of them are not read again.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub fn rests(&mut self, rests: impl FnOnce(&Standings) -> bool) -> Result<bool> {
        let (now, records) = (clock::now(), self.streams.records()?);
        let is_all = self.streams.in_spool().next().is_none() && self.earlier.names()?.is_empty();
        if is_all && self.looks().resting == Some(records) {
            return Ok(true);
        }
        let standings = self.standings()?;
        let rests = rests(&standings);
        // A change that comes right after another may have its time.
        let is_old = records.changed < now.before(COARSEST);
        let known = (rests && is_all && is_old && standings.are_complete()).then_some(records);
        let changed = std::mem::replace(&mut self.looks().resting, known) != known;
        self.looked.changed |= changed;
        Ok(rests)
    }

    /// Writes what is known for the commands that come later. To be called by who holds the lock.
    pub fn keep_looks(&mut self) {
        if !self.looked.changed {
            return;
        }
        let looks = self.looks();
        looks.clear_out();
        let text = looks.render();
        if let Err(failure) = self.root.write_unsynced(LOOKS, text.as_bytes()) {
            log::info!("{}: the spans of later segments may begin earlier than they could", problem::chain(&failure));
        }
        fault::reached(Point::LooksNoted);
    }

    fn looks(&mut self) -> &mut Looks {
        let root = &self.root;
        self.looked.known.get_or_insert_with(|| match read(root) {
            Ok(looks) => looks,
            Err(failure) => {
                log::info!("{}: it is begun anew", problem::chain(&failure));
                Looks::default()
            }
        })
    }
}

fn read(root: &Dir) -> Result<Looks> {
    let file = match root.open_read(LOOKS) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(Looks::default()),
        opened => opened?,
    };
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text).doing("read", root.path_of(LOOKS))?;
    let torn = || io::Error::other("it is cut short, or none of ours");
    Looks::parse(&text).ok_or_else(torn).doing("read", root.path_of(LOOKS))
}
