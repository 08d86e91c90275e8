//! Everything that could keep the next run from working, each with what to do.
//!
//! Promise: nothing on the machine is changed, and nothing in the store but one reserved object
//! ([`crate::model::key::ObjectKey::of_check`]); no lock is taken that a run needs; what can't be seen is said; the
//! answer comes in bounded time, whatever hangs.
//!
//! ```text
//!                    ┌─ configuration ─┐
//! settings, machine ─┼─ logs, writers ─┼─> groups of findings, in this order; one that hangs past its time is one too
//!                    └─ store, …      ─┘
//! ```
//!
//! The groups are looked at side by side, each in a thread of its own. One that does not come to its end (a dead network
//! mount, a disk that has stopped) is left where it is: the process ends soon after, and nothing was begun that would have
//! to be ended. A log's directory is judged by what the kernel says of it and not by a file of our own in it:
//! [`crate::sys::rights`] has the reasons.

mod configuration;
mod crontab;
mod lifecycle;
mod logrotate;
mod logs;
mod machine;
mod schedule;
mod spool;
mod started;
mod store;
mod writers;

pub use started::{Action, Call, ReadCall};

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::config::{ConfigError, Flags, Layout, LogSet, Pattern, Settings};
use crate::ec2::{self, Facts, Metadata};
use crate::model::finding::{Bars, Finding, Group};
use crate::model::names::Instance;
use crate::rotate::discover::{self, Discovery, Found};
use crate::sys::host;

/// What is looked at.
pub struct Subject {
    settings: Result<Settings, Vec<ConfigError>>,
    /// The configuration file that the user named.
    config: Option<PathBuf>,
    state_dir: PathBuf,
    read_call: ReadCall,
    metadata: Metadata,
    /// What the metadata service said to a run in this boot, or what stands in for it.
    remembered: Facts,
    /// What a run would know of this machine.
    facts: Facts,
    /// What it would call it.
    instance: Instance,
    logs: OnceLock<Vec<Looked>>,
}

/// What one pattern of the settings found.
struct Looked {
    pattern: Pattern,
    discovery: Discovery,
}

impl Subject {
    /// What the user named, on this machine; `read_call` reads what starts runs. Asks the metadata service, for a second at
    /// most.
    pub fn new(flags: Flags, read_call: ReadCall) -> Self {
        let (config, state_dir) = (flags.config.clone(), flags.state_dir.clone());
        let settings = Settings::load_all(flags);
        let said = settings.as_ref().map_or_else(|_| Facts::default(), |settings| settings.machine.clone());
        let layout = settings.as_ref().map_or_else(|_| Layout::default(), |settings| settings.layout.clone());
        let (metadata, remembered) = (ec2::metadata(&said, &layout), ec2::remembered(&state_dir));
        let facts = facts(said, remembered.clone(), &metadata);
        let instance = facts.name(&host::name());
        Self { settings, config, state_dir, read_call, metadata, remembered, facts, instance, logs: OnceLock::new() }
    }

    /// The settings, or a finding that says that something could not be looked at without them.
    fn settings(&self) -> Result<&Settings, Vec<Finding>> {
        let unknown = |_| vec![Finding::warn("not looked at", "the configuration must be right first")];
        self.settings.as_ref().map_err(unknown)
    }

    /// What each pattern finds.
    fn looked(&self, settings: &Settings) -> &[Looked] {
        self.logs.get_or_init(|| settings.sets.iter().flat_map(|set| look(settings, set)).collect())
    }

    /// The logs that a run would take now, each once.
    fn found(&self, settings: &Settings) -> Vec<&Found> {
        let mut seen = HashSet::new();
        let found = self.looked(settings).iter().flat_map(|looked| &looked.discovery.found);
        found.filter(|found| seen.insert((found.identity.dev, found.identity.ino))).collect()
    }

    /// The logs that a run leaves to their writers, each once.
    fn current(&self, settings: &Settings) -> Vec<&Found> {
        let mut seen = HashSet::new();
        let current = self.looked(settings).iter().flat_map(|looked| &looked.discovery.current);
        current.filter(|found| seen.insert((found.identity.dev, found.identity.ino))).collect()
    }
}

/// As [`ec2::facts`] finds them.
fn facts(said: Facts, remembered: Facts, metadata: &Metadata) -> Facts {
    let known = said.or(remembered);
    match metadata {
        Metadata::Answered(answered) => known.or(answered.clone()),
        Metadata::Silent | Metadata::SwitchedOff => known,
    }
}

/// What each pattern of a set finds by itself.
fn look(settings: &Settings, set: &LogSet) -> Vec<Looked> {
    let alone = |pattern: &Pattern| {
        let set = LogSet { paths: vec![pattern.clone()], ..set.clone() };
        let settings = Settings { sets: vec![set], ..settings.clone() };
        let discovery = discover::discover(&settings, &settings.own_directories());
        Looked { pattern: pattern.clone(), discovery }
    };
    set.paths.iter().map(alone).collect()
}

/// How one side of the machine is looked at.
struct Side {
    name: &'static str,
    /// What it means when it does not come to its end.
    bars: Bars,
    look: fn(&Subject) -> Vec<Finding>,
}

/// How long a side may take. Local calls take milliseconds, thousands of logs a few seconds; a request to the store is
/// tried again for twice its time ([`store`]).
const LONGEST: Duration = Duration::from_secs(15);

const SIDES: [Side; 8] = [
    Side { name: "configuration", bars: Bars::Runs, look: configuration::look },
    Side { name: "logs", bars: Bars::Logs, look: logs::look },
    Side { name: "writers", bars: Bars::Logs, look: writers::look },
    Side { name: "spool", bars: Bars::Runs, look: spool::look },
    Side { name: "logrotate", bars: Bars::Logs, look: logrotate::look },
    Side { name: "schedule", bars: Bars::Logs, look: schedule::look },
    Side { name: "machine", bars: Bars::Logs, look: machine::look },
    Side { name: "store", bars: Bars::Shipping, look: store::look },
];

/// Looks at everything.
pub fn check(subject: Subject) -> Vec<Group> {
    let (subject, end) = (Arc::new(subject), Instant::now() + LONGEST);
    let looks = SIDES.map(|side| {
        let looking = begin(&side, Arc::clone(&subject));
        (side, looking)
    });
    let group = |(side, looking): (Side, Receiver<Vec<Finding>>)| {
        let left = end.saturating_duration_since(Instant::now());
        let findings = looking.recv_timeout(left).unwrap_or_else(|_| vec![hangs(&side)]);
        Group { name: side.name, findings }
    };
    looks.into_iter().map(group).collect()
}

fn begin(side: &Side, subject: Arc<Subject>) -> Receiver<Vec<Finding>> {
    let ((sender, receiver), look) = (mpsc::channel(), side.look);
    std::thread::spawn(move || {
        // Nobody waits any more for one that comes too late.
        let _ = sender.send(look(&subject));
    });
    receiver
}

fn hangs(side: &Side) -> Finding {
    let detail = format!("no answer in {} s", LONGEST.as_secs());
    let hint =
        "where the machine is not just busy, a network mount or a disk may have stopped: see `dmesg`, and `mount`";
    Finding::fail(side.bars, side.name, detail).hint(hint)
}

/// `1 log`, `2 logs`.
fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// The first few of many findings, and how many more there are.
fn at_most(findings: Vec<Finding>, what: &str) -> Vec<Finding> {
    const MOST: usize = 10;
    let all = findings.len();
    let rest = findings.get(MOST..).and_then(|rest| rest.iter().map(|finding| finding.verdict).max());
    let mut first: Vec<Finding> = findings.into_iter().take(MOST).collect();
    if let Some(verdict) = rest {
        let detail = format!("{} more findings like these", all - MOST);
        first.push(Finding { verdict, ..Finding::warn(what, detail) });
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_findings_the_first_are_shown_and_the_gravest_of_the_rest_counts() {
        let many: Vec<_> = (0..25).map(|n| if n < 24 { Finding::ok(n, "") } else { Finding::warn(n, "") }).collect();
        let shown = at_most(many, "x");
        assert_eq!(shown.len(), 11);
        assert_eq!((shown[10].verdict.word(), shown[10].detail.as_str()), ("warn", "15 more findings like these"));
        assert_eq!(at_most(vec![Finding::ok(1, "")], "x").len(), 1);
    }
}
