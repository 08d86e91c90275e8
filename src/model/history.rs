//! What the runs of a machine came to: the last one, the last one that succeeded, and what all of them have shipped so far.
//!
//! Pure: whoever runs says when it begins and how it ended; who asks later gets an answer that is true even where runs are
//! killed one after another and never come to their end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lag::{self, Lag};
use super::names::Service;
use super::problem::{Cause, Effect, Problem};
use super::time::Moment;

/// The version of the form in which this is written.
const VERSION: u32 = 1;

/// How many problems of a run are remembered one by one.
const MOST_PROBLEMS: usize = 20;

/// How long a remembered text may be, in characters.
const LONGEST_TEXT: usize = 500;

/// Of how many services it is remembered what was shipped of each: as many series as metrics have of them.
pub const MOST_SERVICES: usize = 100;

/// A service of which nothing was shipped for so long makes way for another one, in nanoseconds.
const FORGOTTEN_AFTER: i64 = 31 * 24 * 60 * 60 * 1_000_000_000;

/// A command that ships.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// The hourly job.
    Run,
    /// The same by hand.
    Flush,
    /// The last flush of an instance.
    Lifecycle,
}

impl Command {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Flush => "flush",
            Self::Lifecycle => "lifecycle",
        }
    }
}

/// How much something is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Amount {
    /// How many segments.
    pub segments: u64,
    /// The bytes of logs in them.
    pub raw_bytes: u64,
    /// Their own bytes, compressed.
    pub bytes: u64,
}

impl Amount {
    /// With something more.
    pub fn add(&mut self, more: Self) {
        self.segments = self.segments.saturating_add(more.segments);
        self.raw_bytes = self.raw_bytes.saturating_add(more.raw_bytes);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

/// What could not be done, shortened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// What it means.
    pub effect: Effect,
    /// What lies behind it.
    #[serde(default)]
    pub cause: Cause,
    /// What it is about.
    pub path: String,
    /// What happened.
    pub what: String,
}

impl Trouble {
    fn of(problem: &Problem) -> Self {
        let short = |text: &str| text.chars().take(LONGEST_TEXT).collect::<String>();
        let path = super::path_text::to_text(&problem.path);
        Self { effect: problem.effect, cause: problem.cause, path: short(&path), what: short(&problem.what) }
    }
}

/// A command that has ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Which.
    pub command: Command,
    /// The program's version.
    pub version: String,
    /// When it began.
    pub started: Moment,
    /// When it ended.
    pub finished: Moment,
    /// Its exit code.
    pub exit_code: u8,
    /// How many logs segments were made of.
    pub logs: u64,
    /// What was sealed.
    pub sealed: Amount,
    /// What the store has confirmed.
    pub shipped: Amount,
    /// What waits in the spool.
    pub waiting: Amount,
    /// How many problems there were, by what lies behind them; what was only noted among them.
    pub problems_by_cause: BTreeMap<Cause, u64>,
    /// The first of them, the gravest first.
    pub problems: Vec<Trouble>,
}

impl Run {
    /// Of a command that has come to these problems, and to nothing else.
    pub fn of_problems(command: Command, started: Moment, finished: Moment, problems: &[Problem]) -> Self {
        let mut by_cause = BTreeMap::new();
        for problem in problems {
            *by_cause.entry(problem.cause).or_default() += 1;
        }
        let gravity = |problem: &&Problem| match problem.effect {
            Effect::Failed => 0,
            Effect::Waits => 1,
            Effect::Noted => 2,
        };
        let mut gravest: Vec<&Problem> = problems.iter().collect();
        gravest.sort_by_key(gravity);
        let (sealed, shipped, waiting) = Default::default();
        Self {
            command,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            finished,
            exit_code: 0,
            logs: 0,
            sealed,
            shipped,
            waiting,
            problems_by_cause: by_cause,
            problems: gravest.into_iter().take(MOST_PROBLEMS).map(Trouble::of).collect(),
        }
    }

    /// Whether it has neither taken nor shipped anything.
    pub fn is_idle(&self) -> bool {
        (self.sealed, self.shipped) == (Amount::default(), Amount::default())
    }

    /// How long it took; nothing where the clock was set back meanwhile.
    pub fn took(&self) -> Duration {
        self.finished.since(self.started)
    }
}

/// A command that has begun, and has not ended yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Begun {
    /// Which.
    pub command: Command,
    /// When.
    pub at: Moment,
    /// Its process.
    pub pid: u32,
    /// When that began, in ticks since the system's start: its number may be another's by now.
    pub ticks: u64,
}

/// A command that ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Success {
    /// Which.
    pub command: Command,
    /// When it ended.
    pub at: Moment,
}

/// What was shipped of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OfService {
    /// How much, in all.
    #[serde(flatten)]
    pub shipped: Amount,
    /// When something of it was shipped last.
    pub last: Moment,
}

/// What all runs came to since the record was begun.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// How many have ended with each exit code.
    pub runs: BTreeMap<u8, u64>,
    /// How many were cut short.
    pub cut_short: u64,
    /// What they have shipped.
    pub shipped: Amount,
    /// The same of each service, of at most [`MOST_SERVICES`].
    pub services: BTreeMap<Service, OfService>,
    /// How much was shipped of services that are not among them.
    pub other_services: Amount,
}

/// What the runs came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct History {
    version: u32,
    /// Since when this is noted.
    pub since: Moment,
    /// The command that is at work, or that was cut short.
    #[serde(default)]
    pub begun: Option<Begun>,
    /// How many commands in a row were cut short before that one.
    #[serde(default)]
    pub cut_short: u64,
    /// The last one that has ended.
    #[serde(default)]
    pub last: Option<Run>,
    /// The last one whose exit code was 0.
    #[serde(default)]
    pub success: Option<Success>,
    /// The logs that lag behind their limits, the most bytes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lagging: Vec<Lag>,
    /// All of them.
    #[serde(default)]
    pub totals: Totals,
}

impl History {
    /// Before anything was run.
    pub fn new(now: Moment) -> Self {
        let (begun, last, success, lagging, totals) = Default::default();
        Self { version: VERSION, since: now, begun, cut_short: 0, last, success, lagging, totals }
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// What is wrong with it; also that a later version wrote it.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let history: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        match history.version {
            VERSION => Ok(history),
            version => Err(format!("a later version of logferry wrote it (format {version})")),
        }
    }

    /// A command begins. One that had begun and not ended was cut short: only one is at work at a time.
    pub fn begin(&mut self, begun: Begun) {
        if self.begun.is_some() {
            self.cut_short += 1;
            self.totals.cut_short += 1;
        }
        self.begun = Some(begun);
    }

    /// The command has ended, and has shipped this of each service; these logs lag behind their limits now.
    pub fn end(&mut self, run: Run, shipped: &BTreeMap<Service, Amount>, lagging: Vec<Lag>) {
        self.lagging = lag::most(lagging);
        self.begun = None;
        self.cut_short = 0;
        *self.totals.runs.entry(run.exit_code).or_default() += 1;
        self.totals.shipped.add(run.shipped);
        for (service, amount) in shipped {
            self.totals.count(service, *amount, run.finished);
        }
        if run.exit_code == 0 {
            self.success = Some(Success { command: run.command, at: run.finished });
        }
        self.last = Some(run);
    }
}

impl Totals {
    fn count(&mut self, service: &Service, shipped: Amount, now: Moment) {
        if !self.services.contains_key(service) && !self.has_room(now) {
            return self.other_services.add(shipped);
        }
        let of_service = OfService { shipped: Amount::default(), last: now };
        let of_service = self.services.entry(service.clone()).or_insert(of_service);
        of_service.shipped.add(shipped);
        of_service.last = now;
    }

    /// Whether one more service can be remembered; one of which nothing has come for long makes way.
    fn has_room(&mut self, now: Moment) -> bool {
        if self.services.len() < MOST_SERVICES {
            return true;
        }
        let oldest = self.services.iter().min_by_key(|(_, known)| known.last);
        let oldest = oldest.filter(|(_, known)| known.last.nanos() < now.nanos().saturating_sub(FORGOTTEN_AFTER));
        let Some(service) = oldest.map(|(service, _)| service.clone()) else { return false };
        if let Some(gone) = self.services.remove(&service) {
            self.other_services.add(gone.shipped);
        }
        true
    }
}

/// That a run was not made, since another one was at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Skipped {
    /// Which command.
    pub command: Command,
    /// When.
    pub at: Moment,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::from_nanos(seconds * 1_000_000_000)
    }

    fn begun(seconds: i64) -> Begun {
        Begun { command: Command::Run, at: at(seconds), pid: 1, ticks: 1 }
    }

    fn run(exit_code: u8, finished: i64) -> Run {
        Run { exit_code, ..Run::of_problems(Command::Run, at(finished - 1), at(finished), &[]) }
    }

    #[test]
    fn runs_that_never_end_are_counted_and_don_t_look_like_success() {
        let mut history = History::new(at(0));
        history.begin(begun(1));
        history.end(run(0, 2), &BTreeMap::new(), Vec::new());
        for second in 3..6 {
            history.begin(begun(second));
        }
        assert_eq!((history.cut_short, history.totals.cut_short), (2, 2));
        assert_eq!(history.success.map(|success| success.at), Some(at(2)));
        history.end(run(75, 9), &BTreeMap::new(), Vec::new());
        assert_eq!(
            (history.cut_short, history.begun, history.success.map(|success| success.at)),
            (0, None, Some(at(2)))
        );
        assert_eq!(history.totals.runs, BTreeMap::from([(0, 1), (75, 1)]));
    }

    #[test]
    fn services_are_bounded_and_those_that_are_gone_make_way() {
        let service = |number: usize| Service::new(format!("service-{number}")).expect("a name");
        let one = Amount { segments: 1, raw_bytes: 10, bytes: 2 };
        let mut history = History::new(at(0));
        let all = (0..150).map(|number| (service(number), one)).collect();
        history.end(Run { shipped: one, ..run(0, 2) }, &all, Vec::new());
        assert_eq!(history.totals.services.len(), MOST_SERVICES);
        assert_eq!(history.totals.other_services.segments, 50);
        let later = 2 + FORGOTTEN_AFTER / 1_000_000_000 + 1;
        history.end(run(0, later), &BTreeMap::from([(service(999), one)]), Vec::new());
        assert_eq!(history.totals.services.len(), MOST_SERVICES);
        assert!(history.totals.services.contains_key(&service(999)));
        assert_eq!(history.totals.other_services.segments, 51);
    }

    #[test]
    fn it_reads_back_and_what_a_later_version_wrote_is_not_guessed_at() {
        let mut history = History::new(at(0));
        history.begin(begun(1));
        let problems = [Problem::new(Effect::Failed, "/var/log/a.log", "x".repeat(9000)).because(Cause::Refused)];
        history.end(Run::of_problems(Command::Flush, at(1), at(2), &problems), &BTreeMap::new(), Vec::new());
        let json = serde_json::to_vec(&history).expect("JSON");
        assert!(json.len() < 3000, "{}", json.len());
        assert_eq!(History::parse(&json), Ok(history));
        let later = String::from_utf8_lossy(&json).replacen("\"version\":1", "\"version\":2", 1);
        assert!(History::parse(later.as_bytes()).is_err_and(|why| why.contains("later version")));
    }
}
