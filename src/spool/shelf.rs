//! The spool as shipping sees it: sealed segments that are opened, sent, and marked when the store has them.
//!
//! It is apart from the rest of the spool so that segments can be shipped while others are still being made. Only names
//! of segments that are sealed are touched here; to drop what was marked is the matter of [`super::Spool`] again, once
//! nobody ships any more what it reads.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::file_names::{sealed_file, shipped_file, upload_file};
use crate::model::segment::SegmentName;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

/// The sealed segments of a spool.
#[derive(Clone)]
pub struct Shelf {
    segments: Arc<Dir>,
}

impl Shelf {
    pub(super) fn of(segments: &Arc<Dir>) -> Self {
        Self { segments: Arc::clone(segments) }
    }

    /// The path of a sealed segment, for messages.
    pub fn path_of(&self, name: SegmentName) -> PathBuf {
        self.segments.path_of(sealed_file(name))
    }

    /// Opens a sealed segment for shipping.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub fn open_sealed(&self, name: SegmentName) -> Result<File> {
        self.segments.open_read(sealed_file(name))
    }

    /// Notes that the store has confirmed a segment; it is not shipped again.
    ///
    /// # Errors
    /// Where it can't be renamed.
    pub fn mark_shipped(&self, name: SegmentName) -> Result<()> {
        self.segments.rename_into(sealed_file(name), &self.segments, shipped_file(name))?;
        fault::reached(Point::MarkedShipped);
        Ok(())
    }

    /// Notes that a segment goes up in parts, under that name of the store's, so that they can be removed if this run
    /// is cut short.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn note_upload(&self, name: SegmentName, upload: &str) -> Result<()> {
        self.segments.write_durable(&upload_file(name), upload.as_bytes())?;
        fault::reached(Point::UploadNoted);
        Ok(())
    }

    /// The upload in parts that was noted of a segment.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn noted_upload(&self, name: SegmentName) -> Result<Option<String>> {
        let file_name = upload_file(name);
        let mut upload = String::new();
        match self.segments.open_read(&file_name) {
            Ok(mut file) => file.read_to_string(&mut upload).doing("read", self.segments.path_of(&file_name))?,
            Err(failure) if failure.is(std::io::ErrorKind::NotFound) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        Ok(Some(upload))
    }

    /// Forgets the upload that was noted of a segment.
    ///
    /// # Errors
    /// Where the note can't be removed.
    pub fn forget_upload(&self, name: SegmentName) -> Result<()> {
        self.segments.unlink_if_there(upload_file(name))
    }
}
