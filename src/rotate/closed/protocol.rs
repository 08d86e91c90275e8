//! Taking one closed file.
//!
//! ```text
//! proof    nobody has it open for writing; what is compressed is whole         (read, nothing kept)
//! begin    the segment's record is durable                                     .json
//! claim    web.log.1 -> .web.log.1.<stamp>.claimed, directory synced
//! copy     to the end, unpacked where it is compressed                         .part, synced, with its directory
//! proof    still nobody: from the claim on nobody could open it by its name; and nothing has been made of it
//! unlink   directory synced
//! seal     released                                                            .gz
//! ```
//!
//! The proof is asked for again when the file has its claimed name: a writer that opened it before that is seen, one that
//! opens its path afterwards makes a new file. The lease is given back at once ([`crate::sys::lease`]), so no writer
//! waits. Until the unlink, whatever goes wrong gives the file its name back; after it the part is all there is, whole and
//! durable, so that a run which was cut short there has nothing to look for.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use super::error::NotTaken;
use super::proofs::packing_of;
use super::{Closed, Wanted};
use crate::model::family::{self, Name, Packing};
use crate::model::names::StreamId;
use crate::model::segment::{ClaimedName, Ended, Segment};
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::rotate::Rotation;
use crate::rotate::begin::not_ours;
use crate::rotate::claim::{self, NotClaimed, Standing};
use crate::rotate::copy::{CopyError, To};
use crate::rotate::known::Start;
use crate::rotate::leftovers::split;
use crate::rotate::next::Beginning;
use crate::rotate::packed::Packed;
use crate::spool::{Part, Search};
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::{clock, procfs, random};

pub(super) type Taken<T> = std::result::Result<T, NotTaken>;

impl Closed<'_, '_> {
    /// Takes a file.
    pub(super) fn file(&mut self, wanted: &Wanted<'_>) -> Taken<()> {
        let (parent, name) = split(wanted.path);
        let dir = Dir::open(&parent)?;
        self.budget.renew();
        self.budget.require(self.rotation.spool, wanted.size)?;
        let log = match claim::open(&dir, &name, wanted.identity) {
            // It may have been renamed, or compressed: what comes after it must not come before it.
            Err(NotClaimed::Nothing) if wanted.rotated.is_some() => return Err(NotTaken::gone()),
            opened => opened?,
        };
        self.require_closed(&dir, &name, &log, wanted.identity)?;
        self.require_no_source(&dir, &log, &name)?;
        self.require_whole(wanted.path, &log, packing_of(&name))?;
        fault::reached(Point::Opened);
        let segment = self.begin(wanted, &dir, &name, &log)?;
        let claimed = segment.claimed.as_ref().expect("what is taken away has a name to be claimed under");
        if let Err(error) = claim::claim(&dir, &name, claimed, &log) {
            self.rotation.spool.discard(segment.name)?;
            return Err(error.into());
        }
        fault::reached(Point::Claimed);
        log::info!("{}: claimed as {}", wanted.path.display(), Path::new(claimed.as_os_str()).display());
        dir.sync()?;
        fault::reached(Point::ClaimsDurable);
        let is_plain = wanted.rotated.is_some_and(|rotated| rotated.packing == Packing::None);
        match is_plain && segment.source.from >= wanted.size {
            true => {
                self.is_over(wanted, Search::Removed)?;
                Ok(self.remove_taken(&dir, &segment)?)
            }
            false => self.carry_out(segment, &dir, &log),
        }
    }

    /// Carries on with a file that an earlier run claimed.
    pub(super) fn finish(&mut self, segment: Segment) -> Taken<()> {
        let dir = Dir::open(&split(&segment.path).0)?;
        let claimed = segment.claimed.as_ref().expect("only a claimed file is copied again");
        let Some((log, _)) = claim::reopen(&dir, claimed, Some(segment.source.file))? else {
            return Err(not_ours(&dir, claimed).into());
        };
        self.rotation.spool.discard_part(segment.name)?;
        self.carry_out(segment, &dir, &log)
    }

    /// Takes a claimed file that no record speaks of.
    pub(super) fn adopt(&mut self, parent: &Path, claimed: ClaimedName, base: &Path) -> Taken<()> {
        let dir = Dir::open(parent)?;
        let Some((log, status)) = claim::reopen(&dir, &claimed, None)? else {
            return Err(not_ours(&dir, &claimed).into());
        };
        if let Some(pid) = procfs::another_of_us_with(status.identity) {
            let what = format!("another logferry (pid {pid}), with another state directory, is at work on it");
            return Err(NotTaken::Waits { what, hint: None });
        }
        let service = self.rotation.service_of(base);
        let own = ClaimedName::parse(claimed.as_os_str()).map_or_else(Default::default, |(_, name)| name);
        let rotated = match family::read(&own) {
            Name::Rotated(rotated) => Some(rotated),
            Name::Plain | Name::Aside(_) => None,
        };
        let (identity, size, modified) = (status.identity, status.size, status.modified);
        let path = parent.join(&own);
        let wanted =
            Wanted { path: &path, log: base, service: &service, identity, size, modified, rotated: rotated.as_ref() };
        let segment = self.begin_as(&wanted, &dir, claimed, &log)?;
        self.carry_out(segment, &dir, &log)
    }

    fn begin(&mut self, wanted: &Wanted<'_>, dir: &Dir, name: &OsStr, log: &File) -> Result<Segment> {
        let claimed = ClaimedName::new(name, clock::now(), StreamId::from_random(random::bytes()?));
        self.begin_as(wanted, dir, claimed, log)
    }

    /// Makes the segment's record durable.
    fn begin_as(&mut self, wanted: &Wanted<'_>, dir: &Dir, claimed: ClaimedName, log: &File) -> Result<Segment> {
        let mut start = self.start(wanted, log)?;
        let place = self.place(wanted, &start)?;
        start.first = start.first.or_else(|| Some(place.first(wanted)));
        let (path, service) = (place.owner.path, place.owner.service);
        let (file, modified) = (wanted.identity, wanted.modified);
        let (directory, claimed) = (dir.status()?.identity, Some(claimed));
        let beginning = Beginning { path, service, claimed, file, modified, start, directory, way: Way::Closed };
        let segment = self.rotation.next_segment(beginning)?;
        self.rotation.spool.begin(&segment)?;
        self.rotation.spool.sync()?;
        fault::reached(Point::RecordsDurable);
        Ok(segment)
    }

    /// Where the file's bytes begin that are in no segment yet.
    pub(super) fn start(&mut self, wanted: &Wanted<'_>, log: &File) -> Result<Start> {
        let start = self.rotation.start(wanted.log, log)?;
        let (Some(rotated), None) = (wanted.rotated, &start.before) else { return Ok(start) };
        let Wanted { path, modified, identity, .. } = *wanted;
        let packed = Packed { path, file: log, packing: rotated.packing, modified };
        self.rotation.start_of_copy(wanted.log, identity, &packed)
    }

    /// From the claim to the seal.
    fn carry_out(&mut self, segment: Segment, dir: &Dir, log: &File) -> Taken<()> {
        let (part, modified) = match self.copied(&segment, dir, log) {
            Ok(copied) => copied,
            // All that it unpacks to was taken before it was compressed.
            Err(NotTaken::Nothing) if segment.source.from > 0 => {
                self.end_search(&segment)?;
                self.rotation.spool.discard_part(segment.name)?;
                return Ok(self.remove_taken(dir, &segment)?);
            }
            Err(error) => return Err(self.broken_off(&segment, dir, error)),
        };
        let claimed = segment.claimed.as_ref().expect("it has its claimed name");
        fault::reached(Point::BeforeUnlink);
        match dir.unlink(claimed.as_os_str()) {
            // If the name is gone all the same, the part is all there is: it must not be discarded.
            Err(failure) if !matches!(dir.look(claimed.as_os_str()), Ok(None)) => {
                drop(part);
                return Err(self.broken_off(&segment, dir, failure.into()));
            }
            _ => {}
        }
        fault::reached(Point::Unlinked);
        // A file that came back after a power loss would be taken twice.
        dir.sync()?;
        fault::reached(Point::UnlinksDurable);
        seal_unlinked(self.rotation, part, modified).map_err(NotTaken::Failed)
    }

    /// Copies a claimed file into a part that is whole and durable, and proves that nothing was missed.
    fn copied(&mut self, segment: &Segment, dir: &Dir, log: &File) -> Taken<(Part, Moment)> {
        let claimed = segment.claimed.as_ref().expect("it has its claimed name");
        let (own, identity) = (segment.own_name(), segment.source.file);
        let packing = packing_of(&own);
        self.require_closed(dir, claimed.as_os_str(), log, identity)?;
        let before = Status::of_file(log).doing("look at", dir.path_of(&own))?;
        let mut part = self.rotation.spool.start_part(segment.clone())?;
        self.fill(&mut part, log, packing)?;
        if part.raw() == 0 {
            return Err(NotTaken::Nothing);
        }
        fault::reached(Point::Copied);
        part.set_modified(before.modified)?;
        part.sync()?;
        fault::reached(Point::CopyDurable);
        self.rotation.spool.sync()?;
        fault::reached(Point::CopiesDurable);
        self.budget.require_free(self.rotation.spool)?;
        self.require_closed(dir, claimed.as_os_str(), log, identity)?;
        let after = Status::of_file(log).doing("look at", dir.path_of(&own))?;
        if (after.size, after.modified) != (before.size, before.modified) {
            return Err(NotTaken::Waits { what: "it was changed while it was copied".to_owned(), hint: None });
        }
        self.require_nothing_made_of_it(dir, claimed, log)?;
        match claim::standing(dir, claimed, log)? {
            Standing::Claimed => {
                self.forget_file(segment)?;
                Ok((part, after.modified))
            }
            Standing::Moved | Standing::Deleted => Err(not_ours(dir, claimed).into()),
        }
    }

    fn fill(&mut self, part: &mut Part, log: &File, packing: Packing) -> Taken<()> {
        let copied = match packing {
            Packing::None => self.budget.copy(self.rotation, part, log, To::ItsEnd).map(drop),
            _ => self.budget.repack(self.rotation, part, log, packing),
        };
        copied.map_err(|error| self.copy_failed(error))
    }

    pub(super) fn copy_failed(&mut self, error: CopyError) -> NotTaken {
        match error {
            CopyError::Log(failure) | CopyError::Part(failure) => NotTaken::Failed(failure),
            CopyError::TooLarge => NotTaken::Failed(self.budget.exceeded(self.rotation.spool)),
            CopyError::Stopped => NotTaken::Stopped,
            error @ CopyError::Truncated => NotTaken::Waits { what: error.to_string(), hint: None },
            error @ CopyError::Hollow { .. } => {
                NotTaken::Refused { what: error.to_string(), hint: "save what you need of it, then remove it" }
            }
        }
    }

    /// What becomes of a claimed file that could not be taken. Its part goes first: a part without a claimed file would be
    /// taken for what is left of a file that was unlinked.
    fn broken_off(&mut self, segment: &Segment, dir: &Dir, error: NotTaken) -> NotTaken {
        let undone = self.rotation.spool.discard_part(segment.name).and_then(|()| match &error {
            NotTaken::Redundant { name, twin } => {
                log::info!("{}: all of it is in {}", segment.path.display(), Path::new(name).display());
                // A compressor does not sync what it has made.
                twin.sync_all().doing("sync", dir.path_of(name))?;
                self.remove_taken(dir, segment)
            }
            error if error.gives_back() => {
                let claimed = segment.claimed.as_ref().expect("it has its claimed name");
                dir.rename_new(claimed.as_os_str(), segment.own_name())?;
                fault::reached(Point::GivenBack);
                self.rotation.spool.discard(segment.name)
            }
            _ => Ok(()),
        });
        match undone {
            Ok(()) => error,
            // Its name is taken meanwhile, for one: it stays claimed, and the next run goes on from there.
            Err(failure) => {
                log::info!("{}: it stays claimed: {failure}", segment.path.display());
                match error {
                    NotTaken::Redundant { .. } => NotTaken::Failed(failure),
                    error => error,
                }
            }
        }
    }

    /// Removes a claimed file that is not needed: all of it was in segments before it was rotated, or is beside it.
    fn remove_taken(&mut self, dir: &Dir, segment: &Segment) -> Result<()> {
        let claimed = segment.claimed.as_ref().expect("it has its claimed name");
        dir.unlink(claimed.as_os_str())?;
        dir.sync()?;
        self.rotation.outcome.nothing_new.push(segment.source.file);
        self.rotation.spool.discard(segment.name)
    }
}

/// Seals a part whose file is unlinked: all of it was copied before that, and nobody could write to it any more.
pub(in crate::rotate) fn seal_unlinked(rotation: &mut Rotation<'_>, part: Part, modified: Moment) -> Result<()> {
    fault::reached(Point::Drained);
    let sealed = rotation.spool.seal(part, modified, Ended::Released)?;
    let (path, length, name) = (&sealed.segment.path, sealed.seal.length, sealed.segment.name);
    log::info!("{}: {length} bytes, sealed as {name}", path.display());
    rotation.outcome.sealed.push(sealed.clone());
    rotation.stands_for_itself(&sealed)
}
