//! Logs that lag behind their limits: what `max_rate` and `max_bytes_per_run` leave in them for later runs, since when, and
//! whether they can ever catch up.
//!
//! Pure. Nothing is guessed: what a log is given is what is left in it now, and what was taken of it meanwhile, less what was
//! left in it before. So both figures hold whatever the limits are and however often runs start. They are measured from when it
//! began to lag, and over the last twelve hours to a day where it lags longer.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::path_text::serde_path;
use super::size;
use super::time::Moment;

/// How many logs are remembered to lag, the most bytes first.
const MOST: usize = 100;

/// How long a log must lag before it is said what it is given, and after how many runs: a burst is no pace, and neither are
/// two runs by hand.
const LEAST_TIME: Duration = Duration::from_secs(30 * 60);
const LEAST_RUNS: u64 = 2;

/// More than what is taken by a share of 1 in so many is more: nothing is written evenly.
const TOLERANCE: u64 = 20;

/// How far back is measured, at the least, where it lags longer than that; at the most it is twice that, so that a day with its
/// night is in it.
const WINDOW: Duration = Duration::from_secs(12 * 60 * 60);

/// A log that lags behind its limits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lag {
    /// The log.
    #[serde(with = "serde_path")]
    pub path: PathBuf,
    /// How many bytes the last run has left in it.
    pub bytes: u64,
    /// When a run left some first.
    pub since: Moment,
    /// How it stands.
    now: Mark,
    /// How it stood where the measure begins.
    from: Mark,
    /// How it stood where the measure begins later.
    next: Mark,
    /// Whether the last run has left more than the one before.
    grows: bool,
    /// Whether it was told that it does not catch up.
    #[serde(default)]
    told: bool,
}

/// How a log stood at a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Mark {
    /// When the run began.
    at: Moment,
    /// How many bytes it left.
    left: u64,
    /// How many were taken since the log lags.
    taken: u64,
    /// How many runs that were.
    runs: u64,
}

/// What a log is given, and what of it runs take within its limits, in bytes an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// What its writers write.
    pub given: u64,
    /// What runs take.
    pub taken: u64,
}

impl Pace {
    fn is_too_much(self) -> bool {
        self.given > self.taken.saturating_add(self.taken / TOLERANCE)
    }
}

impl Lag {
    /// A log of which the run that began at `at` is the first to leave something.
    pub fn new(path: PathBuf, bytes: u64, at: Moment) -> Self {
        let now = Mark { at, left: bytes, taken: 0, runs: 0 };
        Self { path, bytes, since: at, now, from: now, next: now, grows: false, told: false }
    }

    /// The same after another run, which has taken so many bytes, and left some again.
    #[must_use]
    pub fn after(self, bytes: u64, taken: u64, at: Moment) -> Self {
        let (taken, runs) = (self.now.taken.saturating_add(taken), self.now.runs.saturating_add(1));
        let now = Mark { at, left: bytes, taken, runs };
        let is_due = at.since(self.next.at) >= WINDOW && runs - self.next.runs.min(runs) >= LEAST_RUNS;
        let (from, next) = if is_due { (self.next, now) } else { (self.from, self.next) };
        Self { bytes, now, from, next, grows: bytes > self.bytes, ..self }
    }

    /// What it is given and what is taken; `None` as long as that can't be told.
    pub fn pace(&self) -> Option<Pace> {
        let (from, now) = (self.from, self.now);
        let time = now.at.since(from.at);
        if now.runs.saturating_sub(from.runs) < LEAST_RUNS || time < LEAST_TIME {
            return None;
        }
        let an_hour = |bytes: u64| {
            let bytes = u128::from(bytes) * 3_600_000 / time.as_millis();
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let taken = now.taken.saturating_sub(from.taken);
        let given = now.left.saturating_add(taken).saturating_sub(from.left);
        Some(Pace { given: an_hour(given), taken: an_hour(taken) })
    }

    /// Whether it is given more than is taken of it, in all of the time that is measured and now: so it never catches up.
    pub fn falls_behind(&self) -> bool {
        self.grows && self.pace().is_some_and(Pace::is_too_much)
    }

    /// Whether it falls behind and nobody was told; from then on it counts as told, until it keeps up for as long as is
    /// measured.
    pub fn to_be_told(&mut self) -> bool {
        let tell = self.falls_behind() && !self.told;
        self.told = tell || self.told && self.pace().is_none_or(Pace::is_too_much);
        tell
    }

    /// What it is given and how it goes on, as a part of a sentence; `None` as long as that can't be told.
    pub fn outlook(&self) -> Option<String> {
        let pace = self.pace()?;
        let so = match () {
            () if self.falls_behind() => "so it never catches up",
            () if pace.is_too_much() => "but less is left in it than before",
            () => "so it catches up",
        };
        let (given, taken, from) = (size::show(pace.given), size::show(pace.taken), self.from.at.to_second());
        Some(format!("from {from} on it was given {given} an hour, and its limits let {taken} an hour be taken, {so}"))
    }
}

/// Those that are remembered of many: the most bytes first.
pub fn most(mut lags: Vec<Lag>) -> Vec<Lag> {
    lags.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.path.cmp(&other.path)));
    lags.truncate(MOST);
    lags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Moment {
        Moment::from_timespec(1_000_000 + minutes * 60, 0)
    }

    #[test]
    fn what_is_given_is_what_is_left_and_taken_less_what_was_left_before() {
        let lag = Lag::new("/a".into(), 100, at(0)).after(400, 200, at(60)).after(900, 200, at(120));
        assert_eq!(lag.pace(), Some(Pace { given: 600, taken: 200 }));
        assert!(lag.falls_behind());
        assert_eq!((lag.bytes, lag.since), (900, at(0)));
        let said = lag.outlook().expect("it is known");
        let paces = "it was given 600 B an hour, and its limits let 200 B an hour be taken, so it never catches up";
        assert_eq!(said, format!("from {} on {paces}", at(0).to_second()));
    }

    #[test]
    fn a_burst_that_is_worked_off_catches_up() {
        let lag = Lag::new("/a".into(), 1000, at(0)).after(800, 300, at(60)).after(600, 300, at(120));
        assert_eq!(lag.pace(), Some(Pace { given: 100, taken: 300 }));
        assert!(!lag.falls_behind() && lag.outlook().is_some_and(|said| said.ends_with("so it catches up")));
        // As much as is taken, but for what is written unevenly.
        let even = Lag::new("/a".into(), 1000, at(0)).after(1010, 300, at(60)).after(1015, 300, at(120));
        assert!(!even.falls_behind());
    }

    #[test]
    fn what_was_long_ago_says_nothing_of_now() {
        // A large backlog is worked off for two days; then it is given more than is taken.
        let mut lag = Lag::new("/a".into(), 100_000, at(0));
        for hour in 1..=48 {
            lag = lag.after(100_000 - 1000 * hour, 1000, at(i64::try_from(hour).expect("small") * 60));
            assert!(!lag.falls_behind());
        }
        for hour in 49..=96 {
            lag = lag.after(52_000 + 500 * (hour - 48), 1000, at(i64::try_from(hour).expect("small") * 60));
        }
        assert_eq!(lag.pace(), Some(Pace { given: 1500, taken: 1000 }));
        assert!(lag.falls_behind());
        // Its writer stops: what it was given still was more, but it is not said that it never catches up.
        lag = lag.after(75_000, 1000, at(97 * 60));
        assert!(!lag.falls_behind());
        assert!(lag.outlook().is_some_and(|said| said.ends_with("but less is left in it than before")));
    }

    #[test]
    fn neither_one_run_nor_a_few_by_hand_are_a_pace() {
        let first = Lag::new("/a".into(), 100, at(0));
        assert_eq!(first.pace(), None);
        assert_eq!(first.clone().after(900, 1, at(600)).pace(), None);
        assert_eq!(first.clone().after(500, 1, at(1)).after(900, 1, at(2)).pace(), None);
        // The clock was set back.
        assert_eq!(first.after(500, 1, at(-60)).after(900, 1, at(-30)).pace(), None);
    }

    #[test]
    fn that_it_falls_behind_is_told_once_as_long_as_it_does() {
        let mut lag = Lag::new("/a".into(), 100, at(0)).after(400, 100, at(60)).after(900, 100, at(120));
        assert!(lag.to_be_told() && !lag.to_be_told());
        // A quiet hour changes nothing.
        lag = lag.after(800, 100, at(180));
        assert!(!lag.falls_behind() && !lag.to_be_told());
        lag = lag.after(1200, 100, at(240));
        assert!(lag.falls_behind() && !lag.to_be_told());
        // It has kept up; that it doesn't any more is told anew.
        lag = lag.after(50, 9000, at(300));
        assert!(!lag.to_be_told());
        lag = lag.after(90_000, 100, at(360));
        assert!(lag.to_be_told());
        let json = serde_json::to_string(&lag).expect("JSON");
        assert_eq!(serde_json::from_str::<Lag>(&json).expect("as it was written"), lag);
    }

    #[test]
    fn of_many_the_largest_are_remembered() {
        let lags = (0..300).map(|n| Lag::new(format!("/{n}").into(), n, at(0))).collect();
        let most = most(lags);
        assert_eq!((most.len(), most[0].bytes, most[99].bytes), (MOST, 299, 200));
    }
}
