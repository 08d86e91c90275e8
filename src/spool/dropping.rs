//! What goes from the spool, and what there is room for: segments that the store has confirmed, those that were kept
//! long enough.
//!
//! Promise: nothing is removed before the mark that it was shipped is durable, and no mark before the stream's record is
//! kept.

use super::Spool;
use super::file_names::{record_file, shipped_file, upload_file};
use crate::model::keep::Keep;
use crate::model::problem;
use crate::model::segment::SealedSegment;
use crate::sys::clock;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};

impl Spool {
    /// From now on, what the store has confirmed stays as `keep` says; before that, nothing stays, and nothing that an
    /// earlier run kept is removed.
    pub fn keep(&mut self, keep: Option<Keep>) {
        self.kept.set(keep);
    }

    /// How many bytes the spool's file system has room for.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn room(&self) -> Result<u64> {
        self.segments.room()
    }

    /// How many bytes the files of the spool have.
    ///
    /// # Errors
    /// Where they can't be looked at.
    pub fn used(&self) -> Result<u64> {
        let mut used = 0;
        for name in self.segments.names()? {
            used += self.segments.look(&name)?.map_or(0, |entry| entry.status.size);
        }
        Ok(used)
    }

    /// Drops segments that were marked as shipped; some of them stay under `kept/`.
    ///
    /// # Errors
    /// Where something can't be removed; the next run does it then.
    pub fn drop_shipped(&self, shipped: &[SealedSegment]) -> Result<()> {
        if shipped.is_empty() {
            return Ok(());
        }
        // No record may go before the mark is durable, and no mark before the record is kept: a power loss in between
        // must not leave what would be taken for damage.
        self.segments.sync()?;
        fault::reached(Point::MarksDurable);
        self.kept.take(&self.segments, shipped);
        for sealed in shipped {
            let name = sealed.segment.name;
            self.segments.unlink_if_there(upload_file(name))?;
            self.streams.keep_last(&self.segments, &record_file(name), sealed)?;
            fault::reached(Point::RecordKept);
        }
        self.streams.sync()?;
        self.segments.sync()?;
        fault::reached(Point::StreamsDurable);
        for sealed in shipped {
            self.segments.unlink_if_there(shipped_file(sealed.segment.name))?;
            fault::reached(Point::Dropped);
        }
        self.clear_out_kept();
        Ok(())
    }

    /// Removes what was kept long enough, and what is too much. Where it can't be, the next run does it: nothing waits for
    /// it.
    pub(super) fn clear_out_kept(&self) {
        if let Err(failure) = self.kept.clear_out(&self.segments, clock::now()) {
            log::info!("{}", problem::chain(&failure));
        }
    }

    /// Removes kept segments, the oldest first, until that many bytes are gone or none is left; gives how many went. The
    /// store has all of them.
    ///
    /// # Errors
    /// Where they can't be listed or removed.
    pub fn make_room(&self, bytes: u64) -> Result<u64> {
        self.kept.make_room(&self.segments, bytes)
    }
}
