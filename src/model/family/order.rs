//! The files of a family, the oldest first.
//!
//! A date or a label says all by itself. A number does not: logrotate, docker and most loggers count up from the newest
//! (`.1`) to the oldest, but log4j with `fileIndex="max"` counts the other way. So the times of the last changes decide:
//! if, going up the numbers, more files are younger than the one before them than are older, the highest number is the
//! newest; else, and where nothing can be told, it is the oldest. One file that somebody has touched does not turn the
//! order of the others.
//!
//! Where a family has both dated and numbered files (somebody has changed logrotate's configuration), each kind keeps its
//! order, and the two are merged by their last changes.

use std::collections::BTreeMap;

use super::{Rotated, Stamp};
use crate::model::time::Moment;

/// Puts the files of one family into their order, the oldest first. `of` tells what a file's name says, and when it was
/// last changed.
pub fn oldest_first<T>(files: Vec<T>, of: impl Fn(&T) -> (&Rotated, Moment)) -> Vec<T> {
    let mut groups: BTreeMap<Option<Stamp>, Vec<T>> = BTreeMap::new();
    for file in files {
        let stamp = of(&file).0.age.stamp.clone();
        groups.entry(stamp).or_default().push(file);
    }
    let numbered = in_group(groups.remove(&None).unwrap_or_default(), &of);
    let dated = groups.into_values().flat_map(|group| in_group(group, &of)).collect();
    merged(numbered, dated, |file| of(file).1)
}

/// Orders files that only their numbers tell apart.
fn in_group<T>(mut files: Vec<T>, of: &impl Fn(&T) -> (&Rotated, Moment)) -> Vec<T> {
    // The name last of all, so that the order is the same each time.
    files.sort_by_cached_key(|file| {
        let (rotated, modified) = of(file);
        (rotated.age.number, modified, rotated.unpacked.clone(), rotated.packing != super::Packing::None)
    });
    let times: Vec<(Option<u32>, Moment)> = files.iter().map(|file| (of(file).0.age.number, of(file).1)).collect();
    let pairs = || times.windows(2).filter(|pair| pair[0].0 != pair[1].0);
    let younger = pairs().filter(|pair| pair[1].1 > pair[0].1).count();
    let older = pairs().filter(|pair| pair[1].1 < pair[0].1).count();
    if younger <= older {
        files.sort_by_key(|file| std::cmp::Reverse(of(file).0.age.number));
    }
    files
}

/// Merges two lists by time; each keeps its own order.
fn merged<T>(one: Vec<T>, other: Vec<T>, when: impl Fn(&T) -> Moment) -> Vec<T> {
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    let mut merged = Vec::new();
    loop {
        let first = match (one.peek(), other.peek()) {
            (Some(a), Some(b)) if when(a) <= when(b) => one.next(),
            (Some(_), None) => one.next(),
            _ => other.next(),
        };
        match first {
            Some(file) => merged.push(file),
            None => return merged,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::model::family::{self, Name};

    fn ordered(files: &[(&str, i64)]) -> Vec<String> {
        let file = |(name, at): &(&str, i64)| match family::read(OsStr::new(name)) {
            Name::Rotated(rotated) => ((*name).to_owned(), rotated, Moment::from_timespec(*at, 0)),
            other => panic!("{name}: {other:?}"),
        };
        let files = oldest_first(files.iter().map(file).collect(), |(_, rotated, at)| (rotated, *at));
        files.into_iter().map(|(name, ..)| name).collect()
    }

    #[test]
    fn the_highest_number_is_the_oldest_as_logrotate_has_it() {
        let files = [("web.log.1", 30), ("web.log.10.gz", 5), ("web.log.2.gz", 20)];
        assert_eq!(ordered(&files), ["web.log.10.gz", "web.log.2.gz", "web.log.1"]);
        assert_eq!(ordered(&[("a.1", 7), ("a.2", 7)]), ["a.2", "a.1"], "times that say nothing");
    }

    #[test]
    fn the_highest_number_is_the_newest_where_times_say_so() {
        let files = [("app.log.1", 10), ("app.log.2", 20), ("app.log.3", 30)];
        assert_eq!(ordered(&files), ["app.log.1", "app.log.2", "app.log.3"]);
    }

    #[test]
    fn one_file_that_was_touched_does_not_turn_the_others() {
        let files = [("a.1", 50), ("a.2", 40), ("a.3", 99), ("a.4", 20), ("a.5", 10)];
        assert_eq!(ordered(&files), ["a.5", "a.4", "a.3", "a.2", "a.1"]);
    }

    #[test]
    fn dates_count_before_times_and_what_is_behind_a_date_is_compared_as_numbers() {
        let files = [
            ("a-2026-11-20-9.log", 3),
            ("a-2026-11-20-24.log", 2),
            ("a-2026-11-19-30.log", 9),
            ("a-2026-11-20-13.log", 1),
        ];
        let expected = ["a-2026-11-19-30.log", "a-2026-11-20-9.log", "a-2026-11-20-13.log", "a-2026-11-20-24.log"];
        assert_eq!(ordered(&files), expected);
    }

    #[test]
    fn labels_are_in_the_order_of_their_times() {
        let files = [
            ("@400000006920a1b3075bcd15.s", 1),
            ("@400000006920a1b2075bcd15.u", 2),
            ("@400000006920a1b20000cd15.s", 3),
        ];
        let expected = ["@400000006920a1b20000cd15.s", "@400000006920a1b2075bcd15.u", "@400000006920a1b3075bcd15.s"];
        assert_eq!(ordered(&files), expected);
    }

    #[test]
    fn numbered_and_dated_files_are_merged_by_time() {
        let files = [("a.2", 10), ("a.1", 20), ("a-20261120", 15), ("a-20261121", 30)];
        assert_eq!(ordered(&files), ["a.2", "a-20261120", "a.1", "a-20261121"]);
    }
}
