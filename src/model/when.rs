//! Times as people give them: `2026-11-21T14:00:00Z`, `2026-11-21`, `2h`, `yesterday`. Days are those of UTC, as in keys.
//!
//! Some name a moment, some a day. What the same text means is asked for where it is used: "since a day" is since its first
//! nanosecond, "until a day" until its last.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::time::Moment;

/// A day in nanoseconds; UTC as the system keeps it has no others.
const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// What may be given, for mistakes.
const EXAMPLES: &str = "2026-11-21T14:00:00Z, 2026-11-21, 2h, 3d, today, yesterday or now";

/// A moment or a day, told by name or by how long ago it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// This moment.
    At(Moment),
    /// So many nanoseconds before now.
    Ago(i64),
    /// The day that begins with this moment.
    Day(Moment),
    /// So many days before today.
    DaysBack(i64),
}

impl When {
    /// Reads a time.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, and what may be given.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text {
            "now" => return Ok(Self::Ago(0)),
            "today" => return Ok(Self::DaysBack(0)),
            "yesterday" => return Ok(Self::DaysBack(1)),
            _ => {}
        }
        if let Some(found) = exactly(text).or_else(|| day(text)).or_else(|| ago(text)) {
            return Ok(found);
        }
        if is_without_zone(text) {
            return Err(format!(
                "{text:?} does not say in which time zone: `{text}Z` is UTC, `{text}+02:00` two hours ahead"
            ));
        }
        Err(format!("{text:?} is not a time such as {EXAMPLES}"))
    }

    /// The first moment of it.
    pub fn begin(self, now: Moment) -> Moment {
        match self {
            Self::At(moment) | Self::Day(moment) => moment,
            Self::Ago(time) => Moment::from_nanos(now.nanos().saturating_sub(time)),
            Self::DaysBack(days) => {
                let today = now.nanos().div_euclid(DAY);
                Moment::from_nanos(today.saturating_sub(days).saturating_mul(DAY))
            }
        }
    }

    /// The last moment of it: of a day its last nanosecond.
    pub fn end(self, now: Moment) -> Moment {
        let begin = self.begin(now);
        match self {
            Self::At(_) | Self::Ago(_) => begin,
            Self::Day(_) | Self::DaysBack(_) => Moment::from_nanos(begin.nanos().saturating_add(DAY - 1)),
        }
    }
}

/// RFC 3339, with or without seconds; or the stamp that stands in a key.
fn exactly(text: &str) -> Option<When> {
    if let Some(moment) = Moment::parse_stamp(text) {
        return Some(When::At(moment));
    }
    let time = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z"));
    let time = time.or_else(|_| DateTime::parse_from_str(&text.replace('Z', "+00:00"), "%Y-%m-%dT%H:%M%:z")).ok()?;
    time.timestamp_nanos_opt().map(|nanos| When::At(Moment::from_nanos(nanos)))
}

fn day(text: &str) -> Option<When> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|date| date.to_string() == text)?;
    let midnight = date.and_hms_opt(0, 0, 0)?.and_utc();
    midnight.timestamp_nanos_opt().map(|nanos| When::Day(Moment::from_nanos(nanos)))
}

/// How long ago: as durations are written everywhere else, and perhaps with the word itself.
fn ago(text: &str) -> Option<When> {
    let text = text.strip_suffix("ago").map_or(text, str::trim_end);
    let time = humantime::parse_duration(text).ok()?;
    i64::try_from(time.as_nanos()).ok().map(When::Ago)
}

fn is_without_zone(text: &str) -> bool {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"].iter().any(|form| NaiveDateTime::parse_from_str(text, form).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Moment {
        Moment::parse_stamp("20261121T143015Z").expect("a stamp")
    }

    fn span(text: &str) -> (String, String) {
        let when = When::parse(text).expect(text);
        (when.begin(now()).to_string(), when.end(now()).to_string())
    }

    fn moment(text: &str) -> String {
        let (begin, end) = span(text);
        assert_eq!(begin, end, "{text}");
        begin
    }

    #[test]
    fn a_moment_is_given_exactly_or_by_how_long_ago_it_was() {
        for (text, expected) in [
            ("2026-11-20T14:00:00Z", "2026-11-20T14:00:00.000000000Z"),
            ("2026-11-20T14:00:00.25+02:00", "2026-11-20T12:00:00.250000000Z"),
            ("2026-11-20 14:00:00Z", "2026-11-20T14:00:00.000000000Z"),
            ("2026-11-20T14:00Z", "2026-11-20T14:00:00.000000000Z"),
            ("2026-11-20T14:00-01:30", "2026-11-20T15:30:00.000000000Z"),
            ("20261120T140000Z", "2026-11-20T14:00:00.000000000Z"),
            ("now", "2026-11-21T14:30:15.000000000Z"),
            ("2h", "2026-11-21T12:30:15.000000000Z"),
            ("3d", "2026-11-18T14:30:15.000000000Z"),
            ("1h 30m", "2026-11-21T13:00:15.000000000Z"),
            (" 90s ago ", "2026-11-21T14:28:45.000000000Z"),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
    }

    #[test]
    fn a_day_has_a_first_and_a_last_moment_in_utc() {
        for (text, day) in [
            ("2026-11-20", "2026-11-20"),
            ("yesterday", "2026-11-20"),
            ("today", "2026-11-21"),
            ("2024-02-29", "2024-02-29"),
        ] {
            assert_eq!(
                span(text),
                (format!("{day}T00:00:00.000000000Z"), format!("{day}T23:59:59.999999999Z")),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_answered_with_examples() {
        for text in [
            "",
            "soon",
            "2026-13-01",
            "2026-11-31",
            "2026-1-2",
            "20261121",
            "-2h",
            "2",
            "tomorrow",
            "9999999999y",
            "ago",
        ] {
            let told = When::parse(text).expect_err(text);
            assert!(told.contains("yesterday") && told.contains("2h"), "{text}: {told}");
        }
        for text in ["2026-11-21T14:00", "2026-11-21T14:00:00", "2026-11-21T14:00:00.5"] {
            let told = When::parse(text).expect_err(text);
            assert!(told.contains("time zone") && told.contains(&format!("{text}Z")), "{told}");
        }
    }

    #[test]
    fn times_far_off_do_not_panic() {
        for now in [i64::MIN, 0, i64::MAX].map(Moment::from_nanos) {
            for when in ["200y", "yesterday", "today", "0001-01-01", "9999-12-31", "2262-04-11"] {
                let Ok(when) = When::parse(when) else { continue };
                let _ = (when.begin(now), when.end(now));
            }
        }
    }
}
