//! Listing the objects of certain days, and of no others.
//!
//! Objects are in the directory of the day on which they begin. What is asked for is what touches a time, and that may have
//! begun before: a window reaches back [`REACH`] days, where all is found that an hourly run takes, and a day further than the
//! last one asked for, where it shows whether the streams go on with the next number. What lies before and behind it
//! ([`list_far`]) is looked at where something may have lasted longer, and where streams are judged. What is beside the
//! directories of days is seen on these ways too.

mod far;

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Days, Filter};
use crate::config::{Route, Step};
use crate::model::time::Moment;
use crate::store::{Kind, Listed, Store, StoreError};

pub use far::Extent;
pub(super) use far::{Allowance, list_far};

/// A day in nanoseconds.
const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// How many days before those asked for are listed with them. Nearly all segments last an hour; those of files that someone else
/// rotates last a day or a week, and those of a machine that was off lasted as long.
const REACH: i64 = 8;

/// What lasts longer than this is a sign that more does.
pub(super) const LASTING: Duration = Duration::from_secs(REACH as u64 / 2 * 24 * 3600);

/// The first and the last day that a moment can be of, which is in nanoseconds: what keys have before and behind these is of no day.
const FIRST: i64 = i64::MIN / DAY;
const LAST: i64 = i64::MAX / DAY;

/// Days, counted since 1970, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    from: Option<i64>,
    to: Option<i64>,
}

/// What is looked at of what is before or behind certain days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// All of it.
    AllDays,
    /// All of it but what is in the directory of no day.
    Dated,
    /// The days that are next to them, as many as [`REACH`].
    Near,
    /// What is in the directory of no day.
    NoDays,
}

impl Window {
    /// The days on which what is asked for may begin; none where no time is asked for.
    pub(super) fn asked(filter: &Filter) -> Option<Self> {
        let day = |moment: Moment| moment.nanos().div_euclid(DAY);
        let begin = |since: Moment| match filter.days {
            Days::Within(longest) => day(since.before(longest)),
            Days::Near | Days::All => day(since) - REACH,
        };
        // What comes next begins as late as that, too.
        let end = |until: Moment| match filter.days {
            Days::Within(longest) => {
                let longest = i64::try_from(longest.as_nanos()).unwrap_or(i64::MAX);
                day(Moment::from_nanos(until.nanos().saturating_add(longest)))
            }
            Days::Near | Days::All => day(until) + 1,
        };
        let window = Self { from: filter.since.map(begin), to: filter.until.map(end) };
        filter.has_time().then_some(window)
    }

    /// These days, without what is in the directory of no day.
    fn dated(self) -> Self {
        let (from, to) = (self.from.map_or(FIRST, |from| from.max(FIRST)), self.to.map_or(LAST, |to| to.min(LAST)));
        Self { from: Some(from), to: Some(to) }
    }

    /// What is before these days.
    pub(super) fn before(self, reach: Reach) -> Option<Self> {
        let to = self.from? - 1;
        Some(match reach {
            Reach::AllDays => Self { from: None, to: Some(to) },
            Reach::Dated => Self { from: Some(FIRST), to: Some(to) },
            Reach::Near => Self { from: Some(to - REACH + 1), to: Some(to) },
            Reach::NoDays => Self { from: None, to: Some(FIRST - 1) },
        })
    }

    /// What is behind these days.
    pub(super) fn behind(self, reach: Reach) -> Option<Self> {
        let from = self.to? + 1;
        Some(match reach {
            Reach::AllDays => Self { from: Some(from), to: None },
            Reach::Dated => Self { from: Some(from), to: Some(LAST) },
            Reach::Near => Self { from: Some(from), to: Some(from + REACH - 1) },
            Reach::NoDays => Self { from: Some(LAST + 1), to: None },
        })
    }
}

/// A day as it stands in keys.
fn spelled(day: i64) -> String {
    Moment::from_nanos(day.saturating_mul(DAY)).day()
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let day = |day: Option<i64>| day.map_or(String::new(), spelled);
        write!(f, "{}..{}", day(self.from), day(self.to))
    }
}

/// Shows each object of these days. `parts` gets what can't be read of a directory, while all else is shown.
///
/// # Errors
/// What kept the objects from being listed.
pub(super) fn list(
    store: &dyn Store,
    route: &Route,
    window: Window,
    each: &mut dyn FnMut(Listed),
    parts: &mut Vec<StoreError>,
) -> Result<(), StoreError> {
    go(store, &route.steps, String::new(), parts, &mut |above| {
        below(store, &Place::of(route, &above), "", window, &mut |listed| {
            each(listed);
            ControlFlow::Continue(())
        })
    })
}

/// A directory that holds those of days, and what else has come to be beside them.
struct Place {
    /// What is listed.
    all: String,
    /// What stands before a day.
    days: String,
    /// Whether others have something there too: what is of no day is theirs.
    is_shared: bool,
}

impl Place {
    fn of(route: &Route, above: &str) -> Self {
        Self { all: route.listed(above), days: above.to_owned() + &route.days, is_shared: route.is_shared }
    }

    fn day(&self, day: i64) -> String {
        format!("{}{}", self.days, spelled(day))
    }
}

/// Shows each object of these days, and behind that object, until it breaks off. Objects that are in the directory of no day are
/// of the days between which their keys stand, so that several windows together show each object once and leave none out.
fn below(
    store: &dyn Store,
    place: &Place,
    after: &str,
    window: Window,
    each: &mut dyn FnMut(Listed) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let window = if place.is_shared { window.dated() } else { window };
    if window.from.zip(window.to).is_some_and(|(from, to)| from > to) {
        return Ok(());
    }
    let begin = window.from.map_or(String::new(), |from| place.day(from));
    let end = window.to.map(|to| place.day(to + 1));
    store.list_after(&place.all, after.max(&begin), &mut |listed| {
        // Keys come in order: behind the last day nothing of interest follows.
        if end.as_ref().is_some_and(|end| listed.name() >= end.as_str()) {
            return ControlFlow::Break(());
        }
        each(listed)
    })
}

/// Goes all ways below a directory, and calls `arrived` at the end of each.
fn go(
    store: &dyn Store,
    steps: &[Step],
    above: String,
    parts: &mut Vec<StoreError>,
    arrived: &mut dyn FnMut(String) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match steps {
        [] => noted(arrived(above), parts),
        [Step::Into(name), rest @ ..] => go(store, rest, format!("{above}{name}/"), parts, arrived),
        [Step::Each(begin), rest @ ..] => {
            let mut directories = Vec::new();
            let listed = store.list_directories(&format!("{above}{begin}"), &mut |directory| {
                directories.push(directory.to_owned());
                ControlFlow::Continue(())
            });
            noted(listed, parts)?;
            directories.into_iter().try_for_each(|directory| go(store, rest, directory, parts, arrived))
        }
    }
}

/// Notes what is a matter of this machine, and goes on.
fn noted(listed: Result<(), StoreError>, parts: &mut Vec<StoreError>) -> Result<(), StoreError> {
    match listed {
        Err(error) if error.kind == Kind::Local => {
            parts.push(error);
            Ok(())
        }
        listed => listed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_reaches_back_and_the_one_before_it_leaves_nothing_out() {
        let at = |stamp: &str| Moment::parse_stamp(stamp);
        let filter = Filter { since: at("20261121T235959Z"), until: at("20261122T000000Z"), ..Filter::default() };
        let asked = Window::asked(&filter).expect("a time is asked for");
        assert_eq!(asked.to_string(), "2026-11-13..2026-11-23");
        let before = asked.before(Reach::AllDays).expect("it has a beginning");
        assert_eq!(before.to_string(), "..2026-11-12");
        let dated = asked.before(Reach::Dated).map(|window| window.to_string());
        assert_eq!(dated.as_deref(), Some("1677-09-22..2026-11-12"));
        assert_eq!(before.before(Reach::AllDays), None);
        let behind = asked.behind(Reach::AllDays).expect("it has an end");
        assert_eq!((behind.to_string().as_str(), behind.behind(Reach::NoDays)), ("2026-11-24..", None));
        let beside =
            [asked.before(Reach::NoDays), asked.behind(Reach::NoDays)].map(|window| window.map(|w| w.to_string()));
        assert_eq!(beside, [Some("..1677-09-21".to_owned()), Some("2262-04-11..".to_owned())]);
        assert_eq!(Window::asked(&Filter::default()), None);
        let within = |hours: u64| Days::Within(std::time::Duration::from_secs(hours * 3600));
        let asked = |hours| Window::asked(&Filter { days: within(hours), ..filter.clone() }).expect("a time");
        assert_eq!(
            (asked(23).to_string().as_str(), asked(24).to_string().as_str()),
            ("2026-11-21..2026-11-22", "2026-11-20..2026-11-23")
        );
    }
}
