//! `logferry status` as the probe of a monitor.

use super::away;
use crate::support::{Sandbox, noise};

/// What a probe says, and its exit code: always one line, whatever is wrong.
#[track_caller]
fn probe(sandbox: &Sandbox, args: &[&str]) -> (i32, String) {
    let ended = sandbox.run([&["status"], args].concat());
    let text = ended.text();
    assert!(text.lines().count() == 1 && text.ends_with('\n') && ended.stderr.is_empty(), "{ended:?}");
    let (said, numbers) = text.trim_end().split_once(" | ").unwrap_or((text.trim_end(), ""));
    assert!(!said.contains('|'), "{text}");
    for number in numbers.split_whitespace() {
        let (label, values) = number.split_once('=').expect("label=values");
        assert!(label.bytes().all(|byte| byte.is_ascii_lowercase()), "{text}");
        let values: Vec<&str> = values.split(';').collect();
        let value = values[0].trim_end_matches(['s', 'B']);
        assert!(values.len() == 4 && (value == "U" || value.parse::<u64>().is_ok()) && values[3] == "0", "{text}");
    }
    (ended.code, text)
}

#[test]
fn before_anything_has_run_it_is_unknown() {
    let sandbox = Sandbox::new();
    let (code, text) = probe(&sandbox, &["--max-age", "2h"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.starts_with("LOGFERRY UNKNOWN - no run has begun yet"), "{text}");
}

#[test]
fn a_success_within_the_limit_is_ok_and_one_beyond_it_critical() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    sandbox.run_all().quiet();
    let (code, text) = probe(&sandbox, &["--max-age", "2h", "--max-spool", "1GiB"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("LOGFERRY OK - last success ") && text.contains("spool=0B;;1073741824;0"), "{text}");
    // Three hours later, by its own record.
    let record = std::fs::read_to_string(sandbox.path("state/last.json")).expect("a record");
    let mut record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 3600 + 60);
    record["success"]["at"] = humantime::format_rfc3339(earlier).to_string().into();
    std::fs::write(sandbox.path("state/last.json"), record.to_string()).expect("a record");
    let (code, text) = probe(&sandbox, &["--max-age", "2h"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.starts_with("LOGFERRY CRITICAL - last success 3h 1m ago (limit 2h)"), "{text}");
    assert_eq!(probe(&sandbox, &["--max-age", "4h"]).0, 0);
}

#[test]
fn a_success_of_a_time_that_is_still_to_come_is_not_fresh() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    sandbox.run_all().quiet();
    let success_in = |seconds: u64| {
        let record = std::fs::read_to_string(sandbox.path("state/last.json")).expect("a record");
        let mut record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(seconds);
        record["success"]["at"] = humantime::format_rfc3339(later).to_string().into();
        std::fs::write(sandbox.path("state/last.json"), record.to_string()).expect("a record");
    };
    success_in(73 * 365 * 86_400);
    let (code, text) = probe(&sandbox, &["--max-age", "2h"]);
    assert!(code == 2 && text.contains("CRITICAL - the clock was set back: by it, the last success is "), "{text}");
    let record = std::fs::read_to_string(sandbox.path("state/last.json")).expect("a record");
    let mut record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    (record["last"]["exit_code"], record["last"]["finished"]) = (1.into(), record["success"]["at"].clone());
    std::fs::write(sandbox.path("state/last.json"), record.to_string()).expect("a record");
    let status = sandbox.run(["status"]).text();
    for line in ["last run: run, ended ", "last success: "] {
        let told = status.lines().find(|told| told.starts_with(line)).unwrap_or_default();
        assert!(told.contains(" (which is still to come, in ") && told.contains("the clock was set back"), "{status}");
    }
    success_in(3600);
    let (code, text) = probe(&sandbox, &["--max-age", "2h"]);
    assert!(code == 1 && text.contains(" | age=U;;7200;0"), "{text}");
}

#[test]
fn a_directory_in_which_no_run_has_worked_does_not_look_healthy() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("other")).expect("a directory");
    for (dir, told) in [("nowhere", "is not there: no run"), ("other", "holds nothing of logferry's: no run")] {
        let dir = sandbox.path(dir);
        let dir = dir.to_str().expect("a text");
        let ended = sandbox.run(["status", "--state-dir", dir]).expect(1);
        assert!(ended.stderr.contains(told) && ended.stdout.is_empty(), "{ended:?}");
        let ended = sandbox.run(["status", "--json", "--state-dir", dir]).expect(1);
        assert!(ended.stderr.contains(told) && ended.text().contains("\"last_run\": null"), "{ended:?}");
        assert_eq!(probe(&sandbox, &["--max-age", "2h", "--state-dir", dir]).0, 3);
    }
    sandbox.run_all().quiet();
    sandbox.run(["status"]).expect(0);
}

#[test]
fn what_waits_is_a_warning_until_it_is_too_much() {
    let sandbox = Sandbox::new();
    sandbox.run_all().quiet();
    sandbox.write_log("web.log", noise(5000));
    sandbox.run(["run", "--to", &away(&sandbox), "log"]).expect(75);
    let (code, text) = probe(&sandbox, &["--max-spool", "1MiB"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("1 segment") && text.contains("the last run ended with exit code 75"), "{text}");
    let (code, text) = probe(&sandbox, &["--max-spool", "1KiB", "--max-age", "2h"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("(limit 1.0 KiB)"), "{text}");
}

#[test]
fn a_run_that_was_killed_is_a_warning() {
    let sandbox = Sandbox::new();
    sandbox.run_all().quiet();
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@discovered");
    assert_eq!(run.output().expect("it ends").status.code(), None);
    let (code, text) = probe(&sandbox, &["--max-age", "2h"]);
    assert!(code == 1 && text.contains("the last run was cut short"), "{text}");
}

#[test]
fn a_state_directory_that_can_not_be_read_is_unknown() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("state"), "no directory").expect("a file");
    let (code, text) = probe(&sandbox, &["--max-spool", "1GiB"]);
    assert!(code == 3 && text.starts_with("LOGFERRY UNKNOWN - "), "{text}");
    // Without limits it is no probe.
    assert!(sandbox.run(["status"]).expect(1).stderr.contains("state"));
}
