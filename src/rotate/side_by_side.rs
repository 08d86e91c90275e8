//! Small logs are copied side by side: each by one thread, from its first byte to its fsync. So many small logs keep as
//! many threads busy as a large one does with its blocks, and their fsyncs wait for the disk together.
//!
//! The largest of them goes first: the last ones to end are small, and no thread waits long for another. Whatever is said,
//! noted or given back of a log is the business of the thread that holds the spool, once the copy has ended.

use std::cmp::Reverse;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::batch::{Batches, Copied, made_durable};
use super::begin::{Begun, Place};
use super::copy::{self, CopyError, To, Until};
use crate::gzip::pool::Ticket;
use crate::gzip::{Alone, BLOCK};
use crate::spool::Part;
use crate::sys::failure::Failure;
use crate::sys::file::Status;

/// How many blocks a log has at the most that is copied by one thread: the threads share a larger one.
const FEW: u64 = 4;

/// What a log may need more room for than it has bytes: what does not compress grows by 5 bytes in 16 KiB or so, and its
/// writer goes on.
const MARGIN: u64 = 64 * 1024;

/// What a copy came to.
type Answer = (Part, File, Result<(), CopyError>);

impl Batches<'_, '_> {
    /// Copies the logs of a batch: the small ones side by side, then the others, each by all threads.
    pub(super) fn copy_all(&mut self, begun: Vec<Begun>) -> Vec<Copied> {
        let sized = begun.into_iter().map(|begun| (size_of(&begun.log), begun));
        let (mut small, mut large): (Vec<_>, Vec<_>) = sized.partition(|(size, _)| *size <= FEW * BLOCK as u64);
        let needed = small.iter().map(|(size, _)| size + MARGIN).sum();
        if !self.budget.has(self.rotation.spool, needed) {
            // How much room one of them may take depends on what those before it took. The small ones still go first.
            small.append(&mut large);
            std::mem::swap(&mut small, &mut large);
        }
        small.sort_by_key(|(size, _)| Reverse(*size));
        let under_way: Vec<_> = small.into_iter().filter_map(|(size, begun)| self.hand_out(size, begun)).collect();
        let mut copied: Vec<_> =
            under_way.into_iter().filter_map(|(place, ticket)| self.take_back(place, ticket)).collect();
        copied.extend(large.into_iter().filter_map(|(_, begun)| self.copy(begun)));
        copied
    }

    /// Hands a log to whichever thread is free.
    fn hand_out(&mut self, size: u64, begun: Begun) -> Option<(Handed, Ticket<Answer>)> {
        let Copied { mut part, log, place } = self.start(begun)?;
        let handed = Handed { path: part.segment().path.clone(), place };
        let (stop, meter) = (self.rotation.stop.clone(), Arc::clone(&self.rotation.meter));
        let ticket = self.rotation.press.pool().submit(move |encoder| {
            let until = Until::Stopped { stop: &stop, most: size + MARGIN, meter: &meter };
            let copied = copy::copy(&mut Alone::new(encoder), &mut part, &log, To::ItsEnd, until);
            let durable = copied.and_then(|_| made_durable(&part));
            (part, log, durable)
        });
        Some((handed, ticket))
    }

    /// Waits for a log to be copied. Where it has grown so much that it needs more room than was reckoned with, or where
    /// something must make way for it, it is brought to its end here.
    fn take_back(&mut self, Handed { path, place }: Handed, ticket: Ticket<Answer>) -> Option<Copied> {
        let (mut part, log, mut filled) = match self.rotation.press.pool().wait(ticket) {
            Ok(answer) => answer,
            // It stays claimed, and its part is discarded when it is copied again.
            Err(error) => {
                let failure = Failure::new("copy", &path, error);
                self.copy_failed(path, &CopyError::Log(failure));
                return None;
            }
        };
        self.budget.take(part.packed());
        let is_short = match &filled {
            Err(CopyError::TooLarge) => true,
            Err(CopyError::Part(failure)) => failure.no_room(),
            _ => false,
        };
        if is_short {
            filled = self.fill(&mut part, &log);
        }
        self.filled(Copied { part, log, place }, filled)
    }
}

/// What stays here of a log that was handed out.
struct Handed {
    path: PathBuf,
    place: Place,
}

/// A log that can't be looked at is copied by itself, where that is told.
fn size_of(log: &File) -> u64 {
    Status::of_file(log).map_or(u64::MAX, |status| status.size)
}
