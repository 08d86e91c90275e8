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

    /// What the first segment that is there says, where others should be before it.
    fn first_of_rest(&self, window: &Window) -> Option<&'l Leaf> {
        let leaf = self.segments.first()?.leaf();
        // Where an earlier moment is in the segment, none before it is asked for.
        let is_whole = leaf.seq == Seq::FIRST || window.since.is_some_and(|since| leaf.first <= since);
        (!is_whole && self.segments.iter().any(|seen| window.holds(seen.leaf()))).then_some(leaf)
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

    /// Its kind, its numbers, and what it says.
    type Found = (Kind, Option<(u32, u32)>, String);

    fn judged(objects: &[Object], window: Window) -> Vec<Found> {
        let streams = streams(objects.iter().map(|object| object as &dyn Seen));
        let now = at(23);
        let found = streams.iter().flat_map(|stream| stream.judge(&window, Searched::Everywhere, now));
        found.map(|found| (found.kind, found.numbers.map(|(a, b)| (a.0, b.0)), found.what)).collect()
    }

    fn kinds(numbers: &[(u32, u32, u32, &str)], since: Option<u32>, until: Option<u32>) -> Vec<(Kind, (u32, u32))> {
        let objects: Vec<_> = numbers.iter().copied().map(object).collect();
        let window = Window { since: since.map(at), until: until.map(at), kept_since: None };
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
        let numbers = [(3, 2, 3, "c"), (4, 3, 4, "d"), (6, 8, 9, "f"), (7, 9, 10, "7"), (9, 12, 13, "9")];
        assert_eq!(kinds(&numbers, Some(9), Some(11)), [(Kind::Gap, (8, 8))]);
        assert_eq!(kinds(&numbers, Some(6), Some(7)), [(Kind::Gap, (5, 5))]);
        assert_eq!(kinds(&numbers, Some(9), Some(9)), []);
        // The first one that is there reaches into the window, or it doesn't.
        assert_eq!(kinds(&numbers[..2], Some(2), None), []);
        assert_eq!(kinds(&numbers[..2], Some(1), None), [(Kind::Beginning, (1, 2))]);
        // All of it is before the window.
        assert_eq!(kinds(&numbers[..2], Some(12), None), []);
    }

    /// Judges as of the 21st, 23:00, where segments are kept since an hour of a day of that month.
    fn kept(objects: &[(u32, &str, &str)], since: &str) -> Vec<Kind> {
        let object = |(seq, first, last): &(u32, &str, &str)| {
            let leaf = format!("web_202611{first}0000Z_202611{last}0000Z_i-0abc_k3f9a2-{seq:08}-9f86d081.log.gz");
            Object(Leaf::parse(&leaf).expect("a leaf"), "d")
        };
        let objects: Vec<_> = objects.iter().map(object).collect();
        let kept_since = Moment::parse_stamp(&format!("202611{since}0000Z"));
        let window = Window { kept_since, ..Window::default() };
        judged(&objects, window).into_iter().map(|(kind, ..)| kind).collect()
    }

    #[test]
    fn a_beginning_that_is_not_there_has_expired_or_may_have_or_is_lost() {
        // It goes on at all hours: what was before its first segment was shipped just before.
        let busy = [(7, "10T03", "10T04"), (8, "10T04", "10T05"), (9, "10T05", "10T06")];
        assert_eq!(kept(&busy, "10T02"), []);
        assert_eq!(kept(&busy, "09T04"), []);
        assert_eq!(kept(&busy, "09T02"), [Kind::Beginning]);
        // It is silent for three days at times.
        let rare = [(7, "10T03", "10T04"), (8, "13T04", "13T05"), (9, "13T05", "13T06")];
        assert_eq!(kept(&rare, "05T00"), [Kind::Cut]);
        assert_eq!(kept(&rare, "03T00"), [Kind::Beginning]);
        // Nobody knows of one alone; it has been silent for eleven days since.
        assert_eq!(kept(&rare[..1], "01T00"), [Kind::Cut]);
        assert_eq!(kept(&[(2, "21T20", "21T21")], "01T00"), [Kind::Beginning]);
    }

    #[test]
    fn what_is_removed_out_of_order_where_it_expires_is_no_gap() {
        let holes = [(1, "09T20", "09T21"), (3, "09T22", "09T23"), (4, "09T23", "10T00")];
        assert_eq!(kept(&holes, "09T00"), []);
        assert_eq!(kept(&holes, "08T00"), [Kind::Gap]);
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
        assert!(found.len() == 1 && found[0].what.contains("it begins at 2026-11-21T09:00:00Z, which"), "{found:?}");
        let found = streams[0].judge(&Window::default(), Searched::Everywhere, at(8));
        assert_eq!(found, [], "an hour ahead is no contradiction");
    }

    #[test]
    fn an_end_that_is_still_to_come_is_a_contradiction() {
        let object = [object((1, 6, 9, "a"))];
        let streams = streams(object.iter().map(|object| object as &dyn Seen));
        let judged = |now: Moment| streams[0].judge(&Window::default(), Searched::Everywhere, now);
        assert_eq!(judged(at(8)), []);
        let found = judged(at(7));
        assert!(found.len() == 1 && found[0].what.contains("it ends at 2026-11-21T09:00:00Z, which"), "{found:?}");
        assert_eq!(found[0].kind, Kind::Clock);
    }

    #[test]
    fn streams_of_one_name_on_two_instances_are_two_streams() {
        let mut other = object((2, 1, 2, "b"));
        other.0.instance = Instance::parse("i-0other").expect("a name");
        let found = judged(&[object((1, 0, 1, "a")), other], Window::default());
        assert_eq!(found.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [Kind::Beginning]);
    }
}
