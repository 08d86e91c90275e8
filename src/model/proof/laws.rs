//! The laws that the keys of a complete archive keep, judged by the listing alone.
//!
//! ```text
//! number   1 ── 2 ── 3 ── 4        a stream begins with 1; none is missing, none is there twice
//! first    a <= b <= c <= d        as far as clocks allow: times that contradict each other are told, and prove nothing
//! first <= last in each
//! ```
//!
//! In a window of time only what touches the window is judged; what is known from around it helps to judge it: the
//! segment before the window shows whether the first one in the window is the next.

use super::super::key::{Leaf, ObjectKey};
use super::super::names::{Instance, Seq, Service, StreamId};
use super::super::time::Moment;
use super::{Finding, Kind};

/// How far ahead of ours the clock of another machine may be, in nanoseconds.
const AHEAD: i64 = 3600 * 1_000_000_000;

/// An object that a listing showed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'l> {
    /// Its key.
    pub key: &'l ObjectKey,
    /// What the key says.
    pub leaf: &'l Leaf,
    /// The object's size in bytes.
    pub size: u64,
}

/// The time that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Window {
    /// From when on; from the first segment on where it doesn't say.
    pub since: Option<Moment>,
    /// Until when.
    pub until: Option<Moment>,
}

impl Window {
    /// Whether a span has something of it.
    pub fn touches(&self, first: Moment, last: Moment) -> bool {
        // The clock may have been set back in between.
        let (first, last) = (first.min(last), first.max(last));
        self.since.is_none_or(|since| last >= since) && self.until.is_none_or(|until| first <= until)
    }

    /// Whether an object is in it.
    pub fn holds(&self, leaf: &Leaf) -> bool {
        self.touches(leaf.first, leaf.last)
    }
}

/// Where was looked for objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Searched {
    /// Everywhere: what was not found is not there.
    Everywhere,
    /// In the directories of layouts that are known.
    KnownLayouts,
}

impl Searched {
    fn hint(self) -> &'static str {
        match self {
            Self::Everywhere => "",
            Self::KnownLayouts => "; if it may be under another layout: --any-layout",
        }
    }
}

/// The segments of one log on one instance, in the order of their numbers.
#[derive(Clone, Debug)]
pub struct Stream<'l> {
    /// The service.
    pub service: &'l Service,
    /// The instance.
    pub instance: &'l Instance,
    /// The stream's name. It is random and short: two instances may have come to the same.
    pub id: StreamId,
    /// Its segments; a number may be there more than once.
    pub segments: Vec<Seen<'l>>,
}

/// Objects by stream: services by name, instances by name, streams by the time of their first segment.
pub fn streams<'l>(seen: impl Iterator<Item = Seen<'l>>) -> Vec<Stream<'l>> {
    let mut seen: Vec<_> = seen.collect();
    let place = |seen: &Seen<'l>| (&seen.leaf.service, &seen.leaf.instance, seen.leaf.stream);
    seen.sort_by(|a, b| (place(a), a.leaf.seq, a.key).cmp(&(place(b), b.leaf.seq, b.key)));
    // What two listings showed is there once.
    seen.dedup_by(|later, earlier| later.key == earlier.key);
    let mut streams: Vec<_> = seen
        .chunk_by(|a, b| place(a) == place(b))
        .map(|segments| {
            let Leaf { service, instance, stream, .. } = segments[0].leaf;
            Stream { service, instance, id: *stream, segments: segments.to_vec() }
        })
        .collect();
    streams.sort_by_key(|stream| (stream.service, stream.instance, stream.begin()));
    streams
}

impl Stream<'_> {
    /// When it begins, as far as is known.
    pub fn begin(&self) -> Option<Moment> {
        self.segments.iter().map(|seen| seen.leaf.first).min()
    }

    /// A finding about it.
    pub fn finding(&self, kind: Kind, what: impl std::fmt::Display) -> Finding {
        let mut finding =
            Finding::new(kind, format!("{} on {}, stream {}: {what}", self.service, self.instance, self.id));
        finding.service = Some(self.service.clone());
        finding.instance = Some(self.instance.clone());
        finding.stream = Some(self.id);
        finding
    }

    /// What in it breaks the laws.
    pub fn judge(&self, window: &Window, searched: Searched, now: Moment) -> Vec<Finding> {
        let mut findings: Vec<_> = self.beginning(window, searched).into_iter().collect();
        findings.extend(self.gaps(window, searched));
        findings.extend(self.doubled(window));
        findings.extend(self.clocks(window, now));
        findings
    }

    /// Whether another listing could show that what seems to be missing is there: it was shipped meanwhile, or is outside of
    /// the window.
    pub fn is_doubtful(&self, window: &Window) -> bool {
        self.beginning(window, Searched::Everywhere).is_some()
            || self.gaps(window, Searched::Everywhere).next().is_some()
    }

    fn beginning(&self, window: &Window, searched: Searched) -> Option<Finding> {
        let Leaf { seq, first, .. } = self.segments.first()?.leaf;
        // Where an earlier moment is in the segment, none before it is asked for.
        let is_whole = *seq == Seq::FIRST || window.since.is_some_and(|since| *first <= since);
        if is_whole || !self.segments.iter().any(|seen| window.holds(seen.leaf)) {
            return None;
        }
        let numbers = (Seq::FIRST, Seq(seq.0 - 1));
        let found = match window.since {
            None => {
                let what = format!("begins with number {} at {}: {} missing before", seq.0, first.to_second(), are(numbers));
                let hint = format!(
                    "if they have expired, prove what is newer than that: --since {}{}",
                    first.to_second(),
                    searched.hint()
                );
                self.finding(Kind::Beginning, what).hint(hint)
            }
            Some(_) => {
                let what = format!(
                    "nothing is there before number {} at {}: it has expired or was removed, and is not proved",
                    seq.0,
                    first.to_second()
                );
                self.finding(Kind::Cut, what)
            }
        };
        Some(Finding { numbers: Some(numbers), ..found })
    }

    fn gaps(&self, window: &Window, searched: Searched) -> impl Iterator<Item = Finding> {
        let pairs = self.segments.windows(2).map(|pair| (pair[0].leaf, pair[1].leaf));
        pairs.filter(|(a, b)| b.seq > a.seq.next() && window.touches(a.last, b.first)).map(move |(a, b)| {
            let numbers = (a.seq.next(), Seq(b.seq.0 - 1));
            let (from, to) = (a.last.min(b.first), a.last.max(b.first));
            let what = format!("between {} and {}: {} missing", from.to_second(), to.to_second(), are(numbers));
            let hint = format!(
                "see whether they wait on that instance (`logferry status` there) or were put aside there as damaged{}",
                searched.hint()
            );
            let found = self.finding(Kind::Gap, what).hint(hint);
            Finding { numbers: Some(numbers), between: Some((from, to)), ..found }
        })
    }

    fn doubled(&self, window: &Window) -> impl Iterator<Item = Finding> {
        let runs = self.segments.chunk_by(|a, b| a.leaf.seq == b.leaf.seq);
        runs.filter(|run| run.len() > 1 && run.iter().any(|seen| window.holds(seen.leaf))).map(|run| {
            let (seq, keys) = (run[0].leaf.seq, run.iter().map(|seen| seen.key.as_str()).collect::<Vec<_>>());
            let (what, hint) = match run.iter().all(|seen| seen.leaf.digest == run[0].leaf.digest) {
                true => ("the same object is there", "remove the copies: readers read each of them"),
                false => (
                    "different objects have this number; they are",
                    "a copy of a state directory is at work on another machine, under the same name: see to it there, and \
                     keep the objects until you know which bytes are whose",
                ),
            };
            let what = format!("number {}: {what} {} times: {}", seq.0, run.len(), keys.join(", "));
            let found = self.finding(Kind::Doubled, what).hint(hint);
            let between = run.iter().map(|seen| seen.leaf.first).min().zip(run.iter().map(|seen| seen.leaf.last).max());
            Finding { numbers: Some((seq, seq)), key: Some(keys[0].to_owned()), between, ..found }
        })
    }

    fn clocks(&self, window: &Window, now: Moment) -> Vec<Finding> {
        let told = |leaf: &Leaf, what: String| {
            let found = self.finding(Kind::Clock, format!("number {}: {what}", leaf.seq.0));
            Finding { numbers: Some((leaf.seq, leaf.seq)), between: Some((leaf.first, leaf.last)), ..found }
        };
        let mut findings = Vec::new();
        for leaf in self.segments.iter().map(|seen| seen.leaf).filter(|leaf| window.holds(leaf)) {
            let (first, last) = (leaf.first.to_second(), leaf.last.to_second());
            if leaf.last < leaf.first {
                findings.push(told(leaf, format!("it begins at {first} and ends at {last}: the clock was set back")));
            } else if leaf.first.nanos().saturating_sub(AHEAD) > now.nanos() {
                findings.push(told(leaf, format!("it begins at {first}, which is still to come: a clock is wrong")));
            }
        }
        for (a, b) in self.segments.windows(2).map(|pair| (pair[0].leaf, pair[1].leaf)) {
            if b.seq > a.seq && b.first < a.first && window.holds(b) {
                let (first, before) = (b.first.to_second(), a.first.to_second());
                findings.push(told(
                    b,
                    format!(
                        "it begins at {first}, before number {} does ({before}): the clock was set back, or an older file \
                         was taken later",
                        a.seq.0
                    ),
                ));
            }
        }
        findings
    }
}

/// "2 segments (number 18 to 19) are".
fn are((from, to): (Seq, Seq)) -> String {
    match to.0 - from.0 {
        0 => format!("1 segment (number {}) is", from.0),
        more => format!("{} segments (number {} to {}) are", more + 1, from.0, to.0),
    }
}
