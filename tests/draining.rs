//! What goes wrong between unlink and seal, where the log's bytes have no other place any more.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use logferry::sys::fault::Point;

use crate::support::mount::Mount;
use crate::support::proof::{self, Comparison, Content};
use crate::support::tally::{self, Group, Row};
use crate::support::trace::{under, words};
use crate::support::{Ended, Sandbox, Stopped, finish, noise, wait_until};

fn run(sandbox: &Sandbox) -> Command {
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    run
}

fn writer_of(sandbox: &Sandbox, name: &str) -> File {
    File::options().create(true).append(true).open(sandbox.log(name)).expect("a log")
}

#[track_caller]
fn assert_all(sandbox: &Sandbox, contents: &[Content]) {
    let Comparison { lost, doubled, gaps } = proof::compare_all(proof::of_directory(&sandbox.path("store")), contents);
    assert_eq!((lost, doubled), (0, 0), "{gaps:?}");
    sandbox.nothing_left_behind();
}

#[test]
fn a_spool_that_is_full_while_a_log_is_drained_gets_the_rest_when_there_is_room_again() {
    let sandbox = Sandbox::reopening();
    let mount = Mount::in_memory(&sandbox.path("state"), "size=20m");
    let mut log = writer_of(&sandbox, "web.log");
    log.write_all(b"begin\n").expect("it is written");
    let stopped = Stopped::at(Point::Unlinked, 1, run(&sandbox));
    // In flight at the unlink, and more than there is room for.
    let late = noise(24_000_000);
    log.write_all(&late).expect("it is written");
    drop(log);
    let parts =
        || sandbox.files("state/spool").into_iter().filter(|file| file.extension().is_some_and(|end| end == "part"));
    let going_on = std::thread::spawn(move || stopped.go_on());
    // All whole blocks that fit are there.
    wait_until("the spool is full", || parts().any(|part| part.metadata().is_ok_and(|part| part.len() > 19_000_000)));
    std::thread::sleep(Duration::from_millis(50));
    mount.remount("size=100m");
    let ended = going_on.join().expect("the run ends").quiet();
    assert_all(&sandbox, &[Content::new("web", [b"begin\n", &late[..]].concat())]);
    tally::record(Group::Disk, "the spool's disk is full while a log is drained", Row::sound(1, ended.took));
}

/// Terabytes that are nowhere on a disk.
const HOLE: u64 = 1 << 42;

#[test]
fn a_log_that_is_all_hole_holds_up_nothing() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("ok.log", "ok\n");
    sandbox.write_log("web.log", "x\n");
    File::options().write(true).open(sandbox.log("web.log")).expect("a log").set_len(HOLE).expect("a hole");
    let ended = sandbox.run_all().expect(1);
    assert!(ended.stderr.contains("web.log: refused: it is 4398046511104 bytes long"), "{}", ended.stderr);
    assert_eq!(sandbox.log("web.log").metadata().expect("it stays").size(), HOLE);
    assert_all(&sandbox, &[Content::new("ok", "ok\n")]);
    tally::record(Group::Users, "a log that is made terabytes long", Row::sound(1, ended.took));
}

#[test]
fn a_log_that_becomes_all_hole_while_it_is_taken_holds_up_nothing() {
    for point in [Point::Claimed, Point::Copied, Point::ToppedUp, Point::Unlinked, Point::UnlinksDurable] {
        let sandbox = Sandbox::reopening();
        sandbox.config_file("settle = \"30ms\"\n");
        sandbox.write_log("ok.log", "ok\n");
        let mut log = writer_of(&sandbox, "web.log");
        log.write_all(b"web\n").expect("it is written");
        // The other log goes the same way first.
        let stopped = Stopped::at(point, if point == Point::UnlinksDurable { 1 } else { 2 }, run(&sandbox));
        log.set_len(HOLE).expect("a hole");
        let ended = stopped.go_on();
        assert_eq!(ended.code, 1, "{}: {}", point.name(), ended.stderr);
        assert!(ended.stderr.contains("web.log: someone has given it a length of"), "{}", ended.stderr);
        log.set_len(4).expect("no hole");
        let ended = sandbox.run_all();
        assert_eq!(ended.code, 0, "{}: {}", point.name(), ended.stderr);
        drop(log);
        sandbox.run_all().expect(0);
        assert_all(&sandbox, &[Content::new("ok", "ok\n"), Content::new("web", "web\n")]);
        tally::record(Group::Users, "a log that is made terabytes long while it is taken", Row::sound(1, ended.took));
    }
}

#[test]
fn a_segment_whose_unlink_is_not_durable_is_not_sealed() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "web\n");
    // The claim is synced first, then the unlink, then again before the seal.
    let command = run(&sandbox);
    let mut strace = under("strace", &command);
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(sandbox.path("log"));
    strace.args(["-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=2+"]);
    let ended = finish(strace.args(words(&command)));
    assert_eq!(ended.code, 75, "{}", ended.stderr);
    assert!(ended.stderr.contains("Input/output error"), "{}", ended.stderr);
    let ends =
        |end: &str| sandbox.files("state/spool").iter().filter(|file| file.to_string_lossy().ends_with(end)).count();
    assert_eq!((ends(".part"), ends(".gz")), (1, 0));
    assert_eq!(sandbox.files("store"), [] as [PathBuf; 0]);
    let ended: Ended = sandbox.run_all().expect(0);
    assert_all(&sandbox, &[Content::new("web", "web\n")]);
    tally::record(Group::Disk, "an unlink that can't be made durable", Row::sound(1, ended.took));
}

/// A log that its writer holds without reopening it, taken; what is in `held/`.
fn settled(sandbox: &Sandbox) -> (File, PathBuf) {
    sandbox.config_file("settle = \"30ms\"\n");
    let mut log = writer_of(sandbox, "web.log");
    log.write_all(b"one\n").expect("it is written");
    sandbox.run_all().expect(0);
    let [mark] = &sandbox.files("state/held")[..] else { panic!("one mark") };
    (log, mark.clone())
}

/// A run that sees only the processes of a namespace of its own, as in a container.
fn run_in_namespace(sandbox: &Sandbox) -> Ended {
    let command = run(sandbox);
    let ended = finish(under("unshare", &command).args(["--pid", "--fork", "--mount-proc"]).args(words(&command)));
    assert_eq!(ended.code, 0, "namespaces are made by root only: run the tests as root ({})", ended.stderr);
    ended
}

#[test]
fn where_not_all_processes_are_to_be_seen_a_held_file_is_not_forgotten() {
    let sandbox = Sandbox::reopening();
    let (mut log, mark) = settled(&sandbox);
    run_in_namespace(&sandbox);
    assert!(mark.exists(), "it is remembered");
    log.write_all(b"two\n").expect("it is written");
    sandbox.run_all().expect(0);
    drop(log);
    sandbox.run_all().expect(0);
    assert_all(&sandbox, &[Content::new("web", "one\ntwo\n")]);
}

#[test]
fn where_not_all_processes_are_to_be_seen_a_held_file_is_looked_for_during_a_week() {
    let sandbox = Sandbox::reopening();
    let (_log, mark) = settled(&sandbox);
    let aged = |days: u64| {
        let then = std::time::SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        File::options().write(true).open(&mark).expect("a mark").set_modified(then).expect("an older one");
    };
    aged(6);
    run_in_namespace(&sandbox);
    assert!(mark.exists(), "it is remembered");
    aged(8);
    run_in_namespace(&sandbox);
    assert!(!mark.exists(), "it is forgotten");
}
