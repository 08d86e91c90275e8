//! The laws that the keys of a complete archive keep, judged by the listing alone.
//!
//! ```text
//! number   1 ── 2 ── 3 ── 4        a stream begins with 1; none is missing, none is there twice
//! first    a <= b <= c <= d        as far as clocks allow: times that contradict each other are told, and prove nothing
//! first <= last in each
//! ```
//!
//! Where segments are kept for a certain time only, what is older than that need not be there (`expiry`).
//!
//! In a window of time only what touches the window is judged; what is known from around it helps to judge it: the
//! segment before the window shows whether the first one in the window is the next.

use super::super::key::{Leaf, ObjectKey};
use super::super::names::{Instance, Seq, Service, StreamId};
use super::super::time::Moment;
use super::expiry::{self, Beginning};
use super::news::is_to_come;
pub use super::window::Window;
use super::{Finding, Kind};

/// An object that a listing showed.
pub trait Seen: Sync {
    /// What its key says.
    fn leaf(&self) -> &Leaf;
    /// Its size in bytes.
    fn size(&self) -> u64;
    /// Its key, under the store's prefix.
    fn key(&self) -> ObjectKey;
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
pub struct Stream<'l> {
    /// The service.
    pub service: &'l Service,
    /// The instance.
    pub instance: &'l Instance,
    /// The stream's name. It is random and short: two instances may have come to the same.
    pub id: StreamId,
    /// Its segments; a number may be there more than once.
    pub segments: Vec<&'l dyn Seen>,
}

/// Objects by stream: services by name, instances by name, streams by the time of their first segment. An object that two
/// listings showed is there once.
pub fn streams<'l>(seen: impl Iterator<Item = &'l dyn Seen>) -> Vec<Stream<'l>> {
    let mut seen: Vec<&'l dyn Seen> = seen.collect();
    let place = |seen: &&'l dyn Seen| {
        let Leaf { service, instance, stream, .. } = (*seen).leaf();
        (service, instance, *stream)
    };
    let order = |a: &&'l dyn Seen, b: &&'l dyn Seen| {
        let numbers = || (place(a), a.leaf().seq).cmp(&(place(b), b.leaf().seq));
        numbers().then_with(|| a.key().cmp(&b.key()))
    };
    seen.sort_by(order);
    seen.dedup_by(|later, earlier| order(later, earlier).is_eq());
    let mut streams: Vec<_> = seen
        .chunk_by(|a, b| place(a) == place(b))
        .map(|segments| {
            let (service, instance, id) = place(&segments[0]);
            Stream { service, instance, id, segments: segments.to_vec() }
        })
        .collect();
    streams.sort_by_key(|stream| (stream.service, stream.instance, stream.begin()));
    streams
}

impl<'l> Stream<'l> {
    /// What of it is in a window, with its place in the stream.
    pub fn within(&self, window: &Window) -> impl Iterator<Item = (usize, &'l dyn Seen)> {
        self.segments.iter().copied().enumerate().filter(|(_, seen)| window.holds(seen.leaf()))
    }

    /// When it begins, as far as is known.
    pub fn begin(&self) -> Option<Moment> {
        self.segments.iter().map(|seen| seen.leaf().first).min()
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
        let mut findings: Vec<_> = self.beginning(window, searched, now).into_iter().collect();
        findings.extend(self.gaps(window, searched));
        findings.extend(self.doubled(window));
        findings.extend(self.clocks(window, now));
        findings
    }

    /// Whether another listing could show that what seems to be missing is there: it was shipped meanwhile, or is outside of
    /// the window.
    pub fn is_doubtful(&self, window: &Window) -> bool {
        let lacks_beginning =
            || self.first_of_rest(window).is_some_and(|leaf| !expiry::has_expired(window, leaf.first));
        lacks_beginning() || self.gaps(window, Searched::Everywhere).next().is_some()
    }

    /// What the first segment that is there says, where others should be before it. Where it is behind the window, they may be of
    /// the window.
    fn first_of_rest(&self, window: &Window) -> Option<&'l Leaf> {
        let leaf = self.segments.first()?.leaf();
        // Where an earlier moment is in the segment, none before it is asked for.
        let is_whole = leaf.seq == Seq::FIRST || window.since.is_some_and(|since| leaf.first <= since);
        (!is_whole).then_some(leaf)
    }

    fn beginning(&self, window: &Window, searched: Searched, now: Moment) -> Option<Finding> {
        let Leaf { seq, first, .. } = self.first_of_rest(window)?;
        let (numbers, since) = ((Seq::FIRST, Seq(seq.0 - 1)), first.to_second());
        let found = match expiry::of_beginning(&self.segments, window, now) {
            Beginning::Expired => return None,
            Beginning::MayHaveExpired => {
                let what = format!(
                    "nothing is there before number {} at {since}: this log is silent for so long at times that what was \
                     before may have expired; it is not proved",
                    seq.0
                );
                self.finding(Kind::Cut, what)
            }
            Beginning::Lost => {
                let what = format!("begins with number {} at {since}: {} missing before", seq.0, are(numbers));
                self.finding(Kind::Beginning, what).hint(lost_beginning(window, &since, searched))
            }
        };
        Some(Finding { numbers: Some(numbers), between: Some((*first, *first)), ..found })
    }

    fn gaps(&self, window: &Window, searched: Searched) -> impl Iterator<Item = Finding> {
        let pairs = self.segments.windows(2).map(|pair| (pair[0].leaf(), pair[1].leaf()));
        let gaps = pairs.filter(|(a, b)| b.seq > a.seq.next() && window.touches(a.last, b.first));
        // What expires is not removed in order.
        gaps.filter(|(_, b)| !expiry::has_expired(window, b.first)).map(move |(a, b)| {
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
        let runs = self.segments.chunk_by(|a, b| a.leaf().seq == b.leaf().seq);
        runs.filter(|run| run.len() > 1 && run.iter().any(|seen| window.holds(seen.leaf()))).map(|run| {
            let (seq, keys) = (run[0].leaf().seq, run.iter().map(|seen| seen.key().to_string()).collect::<Vec<_>>());
            let (what, hint) = match run.iter().all(|seen| seen.leaf().digest == run[0].leaf().digest) {
                true => ("the same object is there", "remove the copies: readers read one of them"),
                false => (
                    "different objects have this number; they are",
                    "a copy of a state directory is at work on another machine, under the same name: see to it there, and \
                     keep the objects until you know which bytes are whose",
                ),
            };
            let what = format!("number {}: {what} {} times: {}", seq.0, run.len(), keys.join(", "));
            let found = self.finding(Kind::Doubled, what).hint(hint);
            let between = run.iter().map(|seen| seen.leaf().first).min().zip(run.iter().map(|seen| seen.leaf().last).max());
            Finding { numbers: Some((seq, seq)), key: Some(keys[0].clone()), between, ..found }
        })
    }

    fn clocks(&self, window: &Window, now: Moment) -> Vec<Finding> {
        let told = |leaf: &Leaf, what: String| {
            let found = self.finding(Kind::Clock, format!("number {}: {what}", leaf.seq.0));
            Finding { numbers: Some((leaf.seq, leaf.seq)), between: Some((leaf.first, leaf.last)), ..found }
        };
        let mut findings = Vec::new();
        for leaf in self.segments.iter().map(|seen| seen.leaf()).filter(|leaf| window.holds(leaf)) {
            let (first, last) = (leaf.first.to_second(), leaf.last.to_second());
            if leaf.last < leaf.first {
                findings.push(told(leaf, format!("it begins at {first} and ends at {last}: the clock was set back")));
            } else if is_to_come(leaf.first, now) {
                findings.push(told(leaf, format!("it begins at {first}, which is still to come: a clock is wrong")));
            } else if is_to_come(leaf.last, now) {
                let why = "a clock was wrong, or someone has set the log's own time";
                findings.push(told(leaf, format!("it ends at {last}, which is still to come: {why}")));
            }
        }
        for (a, b) in self.segments.windows(2).map(|pair| (pair[0].leaf(), pair[1].leaf())) {
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

/// What to do about a beginning that is not there.
fn lost_beginning(window: &Window, first: &str, searched: Searched) -> String {
    let expired = match window.kept_since {
        None => "if it has expired, say for how long the store keeps segments (--kept-for 90d), or",
        Some(_) => "the store should still have it (--kept-for): see whether someone has removed it; or",
    };
    format!("{expired} prove what is newer than that: --since {first}{}", searched.hint())
}

/// "2 segments (number 18 to 19) are".
fn are((from, to): (Seq, Seq)) -> String {
    match to.0 - from.0 {
        0 => format!("1 segment (number {}) is", from.0),
        more => format!("{} segments (number {} to {}) are", more + 1, from.0, to.0),
    }
}

#[cfg(test)]
mod tests;
