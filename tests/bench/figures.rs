//! Several observations of one thing, and how they are put for people.

use std::time::Duration;

use anyhow::Result;

use crate::observe::Observed;

/// What one of the things that are compared took, each time.
pub(crate) struct Figures(Vec<Observed>);

/// Carries out all jobs in turn, again and again, so that whatever else the machine does falls on each alike.
pub(crate) fn in_turn(times: usize, jobs: &mut [&mut dyn FnMut() -> Result<Observed>]) -> Result<Vec<Figures>> {
    let mut figures: Vec<_> = jobs.iter().map(|_| Figures(Vec::new())).collect();
    for round in 0..times {
        // The one that comes first changes: it may find the caches as nobody else does.
        for number in 0..jobs.len() {
            let number = (number + round) % jobs.len();
            figures[number].0.push(jobs[number]()?);
        }
    }
    Ok(figures)
}

impl Figures {
    /// The median time in seconds.
    pub(crate) fn wall(&self) -> f64 {
        self.median(|one| one.wall())
    }

    /// The median processor time in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.median(|one| one.cpu())
    }

    /// The largest peak, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.0.iter().map(|one| one.peak()).max().unwrap_or(0)
    }

    fn median(&self, of: impl Fn(Observed) -> Duration) -> f64 {
        let mut times: Vec<_> = self.0.iter().map(|one| of(*one)).collect();
        times.sort_unstable();
        let (lower, upper) = (times.len().saturating_sub(1) / 2, times.len() / 2);
        let at = |index: usize| times.get(index).map_or(0.0, Duration::as_secs_f64);
        (at(lower) + at(upper)) / 2.0
    }

    /// The median, and from the fastest to the slowest.
    pub(crate) fn shown(&self) -> String {
        let walls = || self.0.iter().map(|one| one.wall().as_secs_f64());
        let (fastest, slowest) = (walls().fold(f64::MAX, f64::min), walls().fold(0.0, f64::max));
        format!("{} ({} to {})", time(self.wall()), time(fastest), time(slowest))
    }

    /// The same with the speed that so many bytes make of it.
    pub(crate) fn with_speed(&self, bytes: u64) -> String {
        format!("{}, {}", self.shown(), speed(bytes, self.wall()))
    }
}

/// Seconds for people.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        ..0.001 => format!("{:.0} µs", seconds * 1e6),
        ..0.1 => format!("{:.1} ms", seconds * 1e3),
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// Bytes for people.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    let number = bytes as f64;
    match bytes {
        0..=999 => format!("{bytes} B"),
        1_000..=999_999 => format!("{:.0} kB", number / 1e3),
        1_000_000..=99_999_999 => format!("{:.1} MB", number / 1e6),
        100_000_000..=999_999_999 => format!("{:.0} MB", number / 1e6),
        _ => format!("{:.0} GB", number / 1e9),
    }
}

/// Bytes in so many seconds.
#[expect(clippy::cast_precision_loss, reason = "whole numbers are shown")]
pub(crate) fn speed(bytes: u64, seconds: f64) -> String {
    format!("{:.0} MB/s", bytes as f64 / 1e6 / seconds.max(1e-9))
}
