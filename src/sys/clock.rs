//! The time of day.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::model::time::Moment;

/// Now.
pub fn now() -> Moment {
    let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Moment::from_nanos(nanos)
}

/// A moment of this boot, that one process notes and another reads: the time of day for people, and the time since the system's
/// start to reckon with. That one goes on while the machine sleeps, and nobody can set it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// The time of day.
    time: Moment,
    /// Since the system's start, in milliseconds.
    uptime: i64,
}

impl Stamp {
    /// Now.
    pub fn now() -> Self {
        let uptime = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map(Duration::from);
        Self { time: now(), uptime: uptime.map_or(0, millis) }
    }

    /// That time from now.
    pub fn ahead(time: Duration) -> Self {
        let (now, nanos) = (Self::now(), i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        let at = Moment::from_nanos(now.time.nanos().saturating_add(nanos));
        Self { time: at, uptime: now.uptime.saturating_add(millis(time)) }
    }

    /// How long ago it was; nothing for what is still to come.
    pub fn elapsed(&self) -> Duration {
        u64::try_from(Self::now().uptime.saturating_sub(self.uptime)).map_or(Duration::ZERO, Duration::from_millis)
    }

    /// Whether it is still to come.
    pub fn is_ahead(&self) -> bool {
        self.uptime > Self::now().uptime
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_reckoned_with_by_the_time_since_the_systems_start() {
        let noted = Stamp { time: Moment::from_nanos(0), ..Stamp::ahead(Duration::from_secs(60)) };
        assert!(noted.is_ahead() && noted.elapsed().is_zero());
        let noted = Stamp { uptime: Stamp::now().uptime - 60_000, ..noted };
        assert!(!noted.is_ahead() && noted.elapsed() >= Duration::from_secs(60));
    }
}
