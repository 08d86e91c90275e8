//! Sealing many segments together, step by step: their fsyncs wait for the disk side by side, and one fsync of the directory
//! serves them all. Each of them goes through the very states that one which is sealed by itself goes through.

use std::sync::Arc;

use super::{Part, Record, Spool, write_record};
use crate::gzip::Pool;
use crate::model::segment::{Ended, SealedSegment};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
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

/// Whether the names of segments would outlive a power loss.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Durable,
    Unsynced,
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
        let names = match renamed.iter().any(Result::is_ok).then(|| self.segments.sync()) {
            Some(Ok(())) => Names::Durable,
            Some(Err(_)) | None => Names::Unsynced,
        };
        renamed.into_iter().map(|sealed| self.sealed(sealed?, names)).collect()
    }

    /// Takes note of a segment that has its final name. Where the names could not be made durable together, each has its own
    /// try, and its own failure.
    fn sealed(&mut self, sealed: SealedSegment, names: Names) -> Result<SealedSegment> {
        if names == Names::Unsynced {
            self.segments.sync()?;
        }
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
