//! `max_rate` and `max_bytes_per_run`: how much of one log a run takes.

use super::section::{Mistakes, Section};
use crate::model::rate::ByteRate;

/// The least that a run may be told to take of a log, in bytes: less would cut every line.
const LEAST: u64 = 64 * 1024;

/// The slowest rate at which a log may be taken, in bytes a second: 8 MiB a day.
const SLOWEST: u64 = 100;

/// How much is taken of each log of a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogLimits {
    /// On average since the log was taken last.
    pub max_rate: Option<ByteRate>,
    /// By one run, in bytes.
    pub max_bytes_per_run: Option<u64>,
}

impl LogLimits {
    /// Whether all of a log is taken.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads both keys of a set's table.
pub(super) fn read(section: &mut Section<'_>, mistakes: &mut Mistakes) -> LogLimits {
    let max_rate = mistakes.or_default(section.parsed("max_rate", |text| match ByteRate::parse(text)? {
        rate if rate.bytes_a_second() < SLOWEST => {
            Err(format!("{text:?} is too slow: no log would ever be taken to its end; at least \"100B/s\""))
        }
        rate => Ok(rate),
    }));
    let mut max_bytes_per_run = mistakes.or_default(section.size("max_bytes_per_run"));
    if max_bytes_per_run.is_some_and(|bytes| bytes < LEAST) {
        let what = format!("{} must be at least \"{}KiB\"", section.shown("max_bytes_per_run"), LEAST / 1024);
        mistakes.note(section.error_at("max_bytes_per_run", what).hint("leave it out for no limit"));
        max_bytes_per_run = None;
    }
    LogLimits { max_rate, max_bytes_per_run }
}
