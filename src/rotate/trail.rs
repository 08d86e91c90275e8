//! What reading a log leaves in the page cache: no more than was there before.
//!
//! Promise: pages that were in the cache before the log was read stay, for somebody uses them (the writer, a `tail -f`);
//! those that came in only because we read them, once, go again, so that a log of gigabytes doesn't push out what services
//! live on. What is only advice can't fail: where the kernel doesn't say what is there, all of it stays.
//!
//! ```text
//!            read so far      the next bytes        the kernel may have read ahead up to here
//!                 v                v                              v
//! ──── gone again ┼── chunk ───────┼── chunk ─────────────────────┼── not looked at yet ──
//!                     looked at before any byte of the chunk before it was read
//! ```

use std::collections::VecDeque;
use std::fs::File;

use crate::sys::cache;

/// How much is looked at together, in bytes, and how far ahead of what is read at the least: further than the kernel reads
/// ahead, since what it has read ahead for us must not be taken for what was there before.
const CHUNK: u64 = 8 * 1024 * 1024;

/// What is shorter than that leaves too little behind to look for.
const LEAST: u64 = 1024 * 1024;

/// The trail of one pass through a log.
pub(super) struct Trail<'l> {
    log: &'l File,
    /// Where the next look begins.
    looked: u64,
    end: u64,
    page: u64,
    chunks: VecDeque<Chunk>,
}

struct Chunk {
    begin: u64,
    /// For each page, whether it was in the cache.
    pages: Vec<bool>,
}

impl<'l> Trail<'l> {
    /// The trail of a log that is going to be read from `begin` to `end`.
    pub(super) fn new(log: &'l File, begin: u64, end: u64) -> Self {
        let page = cache::page_size();
        let looked = if end.saturating_sub(begin) < LEAST { end } else { begin - begin % page };
        let mut trail = Self { log, looked, end, page, chunks: VecDeque::new() };
        if trail.looked < end {
            cache::read_on(log);
            trail.look_ahead_of(begin);
        }
        trail
    }

    /// Takes note that all before that byte was read.
    pub(super) fn came_to(&mut self, at: u64) {
        self.look_ahead_of(at);
        while let Some(chunk) = self.chunks.pop_front_if(|chunk| chunk.begin + CHUNK <= at) {
            self.wipe(&chunk);
        }
    }

    fn look_ahead_of(&mut self, at: u64) {
        while self.looked < self.end && self.looked < at.saturating_add(2 * CHUNK) {
            let length = CHUNK.min(self.end - self.looked);
            // Where the kernel doesn't say, nothing is to go.
            let pages = cache::resident(self.log, self.looked, length).unwrap_or_default();
            self.chunks.push_back(Chunk { begin: self.looked, pages });
            self.looked += CHUNK;
        }
    }

    /// Has the pages of a chunk go that were not there before.
    fn wipe(&self, Chunk { begin, pages }: &Chunk) {
        let mut at = *begin;
        for run in pages.chunk_by(|one, next| one == next) {
            let length = run.len() as u64 * self.page;
            if run.first() == Some(&false) {
                cache::forget(self.log, at, length);
            }
            at += length;
        }
    }
}

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        for chunk in std::mem::take(&mut self.chunks) {
            self.wipe(&chunk);
        }
    }
}
