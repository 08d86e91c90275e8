//! How fast bodies go to a store: one limit for all that go at once.
//!
//! Promise: in any time, no more bytes are let go than the rate allows for it, but for what [`CATCH_UP`] of it is and one
//! frame. Frames are small, so that what goes over the wire is even; who shares the limit gets a frame in turn, as each asks
//! for its next one only when the one before has gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::rate::ByteRate;
use crate::sys::signals::Stop;

/// What was missed by waking late may be caught up with, if it is not longer ago.
const CATCH_UP: Duration = Duration::from_millis(20);

/// A frame is what goes in this time.
const FRAME: Duration = Duration::from_millis(20);

/// The smallest and the largest frame, in bytes: even to a fast store nothing goes in one burst.
const FRAMES: (u64, u64) = (1024, 64 * 1024);

/// A limit, or none. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Throttle(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    rate: ByteRate,
    /// How many bodies go at once, at the most.
    at_once: u32,
    /// When the next frame may go.
    next: Mutex<Instant>,
}

/// A signal asked us to stop.
#[derive(Debug)]
pub struct Stopped;

impl Throttle {
    /// The limit for at most so many bodies at once; `None` for no limit.
    pub fn new(rate: Option<ByteRate>, at_once: u32) -> Self {
        Self(rate.map(|rate| Arc::new(Shared { rate, at_once, next: Mutex::new(Instant::now()) })))
    }

    /// How many bytes go in one piece; `None` where there is no limit.
    pub fn frame(&self) -> Option<usize> {
        let Self(Some(shared)) = self else { return None };
        let bytes = shared.rate.bytes_in(FRAME).clamp(FRAMES.0, FRAMES.1);
        usize::try_from(bytes).ok()
    }

    /// How long a body of so many bytes takes because of the limit, even if as many others go as may.
    pub fn longest(&self, bytes: u64) -> Duration {
        let Self(Some(shared)) = self else { return Duration::ZERO };
        shared.rate.time_for(bytes.saturating_mul(u64::from(shared.at_once)))
    }

    /// Takes the right to send so many bytes, which is used after that time.
    pub fn reserve(&self, bytes: usize) -> Duration {
        self.reserve_at(bytes, Instant::now())
    }

    fn reserve_at(&self, bytes: usize, now: Instant) -> Duration {
        let Self(Some(shared)) = self else { return Duration::ZERO };
        let mut next = shared.next.lock().unwrap_or_else(PoisonError::into_inner);
        let start = now.checked_sub(CATCH_UP).map_or(*next, |earliest| next.max(earliest));
        *next = start + shared.rate.time_for(bytes as u64);
        start.saturating_duration_since(now)
    }

    /// Waits for the right to send so many bytes.
    ///
    /// # Errors
    /// Where a signal asks us to stop before that.
    pub fn wait(&self, bytes: usize, stop: &Stop) -> Result<(), Stopped> {
        let pause = self.reserve(bytes);
        if !pause.is_zero() {
            stop.sleep(pause);
        }
        if !pause.is_zero() && stop.requested() { Err(Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(rate: &str) -> Throttle {
        Throttle::new(Some(ByteRate::parse(rate).expect("a rate")), 4)
    }

    #[test]
    fn frames_go_one_after_another_whoever_asks() {
        let (throttle, now) = (throttle("1MB/s"), Instant::now());
        let other = throttle.clone();
        let waits = (0..50).map(|n| if n % 2 == 0 { &throttle } else { &other }.reserve_at(20_000, now));
        let waits: Vec<_> = waits.collect();
        // 50 frames of 20 ms each; the limit is a moment older than this, and that may be caught up with.
        for (n, wait) in (0..).zip(&waits) {
            let due = Duration::from_millis(n * 20);
            assert!(*wait <= due && *wait + CATCH_UP >= due, "{n}: {wait:?}");
        }
    }

    #[test]
    fn time_that_passed_in_silence_is_not_saved_up() {
        let throttle = throttle("1MB/s");
        let later = Instant::now() + Duration::from_secs(60);
        let waits: Vec<_> = (0..100).map(|_| throttle.reserve_at(1000, later)).collect();
        // Each frame of a thousand bytes is a millisecond, and 20 ms are caught up with.
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 21);
        assert_eq!(waits[99], Duration::from_millis(79));
    }

    #[test]
    fn who_wakes_late_catches_up() {
        let throttle = throttle("1MB/s");
        let begin = Instant::now() + Duration::from_secs(1);
        let mut now = begin;
        // Each frame goes a millisecond after its time.
        for _ in 0..1000 {
            now += throttle.reserve_at(10_000, now) + Duration::from_millis(1);
        }
        let took = now - begin;
        assert!(took >= Duration::from_millis(9_960) && took <= Duration::from_millis(10_010), "{took:?}");
    }

    #[test]
    fn frames_are_small_and_sharing_takes_longer() {
        assert_eq!(throttle("20MiB/s").frame(), Some(64 * 1024));
        assert_eq!(throttle("1MB/s").frame(), Some(20_000));
        assert_eq!(throttle("16KiB/s").frame(), Some(1024));
        assert_eq!(throttle("1MB/s").longest(1_000_000), Duration::from_secs(4));
        let none = Throttle::default();
        assert_eq!(
            (none.frame(), none.longest(u64::MAX), none.reserve(1 << 30)),
            (None, Duration::ZERO, Duration::ZERO)
        );
    }
}
