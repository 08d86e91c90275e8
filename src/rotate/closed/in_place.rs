//! What a file got that was renamed, without touching it: its writer goes on with it under the other name, or nobody knows what
//! it is for there. The segment is one of the log that it was, and says how to know the file again, as a slice does.

use crate::model::in_place::Reach;
use crate::model::problem::{Effect, Problem};
use crate::model::way::{Holes, Way};
use crate::rotate::leftovers::split;
use crate::rotate::moved::Renamed;
use crate::rotate::next::Beginning;
use crate::rotate::{choose, claim, holds, slices};
use crate::spool::Search;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::lease::{self, Writers};
use crate::sys::procfs;

use super::error::NotTaken;
use super::{Closed, Wanted};

/// What to do about a writer that goes on with a file that somebody has renamed.
const HAVE_IT_REOPEN: &str = "nothing is lost: each run takes what it writes there; but have it open its log anew when that is \
    rotated, or leave it to logferry alone";

impl Closed<'_, '_> {
    /// A file by a name that says nothing: once nobody has it open, it is not looked at any more.
    pub(super) fn renamed(&mut self, renamed: &Renamed) -> std::result::Result<(), NotTaken> {
        let Renamed { log, service, path, status } = renamed;
        let (identity, size, modified) = (status.identity, status.size, status.modified);
        let wanted = Wanted { path, log, service, identity, size, modified, rotated: None };
        let (parent, name) = split(path);
        let file = claim::open(&Dir::open(&parent)?, &name, identity);
        let is_closed = file.is_ok_and(|file| lease::writers(&file) == Writers::None);
        let taken = match size {
            0 => Err(NotTaken::Nothing),
            _ => self.in_place(&wanted),
        };
        if is_closed && matches!(taken, Ok(()) | Err(NotTaken::Nothing)) {
            self.is_over(&wanted, Search::Over)?;
        }
        taken
    }

    /// Takes what a file holds behind what is in segments, and leaves it as it is.
    pub(super) fn in_place(&mut self, wanted: &Wanted<'_>) -> std::result::Result<(), NotTaken> {
        let (parent, name) = split(wanted.path);
        let dir = Dir::open(&parent)?;
        let log = claim::open(&dir, &name, wanted.identity)?;
        let start = self.start(wanted, &log)?;
        let reach = match (self.rotation.reach, lease::writers(&log)) {
            (Reach::End, _) | (_, Writers::None) => Reach::End,
            (Reach::LastLine, _) => Reach::LastLine,
        };
        let Status { size, modified, .. } = Status::of_file(&log).doing("look at", wanted.path)?;
        let end = holds::end_of(&log, start.from, size, reach).doing("read", wanted.path)?;
        if end <= start.from {
            self.rotation.silent(wanted.identity, size, start.from);
            return Err(NotTaken::Nothing);
        }
        self.budget.require(self.rotation.spool, end - start.from)?;
        let (path, service, file) = (wanted.log.to_owned(), wanted.service.clone(), wanted.identity);
        let (directory, way) = (dir.status()?.identity, Way::Holds { holes: Holes::Refused });
        let beginning = Beginning { path, service, claimed: None, file, modified, start, directory, way };
        let segment = self.rotation.next_segment(beginning)?;
        self.rotation.spool.begin(&segment)?;
        if let Err(failure) = self.rotation.spool.sync() {
            // A part without its record would be taken for damage.
            let _ = self.rotation.spool.discard(segment.name);
            return Err(failure.into());
        }
        fault::reached(Point::SliceBegun);
        slices::fill(self.rotation, &mut self.budget, segment, &log, end).map_err(|error| self.copy_failed(error))?;
        self.say_who(wanted);
        Ok(())
    }

    /// Says who goes on with a file that is a log no more.
    fn say_who(&mut self, wanted: &Wanted<'_>) {
        let holders = procfs::holders_in_use(&[(wanted.path, wanted.identity)]);
        let Some(who) = holders.by_file.get(&wanted.identity).map(|holders| choose::list(holders)) else { return };
        let what = format!("{who} still writes to the file that was this log and is now {}", wanted.path.display());
        self.rotation.problem(Problem::new(Effect::Noted, wanted.log, what).hint(HAVE_IT_REOPEN));
    }

    /// Takes note that a file is not looked for any more: it stays, or is about to be removed.
    pub(super) fn is_over(&mut self, wanted: &Wanted<'_>, search: Search) -> Result<()> {
        for sealed in self.rotation.spool.standings()?.sought() {
            if sealed.segment.source.file.is_same_but_for_device(&wanted.identity) {
                self.rotation.spool.remember_file(&sealed, search)?;
            }
        }
        Ok(())
    }
}
