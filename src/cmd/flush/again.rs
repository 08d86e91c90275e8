//! What comes after a pass of a flush: a plan, without doing anything.

use std::time::Duration;

use super::Kind;
use crate::cmd::work::MOST_SLICES;

/// What the last pass came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    /// Whether bytes of logs were taken.
    pub(super) took: bool,
    /// Whether there is more in large logs of which a slice was taken.
    pub(super) goes_on: bool,
    /// Whether something was shipped, or dropped, that makes room for what had none.
    pub(super) made_room: bool,
    /// Whether logs wait that could not be taken.
    pub(super) not_taken: bool,
    /// Whether segments wait that could not be shipped.
    pub(super) not_shipped: bool,
    /// Whether a writer still holds a log that was taken from it.
    pub(super) is_held: bool,
}

/// How things stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// How many passes were made, but for those that only went on with large logs.
    pub(super) passes: u32,
    /// How many of those were made.
    pub(super) slices: usize,
    /// How long writers that hold their logs in silence were waited for.
    pub(super) watched: Duration,
    /// Whether a signal asked us to stop.
    pub(super) asked: bool,
    /// How long logs may still be taken; `None` where there is no deadline.
    pub(super) to_take: Option<Duration>,
    /// How long segments may still be shipped.
    pub(super) to_ship: Option<Duration>,
}

/// How many passes there are at the most because writers go on. The first one has taken all that was written before it.
const MOST_FOR_WRITERS: u32 = 5;

/// How many there are without a deadline, whatever the reason.
const MOST: u32 = 20;

/// The longest pause between two.
const LONGEST: Duration = Duration::from_secs(8);

/// How long the last flush of a machine waits for writers that are silent, where no deadline says it, or the machine waits
/// for us.
const LONGEST_WATCH: Duration = Duration::from_secs(8);

/// No pass to take logs begins when there is less time than that: what it can't bring to its end waits, claimed.
const TO_TAKE: Duration = Duration::from_secs(1);

/// No pass to ship segments begins when there is less time than that.
const TO_SHIP: Duration = Duration::from_millis(250);

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Another pass, after that time.
    Again(Duration),
    /// Another pass when a writer that holds its log has written to it, but not before the least time has passed; when all
    /// have let go; or when the time is over.
    Watch { least: Duration, most: Option<Duration> },
    /// It is over.
    Enough,
}

/// Decides what comes after a pass.
pub(super) fn after(came: &Came, kind: Kind, now: &Now) -> Next {
    let Now { passes, slices, watched, asked, to_take, to_ship } = *now;
    let most = match (kind, to_take) {
        (Kind::Usual | Kind::Awaited, _) => MOST_FOR_WRITERS,
        (Kind::Last, None) => MOST,
        (Kind::Last, Some(_)) => u32::MAX,
    };
    let again = |pause: Option<Duration>| pause.map_or(Next::Enough, Next::Again);
    let taking = pause_within(pause_after(passes), to_take, TO_TAKE);
    let shipping = pause_within(pause_after(passes), to_ship, TO_SHIP);
    let waits = came.not_taken || came.not_shipped;
    match () {
        () if asked => Next::Enough,
        () if came.goes_on && slices < MOST_SLICES && to_take.is_none_or(|left| !left.is_zero()) => {
            Next::Again(Duration::ZERO)
        }
        () if waits && (came.made_room || came.took) && passes < MOST && taking.is_some() => again(taking),
        // Only a deadline says how long to try a store that is away, or to wait for room that someone else makes.
        () if came.not_shipped => again(shipping.filter(|_| to_ship.is_some())),
        () if came.not_taken => again(taking.filter(|_| to_take.is_some())),
        () if came.took && passes < most => again(taking),
        () if came.is_held && kind != Kind::Usual && passes < most => match (kind, to_take, taking) {
            (Kind::Last, Some(_), Some(least)) => Next::Watch { least, most: None },
            (_, _, Some(least)) if watched < LONGEST_WATCH => {
                Next::Watch { least, most: Some(LONGEST_WATCH - watched) }
            }
            _ => Next::Enough,
        },
        () => Next::Enough,
    }
}

/// The second pass comes at once, and then each later by twice as much: a writer that never stops would else make a segment
/// out of every line.
fn pause_after(passes: u32) -> Duration {
    match passes {
        0 | 1 => Duration::ZERO,
        passes => Duration::from_millis(250).saturating_mul(1 << (passes - 1).min(6)).min(LONGEST),
    }
}

/// A pause that leaves as much time after it as it takes, so that what changes during the last one can still be made use of:
/// the nearer the end, the shorter they are. `None` where less than `least` is left.
fn pause_within(pause: Duration, left: Option<Duration>, least: Duration) -> Option<Duration> {
    match left {
        None => Some(pause),
        Some(left) => (left >= least).then(|| pause.min(left / 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Came =
        Came { took: false, goes_on: false, made_room: false, not_taken: false, not_shipped: false, is_held: false };
    const TOOK: Came = Came { took: true, made_room: true, ..NOTHING };
    const AWAY: Came = Came { not_shipped: true, ..NOTHING };
    const HELD: Came = Came { is_held: true, ..NOTHING };

    fn now(passes: u32, watched: Duration, left: Option<Duration>) -> Now {
        Now { passes, slices: 0, watched, asked: false, to_take: left, to_ship: left }
    }

    /// How many passes there are when all come to the same, and how long it takes; nobody who is watched does anything.
    fn passes(came: Came, kind: Kind, deadline: Option<u64>) -> (u32, Duration) {
        let (mut count, mut time, mut watched) = (1, Duration::ZERO, Duration::ZERO);
        loop {
            let left = deadline.map(|deadline| Duration::from_secs(deadline).saturating_sub(time));
            match after(&came, kind, &now(count, watched, left)) {
                Next::Again(pause) => time += pause,
                Next::Watch { most, .. } => {
                    let waited = most.or(left).expect("a limit");
                    (time, watched) = (time + waited, watched + waited);
                }
                Next::Enough => return (count, time),
            }
            count += 1;
            assert!(count < 1000, "it has no end");
        }
    }

    #[test]
    fn when_nothing_is_new_it_is_enough() {
        for kind in [Kind::Usual, Kind::Last] {
            let left = Some(Duration::from_secs(60));
            assert_eq!(after(&NOTHING, kind, &now(1, Duration::ZERO, left)), Next::Enough);
            assert_eq!(after(&TOOK, kind, &now(1, Duration::ZERO, None)), Next::Again(Duration::ZERO));
        }
    }

    #[test]
    fn a_writer_that_never_stops_does_not_keep_it_for_ever() {
        assert_eq!(passes(TOOK, Kind::Usual, None).0, MOST_FOR_WRITERS);
        assert_eq!(passes(TOOK, Kind::Usual, Some(90)).0, MOST_FOR_WRITERS);
        assert_eq!(passes(TOOK, Kind::Last, None).0, MOST);
        let (count, time) = passes(TOOK, Kind::Last, Some(90));
        assert!((10..25).contains(&count) && time > Duration::from_secs(88), "{count} in {time:?}");
    }

    #[test]
    fn a_store_that_is_away_is_tried_until_the_deadline_and_without_one_as_often_as_a_run_does() {
        assert_eq!(passes(AWAY, Kind::Usual, None).0, 1);
        for seconds in [1, 2, 3, 4, 5, 40, 90] {
            let (count, time) = passes(AWAY, Kind::Usual, Some(seconds));
            assert!(time + TO_SHIP > Duration::from_secs(seconds), "{seconds} s: {count} in {time:?}");
            assert!(count < 30, "a store in trouble is not to be stormed: {count} in {seconds} s");
        }
    }

    #[test]
    fn room_that_someone_else_may_make_is_waited_for_as_long_as_there_is_time_to_use_it() {
        let no_room = Came { not_taken: true, ..NOTHING };
        assert_eq!(passes(no_room, Kind::Usual, None).0, 1);
        let (_, time) = passes(no_room, Kind::Usual, Some(40));
        assert!(time + TO_TAKE > Duration::from_secs(40), "{time:?}");
        let over = Now { to_take: Some(Duration::ZERO), ..now(3, Duration::ZERO, Some(Duration::from_secs(5))) };
        assert_eq!(after(&no_room, Kind::Usual, &over), Next::Enough);
        let both = Came { not_shipped: true, ..no_room };
        assert!(matches!(after(&both, Kind::Usual, &over), Next::Again(_)), "what is sealed is shipped all the same");
    }

    #[test]
    fn only_the_last_flush_waits_for_writers_that_hold_their_log_in_silence() {
        assert_eq!(passes(HELD, Kind::Usual, Some(90)).0, 1);
        assert_eq!(passes(HELD, Kind::Last, None).1, LONGEST_WATCH);
        assert_eq!(passes(HELD, Kind::Last, Some(60)).1, Duration::from_secs(60));
    }

    #[test]
    fn large_logs_go_on_at_once_while_there_is_time_and_not_for_ever() {
        let came = Came { goes_on: true, not_taken: true, ..TOOK };
        let usual = now(9, Duration::ZERO, Some(Duration::from_millis(5)));
        assert_eq!(after(&came, Kind::Usual, &usual), Next::Again(Duration::ZERO));
        assert_eq!(after(&came, Kind::Usual, &now(1, Duration::ZERO, Some(Duration::ZERO))), Next::Enough);
        assert_eq!(
            after(&came, Kind::Last, &Now { slices: MOST_SLICES, ..now(20, Duration::ZERO, None) }),
            Next::Enough
        );
    }

    #[test]
    fn a_machine_that_waits_for_us_is_not_held_up_by_writers_that_don_t_end() {
        assert_eq!(passes(HELD, Kind::Awaited, Some(3600)).1, LONGEST_WATCH);
        assert_eq!(passes(TOOK, Kind::Awaited, Some(3600)).0, MOST_FOR_WRITERS);
        let (_, time) = passes(AWAY, Kind::Awaited, Some(3600));
        assert!(time > Duration::from_secs(3500), "a store that is away is tried to the end: {time:?}");
    }

    #[test]
    fn a_signal_ends_it() {
        let asked = Now { asked: true, ..now(1, Duration::ZERO, None) };
        assert_eq!(after(&TOOK, Kind::Last, &asked), Next::Enough);
    }
}
