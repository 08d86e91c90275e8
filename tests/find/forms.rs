//! What `ls` prints: lines, sums, bars, the document.

use std::process::Command;

use serde_json::Value;

use super::{Shelves, leaf};
use crate::support::{Sandbox, finish};

/// Three hours of two services, with metadata: 100 raw bytes and 3 lines each.
fn shelves() -> Shelves {
    let shelves = Shelves::new();
    for (service, instance, place, first, last) in [
        ("web", "i-0abc", "aaaaaa-1", "20261120T230000", "20261121T000000"),
        ("web", "i-0abc", "aaaaaa-2", "20261121T000000", "20261121T010000"),
        ("web", "i-0abc", "aaaaaa-3", "20261121T030000", "20261121T040000"),
        ("mail", "i-0def", "bbbbbb-1", "20261121T001500", "20261121T003000"),
    ] {
        let directory = format!("service={service}/dt={}", super::day(first));
        let mut metadata =
            vec![("length", "100"), ("lines", "3"), ("ended", "released"), ("host", "web-1"), ("path", "/var/log/x")];
        // Objects of the first versions don't say it.
        metadata.extend((place != "aaaaaa-3").then_some(("writer", "signal")));
        if place == "aaaaaa-2" {
            metadata.push(("notice", "truncated@20261121T005959Z"));
        }
        shelves.put_with(&format!("{directory}/{}", leaf(service, first, last, instance, place)), &metadata);
    }
    shelves
}

#[test]
fn a_line_tells_what_names_tell_and_what_may_be_missing() {
    let found = shelves().ls("web --total");
    assert_eq!(
        found.ended.text(),
        "web  2026-11-20T23:00:00Z  2026-11-21T00:00:00Z  i-0abc  aaaaaa-00000001             5\n\
         web  2026-11-21T00:00:00Z  2026-11-21T01:00:00Z  i-0abc  aaaaaa-00000002             5  notice: truncated@20261121T005959Z\n\
         web  2026-11-21T03:00:00Z  2026-11-21T04:00:00Z  i-0abc  aaaaaa-00000003             5\n\
         total: 3 segments of 1 service on 1 instance, 15 B compressed, 2026-11-20T23:00:00Z to 2026-11-21T04:00:00Z\n"
    );
    assert_eq!(found.described, 3);
    let told = document(&shelves(), "web --json");
    assert_eq!(
        (&told["segments"][1]["notice"], &told["notices_asked"]),
        (&"truncated@20261121T005959Z".into(), &3.into())
    );
    // Sums are of what a listing tells.
    assert_eq!(shelves().ls("web --by day").described, 0);
}

#[test]
fn of_many_segments_the_latest_of_each_stream_are_asked_and_those_before_them_and_the_rest_is_told() {
    let shelves = Shelves::new();
    let put = |place: &str, hour: u32, notice: &[(&str, &str)]| {
        let (first, last) = (format!("20261120T{hour:02}0000"), format!("20261120T{hour:02}3000"));
        shelves.put_with(&format!("service=web/dt=2026-11-20/{}", leaf("web", &first, &last, "i-0abc", place)), notice);
    };
    (1..=99).for_each(|seq| put(&format!("aaaaaa-{seq}"), 1, &[]));
    put("aaaaaa-100", 2, &[("ended", "interrupted"), ("notice", "refused@20261120T013000Z")]);
    let all = shelves.ls("web --total");
    assert!((all.described, all.ended.text().contains("notices:")) == (100, false), "{}", all.ended.text());
    put("bbbbbb-1", 1, &[("notice", "limited@20261120T013000Z")]);
    let found = shelves.ls("web --total");
    let text = found.ended.text();
    let told = "notices: 100 of 101 segments were asked, the latest of each stream; --long asks all\n";
    assert!(found.described == 100 && text.ends_with(told) && found.ended.stderr.is_empty(), "{text}");
    // Where there is no total it is told all the same.
    assert_eq!(shelves.ls("web").ended.stderr, format!("logferry: {told}"));
    let document = shelves.ls("web --json").ended;
    assert!(document.stderr.is_empty() && document.text().contains("\"notices_asked\":100"), "{document:?}");
    let notice = "  notice: interrupted,refused@20261120T013000Z\n";
    assert!(text.contains(notice) && text.contains("  notice: limited@20261120T013000Z\n"), "{text}");
}

#[test]
fn what_a_notice_or_a_host_holds_turns_no_terminal_around() {
    let sandbox = Sandbox::new();
    let object = crate::cat::plant_in_place(&sandbox, "web i-0a aaaaaa-1 20261120T00 20261120T01", "one\n");
    let name = object.file_name().expect("a name").to_string_lossy().into_owned();
    let said = serde_json::json!({"host": "web\u{200b}-1", "path": "/x\u{2066}\u{feff}", "notice": "refused\u{202e}@\u{1b}[2J"});
    std::fs::write(object.with_file_name(format!(".{name}.json")), said.to_string()).expect("its metadata");
    for args in [
        &["ls"][..],
        &["ls", "--long"],
        &["ls", "--long", "--json"],
        &["ls", "--json"],
        &["verify"],
        &["verify", "--deep"],
    ] {
        let ended = sandbox.run(args);
        let told = ended.text() + &ended.stderr;
        let hidden = ['\u{202e}', '\u{1b}', '\u{200b}', '\u{2066}', '\u{feff}'];
        assert!(!told.contains(hidden) && told.contains('\u{fffd}'), "{args:?}: {told:?}");
    }
}

#[test]
fn a_store_that_may_only_be_listed_is_listed() {
    let sandbox = Sandbox::new();
    let hook: crate::s3_server::FaultHook = std::sync::Arc::new(|request| match request.method.as_str() {
        "HEAD" => crate::s3_server::Fault::Status(403, "AccessDenied"),
        _ => crate::s3_server::Fault::Pass,
    });
    let bucket = crate::support::Bucket::with(&sandbox, crate::s3_server::Transport::Http, Some(hook));
    sandbox.write_log("web.log", "a line\n");
    bucket.run_all(&sandbox).quiet();
    let text = bucket.run(&sandbox, ["ls", "--total"]).expect(0).text();
    assert!(text.contains("\nnotices: 0 of 1 segments were asked (") && text.contains("web  "), "{text}");
    // A program that reads lines, or the document, is told on standard error.
    for args in [&["ls"][..], &["ls", "--json"]] {
        let told = bucket.run(&sandbox, args).expect(0).stderr;
        assert!(told.starts_with("logferry: notices: 0 of 1 segments were asked (look at "), "{args:?}: {told}");
    }
    let text = bucket.run(&sandbox, ["verify"]).expect(0).text();
    assert!(text.contains("\nnotices: 0 of 1 segments were asked (") && text.contains("\nproved: 1 "), "{text}");
}

#[test]
fn a_long_line_tells_what_objects_say_of_themselves_for_a_request_each() {
    let found = shelves().ls("web --long --total");
    let text = found.ended.text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("  5           100          3  released     signal   web-1  /var/log/x"), "{text}");
    assert!(lines[1].ends_with("/var/log/x  notice: truncated@20261121T005959Z"), "{text}");
    assert!(lines[2].ends_with("  released     -        web-1  /var/log/x"), "{text}");
    assert!(lines[3].contains("15 B compressed, 300 B raw in 9 lines, "), "{text}");
    assert_eq!(found.described, 3);
}

#[test]
fn sums_are_of_services_instances_days_or_hours() {
    let shelves = shelves();
    for (args, expected) in [
        (
            "--by service",
            "mail         1             5  2026-11-21T00:15:00Z  2026-11-21T00:30:00Z\n\
             web          3            15  2026-11-20T23:00:00Z  2026-11-21T04:00:00Z\n",
        ),
        (
            "--by instance --long",
            "i-0abc         3            15           300  2026-11-20T23:00:00Z  2026-11-21T04:00:00Z\n\
             i-0def         1             5           100  2026-11-21T00:15:00Z  2026-11-21T00:30:00Z\n",
        ),
        (
            "--by day",
            "2026-11-20         1             5  2026-11-20T23:00:00Z  2026-11-21T00:00:00Z\n\
             2026-11-21         3            15  2026-11-21T00:00:00Z  2026-11-21T04:00:00Z\n",
        ),
        (
            "web --by hour --since 2026-11-21 --total",
            "2026-11-20T23Z         1             5  2026-11-20T23:00:00Z  2026-11-21T00:00:00Z\n\
             2026-11-21T00Z         1             5  2026-11-21T00:00:00Z  2026-11-21T01:00:00Z\n\
             2026-11-21T03Z         1             5  2026-11-21T03:00:00Z  2026-11-21T04:00:00Z\n\
             total: 3 segments of 1 service on 1 instance, 15 B compressed, 2026-11-20T23:00:00Z to 2026-11-21T04:00:00Z\n",
        ),
    ] {
        assert_eq!(shelves.ls(args).ended.text(), expected, "{args}");
    }
}

fn document(shelves: &Shelves, args: &str) -> Value {
    serde_json::from_str(&shelves.ls(args).ended.text()).expect("one document")
}

#[test]
fn the_document_holds_each_segment_and_the_total() {
    let shelves = shelves();
    let told = document(&shelves, "mail --json");
    assert_eq!(
        told,
        serde_json::json!({
            "segments": [{
                "service": "mail", "instance": "i-0def", "stream": "bbbbbb", "seq": 1,
                "first": "2026-11-21T00:15:00Z", "last": "2026-11-21T00:30:00Z", "bytes": 5,
                "key": "service=mail/dt=2026-11-21/mail_20261121T001500Z_20261121T003000Z_i-0def_bbbbbb-00000001-5994471a.log.gz",
            }],
            "total": {"services": 1, "instances": 1, "segments": 1, "bytes": 5, "first": "2026-11-21T00:15:00Z", "last": "2026-11-21T00:30:00Z"},
            "looked": "layouts", "foreign": 0, "copies": 0, "gaps": 0, "doubled": 0, "notices_asked": 1,
        })
    );
    let told = document(&shelves, "web --json --long");
    let second = &told["segments"][1];
    assert_eq!((&second["raw_bytes"], &second["lines"]), (&100.into(), &3.into()));
    assert_eq!((&second["ended"], &second["host"]), (&"released".into(), &"web-1".into()));
    assert_eq!((&second["path"], &second["notice"]), (&"/var/log/x".into(), &"truncated@20261121T005959Z".into()));
    assert_eq!((&told["segments"][0]["notice"], &told["total"]["raw_bytes"]), (&Value::Null, &300.into()));
    let told = document(&shelves, "--json --by hour --any-layout");
    assert_eq!((&told["sums"][0]["hour"], &told["sums"][0]["segments"]), (&"2026-11-20T23:00:00Z".into(), &1.into()));
    assert_eq!((&told["total"]["segments"], &told["looked"]), (&4.into(), &"everywhere".into()));
    let nothing = document(&shelves, "web --json --until 2020-01-01");
    assert_eq!((&nothing["segments"], &nothing["total"]["first"]), (&Value::Array(Vec::new()), &Value::Null));
}

/// What `ls` shows on a terminal of 100 columns.
fn on_a_terminal(sandbox: &Sandbox, args: &str) -> String {
    on_a_terminal_of(sandbox, "rows 24 cols 100", args)
}

/// The same, on one of that size.
fn on_a_terminal_of(sandbox: &Sandbox, size: &str, args: &str) -> String {
    let found = Command::new("script").arg("--version").output();
    found.expect("script is there: apt-get install bsdutils");
    let mut script = Command::new("script");
    let shell = format!("stty {size}; exec {} ls {args}", env!("CARGO_BIN_EXE_logferry"));
    script.args(["-qec", &shell, "/dev/null"]).env("LOGFERRY_TO", sandbox.directory());
    script.env("LOGFERRY_CONFIG", sandbox.path("logferry.toml"));
    finish(&mut script).expect(0).text().replace('\r', "")
}

#[test]
fn a_terminal_that_does_not_say_its_size_is_one_all_the_same() {
    // Serial lines, and `docker exec -t`.
    let shelves = shelves();
    for size in ["rows 0 cols 0", "rows 0 cols 132"] {
        let told = on_a_terminal_of(&shelves.sandbox, size, "web --by hour");
        assert!(told.lines().last().is_some_and(|last| last.starts_with("total: 3 segments")), "{size}: {told}");
        assert!(told.contains("5 B"), "{size}: {told}");
    }
}

#[test]
fn on_a_terminal_sums_have_bars_and_hours_of_silence_are_seen() {
    let shelves = shelves();
    let told = on_a_terminal(&shelves.sandbox, "web --by hour");
    let bar = "█".repeat(16);
    let line = |hour: &str, span: &str| format!("{hour}         1           5 B  {span}  {bar}");
    let expected = [
        line("2026-11-20T23Z", "2026-11-20T23:00:00Z  2026-11-21T00:00:00Z"),
        line("2026-11-21T00Z", "2026-11-21T00:00:00Z  2026-11-21T01:00:00Z"),
        "2026-11-21T01Z         -".to_owned(),
        "2026-11-21T02Z         -".to_owned(),
        line("2026-11-21T03Z", "2026-11-21T03:00:00Z  2026-11-21T04:00:00Z"),
        "total: 3 segments of 1 service on 1 instance, 15 B compressed, 2026-11-20T23:00:00Z to 2026-11-21T04:00:00Z"
            .to_owned(),
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected, "{told}");
    assert!(told.lines().filter(|line| !line.starts_with("total")).all(|line| line.chars().count() <= 100));
    // Between two that are far apart, silence is one line.
    shelves.segment("web cccccc-1 20270301T000000 20270301T010000");
    let told = on_a_terminal(&shelves.sandbox, "web --by day");
    assert_eq!(told.lines().filter(|line| line.starts_with("...")).count(), 1, "{told}");
}

#[test]
fn what_is_on_this_machine_is_filtered_and_summed_up_too() {
    let sandbox = Sandbox::new();
    sandbox.config_file("keep = \"24h\"\n");
    for service in ["web", "mail"] {
        sandbox.write_log(format!("{service}.log"), "a line\n");
    }
    sandbox.run_all().quiet();
    let ls = |args: &str| sandbox.run(["ls", "--local"].into_iter().chain(args.split_whitespace())).expect(0).text();
    assert_eq!(ls("--since 1h").lines().count(), 2);
    assert_eq!(ls("web --since 1h").lines().count(), 1);
    assert_eq!(ls("--until 2020-01-01"), "");
    assert!(ls("--by service").starts_with("mail         1  "));
    let told: Value = serde_json::from_str(&ls("web --json")).expect("JSON");
    assert_eq!((&told["segments"][0]["stays"], &told["looked"]), (&"kept".into(), &Value::Null));
    let told = sandbox.run(["ls", "--local", "--long"]).expect(2).stderr;
    assert!(told.contains("--local"), "{told}");
}
