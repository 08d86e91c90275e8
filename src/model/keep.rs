//! How long, and how much of, what was shipped stays on the machine too.

use std::fmt;
use std::time::Duration;

use super::size;
use super::time::Moment;

/// How much is kept where no one says otherwise, in bytes.
pub const USUAL_SIZE: u64 = 1 << 30;

/// The least that can be kept, in bytes: a gzip member that holds nothing has so many, and no segment is smaller.
pub const LEAST_SIZE: u64 = 20;

/// The longest time that anything is kept: whoever wants more wants an archive, and that is the store.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// For how long segments are kept: `24h`, `7days`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepTime(Duration);

impl KeepTime {
    /// Reads a time such as `24h` or `7d`, of at most a year.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time = humantime::parse_duration(text)
            .map_err(|error| format!("{text:?} is not a time such as \"24h\" or \"7d\": {error}"))?;
        match time {
            Duration::ZERO => Err(format!("{text:?} keeps nothing: leave it out")),
            time if time > LONGEST => Err(format!("{text:?} is longer than a year: the store is the archive")),
            time => Ok(Self(time)),
        }
    }

    /// The time.
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

/// As [`KeepTime::parse`] reads it.
impl fmt::Display for KeepTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if self.0.subsec_nanos() == 0 && seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            _ => humantime::format_duration(self.0).fmt(f),
        }
    }
}

/// What a person asks to be kept, in the words in which it is written down: `24h`, `2d,5GiB`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeepWish {
    /// For how long.
    pub time: Worded<KeepTime>,
    /// How much at the most, in bytes; the usual where it is not said.
    pub size: Option<Worded<u64>>,
}

/// A value with the text that stands for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Worded<T> {
    /// The text, without spaces around it.
    pub text: String,
    /// What it says.
    pub value: T,
}

impl KeepWish {
    /// Reads a time, and perhaps a size behind a comma.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (time, size) = match text.split_once(',') {
            Some((time, size)) => (time.trim(), Some(size.trim())),
            None => (text.trim(), None),
        };
        let time = Worded { text: time.to_owned(), value: KeepTime::parse(time)? };
        let size = size.map(|size| {
            let value = size::parse(size)?;
            let too_little = || format!("{size:?} keeps nothing: no segment is as small as that");
            if value < LEAST_SIZE { Err(too_little()) } else { Ok(Worded { text: size.to_owned(), value }) }
        });
        Ok(Self { time, size: size.transpose()? })
    }
}

/// What of the confirmed segments stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// Until their last byte is that old.
    pub time: KeepTime,
    /// At most so many bytes, compressed; the oldest go first.
    pub size: u64,
}

impl Keep {
    /// Whether what ended at `last` still stays at `now`. A clock that was set back makes nothing older.
    pub fn covers(&self, last: Moment, now: Moment) -> bool {
        let age = now.nanos().saturating_sub(last.nanos());
        u128::try_from(age).map_or(true, |age| age < self.time.as_duration().as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_they_are_written() {
        for text in ["24h", "90m", "7d", "1h 30m", "366d", "1s"] {
            let time = KeepTime::parse(text).expect(text);
            assert_eq!(KeepTime::parse(&time.to_string()), Ok(time), "{text}");
        }
        assert_eq!(KeepTime::parse("2d").expect("a time").to_string(), "48h");
        for text in ["", "0s", "soon", "24", "367d", "-1h"] {
            assert!(KeepTime::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wish_stays_in_the_words_of_who_has_it() {
        let wish = KeepWish::parse("2d, 5GiB").expect("a time and a size");
        assert_eq!((wish.time.text.as_str(), wish.time.value), ("2d", KeepTime::parse("48h").expect("a time")));
        assert_eq!(wish.size, Some(Worded { text: "5GiB".to_owned(), value: 5 << 30 }));
        assert_eq!(KeepWish::parse("90m").expect("a time").size, None);
        for (text, why) in
            [("5GiB", "not a time"), ("24h,", "not a size"), ("24h,19B", "no segment"), (",1GiB", "time")]
        {
            assert!(KeepWish::parse(text).is_err_and(|error| error.contains(why)), "{text}");
        }
    }

    #[test]
    fn the_age_is_that_of_the_last_byte() {
        let keep = Keep { time: KeepTime::parse("1h").expect("a time"), size: 0 };
        let at = |seconds| Moment::from_timespec(seconds, 0);
        assert!(keep.covers(at(10_000), at(13_599)));
        assert!(!keep.covers(at(10_000), at(13_600)));
        // The clock was set back.
        assert!(keep.covers(at(10_000), at(0)));
    }
}
