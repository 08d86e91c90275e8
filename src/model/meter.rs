//! Counters of what a command has done so far and has still to do, for a progress display. Whoever does something counts
//! it; whoever shows it reads. Nothing is decided by them.
//!
//! A command that reads back counts as shipping does, the other way round: what is to be read as sealed, what came as sent,
//! what was read whole as shipped.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters.
#[derive(Default, Debug)]
pub struct Meter {
    logs_found: AtomicU64,
    logs_taken: AtomicU64,
    bytes_found: AtomicU64,
    bytes_read: AtomicU64,
    segments: AtomicU64,
    segments_shipped: AtomicU64,
    packed: AtomicU64,
    packed_shipped: AtomicU64,
    packed_sent: AtomicU64,
}

/// What the counters say at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reading {
    /// Logs that were found, and how many of them were taken.
    pub logs: Progress,
    /// Bytes in them, and how many were read. More may be read than was found, as writers go on.
    pub bytes: Progress,
    /// Segments to ship.
    pub segments: Progress,
    /// Bytes of those; what was sent of one that is under way counts as done.
    pub packed: Progress,
}

/// How much of something is done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Progress {
    /// How much.
    pub done: u64,
    /// Of how much.
    pub of: u64,
}

impl Progress {
    /// What is still to do.
    pub fn left(self) -> u64 {
        self.of.saturating_sub(self.done)
    }
}

impl Meter {
    /// Logs were found, with so many bytes.
    pub fn found(&self, logs: u64, bytes: u64) {
        self.logs_found.fetch_add(logs, Ordering::Relaxed);
        self.bytes_found.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many logs that were found are sealed.
    pub fn taken(&self, logs: u64) {
        self.logs_taken.fetch_add(logs, Ordering::Relaxed);
    }

    /// Bytes of a log were read.
    pub fn read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A segment is to be shipped.
    pub fn sealed(&self, packed: u64) {
        self.segments.fetch_add(1, Ordering::Relaxed);
        self.packed.fetch_add(packed, Ordering::Relaxed);
    }

    /// Bytes of a segment were sent.
    pub fn sent(&self, bytes: u64) {
        self.packed_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were sent count no more: their segment is confirmed, or will be sent again.
    pub fn unsent(&self, bytes: u64) {
        // Whoever takes them back has added them before.
        self.packed_sent.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The store has confirmed a segment.
    pub fn shipped(&self, packed: u64) {
        self.segments_shipped.fetch_add(1, Ordering::Relaxed);
        self.packed_shipped.fetch_add(packed, Ordering::Relaxed);
    }

    /// A segment that could not be shipped will be found, and counted, anew.
    pub fn given_up(&self, packed: u64) {
        self.segments.fetch_sub(1, Ordering::Relaxed);
        self.packed.fetch_sub(packed, Ordering::Relaxed);
    }

    /// What they say now.
    pub fn reading(&self) -> Reading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let of = |done: u64, of: &AtomicU64| Progress { done, of: get(of).max(done) };
        Reading {
            logs: of(get(&self.logs_taken), &self.logs_found),
            bytes: of(get(&self.bytes_read), &self.bytes_found),
            segments: of(get(&self.segments_shipped), &self.segments),
            packed: of(get(&self.packed_shipped) + get(&self.packed_sent), &self.packed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_is_sent_twice_counts_once() {
        let meter = Meter::default();
        meter.sealed(100);
        meter.sent(60);
        assert_eq!(meter.reading().packed, Progress { done: 60, of: 100 });
        meter.unsent(60);
        meter.sent(100);
        meter.unsent(100);
        meter.shipped(100);
        assert_eq!(meter.reading().packed, Progress { done: 100, of: 100 });
        assert_eq!(meter.reading().segments, Progress { done: 1, of: 1 });
    }

    #[test]
    fn what_was_read_beyond_what_was_found_is_not_left() {
        let meter = Meter::default();
        meter.found(1, 10);
        meter.read(30);
        assert_eq!(meter.reading().bytes.left(), 0);
    }
}
