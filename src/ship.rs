//! From the spool to the store: the oldest segment first, several at once, each put once and dropped when the store has
//! confirmed it.
//!
//! A failure that concerns the store ends the shipping to it for this run: everything else stays in the spool, is named
//! once with what waits, and is tried again by the next run. A failure that concerns one object leaves the others alone.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::destination::Destination;
use crate::model::metadata;
use crate::model::problem::{Effect, Problem};
use crate::model::s3_options::S3Options;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::spool::Spool;
use crate::store::{self, Kind, Object, Put, Store, StoreError, Uploads};
use crate::sys::failure::Failure;
use crate::sys::fault::{self, Point};
use crate::sys::signals::Stop;

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

/// Ships segments, and drops what was confirmed now or by earlier runs.
pub fn ship(spool: &mut Spool, mut segments: Vec<SealedSegment>, options: &S3Options, stop: &Stop) -> Shipped {
    let mut shipped = Shipped::default();
    segments.sort_by_key(|sealed| (sealed.segment.claimed_at, sealed.segment.name));
    let mut by_store: BTreeMap<String, (Destination, VecDeque<SealedSegment>)> = BTreeMap::new();
    for sealed in segments {
        let to = sealed.segment.to.clone();
        by_store.entry(to.to_string()).or_insert_with(|| (to, VecDeque::new())).1.push_back(sealed);
    }
    for (to, segments) in by_store.into_values() {
        match store::open(&to, options, stop) {
            Ok(store) => ship_to(spool, &to, store.as_ref(), segments, stop, &mut shipped),
            Err(error) => {
                let before = shipped.waiting.len();
                shipped.waiting.extend(segments);
                shipped.problems.push(waiting_for(&to, &error, &shipped.waiting[before..]));
            }
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

/// What the threads that put share.
struct Queue {
    segments: VecDeque<SealedSegment>,
    /// The failure that concerns the store, once there is one.
    broken: Option<StoreError>,
}

/// What came of one segment.
enum Answer {
    Confirmed,
    Failed(StoreError),
    Unread(Failure),
}

fn ship_to(
    spool: &Spool,
    to: &Destination,
    store: &dyn Store,
    segments: VecDeque<SealedSegment>,
    stop: &Stop,
    shipped: &mut Shipped,
) {
    let threads = AT_ONCE.min(segments.len());
    let queue = Mutex::new(Queue { segments, broken: None });
    let waiting_before = shipped.waiting.len();
    let (answers, inbox) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (queue, answers) = (&queue, answers.clone());
            scope.spawn(move || put_all(spool, store, queue, stop, &answers));
        }
        drop(answers);
        for (sealed, answer) in inbox {
            take_answer(spool, sealed, answer, shipped);
        }
    });
    let Queue { segments, broken } = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
    shipped.waiting.extend(segments);
    let waiting = &shipped.waiting[waiting_before..];
    if let Some(error) = broken {
        shipped.problems.push(waiting_for(to, &error, waiting));
    } else if stop.requested() && !waiting.is_empty() {
        let what = format!("stopped by a signal; {}", amount(waiting));
        shipped.problems.push(Problem::new(Effect::Waits, to.to_string(), what));
    }
}

/// One thread's work: the next segment, until there is none or the store is of no use.
fn put_all(
    spool: &Spool,
    store: &dyn Store,
    queue: &Mutex<Queue>,
    stop: &Stop,
    answers: &Sender<(SealedSegment, Answer)>,
) {
    while let Some(sealed) = next(queue, stop) {
        let answer = put(spool, store, &sealed);
        match answer {
            Answer::Failed(error) if error.kind.concerns_the_store() => {
                let mut queue = lock(queue);
                queue.segments.push_front(sealed);
                queue.broken.get_or_insert(error);
                return;
            }
            // The receiver lives until all threads have ended.
            answer => drop(answers.send((sealed, answer))),
        }
    }
}

fn next(queue: &Mutex<Queue>, stop: &Stop) -> Option<SealedSegment> {
    let mut queue = lock(queue);
    if queue.broken.is_some() || stop.requested() {
        return None;
    }
    queue.segments.pop_front()
}

/// A thread that panicked has left the queue in a sound state: each change is one call.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
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
                Err(error) => log::info!("{}", crate::model::problem::chain(&error)),
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

fn take_answer(spool: &Spool, sealed: SealedSegment, answer: Answer, shipped: &mut Shipped) {
    let path = spool.root().path_of("spool").join(format!("{}.gz", sealed.segment.name));
    match answer {
        Answer::Confirmed => shipped.confirmed.push(sealed),
        Answer::Failed(error) if error.kind == Kind::Damaged => {
            let problem = Problem::from_error(Effect::Failed, &sealed.segment.path, &error);
            shipped.problems.push(with_hint(problem, error.kind));
            shipped.damaged.push(sealed);
        }
        Answer::Failed(error) => {
            let passes = !matches!(error.kind, Kind::Rejected | Kind::Unread);
            let effect = if passes { Effect::Waits } else { Effect::Failed };
            let problem = Problem::from_error(effect, &sealed.segment.path, &error);
            shipped.problems.push(with_hint(problem, error.kind));
            shipped.waiting.push(sealed);
        }
        Answer::Unread(failure) => {
            shipped.problems.push(Problem::from_error(Effect::Failed, path, &failure));
            shipped.waiting.push(sealed);
        }
    }
}

/// The one problem that a store's failure is, with what waits because of it.
fn waiting_for(to: &Destination, error: &StoreError, waiting: &[SealedSegment]) -> Problem {
    let what = format!("{}; {}", crate::model::problem::chain(error), amount(waiting));
    with_hint(Problem::new(Effect::Waits, to.to_string(), what), error.kind)
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
                log::info!("{}", crate::model::problem::chain(&failure));
                Ok(())
            }
            noted => noted.map_err(io::Error::other),
        }
    }

    fn ended(&self) {
        if let Err(failure) = self.spool.forget_upload(self.name) {
            // It is dropped with its segment; abandoning it once more does no harm.
            log::info!("{}", crate::model::problem::chain(&failure));
        }
    }
}
