//! Exit code 0: every byte that was written before it started is in the store.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use logferry::sys::fault::Point;

use super::{flush, flushed, report};
use crate::support::proof::{self, Content};
use crate::support::trace::{under, words};
use crate::support::{Ended, Sandbox, Writer, finish};

/// Fails the test unless the directory store holds just that.
#[track_caller]
fn assert_stored(sandbox: &Sandbox, contents: &[Content]) {
    let compared = proof::compare_all(proof::of_directory(&sandbox.path("store")), contents);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
}

#[test]
fn all_that_writers_wrote_is_in_the_store_whether_they_hold_their_logs_or_not() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"50ms\"\n");
    let logs: Vec<_> = (0..20).map(|n| sandbox.log(format!("held-{n}.log"))).collect();
    let silent = Writer::start(&sandbox, &["--idle-after", "300000"], &logs);
    let gone = Writer::start(&sandbox, &["--limit", "2000000"], &[sandbox.log("gone.log")]);
    silent.turn();
    let gone = gone.stop();
    let ended = flushed(&sandbox, &[]).expect(0);
    assert!(ended.stderr.contains("shipped 21 segments") && ended.stderr.lines().count() == 1, "{}", ended.stderr);
    // Before the writer goes, or anything else happens.
    let stored = proof::of_directory(&sandbox.path("store"));
    let written = silent.stop();
    let contents: Vec<Content> = written.iter().chain(&gone).map(Content::from).collect();
    let compared = proof::compare_all(stored, &contents);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
    sandbox.nothing_left_behind();
}

#[test]
fn a_writer_that_never_stops_does_not_keep_it_and_what_it_wrote_before_is_in_the_store() {
    let sandbox = Sandbox::reopening();
    let args = ["--writes-of", "80,4096", "--burst", "60000", "--every", "20"];
    let writer = Writer::start(&sandbox, &args, &[sandbox.log("web.log"), sandbox.log("job.log")]);
    let before: u64 =
        ["web.log", "job.log"].iter().map(|log| std::fs::metadata(sandbox.log(log)).expect("it is there").len()).sum();
    let ended = flushed(&sandbox, &["--json"]).expect(0);
    let stored: u64 = proof::of_directory(&sandbox.path("store")).iter().map(|object| object.raw.len() as u64).sum();
    assert!(stored >= before, "{stored} of {before} bytes");
    let segments = report(&ended)["shipped"].as_array().expect("a list").len();
    assert!((4..=10).contains(&segments), "a few passes over two logs, but {segments} segments");
    let written = writer.stop();
    sandbox.run_all().expect(0);
    assert_stored(&sandbox, &written.iter().map(Content::from).collect::<Vec<_>>());
}

#[test]
fn what_a_writer_wrote_to_a_file_that_was_taken_from_it_long_ago_is_shipped_too() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    let writer = Writer::start(&sandbox, &["--idle-after", "70000", "--never-reopens"], &[sandbox.log("web.log")]);
    sandbox.run_all().expect(0);
    writer.turn();
    flushed(&sandbox, &[]).expect(0);
    let stored = proof::of_directory(&sandbox.path("store"));
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    let compared = proof::compare_all(stored, &contents);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
}

#[test]
fn what_waited_in_the_spool_is_shipped_whatever_logs_are_named() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "web\n");
    std::fs::rename(sandbox.path("store"), sandbox.path("away")).expect("a rename");
    sandbox.run_all().expect(75);
    std::fs::rename(sandbox.path("away"), sandbox.path("store")).expect("a rename");
    sandbox.write_log("job.log", "job\n");
    sandbox.write_log("other.log", "stays\n");
    finish(sandbox.logferry().arg("flush").arg(sandbox.log("job.log"))).expect(0);
    assert_stored(&sandbox, &[Content::new("web", "web\n"), Content::new("job", "job\n")]);
    assert!(sandbox.log("other.log").exists());
}

#[test]
fn a_log_that_can_not_be_taken_is_named_and_the_rest_is_shipped() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "web\n");
    symlink("web.log", sandbox.log("link.log")).expect("a link");
    let ended = flushed(&sandbox, &[]).expect(1);
    assert!(ended.stderr.contains("link.log: refused: it is a symbolic link"), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("link.log").count(), 1, "once, however many passes: {}", ended.stderr);
    assert_stored(&sandbox, &[Content::new("web", "web\n")]);
}

#[test]
fn a_spool_that_has_room_for_one_log_at_a_time_is_no_obstacle() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("max_spool = \"60kB\"\n");
    let contents: Vec<Content> = (0..6)
        .map(|n| {
            let bytes = crate::support::noise(50_000);
            sandbox.write_log(format!("{n}.log"), &bytes);
            Content::new(&n.to_string(), bytes)
        })
        .collect();
    flushed(&sandbox, &[]).expect(0);
    assert_stored(&sandbox, &contents);
    sandbox.nothing_left_behind();
}

#[test]
fn where_bytes_may_be_missing_it_does_not_say_that_all_is_there() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    let writer = Writer::start(&sandbox, &["--idle-after", "70000"], &[sandbox.log("web.log")]);
    let mut run = super::run_of(&sandbox);
    run.env("LOGFERRY_FAULT", format!("kill@{}", Point::InFlightRead.name()));
    assert_eq!(run.stderr(Stdio::null()).status().expect("it starts").code(), None, "it is killed");
    writer.stop();
    let ended = flushed(&sandbox, &[]).expect(1);
    assert!(ended.stderr.contains("web.log: not known to be complete"), "{}", ended.stderr);
    // It was told.
    flushed(&sandbox, &[]).quiet();
}

/// A flush that sees only the processes of a namespace of its own, as in a container.
fn flushed_in_namespace(sandbox: &Sandbox) -> Ended {
    let command = flush(sandbox, &[]);
    finish(under("unshare", &command).args(["--pid", "--fork", "--mount-proc"]).args(words(&command)))
}

#[test]
fn where_nobody_can_see_whether_a_writer_wrote_more_it_says_so() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    let log = sandbox.log("web.log");
    let mut writer = File::options().create(true).append(true).open(&log).expect("a log");
    writer.write_all(b"one\n").expect("it is written");
    // What was held when it was taken just now holds what was written before.
    flushed_in_namespace(&sandbox).expect(0);
    writer.write_all(b"two\n").expect("it is written");
    let ended = flushed_in_namespace(&sandbox).expect(1);
    assert!(ended.stderr.contains("web.log: its writer held the file"), "{}", ended.stderr);
    // A writer that has opened its log anew has let go of the one before.
    let mut again = File::options().create(true).append(true).open(&log).expect("a log");
    again.write_all(b"three\n").expect("it is written");
    flushed_in_namespace(&sandbox).expect(0);
    drop(writer);
}

#[test]
fn with_nothing_to_do_it_says_nothing() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("empty.log", "");
    flushed(&sandbox, &["--deadline", "90s", "--final"]).quiet();
    sandbox.write_log("web.log", "web\n");
    flushed(&sandbox, &[]).expect(0);
    flushed(&sandbox, &[]).quiet();
}

#[test]
fn wrong_usage_is_told_before_anything_is_touched() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.write_log("web.log", "web\n");
    for deadline in ["soon", "0s", "900ms", "25h", "-5s"] {
        flushed(&sandbox, &[&format!("--deadline={deadline}")]).expect(2);
    }
    sandbox.config_file_verbatim("[[logs]]\npaths = \"/a\"\npriority = \"urgent\"\n");
    let ended = flushed(&sandbox, &["--json"]).expect(78);
    assert!(
        ended.stderr.contains("logferry.toml:3: `priority` in [[logs]]: \"urgent\" is not a priority"),
        "{}",
        ended.stderr
    );
    assert_eq!(report(&ended)["exit_code"], 78);
    assert!(log.exists() && !sandbox.path("state").exists());
}
