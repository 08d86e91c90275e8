//! Dates in file names: at the end of the name, or before its extension.

use chrono::NaiveDate;

use crate::model::time::Moment;

/// A date, or the label of svlogd and its kin, and the numbers behind it (hours, seconds, an index): compared one after
/// another, so that it does not matter which they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    /// The beginning of the day, or the exact time where that is known.
    when: Moment,
    rest: Vec<u64>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Kind {
    /// `20261120`, perhaps with the hour, and nothing behind it.
    Compact,
    /// Any other date.
    Other,
    /// A TAI64N label.
    Label,
}

impl Stamp {
    /// Whether it is written as nothing but a date is.
    pub(super) fn is_compact(&self) -> bool {
        self.kind == Kind::Compact
    }

    /// The beginning of the day; none of a label, which tells the end.
    pub(super) fn begins(&self) -> Option<Moment> {
        (self.kind != Kind::Label).then_some(self.when)
    }
}

/// Between the parts of a date, and before it.
const SEPARATORS: &[u8] = b"-._";

/// More numbers than any format has: year, month, day, hour, minute, second, fraction, index.
const MOST_NUMBERS: usize = 8;

/// `web.log` and the date for `web.log-20261120`.
pub(super) fn behind(name: &[u8]) -> Option<(&[u8], Stamp)> {
    let places = name.iter().enumerate().skip(1).filter(|(_, b)| SEPARATORS.contains(b));
    places.map(|(at, _)| at).find_map(|at| Some((&name[..at], stamp(&name[at + 1..])?)))
}

/// `web.log` and the date for `web-20261120.log`.
pub(super) fn inside(name: &[u8]) -> Option<(Vec<u8>, Stamp)> {
    let dot = name.iter().rposition(|&b| b == b'.')?;
    let (stem, extension) = name.split_at(dot);
    let is_extension = extension.get(1).is_some_and(u8::is_ascii_alphabetic) && extension.len() <= 11;
    let (stem, stamp) = is_extension.then(|| behind(stem))??;
    Some(([stem, extension].concat(), stamp))
}

/// A TAI64N label of 24 hex digits: seconds since 1970 in TAI, behind 2^62, then nanoseconds. TAI is taken to be ten
/// seconds ahead, as svlogd and multilog have it.
pub(super) fn label(digits: &str) -> Option<Stamp> {
    const AT_1970: u64 = (1 << 62) + 10;
    if !digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let seconds = u64::from_str_radix(&digits[..16], 16).ok()?.checked_sub(AT_1970)?;
    let nanos = u32::from_str_radix(&digits[16..], 16).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let when = Moment::from_timespec(i64::try_from(seconds).ok()?, i64::from(nanos));
    // What 64-bit nanoseconds don't hold is still to be told apart.
    Some(Stamp { when, rest: vec![seconds, u64::from(nanos)], kind: Kind::Label })
}

fn stamp(text: &[u8]) -> Option<Stamp> {
    let numbers = numbers(text)?;
    let (&first, rest) = numbers.split_first()?;
    match first.len() {
        8 | 10 | 12 | 14 => compact(first, rest).or_else(|| epoch(first, rest)),
        4 => {
            let (&month, rest) = rest.split_first()?;
            let (day, rest) = match rest.split_first() {
                Some((day, rest)) if day.len() == 2 => (number(day)?, rest),
                _ => (1, rest),
            };
            let when = day_of(number(first)?, number(month).filter(|_| month.len() == 2)?, day)?;
            Some(Stamp { when, rest: all(rest)?, kind: Kind::Other })
        }
        _ => None,
    }
}

/// `20261120`, or with hour, minute and second.
fn compact(first: &str, behind: &[&str]) -> Option<Stamp> {
    let when = day_of(number(&first[..4])?, number(&first[4..6])?, number(&first[6..8])?)?;
    let pairs = first.as_bytes()[8..].chunks(2).map(|pair| number(std::str::from_utf8(pair).ok()?));
    let mut rest = pairs.collect::<Option<Vec<u64>>>()?;
    let in_range = rest.iter().zip([24, 60, 60]).all(|(number, below)| *number < below);
    let kind = if behind.is_empty() && first.len() <= 10 { Kind::Compact } else { Kind::Other };
    rest.extend(all(behind)?);
    in_range.then_some(Stamp { when, rest, kind })
}

/// Seconds since 1970, of this century and ten digits.
fn epoch(first: &str, behind: &[&str]) -> Option<Stamp> {
    let seconds = number(first).filter(|_| first.len() == 10 && first.starts_with(['1', '2', '3']))?;
    let when = Moment::from_timespec(i64::try_from(seconds).ok()?, 0);
    Some(Stamp { when, rest: all(behind)?, kind: Kind::Other })
}

/// The numbers of a text that holds nothing else than numbers with one separator between two.
fn numbers(text: &[u8]) -> Option<Vec<&str>> {
    let is_separator = |b: char| b == 'T' || SEPARATORS.contains(&(b as u8));
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let numbers: Vec<&str> = text.split(is_separator).collect();
    let is_number = |part: &&str| (1..=14).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (numbers.len() <= MOST_NUMBERS && numbers.iter().all(is_number)).then_some(numbers)
}

fn all(numbers: &[&str]) -> Option<Vec<u64>> {
    numbers.iter().map(|digits| number(digits)).collect()
}

fn number(digits: &str) -> Option<u64> {
    digits.parse().ok()
}

/// The beginning of a day of this or the last century.
fn day_of(year: u64, month: u64, day: u64) -> Option<Moment> {
    let year = i32::try_from(year).ok().filter(|year| (1900..2100).contains(year))?;
    let date = NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    Some(Moment::from_timespec(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp(), 0))
}
