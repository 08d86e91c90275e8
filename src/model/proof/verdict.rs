//! What a verification came to: what was looked at, how, and what was found.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::laws::{Stream, Window};
use super::sample::Amount;
use super::{Finding, Kind, counted};
use crate::model::names::{Instance, Service};
use crate::model::size;
use crate::model::time::Moment;

/// How much there is of something.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Totals {
    /// Services.
    pub services: usize,
    /// Instances.
    pub instances: usize,
    /// Streams.
    pub streams: usize,
    /// Segments.
    pub segments: u64,
    /// Their bytes, as they are in the store.
    pub bytes: u64,
}

/// What there is of a service, of what was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tally {
    /// The service.
    pub service: Service,
    /// How many instances shipped it.
    pub instances: usize,
    /// In how many streams.
    pub streams: usize,
    /// In how many segments.
    pub segments: u64,
    /// Their bytes, as they are in the store.
    pub bytes: u64,
    /// When the first of them begins.
    pub first: Moment,
    /// When the last of them ends.
    pub last: Moment,
}

/// What was read back.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct ReadBack {
    /// How many objects were to be read.
    pub chosen: u64,
    /// How many were read to their end.
    pub objects: u64,
    /// Their bytes, as they are in the store.
    pub bytes: u64,
    /// Their bytes, unpacked.
    pub raw_bytes: u64,
    /// The lines in those.
    pub lines: u64,
}

/// What a verification came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The store.
    pub store: String,
    /// When it was made.
    pub at: Moment,
    /// What time was asked for.
    pub window: Window,
    /// How long a segment lasts at the most, where somebody has said so: what began earlier was not looked at.
    pub longest: Option<Duration>,
    /// How much was to be read.
    pub amount: Amount,
    /// What there is, service by service.
    pub services: Vec<Tally>,
    /// What there is in all.
    pub totals: Totals,
    /// What was read back.
    pub read: ReadBack,
    /// How many segments were asked whether they tell of something that is missing, where none was to be read.
    pub asked: usize,
    /// How many of them have metadata that can't be read.
    pub unread: usize,
    /// What was not asked, as a sentence.
    pub unasked: Option<String>,
    /// Objects that are not ours, which nobody looked at.
    pub foreign: u64,
    /// What was found, gravest first.
    pub findings: Vec<Finding>,
}

/// What there is, service by service, and in all.
pub fn tallies(streams: &[Stream<'_>], window: &Window) -> (Vec<Tally>, Totals) {
    let mut tallies: BTreeMap<&Service, (Tally, std::collections::BTreeSet<&Instance>)> = BTreeMap::new();
    let (mut totals, mut instances) = (Totals::default(), std::collections::BTreeSet::new());
    for stream in streams {
        for (index, (_, seen)) in stream.within(window).enumerate() {
            let leaf = seen.leaf();
            let none = |service: &Service| {
                let (first, last) = (leaf.first, leaf.last);
                Tally { service: service.clone(), instances: 0, streams: 0, segments: 0, bytes: 0, first, last }
            };
            let (tally, of) =
                tallies.entry(stream.service).or_insert_with(|| (none(stream.service), Default::default()));
            tally.streams += usize::from(index == 0);
            totals.streams += usize::from(index == 0);
            tally.segments += 1;
            tally.bytes = tally.bytes.saturating_add(seen.size());
            (tally.first, tally.last) = (tally.first.min(leaf.first), tally.last.max(leaf.last));
            of.insert(stream.instance);
            instances.insert(stream.instance);
        }
    }
    let tallies: Vec<Tally> = tallies.into_values().map(|(tally, of)| Tally { instances: of.len(), ..tally }).collect();
    totals.services = tallies.len();
    totals.instances = instances.len();
    totals.segments = tallies.iter().map(|tally| tally.segments).sum();
    totals.bytes = tallies.iter().fold(0, |sum, tally| tally.bytes.saturating_add(sum));
    (tallies, totals)
}

impl Verdict {
    /// Whether all that was asked for is proved.
    pub fn is_proved(&self) -> bool {
        !self.findings.iter().any(Finding::fails)
    }

    /// What was looked at, for people.
    pub fn period(&self) -> Option<(Moment, Moment)> {
        let first = self.services.iter().map(|tally| tally.first).min()?;
        let last = self.services.iter().map(|tally| tally.last).max()?;
        Some((
            self.window.since.map_or(first, |since| since.max(first)),
            self.window.until.map_or(last, |until| until.min(last)),
        ))
    }

    /// The last line: what is proved, or why it is not.
    pub fn line(&self) -> String {
        let warnings = counted(self.findings.iter().filter(|finding| !finding.fails()));
        let and = if warnings.is_empty() { String::new() } else { format!("; see also: {}", warnings.join(", ")) };
        if !self.is_proved() {
            let failures = counted(self.findings.iter().filter(|finding| finding.fails()));
            return format!("not proved: {}{and}", failures.join(", "));
        }
        let Totals { streams, segments, .. } = self.totals;
        let bare = self.findings.iter().filter(|finding| finding.kind == Kind::Bare).count();
        let but = match bare {
            0 => String::new(),
            bare => format!(", but for the place of {}", many(bare as u64, "object")),
        };
        let given = self.longest.map_or(String::new(), |longest| {
            format!(", given that no segment lasts longer than {}", humantime::format_duration(longest))
        });
        let (segments, streams) = (many(segments, "segment"), many(streams as u64, "stream"));
        let listed = format!("proved{but}{given}: {segments} in {streams} without a gap");
        let ReadBack { objects, bytes, .. } = self.read;
        let read = match self.amount {
            Amount::None => String::new(),
            Amount::All => format!("; all of them read back whole ({})", size::show(bytes)),
            Amount::Some(_) => {
                format!("; {objects} of them, chosen at random, read back whole ({})", size::show(bytes))
            }
        };
        format!("{listed}{read}{and}")
    }
}

/// So many of something: "1 segment", "2 segments".
pub fn many(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
