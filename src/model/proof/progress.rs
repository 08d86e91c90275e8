//! Counters of what was read back so far, for whoever shows it. Nothing is decided by them.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters.
#[derive(Default, Debug)]
pub struct Progress {
    of: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
}

/// What they say at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reading {
    /// How many objects are to be read.
    pub of: u64,
    /// How many were read, or could not be.
    pub objects: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

impl Progress {
    /// So many objects are to be read.
    pub fn begin(&self, of: u64) {
        self.of.store(of, Ordering::Relaxed);
    }

    /// One is done.
    pub fn done(&self) {
        self.objects.fetch_add(1, Ordering::Relaxed);
    }

    /// So many bytes arrived.
    pub fn arrived(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What they say now.
    pub fn reading(&self) -> Reading {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading { of: load(&self.of), objects: load(&self.objects), bytes: load(&self.bytes) }
    }
}
