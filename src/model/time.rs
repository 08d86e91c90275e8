//! Moments: UTC, nanoseconds since 1970, printed as keys and people need them.

use std::fmt;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A moment in UTC, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// From nanoseconds since 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// From the two numbers of a `timespec`; moments that 64-bit nanoseconds don't hold (before 1678, after 2261) are
    /// moved to the nearest one they do.
    pub fn from_timespec(seconds: i64, nanos: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// As the system has it.
    pub fn to_system_time(self) -> SystemTime {
        let distance = Duration::from_nanos(self.0.unsigned_abs());
        if self.0 < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
    }

    /// Basic ISO 8601 to the second, as in keys: `20261121T005959Z`.
    pub fn stamp(self) -> String {
        self.utc().format("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Reads a [`Self::stamp`], and nothing else: signs, spaces and leap seconds, which the parser of dates would take,
    /// stand in none.
    pub fn parse_stamp(text: &str) -> Option<Self> {
        let naive = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
        // The first second of all times begins before the first nanosecond.
        let moment = Self::from_timespec(naive.and_utc().timestamp(), 0);
        (moment.stamp() == text).then_some(moment)
    }

    /// Reads RFC 3339, as it is printed by [`fmt::Display`].
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().and_then(|time| time.timestamp_nanos_opt()).map(Self)
    }

    /// The day: `2026-11-21`.
    pub fn day(self) -> String {
        self.utc().format("%Y-%m-%d").to_string()
    }

    /// The hour of the day: `00` to `23`.
    pub fn hour(self) -> String {
        self.utc().format("%H").to_string()
    }

    /// To the second, for people: `2026-11-21T00:59:59Z`.
    pub fn to_second(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// That long before it; the first moment that there is, where that would be earlier still.
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long it is after another one; nothing where it is before that.
    pub fn since(self, earlier: Self) -> Duration {
        u64::try_from(self.0.saturating_sub(earlier.0)).map_or(Duration::ZERO, Duration::from_nanos)
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }
}

/// RFC 3339 with nanoseconds, so that it reads back exactly.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Nanos, true))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not an RFC 3339 time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_and_days() {
        let moment = Moment::from_timespec(1_795_219_199, 999_999_999);
        assert_eq!(moment.stamp(), "20261120T235959Z");
        assert_eq!((moment.day().as_str(), moment.hour().as_str()), ("2026-11-20", "23"));
        assert_eq!(moment.to_string(), "2026-11-20T23:59:59.999999999Z");
        assert_eq!(moment.to_second(), "2026-11-20T23:59:59Z");
        assert_eq!(Moment::parse_stamp("20261120T235959Z"), Some(Moment::from_timespec(1_795_219_199, 0)));
        assert_eq!(Moment::parse_stamp("20261320T235959Z"), None);
        assert_eq!(Moment::parse_stamp("2026112T0235959Z"), None);
    }

    #[test]
    fn a_clock_far_off_does_not_panic() {
        assert!(!Moment::from_timespec(i64::MAX, 5).stamp().is_empty());
        assert!(!Moment::from_timespec(i64::MIN, 5).day().is_empty());
    }
}
