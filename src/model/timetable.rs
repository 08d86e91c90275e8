//! What a deadline leaves time for: until when logs are taken, drained and shipped, so that all ends before it.
//!
//! ```text
//! begin ──── logs are taken ────┬── drained, sealed ──┬──── shipped ────┬── told ──┬─ deadline
//!                           take_until            drain_until        ship_until  give_up
//! ```
//!
//! Shipping goes on all the time; what is between `take_until` and the end is for what was taken last.

use std::time::{Duration, Instant};

/// The times of a command that has a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timetable {
    /// No log is taken after this; a copy that is under way is broken off, and its log stays claimed.
    pub take_until: Instant,
    /// What a writer still holds is sealed as it is.
    pub drain_until: Instant,
    /// Nothing is asked of the store any more.
    pub ship_until: Instant,
    /// Whatever is still under way is left as it is: as after a crash.
    pub give_up: Instant,
}

/// How much of the time the end gets, at least and at most.
struct Share {
    part: u32,
    least: Duration,
    most: Duration,
}

const TAKE: Share = Share { part: 4, least: Duration::from_millis(750), most: Duration::from_secs(20) };
const SHIP: Share = Share { part: 10, least: Duration::from_millis(600), most: Duration::from_secs(3) };
const TELL: Share = Share { part: 20, least: Duration::from_millis(200), most: Duration::from_secs(1) };

impl Share {
    fn of(&self, whole: Duration) -> Duration {
        (whole / self.part).clamp(self.least, self.most)
    }
}

impl Timetable {
    /// The times between `begin` and the deadline, which may be over already.
    pub fn between(begin: Instant, deadline: Instant) -> Self {
        let whole = deadline.saturating_duration_since(begin);
        let before = |share: &Share| deadline.checked_sub(share.of(whole)).unwrap_or(begin).max(begin);
        let (take_until, ship_until) = (before(&TAKE), before(&SHIP));
        let drain_until = take_until + ship_until.saturating_duration_since(take_until) / 3;
        Self { take_until, drain_until, ship_until, give_up: before(&TELL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_time_and_all_ends_before_the_deadline() {
        let begin = Instant::now();
        for seconds in [1, 2, 5, 30, 90, 3600] {
            let deadline = begin + Duration::from_secs(seconds);
            let Timetable { take_until, drain_until, ship_until, give_up } = Timetable::between(begin, deadline);
            assert!(begin < take_until && take_until < drain_until && drain_until < ship_until, "{seconds} s");
            assert!(ship_until < give_up && give_up < deadline, "{seconds} s");
        }
        let times = Timetable::between(begin, begin + Duration::from_secs(90));
        assert_eq!(times.take_until, begin + Duration::from_secs(70));
        assert_eq!(times.ship_until, begin + Duration::from_secs(87));
    }

    #[test]
    fn a_deadline_that_is_over_leaves_no_time_for_anything() {
        let begin = Instant::now();
        let times = Timetable::between(begin, begin);
        assert!(times.take_until == begin && times.give_up == begin);
    }
}
