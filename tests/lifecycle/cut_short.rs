//! A call that is killed, stopped, or not alone.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use logferry::sys::fault::Point;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Fleet, INSTANCE, TARGET};
use crate::support::{Ended, Stopped, finish, wait_until};

/// An instance that ends, with a command before that writes to a log when it is let go on, and counts how often it began.
fn with_a_slow_command() -> Fleet {
    let fleet = Fleet::ending();
    let path = |name: &str| fleet.sandbox.path(name).display().to_string();
    let script = format!(
        "echo x >>'{}'\nwhile [ ! -e '{}' ]; do sleep 0.05; done\nsleep 1\necho goodbye >>'{}'\n",
        path("ran"),
        path("go"),
        path("log/web.log")
    );
    std::fs::write(fleet.sandbox.path("before.sh"), script).expect("a script");
    fleet.configure(&format!("before = [\"sh\", \"{}\"]", path("before.sh")));
    fleet
}

fn at_work(fleet: &Fleet) -> Child {
    let mut call = fleet.command();
    let call = call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let noted = || {
        let text = std::fs::read_to_string(fleet.sandbox.path("state/lifecycle.json"));
        text.is_ok_and(|text| text.contains("\"at_work\": {"))
    };
    wait_until("the command is at work", || ran(fleet) > 0 && noted());
    call
}

#[test]
fn killed_while_the_command_is_at_work_the_next_call_waits_for_it() {
    let fleet = with_a_slow_command();
    let mut call = at_work(&fleet);
    call.kill().expect("it lives");
    call.wait().expect("it ends");
    let beats = fleet.api.calls("RecordLifecycleActionHeartbeat").len();
    let mut next = fleet.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    wait_until("the next call holds the hook", || fleet.api.calls("RecordLifecycleActionHeartbeat").len() > beats);
    std::fs::write(fleet.sandbox.path("go"), "").expect("it goes on");
    assert_eq!(next.wait().expect("it ends").code(), Some(0));
    assert_eq!((fleet.shipped("web").as_str(), fleet.api.told()), ("goodbye\n", vec!["CONTINUE".to_owned()]));
    assert_eq!(ran(&fleet), 1);
}

#[test]
fn asked_to_stop_while_the_command_is_at_work_it_is_begun_anew_by_the_next_call() {
    let fleet = with_a_slow_command();
    let mut call = at_work(&fleet);
    kill(Pid::from_raw(i32::try_from(call.id()).expect("a pid")), Signal::SIGTERM).expect("it lives");
    assert_eq!(call.wait().expect("it ends").code(), Some(75));
    assert!(fleet.api.told().is_empty());
    std::fs::write(fleet.sandbox.path("go"), "").expect("it goes on");
    fleet.call().quiet();
    assert_eq!((fleet.shipped("web").as_str(), fleet.api.told()), ("goodbye\n", vec!["CONTINUE".to_owned()]));
    assert_eq!(ran(&fleet), 2);
}

/// An instance that ends, with a command before that counts how often it ran, and a log.
fn fleet() -> Fleet {
    let fleet = Fleet::ending();
    fleet.configure(&format!("before = [\"sh\", \"-c\", \"echo x >>{}\"]", fleet.sandbox.path("ran").display()));
    fleet.sandbox.write_log("web.log", "one\ntwo\n");
    fleet
}

fn ran(fleet: &Fleet) -> usize {
    std::fs::read_to_string(fleet.sandbox.path("ran")).map_or(0, |text| text.lines().count())
}

fn killed_at(fleet: &Fleet, point: Point) -> bool {
    let mut call = fleet.command();
    call.env("LOGFERRY_FAULT", format!("kill@{}", point.name())).stdout(Stdio::null()).stderr(Stdio::null());
    call.status().expect("it starts").signal() == Some(9)
}

#[test]
fn killed_at_any_point_the_next_call_brings_it_to_its_end() {
    let of_the_flush =
        [Point::Claimed, Point::Unlinked, Point::Sealed, Point::BeforePut, Point::AfterPut, Point::Dropped];
    let points = Point::OF_A_LAST_FLUSH.iter().filter(|point| **point != Point::EndForgotten);
    for point in points.chain(&of_the_flush) {
        let fleet = fleet();
        assert!(killed_at(&fleet, *point), "{}: not reached", point.name());
        let (next, name) = (fleet.call(), point.name());
        // The one window that stays open: a flush that can't know whether all is there says so.
        let unknown = next.stderr.contains("not known to be complete");
        assert_eq!(next.code, i32::from(unknown), "{name}: {}", next.stderr);
        assert!(!unknown || *point == Point::Unlinked, "{name}: {}", next.stderr);
        assert_eq!(fleet.shipped("web"), "one\ntwo\n", "{name}");
        assert_eq!(fleet.api.told(), ["CONTINUE"], "{name}");
        assert!(!fleet.api.is_waiting(INSTANCE));
        // Once: where it was cut short as it was to begin, not at all.
        assert_eq!(ran(&fleet), usize::from(*point != Point::BeforeNoted), "{name}");
        // What the hook was told, and was not noted, is all that a person may hear of.
        assert!(next.stderr.is_empty() || unknown || *point == Point::HookTold, "{name}: {}", next.stderr);
        fleet.call().quiet();
        fleet.sandbox.nothing_left_behind();
    }
}

#[test]
fn killed_as_the_end_is_forgotten_the_next_one_is_noted_afresh() {
    let fleet = fleet();
    fleet.call().quiet();
    fleet.imds.set(TARGET, "InService");
    assert!(killed_at(&fleet, Point::EndForgotten), "not reached");
    fleet.call().quiet();
    fleet.imds.set(TARGET, "Terminated");
    fleet.api.wait_for(INSTANCE, super::HOOK);
    fleet.call().quiet();
    assert_eq!((fleet.api.told().len(), ran(&fleet)), (2, 2));
}

#[test]
fn a_second_one_leaves_the_first_alone() {
    let fleet = fleet();
    let first = Stopped::at(Point::BeforeEnded, 1, fleet.command());
    fleet.call().quiet();
    let told = fleet.call_with(&["-v"]).expect(0).stderr;
    assert!(told.contains("another lifecycle is at work on"), "{told}");
    fleet.imds.set(TARGET, "InService");
    fleet.call().quiet();
    assert!(fleet.sandbox.path("state/lifecycle.json").exists(), "what is at work was forgotten");
    assert!(fleet.api.told().is_empty());
    first.go_on().quiet();
    assert_eq!((fleet.api.told(), ran(&fleet)), (vec!["CONTINUE".to_owned()], 1));
}

#[test]
fn asked_to_stop_it_tells_the_hook_nothing_and_the_next_call_goes_on() {
    let fleet = fleet();
    let first = Stopped::at(Point::BeforeEnded, 1, fleet.command());
    kill(Pid::from_raw(i32::try_from(first.id()).expect("a pid")), Signal::SIGTERM).expect("it lives");
    let ended: Ended = first.go_on();
    let ended = ended.expect(75);
    assert!(!ended.stderr.contains("hook"), "{}", ended.stderr);
    assert!(fleet.api.told().is_empty(), "whoever is asked to stop says nothing more");
    finish(&mut fleet.command()).quiet();
    assert_eq!((fleet.api.told(), fleet.shipped("web").as_str()), (vec!["CONTINUE".to_owned()], "one\ntwo\n"));
}
