//! How much the spool may still take: what the user allows it, and what its file system has.
//!
//! Asked before a log is touched, while it is copied, and before it is unlinked. What a writer still writes after the
//! unlink is always taken: it has no other place any more.

use std::io;

use crate::config::Settings;
use crate::spool::Spool;
use crate::sys::failure::{Failure, Result};

/// No log that compresses better than this was ever seen (mixed system logs: 9 to 12); one that would need more room
/// even so is not tried.
const BEST_RATIO: u64 = 100;

/// What copying leaves for the records of its segments, besides what must stay free.
pub const FOR_RECORDS: u64 = 512 * 1024;

/// The limits.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    max_spool: Option<u64>,
    min_free: u64,
}

/// What may still be copied, and what says so.
#[derive(Clone, Copy)]
pub(super) struct Room {
    left: u64,
    /// What the file system has, without what must stay free.
    on_disk: u64,
    limits: Limits,
    free: u64,
    used: u64,
}

impl Limits {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { max_spool: settings.max_spool, min_free: settings.min_free }
    }

    /// What the spool may take now.
    pub(super) fn room(self, spool: &Spool) -> Result<Room> {
        let free = spool.room()?;
        // Without a limit there is nothing to add up.
        let used = if self.max_spool.is_some() { spool.used()? } else { 0 };
        let allowed = self.max_spool.map_or(u64::MAX, |max| max.saturating_sub(used));
        let on_disk = free.saturating_sub(self.min_free).saturating_sub(FOR_RECORDS);
        Ok(Room { left: allowed.min(on_disk), on_disk, limits: self, free, used })
    }

    /// Fails where the file system has less than what must stay free: the last look before an unlink.
    pub(super) fn require_free(self, spool: &Spool) -> Result<()> {
        let free = spool.room()?;
        if free >= self.min_free {
            return Ok(());
        }
        let why = format!("{free} bytes are free, less than the {} that must stay so (min_free)", self.min_free);
        Err(full(spool, why))
    }
}

impl Room {
    /// How many bytes a part may have.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Whether more room on the disk would be more room.
    pub(super) fn is_short_of_disk(&self) -> bool {
        self.left == self.on_disk
    }

    /// A part of that size was made.
    pub(super) fn take(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        self.on_disk = self.on_disk.saturating_sub(bytes);
        self.used += bytes;
    }

    /// Fails where a log of that size has no chance to fit.
    pub(super) fn require_for(&self, spool: &Spool, size: u64) -> Result<()> {
        match self.left > size / BEST_RATIO {
            true => Ok(()),
            false => Err(self.exceeded(spool)),
        }
    }

    /// The failure of a copy that would need more.
    pub(super) fn exceeded(&self, spool: &Spool) -> Failure {
        let Self { free, used, limits: Limits { max_spool, min_free }, .. } = self;
        let why = match max_spool {
            Some(max) if max.saturating_sub(*used) < free.saturating_sub(*min_free) => {
                format!("{used} bytes wait in the spool, and it may hold {max} (max_spool)")
            }
            _ => format!("{free} bytes are free, and {min_free} must stay so (min_free)"),
        };
        full(spool, why)
    }
}

fn full(spool: &Spool, why: String) -> Failure {
    Failure::new("make room in", spool.root().path(), io::Error::new(io::ErrorKind::StorageFull, why))
}
