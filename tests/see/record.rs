//! The record of the last run.

use std::path::Path;

use logferry::sys::fault::Point;
use nix::sys::signal::Signal;

use super::{away, status};
use crate::support::mount::Mount;
use crate::support::{Sandbox, Stopped, noise};

fn kill(sandbox: &Sandbox, order: &str) {
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", order);
    assert_eq!(run.output().expect("it ends").status.code(), None, "{order}: it was killed");
}

#[test]
fn a_run_that_ships_all_is_the_last_run_and_the_last_success() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\ntwo\n");
    sandbox.write_log("job.log", "three\n");
    sandbox.run_all().quiet();
    let all = status(&sandbox);
    let last = &all["last_run"];
    assert_eq!((&last["command"], &last["exit_code"], &last["logs"]), (&"run".into(), &0.into(), &2.into()), "{all}");
    assert_eq!((&last["shipped"]["segments"], &last["shipped"]["raw_bytes"]), (&2.into(), &14.into()), "{all}");
    assert_eq!(last["finished"], all["last_success"]["at"], "{all}");
    assert!(last["started"].as_str() <= last["finished"].as_str(), "{all}");
    assert_eq!((&all["at_work"], &all["cut_short"], &all["streams"]["count"]), (&().into(), &0.into(), &2.into()));
    let text = sandbox.run(["status"]).expect(0).text();
    assert!(
        text.starts_with("last run: run, ended 2") && text.contains("shipped 2 segments with 14 B of logs"),
        "{text}"
    );
}

#[test]
fn a_run_that_fails_is_the_last_run_and_says_why_and_the_success_before_stays() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "one\n");
    sandbox.run_all().quiet();
    let success = status(&sandbox)["last_success"].clone();
    std::fs::write(&log, "two\n").expect("a log");
    std::fs::hard_link(&log, sandbox.path("other")).expect("a link");
    sandbox.write_log("job.log", "three\n");
    sandbox.run(["run", "--to", &away(&sandbox), "log"]).expect(75);
    let all = status(&sandbox);
    let last = &all["last_run"];
    assert_eq!((&last["exit_code"], &last["waiting"]["segments"]), (&75.into(), &1.into()), "{all}");
    assert_eq!(all["last_success"], success, "{all}");
    assert_eq!(last["problems_by_cause"], serde_json::json!({ "refused": 1, "store": 1 }), "{all}");
    let text = sandbox.run(["status"]).expect(0).text();
    for part in ["with exit code 75", "  refused: ", "  store: ", "last success: 2", "waiting for file://"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_flush_is_remembered_as_one() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    sandbox.run(["flush", "log"]).expect(0);
    assert_eq!(status(&sandbox)["last_success"]["command"], "flush");
}

#[test]
fn runs_that_are_killed_don_t_look_healthy() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    sandbox.run_all().quiet();
    let success = status(&sandbox)["last_success"].clone();
    for times in 1..=3 {
        kill(&sandbox, "kill@discovered");
        let all = status(&sandbox);
        assert_eq!((&all["cut_short"], &all["last_success"]), (&times.into(), &success), "{all}");
    }
    assert!(sandbox.run(["status"]).expect(0).text().contains("cut short: all runs since then (3 runs)"));
    sandbox.run_all().expect(0);
    assert_eq!(status(&sandbox)["cut_short"], 0);
}

#[test]
fn a_run_that_is_at_work_is_not_cut_short_and_one_that_finds_it_is_skipped() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    let stopped = Stopped::at(Point::Copied, 1, run);
    let all = status(&sandbox);
    assert_eq!((&all["at_work"]["pid"], &all["cut_short"]), (&stopped.id().into(), &0.into()), "{all}");
    sandbox.run_all().quiet();
    let all = status(&sandbox);
    assert_eq!((&all["skipped"]["command"], &all["at_work"]["pid"]), (&"run".into(), &stopped.id().into()), "{all}");
    let text = sandbox.run(["status"]).expect(0).text();
    assert!(text.contains("at work: run") && text.contains("skipped: run found another at work"), "{text}");
    stopped.go_on().expect(0);
    let text = sandbox.run(["status"]).expect(0).text();
    assert!(!text.contains("at work") && !text.contains("cut short"), "{text}");
}

#[test]
fn a_run_that_a_signal_stops_is_remembered() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    let stopped = Stopped::at(Point::Discovered, 1, run);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(stopped.id()).expect("a pid"));
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it lives");
    stopped.go_on().expect(75);
    let all = status(&sandbox);
    assert_eq!((&all["last_run"]["exit_code"], &all["cut_short"]), (&75.into(), &0.into()), "{all}");
}

#[test]
fn killed_at_any_point_of_its_record_the_next_run_goes_on_with_it() {
    for order in ["begin-noted#1", "run-end-noted#1", "temporary-made#1", "temporary-written#1", "temporary-renamed#1"]
    {
        let sandbox = Sandbox::new();
        sandbox.run_all().quiet();
        kill(&sandbox, &format!("kill@{order}"));
        sandbox.run_all().quiet();
        let all = status(&sandbox);
        assert_eq!((&all["last_run"]["exit_code"], &all["cut_short"]), (&0.into(), &0.into()), "{order}: {all}");
        let left = sandbox.files("state").into_iter().find(|path| path.extension().is_some_and(|end| end == "tmp"));
        assert_eq!(left, None, "{order}");
    }
}

#[test]
fn a_record_that_makes_no_sense_is_told_and_begun_anew() {
    let sandbox = Sandbox::new();
    sandbox.run_all().quiet();
    for text in ["", "garbage", "{\"version\":9,\"since\":\"2026-11-21T00:00:00Z\"}"] {
        std::fs::write(sandbox.path("state/last.json"), text).expect("a file");
        assert!(sandbox.run(["status"]).expect(0).text().contains("last.json makes no sense"), "{text}");
        sandbox.run_all().quiet();
        assert_eq!(status(&sandbox)["last_run"]["exit_code"], 0);
    }
    // What can't even be read is told as well, and not written over.
    std::fs::remove_file(sandbox.path("state/last.json")).expect("a file");
    std::fs::create_dir(sandbox.path("state/last.json")).expect("a directory");
    assert!(sandbox.run(["status"]).expect(0).text().contains("last.json makes no sense"));
    assert!(sandbox.run(["run", "-v", "log"]).stderr.contains("won't tell of this run"));
}

#[test]
fn no_run_fails_since_its_record_can_not_be_written() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    // What is there can't be replaced by a file.
    for name in [".last.json.tmp", ".skipped.json.tmp"] {
        std::fs::create_dir_all(sandbox.path("state").join(name)).expect("a directory");
    }
    private(&sandbox.path("state"));
    let ended = sandbox.run(["run", "-v", "log"]).expect(0);
    assert!(ended.stderr.contains("status and metrics won't tell of this run"), "{}", ended.stderr);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\n");
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("its mode");
}

#[test]
fn a_full_disk_is_told_for_the_log_and_not_for_the_record() {
    let sandbox = Sandbox::new();
    let _mount = Mount::in_memory(&sandbox.path("state"), "size=12m");
    sandbox.write_log("web.log", noise(8_000_000));
    let ended = sandbox.run_all().expect(75);
    assert!(!ended.stderr.contains("last.json"), "{}", ended.stderr);
}
