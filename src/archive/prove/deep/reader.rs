//! Reading one object back, in tries; and giving up where it must be the store that fails.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::super::body;
use super::{Before, Examined, Outcome, Task};
use crate::model::format::Format;
use crate::model::key::ObjectKey;
use crate::model::problem;
use crate::model::proof::laws::Seen;
use crate::model::proof::object::{Body, Facts};
use crate::model::proof::progress::Progress;
use crate::store::{Store, StoreError};

/// How often an object is begun that breaks off on its way.
const TRIES: u32 = 3;

/// How long it waits between two tries.
const BETWEEN: Duration = Duration::from_millis(300);

/// Reads single objects, until the store counts as at fault.
pub(super) struct Reader<'s> {
    store: &'s dyn Store,
    progress: &'s Progress,
    /// How many failed, one after another.
    row: AtomicU32,
    /// How many may.
    most: AtomicU32,
}

impl<'s> Reader<'s> {
    pub(super) fn new(store: &'s dyn Store, progress: &'s Progress) -> Self {
        Self { store, progress, row: AtomicU32::new(0), most: AtomicU32::new(u32::MAX) }
    }

    /// Reads an object, and asks the one before it where that is needed.
    pub(super) fn outcome(&self, task: &Task<'_>) -> Outcome {
        if self.row.load(Ordering::Relaxed) >= self.most.load(Ordering::Relaxed) {
            return Outcome::GivenUp;
        }
        let examined = self.examine(task);
        self.progress.done();
        match examined {
            Ok(examined) => {
                self.row.store(0, Ordering::Relaxed);
                Outcome::Read(Box::new(examined))
            }
            Err(error) => {
                if let Some(most) = error.kind.objects_in_doubt() {
                    self.row.fetch_add(1, Ordering::Relaxed);
                    self.most.store(most, Ordering::Relaxed);
                }
                Outcome::Unread { why: problem::chain(&error), hint: error.kind.hint() }
            }
        }
    }

    fn examine(&self, task: &Task<'_>) -> Result<Examined, StoreError> {
        let (key, leaf) = (task.seen.key(), task.seen.leaf());
        let described = self.store.describe(&key)?;
        let body = self.body(&key, leaf.format, described.size)?;
        let facts = Facts(&described.metadata);
        let before = task.before.map_or(Before::NotAsked, |seen| self.ask(seen));
        let link = facts.link(leaf, Some(&body));
        Ok(Examined { link, before, judged: facts.judge(leaf, &body), notices: facts.notices(), body })
    }

    /// Asks what an object says of itself.
    fn ask(&self, seen: &dyn Seen) -> Before {
        let nothing = |why: String, hint| Before::Nothing { why, hint };
        match self.store.describe(&seen.key()) {
            Err(error) => nothing(format!("could not be asked: {}", problem::chain(&error)), error.kind.hint()),
            Ok(described) => match Facts(&described.metadata).link(seen.leaf(), None) {
                link if link.makes_sense() => Before::Says(link),
                _ => nothing("has metadata that make no sense".to_owned(), Some("read it back too: --deep")),
            },
        }
    }

    /// Reads a body; one that breaks off on its way is begun again.
    fn body(&self, key: &ObjectKey, format: Format, size: u64) -> Result<Body, StoreError> {
        let mut tried = 0;
        loop {
            match body::read(format, self.store.open(key)?, size, self.progress) {
                Ok(body) => return Ok(body),
                Err(error) => {
                    tried += 1;
                    if tried == TRIES {
                        return Err(StoreError::broken_off(key, error));
                    }
                    log::info!("{key}: try {tried} broke off: {error}");
                    std::thread::sleep(BETWEEN * tried);
                }
            }
        }
    }
}
