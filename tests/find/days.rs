//! Times: what touches them is found, wherever it began, and no other days are listed.

use std::sync::Arc;

use super::{Shelves, directories, objects};
use crate::s3_server::{Answer, Fault, FaultHook, Transport};
use crate::support::{Bucket, Sandbox};

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

/// What reading commands say of a time in which only the log of a month is, that month's one having a successor or not.
#[test]
fn what_lasted_for_weeks_is_found_and_nothing_is_proved_or_denied_without_it() {
    let sandbox = &Sandbox::new();
    let old = sandbox.path("store/service=mail/dt=2026-01-01");
    std::fs::create_dir_all(&old).expect("it is made");
    // More than are listed one request after another.
    (0..4_100).for_each(|number| std::fs::write(old.join(format!("other-{number:04}")), "").expect("an object"));
    crate::cat::plant_in_place(sandbox, "mail i-0a bbbbbb-1 20260901T10 20261012T10", "one\n");
    crate::cat::plant_in_place(sandbox, "mail i-0a bbbbbb-2 20261012T10 20261121T10", "needle\n");
    let asked = ["mail", "--since", "2026-11-21"];
    let run = |command: &[&str], more: &[&str]| sandbox.run([command, &asked[..], more].concat());
    assert_eq!(run(&["grep", "needle"], &[]).expect(0).text(), "i-0a 2026-10-12T10:00:00Z: needle\n");
    assert_eq!(run(&["cat"], &[]).expect(0).text(), "needle\n");
    let proof = run(&["verify"], &[]).expect(0).text();
    assert!(proof.contains("proved: 1 segment in 1 stream without a gap"), "{proof}");
    // As the next one of its stream is of a time behind the one asked for.
    crate::cat::plant_in_place(sandbox, "mail i-0a bbbbbb-3 20261123T10 20261123T11", "three\n");
    assert_eq!(run(&["cat"], &["--until", "2026-11-22"]).expect(0).text(), "needle\n");
    // Whoever says that nothing lasts so long is believed, and the proof says what it rests on.
    let said = run(&["verify"], &["--longest", "2d"]).expect(0).text();
    assert!(said.contains("proved, given that no segment lasts longer than 2days: 2 segments"), "{said}");
    run(&["cat"], &["--longest", "2d", "--until", "2026-11-22"]).expect(1);
}

#[test]
fn where_there_is_too_much_before_nothing_is_proved_or_denied() {
    let sandbox = Sandbox::new();
    let hook: FaultHook = Arc::new(|request| {
        let query = request.uri.query().unwrap_or_default().to_owned();
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let page: u32 = value("continuation-token").map_or(0, |token| token.parse().expect("one of ours"));
        let is_old = page > 0 || value("start-after").is_none_or(|after| after.contains("2026-01-01"));
        // Of the service something is there: it is not looked for elsewhere.
        Fault::Answer(if is_old { old_objects(page) } else { listing(OF_TODAY.to_owned()) })
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    for (args, code) in [("ls web", 1), ("grep x web", 2), ("verify web", 1)] {
        let ended = bucket.run(&sandbox, args.split(' ').chain(["--since", "2026-11-21"])).expect(code);
        let told = "was not all looked at, there is so much of it";
        assert!(ended.stderr.contains(told) && ended.stderr.contains("--longest 31d"), "{args}: {}", ended.stderr);
        assert!(!ended.text().contains("proved: "), "{}", ended.text());
    }
    let requests = bucket.server.requests().len();
    assert!(requests < 3 * 540, "{requests} requests");
    bucket.run(&sandbox, ["ls", "web", "--since", "2026-11-21", "--longest", "1d"]).expect(0);
}

const OF_TODAY: &str = "<Contents><Key>fleet/service=web/dt=2026-11-21/web_20261121T000000Z_20261121T010000Z_i-0a_aaaaaa-00000001-\
                        9f86d081.log.gz</Key><Size>0</Size></Contents><IsTruncated>false</IsTruncated>";

/// A page of a bucket that holds objects of that time without end.
fn old_objects(page: u32) -> Answer {
    let key = |number: u32| format!("fleet/service=web/dt=2026-01-01/other-{page:06}-{number:03}");
    let objects = (0..1_000).map(|number| format!("<Contents><Key>{}</Key><Size>1</Size></Contents>", key(number)));
    let next = format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>", page + 1);
    listing(objects.chain([next]).collect())
}

fn listing(body: String) -> Answer {
    let begin = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>logs</Name>";
    let headers = vec![("content-type", "application/xml".to_owned())];
    Answer { status: 200, headers, body: format!("{begin}{body}</ListBucketResult>") }
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
        (ended.text().lines().count(), shelves.bucket.server.requests().iter().filter_map(super::asked).count())
    };
    // The days asked for and eight before them, three pages for what may reach into them, three for what comes next.
    assert_eq!(run("--since 2026-11-20 --until 2026-11-22"), (3, 7));
    // The days themselves, and what is before and behind all days.
    assert_eq!(run("--since 2026-11-20 --until 2026-11-22 --longest 1d"), (3, 3));
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
    let behind =
        |service: &str, day: &str| objects(&format!("service={service}/"), &format!("service={service}/dt={day}"));
    let [below, after] = ["2026-11-13", "2026-11-22"].map(|day| move |service: &str| behind(service, day));
    let before = |service: &str| objects(&format!("service={service}/"), "");
    let services = directories("service=");
    let near = [services.clone(), below("mail"), below("web")];
    let far = [services, before("mail"), after("mail"), before("web"), after("web")];
    assert_eq!(found.asked, [&near[..], &far].concat());
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
