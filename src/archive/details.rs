//! What objects say of themselves beyond their names: a request for each, several under way at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Shipped;
use crate::model::metadata::WRITER;
use crate::model::printable::is_hidden;
use crate::store::{Kind, Store, StoreError};

/// How many requests are under way at once.
const AT_ONCE: usize = 16;

/// How many answers are waited for before the first of them is shown: memory is bounded by this.
const CHUNK: usize = 256;

/// What an object's metadata say. What they don't say is not there; texts are as they stand there, printable ASCII.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Details {
    /// How many bytes of its log it holds.
    pub raw: Option<u64>,
    /// How many line ends are among them.
    pub lines: Option<u64>,
    /// How it ended.
    pub ended: Option<String>,
    /// The way in which its log was taken; objects of the first versions don't say it.
    pub writer: Option<String>,
    /// The machine's host name.
    pub host: Option<String>,
    /// The log.
    pub path: Option<String>,
    /// What may be missing before or in it.
    pub notice: Option<String>,
}

impl Details {
    fn of(mut metadata: BTreeMap<String, String>) -> Self {
        // Whoever may write to the store may have put anything there, and this goes to terminals.
        let mut text = |name: &str| metadata.remove(name).map(|text| text.replace(is_hidden, "\u{fffd}"));
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Self {
            raw: number(text("length")),
            lines: number(text("lines")),
            ended: text("ended"),
            writer: text(WRITER),
            host: text("host"),
            path: text("path"),
            notice: text("notice"),
        }
    }
}

/// Shows each segment with its details, in order; one that has expired since it was listed has none. Where it is the matter of
/// one object that it can't be asked, as its metadata are damaged, `each` hears why, and the others follow.
///
/// # Errors
/// What kept objects from being asked that is a matter of the store, or what `each` answers.
pub fn details<E: From<StoreError>>(
    store: &dyn Store,
    segments: &[Shipped],
    mut each: impl FnMut(&Shipped, Result<&Details, &StoreError>) -> Result<(), E>,
) -> Result<(), E> {
    for chunk in segments.chunks(CHUNK) {
        for (shipped, answer) in chunk.iter().zip(of_chunk(store, chunk)) {
            match answer {
                Err(error) if !is_of_object(error.kind) => return Err(error.into()),
                answer => each(shipped, answer.as_ref())?,
            }
        }
    }
    Ok(())
}

/// Whether a failure to tell of an object says nothing of the next one.
pub(super) fn is_of_object(kind: Kind) -> bool {
    kind == Kind::Local || kind.objects_in_doubt().is_none()
}

/// The answers of the first objects, all of them unless the store failed: then that is the last answer.
fn of_chunk(store: &dyn Store, chunk: &[Shipped]) -> Vec<Result<Details, StoreError>> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(chunk.len())));
    let ask = || {
        while let Some((number, shipped)) = numbered(chunk, next.fetch_add(1, Ordering::Relaxed)) {
            let answer = match store.describe(&shipped.key()) {
                Ok(description) => Ok(Details::of(description.metadata)),
                Err(error) if error.kind == Kind::NoObject => Ok(Details::default()),
                Err(error) => Err(error),
            };
            let failed = answer.as_ref().is_err_and(|error| !is_of_object(error.kind));
            answers.lock().unwrap_or_else(PoisonError::into_inner).push((number, answer));
            if failed {
                // The others end too: a store that refuses one is not asked thousands of times.
                next.store(chunk.len(), Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(chunk.len()) {
            scope.spawn(ask);
        }
        ask();
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn numbered(chunk: &[Shipped], number: usize) -> Option<(usize, &Shipped)> {
    chunk.get(number).map(|shipped| (number, shipped))
}
