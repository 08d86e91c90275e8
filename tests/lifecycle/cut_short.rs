//! A call that is killed, stopped, or not alone.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use logferry::sys::fault::Point;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Fleet, INSTANCE, TARGET};
use crate::support::{Ended, Stopped, finish};

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
    assert!([0, 75].contains(&ended.code), "{ended:?}");
    if ended.code == 75 {
        assert!(fleet.api.told().is_empty());
    }
    finish(&mut fleet.command()).quiet();
    assert_eq!((fleet.api.told(), fleet.shipped("web").as_str()), (vec!["CONTINUE".to_owned()], "one\ntwo\n"));
}
