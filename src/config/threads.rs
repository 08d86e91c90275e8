//! `threads`: on how many threads logs are compressed.

use std::num::NonZeroUsize;

use super::section::{Mistakes, Section};

/// More would only take memory: no machine compresses faster than its disks read by then.
const MOST: usize = 256;

/// On how many threads logs are compressed, from 1 to 256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Threads(NonZeroUsize);

impl Threads {
    /// Reads a number of threads.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let count = text.parse().ok().and_then(NonZeroUsize::new).filter(|count| count.get() <= MOST);
        count.map(Self).ok_or_else(|| format!("{text:?} is not a number of threads from 1 to {MOST}"))
    }

    /// How many they are.
    pub fn count(self) -> NonZeroUsize {
        self.0
    }
}

impl Default for Threads {
    /// One for each core that this process may use: those of its affinity, and no more than the quota of its control group
    /// gives it time for (`std::thread::available_parallelism`, "Limitations").
    fn default() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self(cores.min(NonZeroUsize::MIN.saturating_add(MOST - 1)))
    }
}

/// Reads the key of the file's outermost table.
pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<Threads> {
    let range = 1..i64::try_from(MOST + 1).unwrap_or(i64::MAX);
    let count = mistakes.or_default(top.number("threads", range))?;
    usize::try_from(count).ok().and_then(NonZeroUsize::new).map(Threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_threads_is_at_least_one_and_bounded() {
        for (text, count) in [("1", 1), ("2", 2), ("256", 256)] {
            assert_eq!(Threads::parse(text).expect(text).count().get(), count);
        }
        for text in ["0", "257", "-1", "two", "", "1.5"] {
            assert!(Threads::parse(text).expect_err(text).contains("from 1 to 256"), "{text}");
        }
        assert!((1..=MOST).contains(&Threads::default().count().get()));
    }
}
