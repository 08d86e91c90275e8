//! Listing the objects of certain days, and of no others.
//!
//! Objects are in the directory of the day on which they begin. What is asked for is what touches a time, and that may have
//! begun long before: a window reaches back [`REACH`] days at first, and further where a stream shows that more is needed
//! (see [`super::select()`]). What is before it is looked at as far as one request shows it: where a log is silent for weeks,
//! there is little of it, and nothing else would show that a segment reaches so far.

use std::ops::ControlFlow;

use super::Filter;
use crate::config::{Route, Step};
use crate::model::time::Moment;
use crate::store::{Kind, Listed, Store, StoreError};

/// A day in nanoseconds.
const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// How many days before those asked for are looked at in any case. Nearly all segments last an hour. Those of a log that stays
/// in its place begin where the one before ended, so that a job's that runs once a week lasts a week.
pub(super) const REACH: i64 = 8;

/// How many objects of days before are looked at in each place in any case: what S3 shows for one request.
const FEW: usize = 1_000;

/// How much of some days was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All.
    Whole,
    /// The first objects.
    Begun,
}

/// Days, counted since 1970, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    from: Option<i64>,
    to: Option<i64>,
}

impl Window {
    /// The days on which what is asked for may begin; none where no time is asked for.
    pub(super) fn asked(filter: &Filter) -> Option<Self> {
        let day = |moment: Moment| moment.nanos().div_euclid(DAY);
        let window = Self { from: filter.since.map(|since| day(since) - REACH), to: filter.until.map(day) };
        filter.has_time().then_some(window)
    }

    /// So many days before these, or all.
    pub(super) fn before(self, days: Option<i64>) -> Option<Self> {
        let from = self.from?;
        Some(Self { from: days.map(|days| from - days), to: Some(from - 1) })
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
        below(store, above + &route.days, window, &mut |listed| {
            each(listed);
            ControlFlow::Continue(())
        })
    })
}

/// As [`list`], but in each place only as many objects as a request shows.
pub(super) fn list_few(
    store: &dyn Store,
    route: &Route,
    window: Window,
    each: &mut dyn FnMut(Listed),
    parts: &mut Vec<StoreError>,
) -> Result<Extent, StoreError> {
    let mut extent = Extent::Whole;
    go(store, &route.steps, String::new(), parts, &mut |above| {
        let mut count = 0;
        below(store, above + &route.days, window, &mut |listed| {
            each(listed);
            count += 1;
            if count < FEW {
                return ControlFlow::Continue(());
            }
            extent = Extent::Begun;
            ControlFlow::Break(())
        })
    })?;
    Ok(extent)
}

/// Shows each object of these days behind a prefix, until it breaks off.
fn below(
    store: &dyn Store,
    prefix: String,
    window: Window,
    each: &mut dyn FnMut(Listed) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let after = window.from.map_or(String::new(), |from| prefix.clone() + &spelled(from));
    let end = window.to.map(spelled);
    store.list_after(&prefix, &after, &mut |listed| {
        let behind = listed.name().get(prefix.len()..).unwrap_or_default();
        // Keys come in order: behind the last day nothing of interest follows.
        if end.as_ref().is_some_and(|end| behind > end.as_str() && !behind.starts_with(end.as_str())) {
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
    fn a_window_reaches_back_and_those_before_it_leave_nothing_out() {
        let at = |stamp: &str| Moment::parse_stamp(stamp);
        let filter = Filter { since: at("20261121T235959Z"), until: at("20261122T000000Z"), ..Filter::default() };
        let asked = Window::asked(&filter).expect("a time is asked for");
        assert_eq!(asked.to_string(), "2026-11-13..2026-11-22");
        let before = asked.before(Some(16)).expect("it has a beginning");
        assert_eq!(before.to_string(), "2026-10-28..2026-11-12");
        assert_eq!(before.before(None).expect("it has a beginning").to_string(), "..2026-10-27");
        assert_eq!(before.before(None).and_then(|all| all.before(Some(1))), None);
        assert_eq!(Window::asked(&Filter::default()), None);
    }
}
