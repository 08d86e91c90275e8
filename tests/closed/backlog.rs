//! What is taken, in which order, and what holds it up.

use std::fs::File;
use std::io::Write;

use logferry::sys::fault::Point;

use super::{cat, rotated, run_backlog, set_age, stored};
use crate::support::{Sandbox, Stopped, finish};

/// A log with four rotated files of different kinds, and what all of it says.
fn history(sandbox: &Sandbox) -> String {
    rotated(sandbox, "web.log.4.gz", "one\n", 40);
    rotated(sandbox, "web.log.3.zst", "two\r\nwithout an end", 30);
    rotated(sandbox, "web.log.2.gz", " three\n", 20);
    rotated(sandbox, "web.log.1", "four\n", 10);
    sandbox.write_log("web.log", "five\n");
    "one\ntwo\r\nwithout an end three\nfour\nfive\n".to_owned()
}

#[test]
fn what_logrotate_left_comes_before_the_log_in_one_stream_and_once() {
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    rotated(&sandbox, "job.log-20261120.gz", "of another job\n", 20);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
    assert_eq!(cat(&sandbox, "job"), "of another job\n", "its log is not there");
    assert_eq!(sandbox.files("log"), Vec::<std::path::PathBuf>::new());
    let web: Vec<_> = stored(&sandbox).into_iter().filter(|object| object.says("path").ends_with("web.log")).collect();
    let numbers: Vec<_> = web.iter().map(|object| object.number("seq")).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let times: Vec<_> =
        web.iter().map(|object| (object.says("first").to_owned(), object.says("last").to_owned())).collect();
    assert!(times.iter().all(|(first, last)| first <= last), "{times:?}");
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].1 && pair[0].0 <= pair[1].0), "{times:?}");
    assert_eq!(times[1].0, times[0].1, "a compressed file begins where the one before it ended");
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
}

#[test]
fn without_being_asked_for_they_stay_where_they_are() {
    let sandbox = Sandbox::new();
    history(&sandbox);
    sandbox.run_all().quiet();
    assert_eq!(sandbox.files("log").len(), 4);
    assert_eq!(cat(&sandbox, "web"), "five\n");
}

#[test]
fn a_set_of_the_configuration_may_ask_for_them() {
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    let logs = sandbox.log("*.log");
    sandbox.config_file(&format!("[[logs]]\npaths = {:?}\nbacklog = true\n", logs.display().to_string()));
    let plan = sandbox.run(["run", "--dry-run"]).expect(0).text();
    let named: Vec<_> = plan.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let expected =
        ["web.log.4.gz", "web.log.3.zst", "web.log.2.gz", "web.log.1", "web.log"].map(|name| sandbox.log(name));
    assert_eq!(named, expected.each_ref().map(|path| path.to_str().expect("UTF-8")), "{plan}");
    sandbox.run(["run"]).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
    sandbox.config_file("[[logs]]\npaths = \"/x\"\nbacklog = \"yes\"\n");
    let ended = sandbox.run(["run"]).expect(78);
    assert!(
        ended.stderr.contains("logferry.toml:") && ended.stderr.contains("`backlog` must be true or false"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_someone_still_writes_waits_and_so_does_what_came_after_it() {
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    let writer = File::options().append(true).open(sandbox.log("web.log.2.gz")).expect("a file");
    let ended = run_backlog(&sandbox).expect(75);
    assert!(ended.stderr.contains("web.log.2.gz") && ended.stderr.contains("open for writing"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("(pid {})", std::process::id())), "{}", ended.stderr);
    assert_eq!(cat(&sandbox, "web"), "one\ntwo\r\nwithout an end");
    drop(writer);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
}

#[test]
fn a_file_that_is_being_compressed_waits_with_its_twin() {
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    let half = super::gzip(b"four\n");
    let twin = sandbox.write_log("web.log.1.gz", &half[..half.len() / 2]);
    let ended = run_backlog(&sandbox).expect(75);
    assert!(ended.stderr.contains("web.log.1.gz is beside it") && ended.stderr.contains("hint:"), "{}", ended.stderr);
    assert!(sandbox.log("web.log.1").exists() && twin.exists() && sandbox.log("web.log").exists());
    std::fs::remove_file(twin).expect("gzip was cut short");
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
}

#[test]
fn a_compressor_that_shows_itself_while_a_file_is_copied_keeps_it() {
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    let mut run = sandbox.logferry();
    run.arg("run").arg("--backlog").arg(sandbox.log("*.log"));
    // Three were taken; the fourth is claimed, and was opened by a compressor before that.
    let stopped = Stopped::at(Point::CopiesDurable, 4, run);
    let twin = sandbox.write_log("web.log.1.gz", "");
    let mut compressor = File::options().append(true).open(&twin).expect("a file");
    let ended = stopped.go_on().expect(75);
    assert!(ended.stderr.contains("web.log.1.gz is being made of it"), "{}", ended.stderr);
    assert!(sandbox.log("web.log.1").exists(), "it has its name back: {:?}", sandbox.files("log"));
    assert_eq!(cat(&sandbox, "web"), "one\ntwo\r\nwithout an end three\n");
    compressor.write_all(&super::gzip(b"four\n")).expect("written");
    drop(compressor);
    std::fs::remove_file(sandbox.log("web.log.1")).expect("the compressor has come to its end");
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
}

#[test]
fn what_a_compressor_did_not_come_to_remove_is_taken_once() {
    // It was cut short before that.
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    rotated(&sandbox, "web.log.1.gz", "four\n", 10);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
    assert!(sandbox.files("log").is_empty());
    // It did not find it under its name.
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    let mut run = sandbox.logferry();
    run.arg("run").arg("--backlog").arg(sandbox.log("*.log"));
    let stopped = Stopped::at(Point::CopiesDurable, 4, run);
    rotated(&sandbox, "web.log.1.gz", "four\n", 10);
    stopped.go_on().expect(75);
    assert_eq!(sandbox.files("log"), [sandbox.log("web.log"), sandbox.log("web.log.1.gz")]);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
}

#[test]
fn two_that_have_only_their_names_in_common_are_both_taken() {
    let sandbox = Sandbox::new();
    rotated(&sandbox, "web.log.1.gz", "one\n", 20);
    rotated(&sandbox, "web.log.1", "two\n", 10);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), "one\ntwo\n");
}

#[test]
fn a_writer_that_opens_a_file_before_its_claim_is_seen() {
    let sandbox = Sandbox::new();
    let all = history(&sandbox);
    let mut run = sandbox.logferry();
    run.arg("run").arg("--backlog").arg(sandbox.log("*.log"));
    let stopped = Stopped::at(Point::Opened, 4, run);
    let writer = File::options().append(true).open(sandbox.log("web.log.1")).expect("a file");
    stopped.go_on().expect(75);
    assert_eq!(cat(&sandbox, "web"), "one\ntwo\r\nwithout an end three\n");
    drop(writer);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), all);
}

#[test]
fn a_file_that_logrotate_renames_between_a_kill_and_the_next_run_is_taken_once() {
    for order in ["kill@records-durable#3", "kill@claimed#3", "kill@copies-durable#3", "kill@unlinked#3"] {
        let sandbox = Sandbox::new();
        let all = history(&sandbox);
        let mut run = sandbox.logferry();
        run.arg("run").arg("--backlog").arg(sandbox.log("*.log")).env("LOGFERRY_FAULT", order);
        assert_eq!(finish(&mut run).code, -1, "{order}");
        // logrotate goes on as if nothing had been.
        for (number, end) in [(4, ".gz"), (3, ".zst"), (2, ".gz"), (1, "")] {
            let from = sandbox.log(format!("web.log.{number}{end}"));
            if from.exists() {
                std::fs::rename(from, sandbox.log(format!("web.log.{}{end}", number + 1))).expect("a rename");
            }
        }
        let ended = run_backlog(&sandbox);
        assert_eq!(cat(&sandbox, "web"), all, "{order}: {ended:?}");
        sandbox.nothing_left_behind();
    }
}

#[test]
fn a_claimed_file_whose_record_is_lost_goes_on_in_its_logs_stream() {
    let sandbox = Sandbox::new();
    rotated(&sandbox, "web.log.1", "old\n", 10);
    sandbox.write_log("web.log", "new\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg("--backlog").arg(sandbox.log("*.log")).env("LOGFERRY_FAULT", "kill@claims-durable");
    assert_eq!(finish(&mut run).code, -1);
    std::fs::remove_dir_all(sandbox.path("state")).expect("a disk that was lost");
    sandbox.run(["run".into(), sandbox.log("*.log").into_os_string()]).quiet();
    assert_eq!(cat(&sandbox, "web"), "old\nnew\n");
    let paths: Vec<_> = stored(&sandbox).iter().map(|object| object.says("path").to_owned()).collect();
    assert!(paths.iter().all(|path| path.ends_with("/web.log")), "{paths:?}");
}

#[test]
fn counting_the_other_way_is_known_by_the_times() {
    let sandbox = Sandbox::new();
    for (number, hours_ago) in [(1, 30), (2, 20), (3, 10)] {
        rotated(&sandbox, &format!("app.log.{number}"), format!("{number}\n"), hours_ago);
    }
    set_age(&sandbox.write_log("app.log", "4\n"), 0);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "app"), "1\n2\n3\n4\n");
}
