//! Times: what touches them is found, wherever it began, and no other days are listed.

use super::{Shelves, directories, objects};

#[test]
fn a_segment_that_crosses_midnight_is_found_from_both_sides() {
    let shelves = Shelves::new();
    shelves.segment("web aaaaaa-1 20261120T223000 20261120T233000");
    shelves.segment("web aaaaaa-2 20261120T233000 20261121T003000");
    shelves.segment("web aaaaaa-3 20261121T003000 20261121T013000");
    assert_eq!(shelves.found("web --since 2026-11-21"), "aaaaaa-2 aaaaaa-3");
    assert_eq!(shelves.found("web --since 2026-11-21T00:10Z --until 2026-11-21T00:20Z"), "aaaaaa-2");
    assert_eq!(shelves.found("web --until 2026-11-20"), "aaaaaa-1 aaaaaa-2");
    assert_eq!(shelves.found("--since 2026-11-20T23:59:59Z --until 2026-11-20"), "aaaaaa-2");
    // The ends count: a byte may be of that very second.
    assert_eq!(shelves.found("web --since 2026-11-21T01:30:00.9Z"), "aaaaaa-3");
    assert_eq!(shelves.found("web --since 2026-11-21T01:30:01Z"), "");
}

#[test]
fn a_segment_that_lasted_five_days_is_found_though_none_of_its_stream_follows() {
    let shelves = Shelves::new();
    shelves.segment("mail bbbbbb-7 20261116T100000 20261121T100000");
    shelves.segment("web aaaaaa-1 20261121T090000 20261121T100000");
    assert_eq!(shelves.found("--since 2026-11-21T09:30:00Z"), "bbbbbb-7 aaaaaa-1");
    assert_eq!(shelves.found("mail --since 2026-11-18 --until 2026-11-18"), "bbbbbb-7");
}

/// More objects of long ago than a request shows.
fn crowd(shelves: &Shelves, service: &str) {
    (0..1_000).for_each(|number| shelves.put(&format!("service={service}/dt=2026-01-01/other-{number:04}")));
}

#[test]
fn a_segment_that_lasted_forty_days_is_found_by_the_one_that_follows_it() {
    let shelves = Shelves::new();
    crowd(&shelves, "mail");
    shelves.segment("mail bbbbbb-1 20260901T100000 20261012T100000");
    shelves.segment("mail bbbbbb-2 20261012T100000 20261121T100000");
    shelves.segment("mail bbbbbb-3 20261121T100000 20261121T110000");
    shelves.segment("mail cccccc-1 20261121T103000 20261121T110000");
    let found = shelves.ls("mail --since 2026-11-21 --until 2026-11-21");
    assert_eq!(found.segments(), "bbbbbb-2 bbbbbb-3 cccccc-1");
    // Eight days before at first, and what one request shows of all before; then so much further that the one before is
    // found, and no further.
    let below = |day: &str| objects("service=mail/dt=", &format!("service=mail/dt={day}"));
    let first = objects("service=mail/dt=", "");
    assert_eq!(found.asked, [below("2026-11-13"), first, below("2026-10-28"), below("2026-09-26")]);
    // A stream that begins within the time asked for has nothing before it.
    crowd(&shelves, "new");
    shelves.segment("new dddddd-1 20261121T103000 20261121T110000");
    assert_eq!(shelves.ls("new --since 2026-11-21").asked.len(), 2);
}

#[test]
fn what_began_weeks_before_and_has_no_successor_is_found_where_there_is_little_before() {
    let shelves = Shelves::new();
    shelves.segment("month aaaaaa-1 20261001T000000 20261101T000000");
    shelves.segment("month aaaaaa-2 20261101T000000 20261121T120000");
    shelves.segment("month bbbbbb-1 20261121T090000 20261121T100000");
    let found = shelves.ls("month --since 2026-11-20");
    assert_eq!(found.segments(), "aaaaaa-2 bbbbbb-1");
    // One request more than for the days themselves, and none to reach back.
    assert_eq!(found.asked.len(), 2);
    assert_eq!(shelves.found("--since 2026-11-20 --until 2026-11-20"), "aaaaaa-2");
    assert_eq!(shelves.found("month --since 2026-11-22"), "");
}

#[test]
fn what_began_weeks_before_and_has_no_successor_is_found_on_all_days_where_there_is_much() {
    let shelves = Shelves::new();
    crowd(&shelves, "mail");
    shelves.segment("mail bbbbbb-1 20260901T100000 20261012T100000");
    shelves.segment("mail bbbbbb-2 20261012T100000 20261121T100000");
    let found = shelves.ls("mail --since 2026-11-21").ended;
    assert_eq!((found.code, found.text().as_str()), (0, ""));
    assert!(found.stderr.contains("--any-day looks at all days"), "{}", found.stderr);
    assert_eq!(shelves.found("mail --since 2026-11-21 --any-day"), "bbbbbb-2");
    assert_eq!(shelves.found("mail --since 2026-11-21 --any-layout"), "bbbbbb-2");
}

#[test]
fn one_whose_predecessors_have_expired_is_looked_for_once_on_all_days_before() {
    let shelves = Shelves::new();
    shelves.segment("mail bbbbbb-9 20261121T100000 20261121T110000");
    assert_eq!(shelves.ls("mail --since 2026-11-21").asked.len(), 2);
    crowd(&shelves, "mail");
    let found = shelves.ls("mail --since 2026-11-21");
    // The days, the first objects, three steps back, and two pages of all before.
    assert_eq!((found.segments().as_str(), found.asked.len()), ("bbbbbb-9", 7));
}

#[test]
fn other_days_are_not_listed_however_many_objects_they_hold() {
    let shelves = Shelves::new();
    let day = |day: u32| format!("202611{day:02}T0{}0000", day % 10);
    for seq in 1..=30 {
        shelves.segment(&format!("web aaaaaa-{seq} {} {}", day(seq), day(seq)));
    }
    // Two pages before the days asked for, and two after them.
    for number in 0..4_000 {
        let date = if number % 2 == 0 { "2026-10-01" } else { "2026-11-29" };
        let key = format!("fleet/service=web/dt={date}/other-{number:04}");
        let file = shelves.sandbox.path("logferry.toml");
        shelves.bucket.server.take_in("logs", key, &file, Default::default()).expect("it is taken in");
    }
    let run = |args: &str| {
        shelves.bucket.server.clear_requests();
        let args = ["ls", "web"].into_iter().chain(args.split_whitespace());
        let ended = shelves.bucket.run(&shelves.sandbox, args).expect(0);
        (ended.text().lines().count(), shelves.bucket.server.requests().len())
    };
    assert_eq!(run("--since 2026-11-20 --until 2026-11-22"), (3, 2));
    assert_eq!(run("--since 2026-11-20 --until 2026-11-22 --any-day"), (3, 5));
}

#[test]
fn of_all_services_each_ones_days_are_listed() {
    let shelves = Shelves::new();
    shelves.segment("web aaaaaa-1 20261121T090000 20261121T100000");
    shelves.segment("web aaaaaa-2 20261130T090000 20261130T100000");
    shelves.segment("mail bbbbbb-1 20261121T090000 20261121T100000");
    let found = shelves.ls("--since 2026-11-21 --until 2026-11-21");
    assert_eq!(found.segments(), "bbbbbb-1 aaaaaa-1");
    let below = |service: &str| objects(&format!("service={service}/dt="), &format!("service={service}/dt=2026-11-13"));
    let before = |service: &str| objects(&format!("service={service}/dt="), "");
    let services = directories("service=");
    let asked = [services.clone(), below("mail"), below("web"), services, before("mail"), before("web")];
    assert_eq!(found.asked, asked);
}

#[test]
fn a_time_that_is_none_is_wrong_usage() {
    let shelves = Shelves::new();
    for (args, told) in [
        ("--since soon", "yesterday"),
        ("--until 2026-11-31", "2026-11-21T14:00:00Z"),
        ("--since 2026-11-21T14:00:00", "time zone"),
        ("--since 2026-11-21 --until 2026-11-20", "--since 2026-11-21T00:00:00Z is after --until 2026-11-20T23:59:59Z"),
        ("--instance a[", "pattern"),
    ] {
        let found = shelves.ls(args);
        assert_eq!((found.ended.code, found.asked.len()), (2, 0), "{args}");
        assert!(found.ended.stderr.contains(told), "{args}: {}", found.ended.stderr);
    }
}

#[test]
fn what_was_shipped_a_moment_ago_is_of_today() {
    let shelves = Shelves::new();
    shelves.sandbox.write_log("web.log", "a line\n");
    shelves.sandbox.run_all().quiet();
    shelves.segment("web aaaaaa-1 20200101T000000 20200101T010000");
    for (args, lines) in [("--since 2h", 1), ("--since yesterday --until now", 1), ("--until 1d", 1), ("", 2)] {
        let args = ["ls", "web"].into_iter().chain(args.split_whitespace());
        assert_eq!(shelves.sandbox.run(args).expect(0).text().lines().count(), lines);
    }
}
