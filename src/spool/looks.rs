//! When logs were last seen to hold nothing new: `looks` in the state directory, one small file for all of them.
//!
//! It is read when a command asks for it first, and written as a whole when the command ends. Nothing depends on it: where it
//! is missing, cut short or none of ours, nothing is known, and a segment's span begins as early as it does without it. So it is
//! not brought to the disk, and no failure to write it is more than a word with `-v`.

use std::io::{self, Read};

use super::Spool;
use crate::model::looks::{Looks, Silent};
use crate::model::problem;
use crate::model::segment::Identity;
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

/// The file.
const LOOKS: &str = "looks";

/// The largest file that is read, in bytes: as many files as are remembered don't come to that.
const LARGEST: u64 = 16 * 1024 * 1024;

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
