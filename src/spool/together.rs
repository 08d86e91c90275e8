//! Sealing many segments together, step by step: their fsyncs wait for the disk side by side, and one fsync of the directory
//! serves them all. Each of them goes through the very states that one which is sealed by itself goes through.

use std::io;
use std::sync::Arc;

use super::sealing::write_record;
use super::{Part, Record, Spool};
use crate::gzip::Pool;
use crate::model::segment::{Ended, SealedSegment};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};

/// A part to which nothing comes any more.
pub struct Complete {
    /// It.
    pub part: Part,
    /// When its log was last written to.
    pub last: Moment,
    /// How it ended.
    pub ended: Ended,
}

impl Spool {
    /// Seals parts as [`Self::seal`] does with one; gives what came of each, in their order.
    pub fn seal_all(&mut self, pool: &mut Pool, parts: Vec<Complete>) -> Vec<Result<SealedSegment>> {
        let under_way: Vec<_> = parts
            .into_iter()
            .map(|complete| {
                let (segments, path) = (Arc::clone(&self.segments), complete.part.path().to_owned());
                (path, pool.submit(move |_| record(&segments, complete)))
            })
            .collect();
        let recorded: Vec<_> =
            under_way.into_iter().map(|(path, ticket)| pool.wait(ticket).doing("seal", path).flatten()).collect();
        let named = |sealed: SealedSegment| self.give_final_name(&sealed).map(|()| sealed);
        let renamed: Vec<_> = recorded.into_iter().map(|recorded| recorded.and_then(named)).collect();
        let synced = if renamed.iter().any(Result::is_ok) { self.segments.sync() } else { Ok(()) };
        renamed.into_iter().map(|sealed| self.sealed(sealed?, &synced)).collect()
    }

    /// Takes note of a segment that has its final name, if the names are durable. Where they are not, no other fsync is tried:
    /// after one that failed, the next one may well say that all is written (fsync(2), "Errors").
    fn sealed(&mut self, sealed: SealedSegment, synced: &Result<()>) -> Result<SealedSegment> {
        synced.as_ref().map(drop).map_err(same)?;
        fault::reached(Point::Sealed);
        self.streams.advance(sealed.clone());
        self.notices.told(&sealed.segment);
        self.tallies.count(&sealed);
        Ok(sealed)
    }
}

/// Ends a part, and writes its final record.
fn record(segments: &Dir, Complete { part, last, ended }: Complete) -> Result<SealedSegment> {
    let sealed = part.finish(last, ended)?;
    write_record(segments, &Record::sealed(sealed.clone()))?;
    fault::reached(Point::SealRecorded);
    Ok(sealed)
}

/// A failure that concerns several segments, for one more of them.
fn same(Failure { doing, path, source }: &Failure) -> Failure {
    let source = match source.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(source.kind(), source.to_string()),
    };
    Failure::new(doing, path, source)
}
