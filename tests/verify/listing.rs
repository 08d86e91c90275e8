//! What the listing alone proves, and what it shows to be missing.

use std::fs;

use super::planted::{Stream, at, verify};
use crate::support::Sandbox;

#[test]
fn a_whole_archive_is_proved_and_the_last_line_says_so() {
    let sandbox = Sandbox::new();
    for text in ["one\n", "two\n"] {
        sandbox.write_log("web.log", text);
        sandbox.write_log("db.log", text);
        sandbox.run_all().quiet();
    }
    let ended = sandbox.run(["verify"]).expect(0);
    assert_eq!(ended.stderr, "");
    let lines: Vec<_> = ended.stdout.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).collect();
    assert!(lines[0].starts_with("service  instances  streams  segments"), "{lines:?}");
    assert!(lines[1].starts_with("db ") && lines[2].starts_with("web "), "{lines:?}");
    assert_eq!(lines[3], "proved: 4 segments in 2 streams without a gap");
    let said = verify(&sandbox, &["web"]);
    assert_eq!((said.code, &said.json["totals"]["segments"], &said.json["mode"]), (0, &2.into(), &"listing".into()));
}

#[test]
fn gaps_are_named_with_instance_service_and_time_wherever_they_are() {
    let sandbox = Sandbox::new();
    let (mut web, mut db) = (Stream::new("web", "i-0abc"), Stream::new("db", "i-0abc"));
    let of_web = web.plant(&sandbox, 20, 0..6);
    db.plant(&sandbox, 20, 0..3);
    for index in [2, 3] {
        fs::remove_file(&of_web[index]).expect("an object");
    }
    let ended = sandbox.run(["verify"]).expect(1);
    let gap = "gap: web on i-0abc, stream ";
    let between = ": between 2026-11-20T01:59:59Z and 2026-11-20T04:00:00Z: 2 segments (number 3 to 4) are missing";
    assert!(ended.stderr.contains(gap) && ended.stderr.contains(between), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("hint: ") && ended.stderr.ends_with("logferry: not proved: 1 gap\n"),
        "{}",
        ended.stderr
    );
    assert!(!ended.text().contains("proved"), "{}", ended.text());
    // What is asked for without it is proved.
    verify(&sandbox, &["db"]);
    assert_eq!(verify(&sandbox, &["db"]).code, 0);
    assert_eq!(verify(&sandbox, &["--instance", "i-0abc"]).found(), [("gap", Some((3, 4)))]);
    let within = |since: &str, until: &str| verify(&sandbox, &["web", "--since", since, "--until", until]).code;
    assert_eq!(within("2026-11-20T00:00:00Z", "2026-11-20T01:30:00Z"), 0, "before the gap");
    assert_eq!(within("2026-11-20T04:30:00Z", "2026-11-20T05:30:00Z"), 0, "after it");
    assert_eq!(within("2026-11-20T00:30:00Z", "2026-11-20T02:30:00Z"), 1, "its first half");
    assert_eq!(within("2026-11-20T03:30:00Z", "2026-11-20T05:30:00Z"), 1, "its second half");
}

#[test]
fn of_a_window_the_segment_before_it_is_found_however_long_ago_it_was_shipped() {
    let sandbox = Sandbox::new();
    let mut rare = Stream::new("rare", "i-0abc");
    let shipped = rare.plant(&sandbox, 1, [0]);
    let middle = rare.plant(&sandbox, 2, [0]);
    rare.plant(&sandbox, 20, [0]);
    let said = verify(&sandbox, &["rare", "--since", "2026-11-19"]);
    assert_eq!((said.code, said.found()), (0, Vec::new()));
    // The one that is missing was shipped long before the window, or in it: nobody can tell.
    fs::remove_file(&middle[0]).expect("an object");
    assert_eq!(verify(&sandbox, &["rare", "--since", "2026-11-19"]).found(), [("gap", Some((2, 2)))]);
    // That all that was before is lost is a failure: nobody has said that it may have expired.
    fs::remove_file(&shipped[0]).expect("an object");
    let said = verify(&sandbox, &["rare", "--since", "2026-11-19"]);
    assert_eq!((said.code, said.found()), (1, vec![("beginning", Some((1, 2)))]));
}

#[test]
fn a_gap_at_the_end_of_a_window_or_across_it_is_found_however_late_its_stream_goes_on() {
    let sandbox = Sandbox::new();
    let mut web = Stream::new("web", "i-0abc");
    web.plant(&sandbox, 1, 0..3);
    let lost = web.plant(&sandbox, 10, 0..2);
    web.plant(&sandbox, 20, [0]);
    // One that is whole, so that there is something to be proved in each window.
    let mut whole = Stream::new("web", "i-0def");
    (1..=20).for_each(|day| drop(whole.plant(&sandbox, day, [0])));
    let of = |since: &str, until: &str, more: &[&str]| {
        let said = verify(&sandbox, &[&["web", "--since", since, "--until", until], more].concat());
        let found: Vec<_> = said.found().into_iter().map(|(kind, numbers)| (kind.to_owned(), numbers)).collect();
        (said.code, found)
    };
    assert_eq!(of("2026-11-01", "2026-11-12", &[]), (0, Vec::new()));
    lost.iter().for_each(|object| fs::remove_file(object).expect("an object"));
    let gap = || (1, vec![("gap".to_owned(), Some((4, 5)))]);
    for more in [&[][..], &["--longest", "1d"], &["--any-day"], &["--any-layout"], &["--instance", "i-0a*"]] {
        assert_eq!(of("2026-11-01", "2026-11-03", more).1[0], gap().1[0], "at the end, {more:?}");
    }
    for more in [&[][..], &["--longest", "1d"], &["--any-day"], &["--any-layout"], &["--host", "*"]] {
        assert_eq!(of("2026-11-05", "2026-11-06", more), gap(), "across it, {more:?}");
    }
    assert_eq!(of("2026-11-01", "2026-11-01T02:30:00Z", &[]), (0, Vec::new()), "before the gap");
    assert_eq!(of("2026-11-20T00:30:00Z", "2026-11-20", &[]), (0, Vec::new()), "after it");
    // What began after the window is none of its business.
    Stream::new("web", "i-0new").plant(&sandbox, 18, [0]);
    assert_eq!(of("2026-11-01", "2026-11-01T02:30:00Z", &[]), (0, Vec::new()), "a stream that is younger");
}

#[test]
fn a_stream_that_begins_behind_a_window_with_another_number_than_1_has_lost_something_that_may_be_of_it() {
    let sandbox = Sandbox::new();
    let lost = Stream::new("web", "i-0abc").plant(&sandbox, 10, 0..2);
    Stream::new("web", "i-0def").plant(&sandbox, 5, [0]);
    fs::remove_file(&lost[0]).expect("an object");
    let said = verify(&sandbox, &["--since", "2026-11-05", "--until", "2026-11-06"]);
    assert_eq!((said.code, said.found()), (1, vec![("beginning", Some((1, 1)))]));
    let said = verify(&sandbox, &["--since", "2026-11-10T01:00:00Z", "--until", "2026-11-10"]);
    assert_eq!((said.code, said.found()), (0, Vec::new()), "what was lost was before this");
}

#[test]
fn an_expired_beginning_is_told_and_what_is_newer_can_be_proved() {
    let sandbox = Sandbox::new();
    let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..6);
    for object in &shipped[..3] {
        fs::remove_file(object).expect("an object");
    }
    let said = verify(&sandbox, &[]);
    assert_eq!((said.code, said.found()), (1, vec![("beginning", Some((1, 3)))]));
    let hint = said.json["findings"][0]["hint"].as_str().expect("a hint");
    let since = hint.split("--since ").nth(1).and_then(|rest| rest.split(';').next()).expect("a time");
    let said = verify(&sandbox, &["--since", since]);
    assert_eq!((said.code, said.found()), (0, Vec::new()), "{since}");
}

#[test]
fn a_number_that_is_there_twice_is_doubled_data_or_a_copy() {
    let sandbox = Sandbox::new();
    let mut stream = Stream::new("web", "i-0abc");
    let shipped = stream.plant(&sandbox, 20, 0..2);
    let mut twin = Stream::new("web", "i-0abc");
    twin.plant(&sandbox, 20, 0..1);
    twin.next(at(20, 1), at(20, 2), "other bytes\n").put(&sandbox);
    let said = verify(&sandbox, &[]);
    assert_eq!((said.code, said.found()), (1, vec![("doubled", Some((2, 2)))]));
    assert!(said.what("doubled").contains("different objects have this number"), "{}", said.what("doubled"));
    let name = shipped[0].file_name().expect("a name");
    fs::create_dir(sandbox.path("store/copies")).expect("a directory");
    fs::copy(&shipped[0], sandbox.path("store/copies").join(name)).expect("a copy");
    let said = verify(&sandbox, &["--any-layout"]);
    assert_eq!(said.found(), [("doubled", Some((1, 1))), ("doubled", Some((2, 2)))]);
    assert!(said.what("doubled").contains("the same object is there 2 times: copies/"), "{}", said.what("doubled"));
}

#[test]
fn a_clock_that_was_set_back_is_told_as_such_and_proves_as_well() {
    let sandbox = Sandbox::new();
    let mut stream = Stream::new("web", "i-0abc");
    stream.plant(&sandbox, 20, [5, 6]);
    stream.next(at(20, 3), at(20, 4), "after the clock was set\n").put(&sandbox);
    stream.next(at(20, 4), at(20, 3), "while it was set\n").put(&sandbox);
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!((said.code, said.found()), (0, vec![("clock", Some((3, 3))), ("clock", Some((4, 4)))]));
    let ended = sandbox.run(["verify"]).expect(0);
    assert!(ended.stderr.contains("clock: web on i-0abc"), "{}", ended.stderr);
    assert!(ended.text().ends_with("without a gap; see also: 2 contradictions of clocks\n"), "{}", ended.text());
}

#[test]
fn where_there_is_nothing_nothing_is_proved() {
    let sandbox = Sandbox::new();
    assert_eq!(verify(&sandbox, &[]).found(), [("nothing", None)]);
    Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    let said = verify(&sandbox, &["web", "wep"]);
    assert_eq!((said.code, said.found()), (1, vec![("nothing", None)]));
    assert!(said.json["findings"][0]["hint"].as_str().is_some_and(|hint| hint.contains("web")), "{}", said.json);
    assert_eq!(verify(&sandbox, &["web", "--since", "2026-11-21"]).found(), [("nothing", None)]);
    assert_eq!(verify(&sandbox, &["--instance", "i-0other"]).found(), [("nothing", None)]);
    // Objects of others are counted, and prove nothing.
    fs::write(sandbox.path("store/service=web/notes.txt"), "x").expect("a file");
    assert_eq!(verify(&sandbox, &["web"]).json["foreign"], 1);
}
