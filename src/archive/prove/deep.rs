//! Reading objects back whole, several at a time, in bounded memory: a batch of results is held, never an object.
//!
//! How it fails: an object that doesn't arrive is tried again, then named; after a row of failures that only a store in
//! trouble has, the rest is not asked for any more, and counted.

mod reader;

use super::super::side_by_side;
use crate::model::names::Seq;
use crate::model::proof::chain::{self, Joint, Link};
use crate::model::proof::laws::{Seen, Stream, Window};
use crate::model::proof::object::{Body, Judged};
use crate::model::proof::progress::Progress;
use crate::model::proof::sample::{self, Amount};
use crate::model::proof::verdict::{ReadBack, many};
use crate::model::proof::{Finding, Kind};
use crate::store::Store;
use crate::sys::random;
use reader::Reader;

/// How many results are held at once.
const BATCH: usize = 2048;

/// What to do about a chain that is broken.
const BROKEN: &str = "one of the two was replaced, or that machine's state directory was set back to an earlier time: keep both \
                      objects, and look there (`logferry status`)";

/// What reading objects came to.
#[derive(Default)]
pub struct Deep {
    /// What was found.
    pub findings: Vec<Finding>,
    /// What gaps hold, as far as their ends tell: the stream's place in the list, the gap's numbers, a sentence.
    pub gaps: Vec<(usize, (Seq, Seq), String)>,
    /// What was read.
    pub read: ReadBack,
}

/// An object to be read.
struct Task<'l> {
    /// The stream's place in the list, and the object's place in the stream.
    place: (usize, usize),
    seen: &'l dyn Seen,
    /// The object before it in its stream, where that one is not read itself: what it says of itself is asked for.
    before: Option<&'l dyn Seen>,
}

/// What came of a task.
enum Outcome {
    Read(Box<Examined>),
    Unread { why: String, hint: Option<&'static str> },
    GivenUp,
}

/// What the object before one says of itself.
enum Before {
    /// It is read itself, or there is none.
    NotAsked,
    Says(Link),
    /// Nothing, for that reason.
    Nothing {
        why: String,
        hint: Option<&'static str>,
    },
}

struct Examined {
    link: Link,
    before: Before,
    judged: Judged,
    notices: Vec<String>,
    body: Body,
}

/// Reads as many objects of these streams as asked for, of those that are in the window.
pub fn read(store: &dyn Store, streams: &[Stream<'_>], window: &Window, amount: Amount, progress: &Progress) -> Deep {
    let seed = random::bytes().map_or(1, u64::from_le_bytes);
    let tasks = tasks(streams, window, amount, seed);
    progress.begin(tasks.len() as u64);
    let reader = Reader::new(store, progress);
    let mut joiner = Joiner { streams, last: None, deep: Deep::default(), given_up: 0 };
    joiner.deep.read.chosen = tasks.len() as u64;
    for batch in tasks.chunks(BATCH) {
        let outcomes = side_by_side::each(batch, |task| reader.outcome(task));
        batch.iter().zip(outcomes).for_each(|(task, outcome)| joiner.take(task, outcome));
    }
    joiner.end()
}

/// What is to be read, stream by stream, each in order.
fn tasks<'l>(streams: &[Stream<'l>], window: &Window, amount: Amount, seed: u64) -> Vec<Task<'l>> {
    let all = || {
        let places = streams.iter().enumerate();
        places.flat_map(|(stream, of)| of.within(window).map(move |(at, seen)| ((stream, at), seen)))
    };
    let mut chosen = sample::choose(amount, all().count(), seed).into_iter().peekable();
    let mut tasks: Vec<Task<'l>> = Vec::with_capacity(chosen.len());
    for (index, (place, seen)) in all().enumerate() {
        if chosen.next_if_eq(&index).is_none() {
            continue;
        }
        let (stream, at) = place;
        let is_next = tasks.last().is_some_and(|last| last.place == (stream, at.wrapping_sub(1)));
        let before = at.checked_sub(1).filter(|_| !is_next).map(|before| streams[stream].segments[before]);
        tasks.push(Task { place, seen, before });
    }
    tasks
}

/// Joins what came of the objects, in their order.
struct Joiner<'s, 'l> {
    streams: &'s [Stream<'l>],
    /// The object that was joined last.
    last: Option<((usize, usize), Link)>,
    deep: Deep,
    given_up: u64,
}

impl Joiner<'_, '_> {
    fn take(&mut self, task: &Task<'_>, outcome: Outcome) {
        match outcome {
            Outcome::Read(examined) => self.join(task, *examined),
            Outcome::Unread { why, hint } => {
                let found = self.finding(task, Kind::Unread, &format!("it could not be read: {why}"));
                self.deep.findings.push(Finding { hint: hint.map(str::to_owned), ..found });
            }
            Outcome::GivenUp => self.given_up += 1,
        }
    }

    fn join(&mut self, task: &Task<'_>, examined: Examined) {
        let Examined { link, before, judged, notices, body } = examined;
        let read = &mut self.deep.read;
        read.objects += 1;
        read.bytes += body.packed;
        read.raw_bytes += body.raw;
        read.lines += body.lines;
        match judged {
            Judged::Whole => {}
            Judged::Bare => self.tell(
                task,
                Kind::Bare,
                "it has no metadata, as after a copy by a tool that drops them: its bytes \
                are those that its key names, but its place in the log is not proved",
                Some("copy objects with their metadata"),
            ),
            Judged::Later(format) => {
                let what = format!("it could not be judged: a later version of logferry wrote it (format {format})");
                self.tell(task, Kind::Unread, &what, Some("verify it with that version"));
            }
            Judged::Wrong(why, hint) => self.tell(task, Kind::Damaged, &why.join("; "), Some(hint)),
        }
        notices.iter().for_each(|notice| self.tell(task, Kind::Notice, notice, None));
        self.chain(task, &link, before);
        self.last = Some((task.place, link));
    }

    fn chain(&mut self, task: &Task<'_>, link: &Link, before: Before) {
        let (stream, at) = task.place;
        let previous = || self.last.filter(|(place, _)| *place == (stream, at.wrapping_sub(1))).map(|(_, link)| link);
        let asked = matches!(before, Before::Says(_));
        let before = match before {
            Before::Nothing { why, hint } => {
                let what = format!("its place is not proved, since the segment before it {why}");
                return self.tell(task, Kind::Unread, &what, hint);
            }
            Before::Says(before) => Some(before),
            Before::NotAsked => previous(),
        };
        let joint = match before {
            None if at == 0 => chain::begins(link),
            // It could not be read, and that was told.
            None => return,
            // A number that is there twice was told of already.
            Some(before) if before.seq == link.seq => return,
            Some(before) if asked && !before.is_told && before.seq.next() == link.seq => {
                let what = "its place is not proved, since the segment before it has no metadata";
                return self.tell(task, Kind::Bare, what, Some("copy objects with their metadata"));
            }
            Some(before) => chain::joint(&before, link),
        };
        match joint {
            Joint::Sound | Joint::Unknown | Joint::Apart(None) => {}
            Joint::Broken(why) => self.tell(task, Kind::Chain, &why, Some(BROKEN)),
            Joint::Apart(Some(what)) => {
                let from = self.streams[stream].segments[at - 1].leaf().seq.next();
                self.deep.gaps.push((stream, (from, Seq(link.seq.0 - 1)), what));
            }
        }
    }

    fn tell(&mut self, task: &Task<'_>, kind: Kind, what: &str, hint: Option<&str>) {
        let found = self.finding(task, kind, what);
        self.deep.findings.push(Finding { hint: hint.map(str::to_owned), ..found });
    }

    fn finding(&self, task: &Task<'_>, kind: Kind, what: &str) -> Finding {
        let (leaf, key) = (task.seen.leaf(), task.seen.key().to_string());
        let found = self.streams[task.place.0].finding(kind, format!("number {}: {what}", leaf.seq.0));
        Finding { numbers: Some((leaf.seq, leaf.seq)), between: Some((leaf.first, leaf.last)), key: Some(key), ..found }
    }

    fn end(mut self) -> Deep {
        if self.given_up > 0 {
            let count = many(self.given_up, "more object");
            let what = format!("{count} not asked for: the store failed too often in a row");
            self.deep.findings.push(Finding::new(Kind::Unread, what).hint("try again when the store answers"));
        }
        self.deep
    }
}

/// Adds to gaps what their ends tell of them.
pub fn tell_gaps(findings: &mut [Finding], streams: &[Stream<'_>], deep: &Deep) {
    for (stream, numbers, what) in &deep.gaps {
        let Stream { service, instance, id, .. } = streams[*stream];
        let is_it = |finding: &&mut Finding| {
            let of = (finding.service.as_ref(), finding.instance.as_ref(), finding.stream);
            finding.kind == Kind::Gap
                && finding.numbers == Some(*numbers)
                && of == (Some(service), Some(instance), Some(id))
        };
        if let Some(gap) = findings.iter_mut().find(is_it) {
            gap.what = format!("{}; {what}", gap.what);
        }
    }
}
