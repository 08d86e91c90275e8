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

/// A key holds whole seconds: what it says of the last byte is up to this many nanoseconds too early.
const SECOND: i64 = 1_000_000_000;

/// An object that a listing showed.
pub trait Seen: Sync {
    /// What its key says.
    fn leaf(&self) -> &Leaf;
    /// Its size in bytes.
    fn size(&self) -> u64;
    /// Its key, under the store's prefix.
    fn key(&self) -> ObjectKey;
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
        let last = last.nanos().saturating_add(SECOND - 1);
        self.since.is_none_or(|since| last >= since.nanos()) && self.until.is_none_or(|until| first <= until)
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
        let Leaf { seq, first, .. } = self.segments.first()?.leaf();
        // Where an earlier moment is in the segment, none before it is asked for.
        let is_whole = *seq == Seq::FIRST || window.since.is_some_and(|since| *first <= since);
        if is_whole || !self.segments.iter().any(|seen| window.holds(seen.leaf())) {
            return None;
        }
        let numbers = (Seq::FIRST, Seq(seq.0 - 1));
        let found = match window.since {
            None => {
                let what =
                    format!("begins with number {} at {}: {} missing before", seq.0, first.to_second(), are(numbers));
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
        let pairs = self.segments.windows(2).map(|pair| (pair[0].leaf(), pair[1].leaf()));
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
        let runs = self.segments.chunk_by(|a, b| a.leaf().seq == b.leaf().seq);
        runs.filter(|run| run.len() > 1 && run.iter().any(|seen| window.holds(seen.leaf()))).map(|run| {
            let (seq, keys) = (run[0].leaf().seq, run.iter().map(|seen| seen.key().to_string()).collect::<Vec<_>>());
            let (what, hint) = match run.iter().all(|seen| seen.leaf().digest == run[0].leaf().digest) {
                true => ("the same object is there", "remove the copies: readers read each of them"),
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
            } else if leaf.first.nanos().saturating_sub(AHEAD) > now.nanos() {
                findings.push(told(leaf, format!("it begins at {first}, which is still to come: a clock is wrong")));
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

/// "2 segments (number 18 to 19) are".
fn are((from, to): (Seq, Seq)) -> String {
    match to.0 - from.0 {
        0 => format!("1 segment (number {}) is", from.0),
        more => format!("{} segments (number {} to {}) are", more + 1, from.0, to.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Object(Leaf, &'static str);

    impl Seen for Object {
        fn leaf(&self) -> &Leaf {
            &self.0
        }
        fn size(&self) -> u64 {
            1
        }
        fn key(&self) -> ObjectKey {
            ObjectKey::joined(self.1, &self.0)
        }
    }

    /// Number, hours of the day at which it begins and ends, digest.
    fn object((seq, first, last, digest): (u32, u32, u32, &str)) -> Object {
        let leaf =
            format!("web_20261121T{first:02}0000Z_20261121T{last:02}0000Z_i-0abc_k3f9a2-{seq:08}-{digest:0>8}.log.gz");
        Object(Leaf::parse(&leaf).expect("a leaf"), "d")
    }

    fn at(hour: u32) -> Moment {
        Moment::parse_stamp(&format!("20261121T{hour:02}0000Z")).expect("a stamp")
    }

    fn judged(objects: &[Object], window: Window) -> Vec<(Kind, Option<(u32, u32)>, String)> {
        let streams = streams(objects.iter().map(|object| object as &dyn Seen));
        let now = at(23);
        let found = streams.iter().flat_map(|stream| stream.judge(&window, Searched::Everywhere, now));
        found.map(|found| (found.kind, found.numbers.map(|(a, b)| (a.0, b.0)), found.what)).collect()
    }

    fn kinds(numbers: &[(u32, u32, u32, &str)], since: Option<u32>, until: Option<u32>) -> Vec<(Kind, (u32, u32))> {
        let objects: Vec<_> = numbers.iter().copied().map(object).collect();
        let window = Window { since: since.map(at), until: until.map(at) };
        judged(&objects, window).into_iter().map(|(kind, numbers, _)| (kind, numbers.expect("numbers"))).collect()
    }

    #[test]
    fn a_stream_from_its_first_number_on_keeps_all_laws() {
        assert_eq!(kinds(&[(1, 0, 1, "a"), (2, 1, 2, "b"), (3, 2, 3, "c")], None, None), []);
        // In whatever order they were listed.
        assert_eq!(kinds(&[(3, 2, 3, "c"), (1, 0, 1, "a"), (2, 1, 2, "b")], None, None), []);
    }

    #[test]
    fn what_is_missing_is_named_with_its_numbers_and_times() {
        let objects = [(1, 0, 1, "a"), (4, 3, 4, "d"), (6, 5, 6, "f")].map(object);
        let found = judged(&objects, Window::default());
        let found: Vec<_> = found.iter().map(|(kind, numbers, what)| (*kind, *numbers, what.as_str())).collect();
        let (first, second) = (
            "web on i-0abc, stream k3f9a2: between 2026-11-21T01:00:00Z and 2026-11-21T03:00:00Z: 2 segments (number 2 to 3) \
             are missing",
            "web on i-0abc, stream k3f9a2: between 2026-11-21T04:00:00Z and 2026-11-21T05:00:00Z: 1 segment (number 5) is \
             missing",
        );
        assert_eq!(found, [(Kind::Gap, Some((2, 3)), first), (Kind::Gap, Some((5, 5)), second)]);
        assert_eq!(kinds(&[(3, 2, 3, "c"), (4, 3, 4, "d")], None, None), [(Kind::Beginning, (1, 2))]);
    }

    #[test]
    fn in_a_window_only_what_touches_it_is_judged() {
        let numbers = [(3, 2, 3, "c"), (4, 3, 4, "d"), (6, 8, 9, "f"), (7, 9, 10, "g"), (9, 12, 13, "i")];
        assert_eq!(kinds(&numbers, Some(9), Some(11)), [(Kind::Gap, (8, 8))]);
        assert_eq!(kinds(&numbers, Some(6), Some(7)), [(Kind::Gap, (5, 5))]);
        assert_eq!(kinds(&numbers, Some(9), Some(9)), []);
        // The first one that is there reaches into the window, or it doesn't.
        assert_eq!(kinds(&numbers[..2], Some(2), None), []);
        assert_eq!(kinds(&numbers[..2], Some(1), None), [(Kind::Cut, (1, 2))]);
        // All of it is before the window.
        assert_eq!(kinds(&numbers[..2], Some(12), None), []);
    }

    #[test]
    fn a_number_that_is_there_twice_is_told_with_all_its_keys() {
        let twice = [(1, 0, 1, "a"), (2, 1, 2, "b"), (2, 1, 3, "c"), (3, 3, 4, "d")];
        assert_eq!(kinds(&twice, None, None), [(Kind::Doubled, (2, 2))]);
        let copied = [object(twice[0]), Object(object(twice[0]).0, "copy")];
        let found = judged(&copied, Window::default());
        assert!(
            found[0].2.contains("the same object is there 2 times: copy/web_") && found[0].2.contains(", d/web_"),
            "{found:?}"
        );
        // What two listings show is no copy.
        assert_eq!(judged(&[object(twice[0]), object(twice[0])], Window::default()), []);
    }

    #[test]
    fn clocks_that_were_set_back_are_no_gap() {
        assert_eq!(kinds(&[(1, 5, 6, "a"), (2, 3, 4, "b")], None, None), [(Kind::Clock, (2, 2))]);
        assert_eq!(kinds(&[(1, 5, 4, "a")], None, None), [(Kind::Clock, (1, 1))]);
        let (future, now) = ([object((1, 9, 9, "a"))], at(7));
        let streams = streams(future.iter().map(|object| object as &dyn Seen));
        let found = streams[0].judge(&Window::default(), Searched::Everywhere, now);
        assert!(found.len() == 1 && found[0].what.contains("still to come"), "{found:?}");
    }

    #[test]
    fn streams_of_one_name_on_two_instances_are_two_streams() {
        let mut other = object((2, 1, 2, "b"));
        other.0.instance = Instance::parse("i-0other").expect("a name");
        let found = judged(&[object((1, 0, 1, "a")), other], Window::default());
        assert_eq!(found.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [Kind::Beginning]);
    }
}
