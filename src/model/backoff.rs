//! How long to wait before a call is tried again.

use std::time::Duration;

/// A bounded series of tries: exponential, with full jitter
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// How often one call is tried in all, the first try included.
    pub tries: u32,
    /// The longest wait after the first try; it doubles with each further one.
    pub first: Duration,
    /// No wait is longer than this.
    pub longest: Duration,
}

impl Backoff {
    /// The wait after try number `tried` (from 1), or `None` when there is no further try. `random` is any number; it
    /// chooses the place between nothing and the longest wait of this try.
    pub fn wait_after(&self, tried: u32, random: u64) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        let doubled = self.first.saturating_mul(1_u32.checked_shl(tried.saturating_sub(1)).unwrap_or(u32::MAX));
        let longest = doubled.min(self.longest).as_nanos();
        let nanos = (longest * u128::from(random)) >> 64;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { tries: 5, first: Duration::from_millis(100), longest: Duration::from_millis(300) };

    #[test]
    fn doubles_up_to_the_longest_and_ends() {
        let waits: Vec<_> = (1..=5).map(|tried| BACKOFF.wait_after(tried, u64::MAX)).collect();
        let millis = |n: u64| Some(Duration::from_millis(n) - Duration::from_nanos(1));
        assert_eq!(waits, [millis(100), millis(200), millis(300), millis(300), None]);
    }

    #[test]
    fn jitter_reaches_down_to_nothing() {
        assert_eq!(BACKOFF.wait_after(3, 0), Some(Duration::ZERO));
        assert_eq!(Backoff { tries: 99, ..BACKOFF }.wait_after(98, 0), Some(Duration::ZERO));
    }
}
