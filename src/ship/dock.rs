//! Shipping alongside other work: threads put what is handed over, while more is being taken.
//!
//! Each store has a line and threads of its own, so that one that hangs doesn't hold up another.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Scope;

use super::line::{Answer, Line};
use super::{How, Shipped};
use crate::model::destination::Destination;
use crate::model::metadata;
use crate::model::meter::Meter;
use crate::model::problem::chain;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::spool::Shelf;
use crate::store::{self, Object, Put, Store, StoreError, Uploads};
use crate::sys::cache;
use crate::sys::fault::{self, Point};

/// How many segments are put into a store at once: latency, not bandwidth, is what small objects wait for.
pub(super) const AT_ONCE: usize = 4;

/// Where segments are handed over to be shipped.
pub struct Dock<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    shelf: &'env Shelf,
    how: &'env How<'env>,
    quays: BTreeMap<String, Quay>,
}

/// What is for one store.
struct Quay {
    to: Destination,
    line: Arc<Line>,
    /// Opened by the first thread that needs it: that may take its time, which is not the time of who hands over.
    store: Arc<OnceLock<Result<Box<dyn Store>, StoreError>>>,
    threads: usize,
}

/// Ships what `work` hands over while it goes on, and then the rest. What was confirmed and not taken by
/// [`Dock::take_confirmed`] is in what it returns, and still to be dropped ([`Shipped::settled`]).
pub fn alongside<T>(shelf: &Shelf, how: &How<'_>, work: impl FnOnce(&mut Dock<'_, '_>) -> T) -> (T, Shipped) {
    let (value, quays) = std::thread::scope(|scope| {
        let mut dock = Dock { scope, shelf, how, quays: BTreeMap::new() };
        let value = work(&mut dock);
        dock.close();
        // The end of the scope waits for the threads.
        (value, std::mem::take(&mut dock.quays))
    });
    let mut shipped = Shipped::default();
    for Quay { to, line, store, .. } in quays.into_values() {
        match store.get() {
            Some(Err(error)) => shipped.wait(&to, error, line.end().left),
            Some(Ok(_)) | None => shipped.add(shelf, &to, how.stop, line.end()),
        }
    }
    let left = shipped.waiting.iter().chain(&shipped.damaged);
    left.for_each(|sealed| how.meter.given_up(sealed.seal.packed));
    (value, shipped)
}

impl<'scope, 'env> Dock<'scope, 'env> {
    /// Hands over segments.
    pub fn add(&mut self, segments: Vec<SealedSegment>) {
        let mut by_store: BTreeMap<String, Vec<SealedSegment>> = BTreeMap::new();
        for sealed in segments {
            self.how.meter.sealed(sealed.seal.packed);
            by_store.entry(sealed.segment.to.to_string()).or_default().push(sealed);
        }
        for (name, segments) in by_store {
            let Self { scope, shelf, how, quays } = self;
            let to = &segments[0].segment.to;
            let quay = quays.entry(name).or_insert_with(|| Quay::new(to, how));
            quay.add(segments, scope, shelf, how);
        }
    }

    /// What was confirmed since this was asked last: to be dropped, so that its room can be used.
    pub fn take_confirmed(&mut self) -> Vec<SealedSegment> {
        self.quays.values().flat_map(|quay| quay.line.take_confirmed()).collect()
    }

    fn close(&self) {
        self.quays.values().for_each(|quay| quay.line.close());
    }
}

impl Drop for Dock<'_, '_> {
    fn drop(&mut self) {
        // Also where the work panicked: the scope waits for the threads, and they for this.
        self.close();
    }
}

impl Quay {
    fn new(to: &Destination, how: &How<'_>) -> Self {
        Self { to: to.clone(), line: Arc::new(Line::open(how.behind)), store: Arc::default(), threads: 0 }
    }

    fn add<'scope, 'env>(
        &mut self,
        added: Vec<SealedSegment>,
        scope: &'scope Scope<'scope, 'env>,
        shelf: &'env Shelf,
        how: &'env How<'env>,
    ) {
        let wanted = AT_ONCE.min(self.threads + added.len());
        self.line.add(added, &how.order);
        for _ in self.threads..wanted {
            let (to, line, store) = (self.to.clone(), Arc::clone(&self.line), Arc::clone(&self.store));
            scope.spawn(move || {
                let open = || store::open_throttled(&to, how.terms.options, &how.terms.throttle, how.stop);
                // Where it can't be opened, all stays in the line.
                if let Ok(store) = store.get_or_init(open) {
                    put_all(shelf, store.as_ref(), &line, how);
                }
            });
        }
        self.threads = wanted;
    }
}

/// What one thread does.
fn put_all(shelf: &Shelf, store: &dyn Store, line: &Line, how: &How<'_>) {
    while let Some((turn, sealed)) = line.next(how.stop) {
        let note = Note { shelf, name: sealed.segment.name, meter: how.meter, sent: AtomicU64::new(0) };
        let answer = put(shelf, store, &sealed, &note);
        how.meter.unsent(note.sent.into_inner());
        match &answer {
            Answer::Confirmed => how.meter.shipped(sealed.seal.packed),
            Answer::Failed(error) => log::info!("{}: {}", sealed.segment.name, chain(error)),
            Answer::Unread(_) => {}
        }
        line.settle(turn, sealed, answer);
    }
}

fn put(shelf: &Shelf, store: &dyn Store, sealed: &SealedSegment, note: &Note<'_>) -> Answer {
    let name = sealed.segment.name;
    let (key, metadata) = (sealed.key(), metadata::of(sealed));
    match shelf.noted_upload(name) {
        Ok(Some(upload)) => {
            // Left by a run that was cut short. If its parts can't be removed, that is no reason not to ship.
            match store.abandon(&key, &upload) {
                Ok(()) => {
                    fault::reached(Point::UploadAbandoned);
                    drop(shelf.forget_upload(name));
                }
                Err(error) => log::info!("{}", chain(&error)),
            }
        }
        Ok(None) => {}
        Err(failure) => return Answer::Unread(failure),
    }
    let body = match shelf.open_sealed(name) {
        Ok(body) => body,
        Err(failure) => return Answer::Unread(failure),
    };
    let (length, sha256) = (sealed.seal.packed, sealed.seal.sha256);
    let object = Object { key: &key, body: &body, length, sha256, metadata: &metadata };
    fault::reached(Point::BeforePut);
    let put = store.put(&object, note);
    // It was read for this alone; what services live on is to stay in memory.
    cache::forget(&body, 0, 0);
    match put {
        Ok(Put::Created) => log::info!("{key}: shipped, {length} bytes"),
        Ok(Put::AlreadyThere) => log::info!("{key}: was there already"),
        Err(error) => return Answer::Failed(error),
    }
    fault::reached(Point::AfterPut);
    // On the spot: what is confirmed is not sent again, whatever happens to this run.
    match shelf.mark_shipped(name) {
        Ok(()) => Answer::Confirmed,
        Err(failure) => Answer::Unread(failure),
    }
}

/// Notes uploads in parts in the spool.
struct Note<'a> {
    shelf: &'a Shelf,
    name: SegmentName,
    meter: &'a Meter,
    /// Bytes that were sent in this put.
    sent: AtomicU64,
}

impl Uploads for Note<'_> {
    fn begun(&self, upload: &str) -> io::Result<()> {
        match self.shelf.note_upload(self.name, upload) {
            Err(failure) if failure.no_room() => {
                // A full spool must be able to drain. If this run is cut short, the parts stay for the bucket's own rule.
                log::info!("{}", chain(&failure));
                Ok(())
            }
            noted => noted.map_err(io::Error::other),
        }
    }

    fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.meter.sent(bytes);
    }

    fn ended(&self) {
        if let Err(failure) = self.shelf.forget_upload(self.name) {
            // It is dropped with its segment; abandoning it once more does no harm.
            log::info!("{}", chain(&failure));
        }
    }
}
