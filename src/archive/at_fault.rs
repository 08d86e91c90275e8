//! Whether it is the store that is at fault where objects can't be asked, or these objects alone. Several threads may ask at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::details::is_of_object;
use crate::store::{Kind, StoreError};

/// What a store's answers say of it.
#[derive(Default)]
pub(super) struct AtFault {
    /// How many objects failed in the same way, one after another.
    refused: Mutex<Option<(Kind, u32)>>,
    is_proved: AtomicBool,
}

impl AtFault {
    /// Hears that an object was asked, and what came of it.
    pub(super) fn hear<T>(&self, answer: &Result<T, StoreError>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = match answer {
            Ok(_) => {
                *refused = None;
                return;
            }
            // One that is gone, or whose metadata are damaged, says nothing of the next one.
            Err(error) if error.kind == Kind::NoObject || is_of_object(error.kind) => return,
            Err(error) => error.kind,
        };
        let count = refused.filter(|(last, _)| *last == kind).map_or(1, |(_, count)| count + 1);
        *refused = Some((kind, count));
        if kind.objects_in_doubt().is_some_and(|most| count >= most) {
            self.is_proved.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it must be the store: then no more are asked.
    pub(super) fn is_proved(&self) -> bool {
        self.is_proved.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::ObjectKey;

    #[test]
    fn one_object_that_fails_says_nothing_of_the_store_and_many_in_a_row_do() {
        let key = ObjectKey::listed("service=web/x").expect("a key");
        let away = || Err::<(), _>(StoreError::broken_off(&key, std::io::Error::other("no answer")));
        let broken = || Err::<(), _>(StoreError::broken_off(&key, std::io::Error::from_raw_os_error(5)));
        let fault = AtFault::default();
        for _ in 0..100 {
            fault.hear(&away());
            fault.hear(&broken());
            fault.hear(&Ok(()));
        }
        assert!(!fault.is_proved());
        let most = Kind::Unreachable.objects_in_doubt().expect("it may be the store");
        (1..most).for_each(|_| fault.hear(&away()));
        assert!(!fault.is_proved());
        fault.hear(&away());
        assert!(fault.is_proved());
    }
}
