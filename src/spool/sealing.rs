//! From a segment's record to its sealed file.
//!
//! Promise: each step is durable before the next one begins, and what a crash leaves between two of them is told from the
//! names of the files alone (the parent's header has the diagram).

use super::file_names::{part_file, record_file, sealed_file};
use super::{Part, Record, Spool, given, held};
use crate::model::in_place::InPlace;
use crate::model::segment::{Ended, SealedSegment, Segment, SegmentName};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

impl Spool {
    /// Writes down what a segment is going to be. Nothing of its log may be touched before [`Self::sync`].
    ///
    /// # Errors
    /// `AlreadyExists` where there is a segment of that name, which is left as it is; else what keeps it from being
    /// written, and then nothing is left.
    pub fn begin(&self, segment: &Segment) -> Result<()> {
        let name = record_file(segment.name);
        let text = Record::open(segment.clone()).to_json().doing("write", self.segments.path_of(&name))?;
        self.segments.write_new(&name, text.as_bytes())
    }

    /// Whether no segment of that name is in the spool.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn is_free(&self, name: SegmentName) -> Result<bool> {
        Ok(self.segments.look(record_file(name))?.is_none())
    }

    /// Makes the names of records, parts and sealed segments durable.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn sync(&self) -> Result<()> {
        self.segments.sync()
    }

    /// Starts a segment's part.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one; else what keeps it from being written.
    pub fn start_part(&self, segment: Segment) -> Result<Part> {
        let name = part_file(segment.name);
        let file = self.segments.create(&name, 0o600)?;
        fault::reached(Point::PartMade);
        Part::start(segment, file, self.segments.path_of(&name))
    }

    /// Opens the part of an interrupted run and cuts it behind its last whole block.
    ///
    /// # Errors
    /// Where it can't be read, or doesn't even hold the beginning of a part.
    pub fn salvage_part(&self, segment: Segment) -> Result<Part> {
        let name = part_file(segment.name);
        let file = self.segments.open_write(&name)?;
        Part::salvage(segment, file, self.segments.path_of(&name))
    }

    /// Forgets a segment that was begun: its part, then its record.
    ///
    /// # Errors
    /// Where they can't be removed.
    pub fn discard(&self, name: SegmentName) -> Result<()> {
        self.discard_part(name)?;
        self.segments.unlink_if_there(record_file(name))?;
        fault::reached(Point::RecordDiscarded);
        Ok(())
    }

    /// Removes only a segment's part, so that its log is copied again by the next run.
    ///
    /// # Errors
    /// Where it can't be removed.
    pub fn discard_part(&self, name: SegmentName) -> Result<()> {
        self.segments.unlink_if_there(part_file(name))?;
        fault::reached(Point::PartDiscarded);
        Ok(())
    }

    /// Seals a part: trailer, fsync, final record, what is still held, rename, fsync of the directory.
    ///
    /// # Errors
    /// Where any of it can't be written; the part then is there to be salvaged or sealed by the next run.
    pub fn seal(&mut self, part: Part, last: Moment, ended: Ended) -> Result<SealedSegment> {
        let sealed = part.finish(last, ended)?;
        self.seal_as(sealed)
    }

    /// Seals a part of a log that stays in its place. With the seal it is durable what is going to be given back of it.
    ///
    /// # Errors
    /// As with [`Self::seal`].
    pub fn seal_in_place(&mut self, part: Part, last: Moment, in_place: InPlace) -> Result<SealedSegment> {
        let mut sealed = part.finish(last, Ended::Continued)?;
        sealed.seal.in_place = Some(in_place);
        self.seal_as(sealed)
    }

    /// Changes what is going to be given back of a log, before anything of it is.
    ///
    /// # Errors
    /// Where it can't be written: then what the record says may be this or what it said before.
    pub fn plan_anew(&mut self, sealed: &SealedSegment) -> Result<()> {
        write_record(&self.segments, &Record::sealed(sealed.clone()))?;
        self.segments.sync()?;
        self.streams.replace(sealed.clone());
        Ok(())
    }

    /// Takes note that what was planned with the seal was given back of the log, to its end. It holds until the system is started
    /// anew.
    pub fn note_given(&self, sealed: &SealedSegment) {
        given::note(&self.given, sealed);
    }

    /// Whether it is known that what was planned with the seal was given back of the log, to its end. Else that may have been cut
    /// short.
    pub fn is_given(&self, sealed: &SealedSegment) -> bool {
        given::is_noted(&self.given, sealed)
    }

    fn seal_as(&mut self, sealed: SealedSegment) -> Result<SealedSegment> {
        write_record(&self.segments, &Record::sealed(sealed.clone()))?;
        fault::reached(Point::SealRecorded);
        self.finish_seal(&sealed)?;
        self.notices.told(&sealed.segment);
        self.tallies.count(&sealed);
        Ok(sealed)
    }

    /// The part of sealing that comes after the record: the next run does it where this one was cut short.
    pub(super) fn finish_seal(&mut self, sealed: &SealedSegment) -> Result<()> {
        self.give_final_name(sealed)?;
        self.segments.sync()?;
        fault::reached(Point::Sealed);
        self.streams.advance(sealed.clone());
        Ok(())
    }

    /// Not durable before the directory is synced.
    pub(super) fn give_final_name(&self, sealed: &SealedSegment) -> Result<()> {
        held::remember(&self.held, sealed)?;
        let name = sealed.segment.name;
        self.segments.rename_into(part_file(name), &self.segments, sealed_file(name))?;
        fault::reached(Point::SealRenamed);
        Ok(())
    }
}

pub(super) fn write_record(segments: &Dir, record: &Record) -> Result<()> {
    let name = record_file(record.segment.name);
    let text = record.to_json().doing("write", segments.path_of(&name))?;
    segments.write_synced(&name, text.as_bytes())
}
