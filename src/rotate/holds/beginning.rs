//! What there is to take of a log in its place: who writes it, where its segment begins and where it ends.

use std::io;

use super::gap::{self, Stretch};
use super::writers::{self, Refusal};
use super::{Begun, InUse, Next, NotTaken, Owing, Places, giving, reading};
use crate::model::in_place::{Head, Reach};
use crate::model::problem::Cause;
use crate::model::way::{Holes, Way};
use crate::rotate::claim::{self, NotClaimed};
use crate::rotate::discover::Found;
use crate::rotate::known::Start;
use crate::rotate::leftovers::split;
use crate::rotate::next::Beginning;
use crate::rotate::share::Share;
use crate::rotate::slices;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::file::Status;
use crate::sys::procfs;

/// Where a segment ends.
struct End {
    end: u64,
    /// Whether there is more for this run.
    goes_on: bool,
    /// How many bytes its limits leave for later runs, where they do.
    waits: Option<u64>,
}

impl Places<'_, '_> {
    pub(super) fn open(&mut self, found: Found, holes: Holes) -> Option<InUse> {
        let (parent, name) = split(&found.path);
        let opened = Dir::open(&parent).map_err(NotClaimed::from);
        let opened = opened.and_then(|dir| Ok((claim::open(&dir, &name, found.identity)?, dir)));
        match opened {
            Ok((log, dir)) => Some(InUse { found, holes, dir, name, log, reach: Reach::default() }),
            Err(NotClaimed::Nothing) => None,
            Err(NotClaimed::Failed(failure)) => {
                self.not_taken(found.path, NotTaken::Failed(failure));
                None
            }
            Err(error @ (NotClaimed::Refused(_) | NotClaimed::Replaced)) => {
                self.rotation.problem(error.problem(&found.path));
                self.left.push(found.path);
                None
            }
        }
    }

    /// Those logs whose writers all append, or that nobody writes: these are taken to their end.
    pub(super) fn only_appended(&mut self, logs: Vec<InUse>) -> Vec<InUse> {
        let seen = writers::look(&logs);
        let mut appended = Vec::new();
        for mut log in logs {
            match seen.judge(&log) {
                Ok(reach) => {
                    log.reach = if self.rotation.reach == Reach::End { Reach::End } else { reach };
                    appended.push(log);
                }
                Err(refusal) => self.not_taken(log.found.path, NotTaken::Refused(refusal)),
            }
        }
        appended
    }

    /// Finds out what there is to do, and begins the segment.
    pub(super) fn begin(&mut self, log: InUse) -> std::result::Result<Next, NotTaken> {
        let path = log.found.path.clone();
        // Before anything is asked of the file system that it notes as a change.
        let status = Status::of_file(&log.log).doing("look at", &path)?;
        let start = self.rotation.start(&path, &log.log)?;
        let stretch = gap::stretch(self.rotation.spool, &log.log, &path, &start).doing("look for holes in", &path)?;
        require_no_hollow(&status, start.hole.saturating_add(stretch.zeros))?;
        let taken = start.from;
        let (start, gap) = (Start { from: stretch.from, ..start }, stretch.gap);
        let End { end, goes_on, waits } = self.end(&log, &stretch)?;
        if end <= start.from {
            self.rotation.silent(log.found.identity, status.size, taken);
            return Ok(match start.before {
                Some((sealed, Head::There)) if sealed.seal.in_place.is_some_and(|known| known.give.is_some()) => {
                    Next::Give(Box::new(Owing { sealed, log, is_new: false }))
                }
                _ => Next::Nothing,
            });
        }
        self.budget.require(self.rotation.spool, end - start.from)?;
        let able = giving::able(&log)?;
        if let Some(pid) = procfs::another_of_us_with(log.found.identity) {
            let why = format!("another logferry (pid {pid}), with another state directory, is at work on it");
            return Err(Failure::new("take", &path, io::Error::new(io::ErrorKind::WouldBlock, why)).into());
        }
        let (file, directory, way) = (log.found.identity, log.dir.status()?.identity, Way::Holds { holes: log.holes });
        let (service, modified, start_of) = (log.found.service.clone(), status.modified, start.clone());
        let beginning = Beginning { path, service, claimed: None, file, modified, start: start_of, directory, way };
        let segment = self.rotation.next_segment(beginning)?.limited(waits);
        self.rotation.spool.begin(&segment)?;
        Ok(Next::Segment(Box::new(Begun { segment, log, status, start, end, goes_on, gap, able })))
    }

    /// Where the segment ends: behind the last line, or where the log's limits, or the turn of the others, cut it short.
    fn end(&mut self, log: &InUse, stretch: &Stretch) -> Result<End> {
        let (path, from, most) = (&log.found.path, stretch.from, stretch.most);
        // What comes behind a gap may be the rest of a line.
        let reach = if stretch.goes_on { Reach::End } else { log.reach };
        let owner = self.rotation.owner_of(&log.found);
        let cut = |allowed: u64| slices::line_end(&log.log, from, from.saturating_add(allowed)).doing("read", path);
        match self.rotation.share(&log.found, &owner, most.saturating_sub(from))? {
            Share::All => {
                let end = reading::end(&log.log, from, most, reach).doing("read", path)?;
                Ok(End { end, goes_on: stretch.goes_on, waits: None })
            }
            Share::Slice(allowed) => Ok(End { end: cut(allowed)?, goes_on: true, waits: None }),
            Share::Limited(allowed) => {
                let end = cut(allowed)?;
                let waits = most.saturating_sub(end);
                slices::say_limited(self.rotation, path, waits);
                Ok(End { end, goes_on: false, waits: Some(waits) })
            }
        }
    }
}

/// Refuses a log that is a hole for the most part, but for those `ours` bytes of holes that we made.
fn require_no_hollow(status: &Status, ours: u64) -> std::result::Result<(), NotTaken> {
    let Status { size, allocated, .. } = *status;
    let own = Status { size: size.saturating_sub(ours), ..*status };
    match own.is_hollow() {
        false => Ok(()),
        true => Err(NotTaken::Refused(Refusal {
            what: format!("it is {size} bytes long, of which {allocated} are on the disk: the rest is a hole"),
            hint: "its writer may not open it with O_APPEND, and it was truncated; save what you need, remove it"
                .to_owned(),
            cause: Cause::Hollow,
        })),
    }
}
