//! `logferry fetch`: objects as they are, into a directory.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::reading::{self, Complaints, Found, Source};
use crate::archive::fetch::{FetchError, Fetched, Into, NotBegun};
use crate::archive::{ReadError, Shipped};
use crate::cli::Fetch;
use crate::exit::Exit;
use crate::model::key::Leaf;
use crate::model::meter::Meter;
use crate::model::problem;
use crate::model::size;
use crate::report::{self, steps};
use crate::store::Store;
use crate::sys::clock;

/// How many objects are fetched at once.
const AT_ONCE: usize = 8;

/// Fetches objects.
pub fn fetch(args: &Fetch) -> Exit {
    let filter = match args.filter.filter(&args.services, clock::now()) {
        Ok(filter) => filter,
        Err(why) => return super::misused(&why),
    };
    // Before the store is asked: listing may take long.
    let into = match Into::open(&args.into) {
        Ok(into) => into,
        Err(error) => return not_begun(&error),
    };
    let found = match reading::in_store(&args.from, &filter) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let Found { source: Source::Store { store, selection, .. }, exit } = &found else { return Exit::Failed };
    let (meter, progress) = found.read(|segments| reading::progress(segments, reading::on_terminal()));
    let tally = Tally::after(*exit);
    tally.fetch_all(&into, store.as_ref(), &selection.segments, &meter);
    drop(progress);
    tally.end(&into)
}

fn not_begun(error: &NotBegun) -> Exit {
    let hint = match error {
        NotBegun::Directory(failure) if failure.is(std::io::ErrorKind::NotFound) => Some(
            "make the directory, or mount it: it is not made here, so that nothing lands where it was not meant to",
        ),
        NotBegun::Directory(_) => None,
        NotBegun::Busy(_) => Some("wait until it has ended, or fetch into another directory"),
    };
    super::complain(&error.to_string(), hint);
    Exit::Failed
}

/// What the threads come to.
struct Tally {
    next: AtomicUsize,
    is_over: AtomicBool,
    counts: Mutex<Counts>,
}

struct Counts {
    complaints: Complaints,
    fetched: usize,
    bytes: u64,
    before: usize,
    /// Those of `before` whose metadata were not there.
    described: usize,
    missing: usize,
}

impl Counts {
    /// What is there now; an error where that is not all that there should be.
    fn add(&mut self, leaf: &Leaf, fetched: Fetched) -> Result<(), ReadError> {
        match fetched {
            Fetched::Before => log::info!("{leaf}: is there"),
            Fetched::Described => log::info!("{leaf}: is there; its metadata are put back"),
            Fetched::Now(bytes) | Fetched::Undescribed(bytes, _) => log::info!("{leaf}: is there now, {bytes} bytes"),
        }
        match fetched {
            Fetched::Now(bytes) | Fetched::Undescribed(bytes @ 1.., _) => {
                self.fetched += 1;
                self.bytes += bytes;
            }
            Fetched::Before | Fetched::Described | Fetched::Undescribed(0, _) => self.before += 1,
        }
        self.described += usize::from(matches!(fetched, Fetched::Described));
        match fetched {
            Fetched::Undescribed(_, why) => {
                Err(ReadError::Store(format!("{}; the object itself is there", problem::chain(&why))))
            }
            Fetched::Now(_) | Fetched::Before | Fetched::Described => Ok(()),
        }
    }
}

impl Tally {
    fn after(exit: Exit) -> Self {
        let complaints = Complaints::after(exit);
        let counts = Counts { complaints, fetched: 0, bytes: 0, before: 0, described: 0, missing: 0 };
        Self { next: AtomicUsize::new(0), is_over: AtomicBool::new(false), counts: Mutex::new(counts) }
    }

    fn fetch_all(&self, into: &Into, store: &dyn Store, shipped: &[Shipped], meter: &Meter) {
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(shipped.len()) {
                scope.spawn(|| {
                    while let Some(one) = self.begin_next(shipped) {
                        let fetched = into.fetch(store, one, &|bytes| meter.sent(bytes));
                        if let Ok(Fetched::Now(bytes) | Fetched::Undescribed(bytes, _)) = fetched {
                            meter.unsent(bytes);
                        }
                        meter.shipped(one.size);
                        self.hear(one, fetched, shipped.len());
                    }
                });
            }
        });
    }

    fn begin_next<'s>(&self, shipped: &'s [Shipped]) -> Option<&'s Shipped> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        shipped.get(next).filter(|_| !self.is_over.load(Ordering::Relaxed))
    }

    fn hear(&self, shipped: &Shipped, fetched: Result<Fetched, FetchError>, of: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let left = of.saturating_sub(self.next.load(Ordering::Relaxed));
        let read = match fetched {
            Ok(fetched) => counts.add(&shipped.leaf, fetched),
            Err(error) => {
                counts.missing += 1;
                Err(match error {
                    FetchError::Read(error) => error,
                    error => ReadError::Store(error.to_string()),
                })
            }
        };
        // What is said of the store is said once, though others are under way.
        if !self.is_over.load(Ordering::Relaxed) && counts.complaints.hear(&read, left) == ControlFlow::Break(()) {
            self.is_over.store(true, Ordering::Relaxed);
        }
    }

    /// Makes it durable, and says what was done.
    fn end(self, into: &Into) -> Exit {
        let counts = self.counts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let synced = into.sync().map_err(|failure| steps::complain(&crate::model::problem::chain(&failure)));
        let objects = report::count(counts.fetched, "object");
        let mut what = format!("{objects} fetched ({})", size::show(counts.bytes));
        if counts.before > 0 {
            what += &format!(", {} there before", counts.before);
        }
        if counts.described > 0 {
            what += &format!(" (the metadata of {} put back)", counts.described);
        }
        if counts.missing > 0 {
            what += &format!(", {} not fetched", counts.missing);
        }
        let said = steps::say(&what);
        match (said, synced) {
            (Ok(()), Ok(())) => counts.complaints.exit,
            _ => Exit::Failed,
        }
    }
}
