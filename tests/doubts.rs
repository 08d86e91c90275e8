//! Where nobody can know whether bytes are missing, the next run and `status` say so: of which log, between which times.

use std::process::{Command, Stdio};

use logferry::sys::fault::Point;

use crate::support::proof::{self, Content};
use crate::support::tally::{self, Group, Row};
use crate::support::{Sandbox, Stopped, Writer, wait_until};

fn status(sandbox: &Sandbox) -> serde_json::Value {
    let ended = sandbox.run(["status", "--json"]).expect(0);
    serde_json::from_slice(&ended.stdout).expect("JSON")
}

/// A run that is killed right behind the unlink.
fn killed_behind_the_unlink(sandbox: &Sandbox) {
    let mut run = sandbox.logferry();
    let order = format!("kill@{}", Point::InFlightRead.name());
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", order);
    let status = run.stderr(Stdio::null()).status().expect("it starts");
    assert_eq!(status.code(), None, "it is killed");
}

#[test]
fn an_interrupted_segment_whose_writer_has_gone_is_doubted_until_it_was_told() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    let writer = Writer::start(&sandbox, &["--idle-after", "70000"], &[sandbox.log("web.log")]);
    killed_behind_the_unlink(&sandbox);
    let written = writer.stop();
    // The run that finds it out is killed before it can say anything.
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@doubt-confirmed");
    run.stderr(Stdio::null()).status().expect("it starts");
    let ended = sandbox.run_all().expect(0);
    assert!(ended.stderr.contains("web.log: not known to be complete between 2"), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("not known to be complete").count(), 1, "{}", ended.stderr);
    sandbox.run_all().quiet();
    let doubts = &status(&sandbox)["doubts"];
    assert_eq!(doubts.as_array().map(Vec::len), Some(1), "{doubts}");
    assert!(doubts[0]["path"].as_str().is_some_and(|path| path.ends_with("log/web.log")), "{doubts}");
    assert!(doubts[0]["from"].as_str() <= doubts[0]["until"].as_str(), "{doubts}");
    assert_eq!(doubts[0]["why"], "run-cut-short");
    let text = sandbox.run(["status"]).expect(0).text();
    assert!(text.contains("web.log: not known to be complete between"), "{text}");
    let objects = proof::of_directory(&sandbox.path("store"));
    assert_eq!(objects[0].says("ended"), "interrupted");
    let comparison = proof::compare_all(objects, &[Content::from(&written[0])]);
    assert_eq!((comparison.lost, comparison.doubled), (0, 0), "the writer was silent");
}

#[test]
fn an_interrupted_segment_whose_writer_still_holds_the_file_is_complete() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    let log = sandbox.log("web.log");
    let script = format!("exec >> '{}'; echo one; read go; echo two; read go", log.display());
    let mut sh = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh");
    wait_until("it has written", || std::fs::metadata(&log).is_ok_and(|log| log.len() == 4));
    killed_behind_the_unlink(&sandbox);
    use std::io::Write;
    let mut go = sh.stdin.take().expect("a pipe");
    writeln!(go, "go").expect("sh reads");
    let file = format!("/proc/{}/fd/1", sh.id());
    wait_until("it has written again", || std::fs::metadata(&file).is_ok_and(|log| log.len() == 8));
    let ended = sandbox.run_all().expect(0);
    assert!(ended.stderr.contains("cut short") && !ended.stderr.contains("not known"), "{}", ended.stderr);
    assert_eq!(status(&sandbox)["doubts"].as_array().map(Vec::len), Some(0));
    let objects = proof::of_directory(&sandbox.path("store"));
    proof::compare_all(objects, &[Content::new("web", "one\ntwo\n")]);
    drop(go);
    sh.wait().expect("sh ends");
    tally::record(Group::Crashes, "killed behind the unlink, the writer never reopens", Row::sound(1, ended.took));
}

#[test]
fn what_is_lost_behind_the_unlink_is_told_with_the_segment_that_it_followed() {
    use std::io::Write;
    let sandbox = Sandbox::reopening();
    for service in ["other", "web"] {
        sandbox.write_log(format!("{service}.log"), format!("one of {service}\n"));
    }
    sandbox.run_all().quiet();
    let open = |name: &str| std::fs::File::options().create(true).append(true).open(sandbox.log(name));
    let mut writers = ["other.log", "web.log"].map(|name| open(name).expect("a log"));
    for log in &mut writers {
        log.write_all(b"two\n").expect("it is written");
    }
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@unlinks-durable").stderr(Stdio::null());
    assert_eq!(run.status().expect("it starts").code(), None, "it is killed");
    // A write to each was under way; then both writers turn to new files, and nobody can know of these bytes.
    for mut log in writers {
        log.write_all(b"three\n").expect("it is written");
    }
    open("web.log").expect("a new log").write_all(b"four\n").expect("it is written");
    let ended = sandbox.run_all().expect(0);
    let contents =
        [Content::new("other", "one of other\ntwo\nthree\n"), Content::new("web", "one of web\ntwo\nthree\nfour\n")];
    let comparison = proof::compare_all(proof::of_directory(&sandbox.path("store")), &contents);
    assert_eq!((comparison.lost, comparison.doubled, comparison.gaps.len()), (12, 0, 2), "{comparison:?}");
    for gap in &comparison.gaps {
        assert!(gap.ended == "interrupted" && gap.segment.ends_with("-00000002"), "{gap:?}");
        assert!(gap.is_told_in(&ended.stderr), "{gap:?} is not told: {}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches("not known to be complete").count(), 2, "{}", ended.stderr);
    sandbox.run_all().quiet();
}

#[test]
fn status_says_what_waits_and_since_when() {
    let sandbox = Sandbox::reopening();
    assert!(sandbox.run(["status"]).expect(1).stderr.contains("no run has worked with it"));
    let unused = sandbox.run(["status", "--json"]).expect(1).text();
    assert!(unused.contains("\"used\": false"), "a program is told as much: {unused}");
    sandbox.write_log("web.log", "x\n");
    let missing = format!("file://{}", sandbox.path("missing").display());
    sandbox.run(["run", "--to", &missing, "log"]).expect(75);
    let text = sandbox.run(["status"]).expect(0).text();
    let waiting = text.lines().find(|line| line.starts_with(&format!("waiting for {missing}: 1 segment, ")));
    let since = waiting.and_then(|line| line.rsplit(' ').next()).expect("a time");
    assert_eq!(since.len(), "2026-11-21T00:59:59Z".len(), "to the second: {text}");
    let run = {
        sandbox.write_log("new.log", "y\n");
        let mut run = sandbox.logferry();
        run.arg("run").arg(sandbox.path("log"));
        Stopped::at(Point::Copied, 1, run)
    };
    let json = status(&sandbox);
    assert!(json["unfinished"][0]["path"].as_str().is_some_and(|path| path.ends_with("new.log")), "{json}");
    assert_eq!(json["waiting"][0]["segments"], 1);
    run.go_on().expect(75);
}

/// A log that nobody knows to be complete, and no run has told it yet.
fn untold(sandbox: &Sandbox) {
    sandbox.config_file("settle = \"30ms\"\n");
    let writer = Writer::start(sandbox, &["--idle-after", "70000"], &[sandbox.log("web.log")]);
    killed_behind_the_unlink(sandbox);
    writer.stop();
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@doubt-confirmed");
    run.stderr(Stdio::null()).status().expect("it starts");
}

#[test]
fn a_doubt_that_could_not_be_told_is_told_by_the_next_run() {
    let sandbox = Sandbox::reopening();
    untold(&sandbox);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).stderr(full).status().expect("it starts");
    let ended = sandbox.run_all().expect(0);
    assert!(ended.stderr.contains("web.log: not known to be complete"), "{}", ended.stderr);
    sandbox.run_all().quiet();
}

#[test]
fn a_doubt_is_told_by_the_run_that_is_at_work_and_by_no_other() {
    let sandbox = Sandbox::reopening();
    untold(&sandbox);
    sandbox.write_log("other.log", "x\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    let run = Stopped::at(Point::Copied, 1, run);
    sandbox.run_all().quiet();
    let ended = run.go_on().expect(0);
    assert_eq!(ended.stderr.matches("web.log: not known to be complete").count(), 1, "{}", ended.stderr);
}
