//! A segment begins no earlier than the last look at its log, where that held nothing new then.
//!
//! Nobody can give a file another birth. So the logs of these tests are born now, and the runs' clock is weeks ahead.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use logferry::model::time::Moment;
use logferry::sys::fault::Point;

use crate::holds::scene::{On, Scene};
use crate::support::clock::with_clock;
use crate::support::mount::Format;
use crate::support::proof::{self, Stored};
use crate::support::{Ended, Sandbox};

const DAY: u64 = 24 * 60 * 60;

/// A sandbox whose logs have a birth time.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::reopening_on_disk();
    assert!(
        sandbox.path("log").metadata().expect("a directory").created().is_ok(),
        "the temporary directory is on a file system without birth times"
    );
    sandbox
}

fn run(sandbox: &Sandbox) -> Command {
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    run
}

/// A run of which the clock is that many days, and so many hours, ahead.
fn run_on(sandbox: &Sandbox, days: u64, hours: u64) -> Ended {
    with_clock(&offset(days, hours), &run(sandbox))
}

fn offset(days: u64, hours: u64) -> String {
    format!("+{}h", days * 24 + hours)
}

fn ahead(days: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(days * DAY)
}

/// Has a log written to, half an hour into that day.
fn append(log: &Path, text: &str, days: u64) {
    append_at(log, text, ahead(days) + Duration::from_secs(1800));
}

fn append_at(log: &Path, text: &str, modified: SystemTime) {
    let mut file = File::options().append(true).open(log).expect("a log");
    file.write_all(text.as_bytes()).and_then(|()| file.set_modified(modified)).expect("it is written");
}

/// The newest object of a service.
fn newest(sandbox: &Sandbox, service: &str) -> Stored {
    let objects = proof::of_directory(&sandbox.path("store"));
    let of_service = objects.into_iter().filter(|object| object.says("service") == service);
    of_service.max_by_key(|object| object.number("seq")).expect("an object")
}

/// Fails the test unless a segment begins that many days from now, to within some minutes, and is found there.
#[track_caller]
fn assert_begins(object: &Stored, days: u64) {
    let said = |name: &str| Moment::parse(object.says(name)).expect("a time").to_system_time();
    let (first, last, expected) = (said("first"), said("last"), ahead(days));
    let off = first.duration_since(expected).unwrap_or_else(|error| error.duration());
    assert!(off < Duration::from_secs(600), "{days} days: {:?}", object.metadata);
    assert!(first <= last, "{:?}", object.metadata);
    let dt = format!("/dt={}/", &object.says("first")[..10]);
    assert!(object.key.contains(&dt), "{} is not in {dt}", object.key);
}

#[track_caller]
fn proved(sandbox: &Sandbox) {
    let mut verify = sandbox.logferry();
    with_clock("+30d", verify.args(["verify", "--deep"])).expect(0);
}

#[test]
fn a_log_that_stood_empty_begins_at_the_last_look_that_found_it_empty() {
    let sandbox = sandbox();
    let log = sandbox.write_log("web.log", "");
    run_on(&sandbox, 20, 0).quiet();
    run_on(&sandbox, 21, 0).quiet();
    append(&log, "the first line for weeks\n", 21);
    run_on(&sandbox, 21, 1).quiet();
    assert_begins(&newest(&sandbox, "web"), 21);
    let mut ls = sandbox.logferry();
    let listed = with_clock(&offset(21, 1), ls.args(["ls", "web", "--since", "2h"])).expect(0).text();
    assert!(listed.contains("web"), "{listed}");
    proved(&sandbox);
}

#[test]
fn a_log_in_its_place_that_was_silent_for_weeks_begins_at_the_last_look() {
    let scene = Scene::new(On::Image(Format::Ext4));
    let sandbox = &scene.sandbox;
    let mut content = crate::holds::scene::lines(0..200);
    let log = sandbox.write_log("web.log", &content);
    scene.run().quiet();
    for days in [20, 21] {
        run_on(sandbox, days, 0).quiet();
    }
    append(&log, "the first line for weeks\n", 21);
    content.push_str("the first line for weeks\n");
    run_on(sandbox, 21, 1).quiet();
    assert_begins(&newest(sandbox, "web"), 21);
    scene.assert_joined(content.as_bytes());
    proved(sandbox);
}

#[test]
fn half_a_line_that_stood_in_a_log_at_the_last_look_was_there_before_it() {
    let scene = Scene::new(On::Image(Format::Ext4));
    let sandbox = &scene.sandbox;
    let log = sandbox.write_log("web.log", "a line\n");
    // While a writer has it open, only whole lines are taken.
    let mut writer = File::options().append(true).open(&log).expect("a log");
    scene.run().quiet();
    writer.write_all(b"half a ").expect("it is written");
    run_on(sandbox, 21, 0).quiet();
    append(&log, "line\n", 21);
    run_on(sandbox, 21, 1).quiet();
    assert_eq!(newest(sandbox, "web").raw, b"half a line\n");
    assert_begins(&newest(sandbox, "web"), 0);
}

#[test]
fn what_a_silent_writer_adds_to_a_deleted_log_begins_at_the_last_look() {
    let sandbox = sandbox();
    sandbox.config_file("settle = \"30ms\"\n");
    let log = sandbox.write_log("web.log", "taken\n");
    let mut writer = File::options().append(true).open(&log).expect("a log");
    sandbox.run_all().quiet();
    run_on(&sandbox, 20, 0).expect(0);
    writer
        .write_all(b"and more\n")
        .and_then(|()| writer.set_modified(ahead(20) + Duration::from_secs(1800)))
        .expect("it");
    run_on(&sandbox, 20, 1).expect(0);
    let object = newest(&sandbox, "web");
    assert_eq!(object.raw, b"and more\n");
    assert_begins(&object, 20);
}

#[test]
fn a_flush_looks_too() {
    let sandbox = sandbox();
    let log = sandbox.write_log("web.log", "");
    let mut flush = sandbox.logferry();
    with_clock("+20d", flush.arg("flush").arg(sandbox.path("log"))).expect(0);
    append(&log, "a line\n", 20);
    run_on(&sandbox, 20, 1).quiet();
    assert_begins(&newest(&sandbox, "web"), 20);
}

#[test]
fn another_file_by_the_same_name_was_not_looked_at() {
    let sandbox = sandbox();
    let log = sandbox.write_log("web.log", "");
    run_on(&sandbox, 20, 0).quiet();
    // Most file systems give the number of the inode away again at once.
    std::fs::remove_file(&log).expect("a log");
    sandbox.write_log("web.log", "");
    append(&log, "a line\n", 20);
    run_on(&sandbox, 20, 1).quiet();
    assert_begins(&newest(&sandbox, "web"), 0);
}

#[test]
fn a_look_of_a_clock_that_was_set_back_does_not_count() {
    // Still to come, and behind the last change; only behind the last change; only still to come.
    for (written, hours) in [(0, 0), (0, 21 * 24), (21, 0)] {
        let sandbox = sandbox();
        let log = sandbox.write_log("web.log", "");
        run_on(&sandbox, 20, 0).quiet();
        append_at(&log, "a line\n", ahead(written));
        run_on(&sandbox, 0, hours).quiet();
        assert_begins(&newest(&sandbox, "web"), 0);
    }
}

#[test]
fn looks_that_are_lost_or_torn_or_of_another_form_are_nothing_known_and_come_again() {
    let torn = |whole: &[u8]| whole[..whole.len() / 2].to_vec();
    let zeroed = |whole: &[u8]| vec![0; whole.len()];
    let later = |whole: &[u8]| [b"logferry looks 2", &whole[16..]].concat();
    type Spoil<'s> = &'s dyn Fn(&[u8]) -> Vec<u8>;
    let spoilt: [Spoil<'_>; 4] = [&torn, &zeroed, &later, &|_| Vec::new()];
    for spoil in spoilt {
        let sandbox = sandbox();
        let (log, other) = (sandbox.write_log("web.log", ""), sandbox.write_log("job.log", ""));
        run_on(&sandbox, 20, 0).quiet();
        let looks = sandbox.path("state/looks");
        std::fs::write(&looks, spoil(&std::fs::read(&looks).expect("looks"))).expect("a file");
        append(&log, "a line\n", 20);
        run_on(&sandbox, 20, 1).quiet();
        assert_begins(&newest(&sandbox, "web"), 0);
        run_on(&sandbox, 21, 0).quiet();
        append(&other, "a line\n", 21);
        run_on(&sandbox, 21, 1).quiet();
        assert_begins(&newest(&sandbox, "job"), 21);
    }
    let sandbox = sandbox();
    sandbox.write_log("web.log", "");
    sandbox.run_all().quiet();
    std::fs::remove_file(sandbox.path("state/looks")).expect("looks");
    std::fs::create_dir(sandbox.path("state/looks")).expect("a directory in their place");
    sandbox.run_all().quiet();
}

#[test]
fn a_log_that_a_run_did_not_look_at_keeps_the_look_before() {
    let sandbox = sandbox();
    let (web, job) = (sandbox.write_log("web.log", ""), sandbox.write_log("job.log", ""));
    run_on(&sandbox, 10, 0).quiet();
    let mut of_web = sandbox.logferry();
    with_clock("+20d", of_web.arg("run").arg(&web)).quiet();
    append(&web, "a line\n", 20);
    append(&job, "a line\n", 20);
    run_on(&sandbox, 20, 1).quiet();
    assert_begins(&newest(&sandbox, "web"), 20);
    assert_begins(&newest(&sandbox, "job"), 10);
}

#[test]
fn a_run_that_is_killed_leaves_the_look_before_or_its_own() {
    let kill = |sandbox: &Sandbox, days: u64, hours: u64, point: Point| {
        let mut run = run(sandbox);
        run.env("LOGFERRY_FAULT", format!("kill@{}", point.name())).stderr(Stdio::null());
        assert_ne!(with_clock(&offset(days, hours), &run).code, 0, "it comes to {}", point.name());
    };
    for (point, begins) in [(Point::Discovered, 10), (Point::LooksNoted, 20)] {
        let sandbox = sandbox();
        let log = sandbox.write_log("web.log", "");
        run_on(&sandbox, 10, 0).quiet();
        kill(&sandbox, 20, 0, point);
        append(&log, "a line\n", 20);
        // A run that is killed when it has the log, and one that goes on with it.
        kill(&sandbox, 20, 1, Point::ClaimsDurable);
        run_on(&sandbox, 20, 2).quiet();
        assert_begins(&newest(&sandbox, "web"), begins);
        proved(&sandbox);
    }
}

#[test]
fn a_log_that_was_taken_away_is_forgotten_and_what_nobody_sees_stays_for_a_month() {
    let sandbox = sandbox();
    let (web, gone) = (sandbox.write_log("web.log", ""), sandbox.write_log("gone.log", ""));
    sandbox.write_log("stays.log", "");
    let noted = || {
        let text = std::fs::read_to_string(sandbox.path("state/looks")).expect("looks");
        text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count()
    };
    run_on(&sandbox, 1, 0).quiet();
    assert_eq!(noted(), 3);
    append(&web, "a line\n", 1);
    std::fs::remove_file(gone).expect("a log");
    run_on(&sandbox, 2, 0).quiet();
    assert_eq!(noted(), 2);
    run_on(&sandbox, 33, 0).quiet();
    assert_eq!(noted(), 1);
}
