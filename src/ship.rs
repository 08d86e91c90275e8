//! From the spool to the store: the oldest segment first, several at once, each put once and dropped when the store has
//! confirmed it.
//!
//! A stream's segments are put one after another, and one object that fails leaves the others alone; [`line`] has the
//! rules. What fails in the same way is named once, with what waits because of it, and is tried again by the next run.

mod line;

use std::collections::BTreeMap;
use std::io;

use crate::config::Settings;
use crate::model::destination::Destination;
use crate::model::metadata;
use crate::model::problem::{Effect, Problem, chain};
use crate::model::s3_options::S3Options;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::spool::Spool;
use crate::store::{self, Kind, Object, Put, Store, StoreError, Throttle, Uploads};
use crate::sys::fault::{self, Point};
use crate::sys::signals::Stop;
use line::{Answer, Ended, Line};

/// How many segments are put at once: latency, not bandwidth, is what small objects wait for.
const AT_ONCE: usize = 4;

/// What shipping came to.
#[derive(Default)]
pub struct Shipped {
    /// What the store has confirmed, in the order of its answers.
    pub confirmed: Vec<SealedSegment>,
    /// What stays in the spool.
    pub waiting: Vec<SealedSegment>,
    /// Why.
    pub problems: Vec<Problem>,
    /// What can't be shipped, since its bytes in the spool are not those that were sealed.
    damaged: Vec<SealedSegment>,
}

/// How segments are put.
pub struct Terms<'s> {
    options: &'s S3Options,
    throttle: Throttle,
}

impl<'s> Terms<'s> {
    /// As the settings have it. The limit is one for all that goes by these terms.
    pub fn of(settings: &'s Settings) -> Self {
        let at_once = u32::try_from(AT_ONCE).expect("it is a handful");
        Self { options: &settings.s3, throttle: Throttle::new(settings.bandwidth, at_once) }
    }
}

/// Ships segments, and drops what was confirmed now or by earlier runs.
pub fn ship(spool: &mut Spool, segments: Vec<SealedSegment>, terms: &Terms<'_>, stop: &Stop) -> Shipped {
    let mut shipped = Shipped::default();
    let mut by_store: BTreeMap<String, (Destination, Vec<SealedSegment>)> = BTreeMap::new();
    for sealed in segments {
        let to = sealed.segment.to.clone();
        by_store.entry(to.to_string()).or_insert_with(|| (to, Vec::new())).1.push(sealed);
    }
    for (to, segments) in by_store.into_values() {
        match store::open_throttled(&to, terms.options, &terms.throttle, stop) {
            Ok(store) => shipped.add(spool, &to, stop, ship_to(spool, store.as_ref(), segments, stop)),
            Err(error) => shipped.wait(&to, &error, segments),
        }
    }
    for sealed in std::mem::take(&mut shipped.damaged) {
        let aside = spool.put_sealed_aside(&sealed, "its bytes are not those that were sealed");
        shipped
            .problems
            .extend(aside.err().map(|failure| Problem::from_error(Effect::Failed, &failure.path, &failure)));
    }
    if let Err(failure) = spool.drop_shipped(&shipped.confirmed) {
        // The marks are there: the next run drops what is left.
        shipped.problems.push(Problem::from_error(Effect::Noted, failure.path.clone(), &failure));
    }
    shipped
}

/// Puts segments, several at once.
fn ship_to(spool: &Spool, store: &dyn Store, segments: Vec<SealedSegment>, stop: &Stop) -> Ended {
    let threads = AT_ONCE.min(segments.len());
    let line = Line::new(segments);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((turn, sealed)) = line.next(stop) {
                    let answer = put(spool, store, &sealed);
                    if let Answer::Failed(error) = &answer {
                        log::info!("{}: {}", sealed.segment.name, chain(error));
                    }
                    line.settle(turn, sealed, answer);
                }
            });
        }
    });
    line.end()
}

fn put(spool: &Spool, store: &dyn Store, sealed: &SealedSegment) -> Answer {
    let name = sealed.segment.name;
    let (key, metadata) = (sealed.key(), metadata::of(sealed));
    match spool.noted_upload(name) {
        Ok(Some(upload)) => {
            // Left by a run that was cut short. If its parts can't be removed, that is no reason not to ship.
            match store.abandon(&key, &upload) {
                Ok(()) => {
                    fault::reached(Point::UploadAbandoned);
                    drop(spool.forget_upload(name));
                }
                Err(error) => log::info!("{}", chain(&error)),
            }
        }
        Ok(None) => {}
        Err(failure) => return Answer::Unread(failure),
    }
    let body = match spool.open_sealed(name) {
        Ok(body) => body,
        Err(failure) => return Answer::Unread(failure),
    };
    let (length, sha256) = (sealed.seal.packed, sealed.seal.sha256);
    let object = Object { key: &key, body: &body, length, sha256, metadata: &metadata };
    fault::reached(Point::BeforePut);
    match store.put(&object, &Note { spool, name }) {
        Ok(Put::Created) => log::info!("{key}: shipped, {length} bytes"),
        Ok(Put::AlreadyThere) => log::info!("{key}: was there already"),
        Err(error) => return Answer::Failed(error),
    }
    fault::reached(Point::AfterPut);
    // On the spot: what is confirmed is not sent again, whatever happens to this run.
    match spool.mark_shipped(name) {
        Ok(()) => Answer::Confirmed,
        Err(failure) => Answer::Unread(failure),
    }
}

impl Shipped {
    /// Takes what came of the segments for one store.
    fn add(&mut self, spool: &Spool, to: &Destination, stop: &Stop, ended: Ended) {
        let Ended { answers, left, broken } = ended;
        let mut alike: Vec<(StoreError, Vec<SealedSegment>)> = Vec::new();
        for (sealed, answer) in answers {
            match answer {
                Answer::Confirmed => self.confirmed.push(sealed),
                Answer::Unread(failure) => {
                    let path = spool.root().path_of("spool").join(format!("{}.gz", sealed.segment.name));
                    self.problems.push(Problem::from_error(Effect::Failed, path, &failure));
                    self.waiting.push(sealed);
                }
                Answer::Failed(error) if is_its_own(error.kind) && broken != Some(error.kind) => {
                    self.fail(sealed, &error);
                }
                Answer::Failed(error) => match alike.iter_mut().find(|(known, _)| known.kind == error.kind) {
                    Some((_, segments)) => segments.push(sealed),
                    None => alike.push((error, vec![sealed])),
                },
            }
        }
        let left = share_out(left, &mut alike, broken);
        for (error, segments) in alike {
            self.wait(to, &error, segments);
        }
        if stop.requested() && !left.is_empty() {
            let what = format!("stopped by a signal; {}", amount(&left));
            self.problems.push(Problem::new(Effect::Waits, to.to_string(), what));
        }
        self.waiting.extend(left);
    }

    /// One segment's own failure, which does not pass by itself.
    fn fail(&mut self, sealed: SealedSegment, error: &StoreError) {
        let problem = Problem::from_error(Effect::Failed, &sealed.segment.path, error);
        self.problems.push(with_hint(problem, error.kind));
        let to = if error.kind == Kind::Damaged { &mut self.damaged } else { &mut self.waiting };
        to.push(sealed);
    }

    /// The one problem that failures of a kind are, with what waits because of them.
    fn wait(&mut self, to: &Destination, error: &StoreError, segments: Vec<SealedSegment>) {
        let effect = if is_its_own(error.kind) { Effect::Failed } else { Effect::Waits };
        let what = format!("{}; {}", chain(error), amount(&segments));
        self.problems.push(with_hint(Problem::new(effect, to.to_string(), what), error.kind));
        self.waiting.extend(segments);
    }
}

/// Whether a failure is about one segment, and someone has to look.
fn is_its_own(kind: Kind) -> bool {
    matches!(kind, Kind::Rejected | Kind::Damaged | Kind::Unread)
}

/// Adds segments that were not tried to the failure because of which they were not: that of an earlier one of their
/// stream, else the one that ended it all. Gives back those that have none.
fn share_out(
    left: Vec<SealedSegment>,
    alike: &mut [(StoreError, Vec<SealedSegment>)],
    broken: Option<Kind>,
) -> Vec<SealedSegment> {
    let reason_of = |sealed: &SealedSegment| {
        let stream = sealed.segment.name.stream;
        let failed = |segments: &[SealedSegment]| segments.iter().any(|failed| failed.segment.name.stream == stream);
        let of_stream = alike.iter().position(|(_, segments)| failed(segments));
        of_stream.or_else(|| alike.iter().position(|(error, _)| Some(error.kind) == broken))
    };
    let reasons: Vec<_> = left.iter().map(reason_of).collect();
    let mut without = Vec::new();
    for (sealed, reason) in left.into_iter().zip(reasons) {
        match reason {
            Some(index) => alike[index].1.push(sealed),
            None => without.push(sealed),
        }
    }
    without
}

fn with_hint(problem: Problem, kind: Kind) -> Problem {
    match kind.hint() {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn amount(waiting: &[SealedSegment]) -> String {
    let bytes: u64 = waiting.iter().map(|sealed| sealed.seal.packed).sum();
    let (count, noun, verb) = match waiting.len() {
        1 => (1, "segment", "waits"),
        count => (count, "segments", "wait"),
    };
    format!("{count} {noun} ({bytes} bytes) {verb} in the spool, and the next run tries again")
}

/// Notes uploads in parts in the spool.
struct Note<'a> {
    spool: &'a Spool,
    name: SegmentName,
}

impl Uploads for Note<'_> {
    fn begun(&self, upload: &str) -> io::Result<()> {
        match self.spool.note_upload(self.name, upload) {
            Err(failure) if failure.no_room() => {
                // A full spool must be able to drain. If this run is cut short, the parts stay for the bucket's own rule.
                log::info!("{}", chain(&failure));
                Ok(())
            }
            noted => noted.map_err(io::Error::other),
        }
    }

    fn ended(&self) {
        if let Err(failure) = self.spool.forget_upload(self.name) {
            // It is dropped with its segment; abandoning it once more does no harm.
            log::info!("{}", chain(&failure));
        }
    }
}
