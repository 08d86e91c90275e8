//! Logs as services write them, made up: five kinds, the same bytes for the same seed.
//!
//! What makes real logs compress as they do is kept: few templates of lines that repeat in bursts, times that grow, a few
//! busy clients among many, identifiers that never come again (they are what a compressor can't remove), durations with
//! a long tail. `docs/benchmarks.md` compares its ratios with those of real logs.

mod access;
mod json;
mod syslog;
mod traces;
mod upstart;

use std::io::{self, Write};

use crate::random::Random;

/// What writes the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Kind {
    /// `/var/log/syslog` of a server.
    Syslog,
    /// A web server's access log in the combined format.
    Access,
    /// A service that logs objects of JSON.
    Json,
    /// Java and Python services with stack traces.
    Traces,
    /// A job's output as Upstart writes it: lines end in CRLF.
    Upstart,
    /// Sections of all five, each of [`SECTION`] bytes.
    Mixed,
}

/// How much of one kind stands together in a mixed log, in bytes: far more than a compressor looks back.
const SECTION: usize = 1 << 20;

/// All that is not mixed.
const PURE: [Kind; 5] = [Kind::Syslog, Kind::Access, Kind::Json, Kind::Traces, Kind::Upstart];

impl Kind {
    /// The kind of the log with that number, where there are many.
    pub(crate) fn of_number(number: usize) -> Self {
        PURE[number % PURE.len()]
    }
}

/// What the lines of all kinds draw from.
struct Source {
    random: Random,
    /// Microseconds since 1970.
    clock: u64,
    out: Vec<u8>,
    /// What counts up from line to line: process ids, requests.
    counter: u64,
}

/// 2026-11-21T00:00:03Z.
const BEGIN: u64 = 1_795_219_203_000_000;

impl Source {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), clock: BEGIN, out: Vec::new(), counter: 1000 }
    }

    /// Lets some time pass: lines come in bursts.
    fn wait(&mut self, typical_micros: u64) {
        self.clock += self.random.long_tail(typical_micros);
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // A vector takes everything.
        let _ = self.out.write_fmt(text);
    }

    fn date(&self) -> Date {
        Date::of(self.clock)
    }
}

/// A time of day on a date, for people.
struct Date {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    micros: u64,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Date {
    /// The calendar date of a count of days: <https://howardhinnant.github.io/date_algorithms.html>, `civil_from_days`.
    fn of(clock: u64) -> Self {
        let (seconds, micros) = (clock / 1_000_000, clock % 1_000_000);
        let (days, of_day) = (seconds / 86_400 + 719_468, seconds % 86_400);
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: year + era * 400 + u64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            micros,
        }
    }

    fn month_name(&self) -> &'static str {
        usize::try_from(self.month - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or("Jan")
    }
}

/// Writes a log of just that many bytes; its last line may be torn, as those of real segments are.
pub(crate) fn write(kind: Kind, seed: u64, length: u64, sink: &mut impl Write) -> io::Result<()> {
    let kinds: &[Kind] = if kind == Kind::Mixed { &PURE } else { &[kind] };
    let mut sources: Vec<_> = (0..).zip(kinds).map(|(number, kind)| (*kind, Source::new(seed * 8 + number))).collect();
    let mut left = length;
    while left > 0 {
        for (kind, source) in &mut sources {
            while source.out.len() < SECTION {
                line(*kind, source);
            }
            let count = source.out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            sink.write_all(&source.out[..count])?;
            left -= count as u64;
            source.out.clear();
        }
    }
    Ok(())
}

/// One event: a line, or a line with a stack trace behind it.
fn line(kind: Kind, source: &mut Source) {
    match kind {
        Kind::Syslog | Kind::Mixed => syslog::line(source),
        Kind::Access => access::line(source),
        Kind::Json => json::line(source),
        Kind::Traces => traces::event(source),
        Kind::Upstart => upstart::request(source),
    }
}
