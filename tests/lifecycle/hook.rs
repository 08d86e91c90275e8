//! Which hook is told, when, and what.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Fleet, HOOK, INSTANCE};
use crate::s3_server::Fault;
use crate::support::autoscaling::{GROUP, LAUNCHING, TERMINATING};
use crate::support::{Ended, finish};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// A call in an environment whose region is not the instance's, with a store that is not there.
fn without_a_store(fleet: &Fleet) -> Ended {
    let missing = format!("file://{}", fleet.sandbox.path("missing").display());
    finish(fleet.command().env("LOGFERRY_TO", missing))
}

#[test]
fn hooks_for_instances_that_begin_are_not_ours() {
    let fleet = Fleet::ending();
    fleet.api.add_hook("bootstrap", LAUNCHING, HALF_A_MINUTE);
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn of_several_hooks_only_the_one_that_is_named_is_told() {
    let fleet = Fleet::new();
    fleet.api.add_hook("drain", TERMINATING, HALF_A_MINUTE);
    fleet.end(HALF_A_MINUTE);
    fleet.sandbox.write_log("web.log", "one\n");
    let told = fleet.call().expect(1).stderr;
    assert!(
        told.contains("several hooks for instances that end (drain, last-flush)") && told.contains("hint: "),
        "{told}"
    );
    assert_eq!(fleet.shipped("web"), "one\n", "the flush was done all the same");
    assert!(fleet.api.told().is_empty());
    fleet.call().expect(1).quiet_of("several hooks");
    fleet
        .call_with(&["--hook", "no-such"])
        .expect(1)
        .says("has no hook no-such for instances that end: it has drain, last-flush");
    fleet.call_with(&["--hook", HOOK]).quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
    assert_eq!(fleet.api.calls("CompleteLifecycleAction")[0].parameter("LifecycleHookName"), HOOK);
}

#[test]
fn hook_and_group_may_be_configured_and_are_not_asked_for_then() {
    let fleet = Fleet::ending();
    fleet.configure(&format!("hook = \"{HOOK}\"\ngroup = \"{GROUP}\""));
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
    assert!(fleet.api.calls("DescribeAutoScalingInstances").is_empty());
    // A flag wins.
    fleet.api.wait_for(INSTANCE, HOOK);
    std::fs::remove_file(fleet.sandbox.path("state/lifecycle.json")).expect("a record");
    fleet.call_with(&["--group", "other"]).expect(1).says("no such group: other");
}

#[test]
fn where_no_hook_waits_the_flush_is_all() {
    let fleet = Fleet::new();
    fleet.imds.set(super::TARGET, "Terminated");
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().quiet();
    fleet.api.remove_member(INSTANCE);
    fleet.sandbox.write_log("web.log", "two\n");
    fleet.call().quiet();
    assert_eq!(fleet.shipped("web"), "one\ntwo\n");
    assert!(fleet.api.told().is_empty());
}

#[test]
fn the_region_is_that_of_the_instance_whatever_the_store_needs() {
    let fleet = Fleet::ending();
    finish(fleet.command().env("AWS_REGION", "us-east-1")).quiet();
    // The server takes no signature for another region.
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn heartbeats_keep_the_hook_waiting_as_long_as_a_slow_flush_lasts() {
    let slow = Arc::new(|request: &http::request::Parts| match request.method {
        http::Method::PUT => Fault::Stall(Duration::from_millis(3500)),
        _ => Fault::Pass,
    });
    let fleet = Fleet::with(Some(slow));
    fleet.end(Duration::from_secs(2));
    fleet.sandbox.write_log("web.log", "slowly\n");
    fleet.call().quiet();
    let beats = fleet.api.calls("RecordLifecycleActionHeartbeat");
    assert!(beats.len() >= 3 && beats.iter().all(|beat| beat.error.is_none()), "{beats:?}");
    // Without them the hook's time would have been over, and this refused.
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
    assert_eq!(fleet.shipped("web"), "slowly\n");
}

#[test]
fn what_cannot_be_shipped_within_the_limit_makes_the_hook_abandon_or_go_on_as_configured() {
    for (on_failure, verdict) in [("", "ABANDON"), ("on_failure = \"continue\"", "CONTINUE")] {
        let fleet = Fleet::ending();
        fleet.configure(&format!("limit = \"2s\"\n{on_failure}"));
        fleet.sandbox.write_log("web.log", "stays\n");
        let told = without_a_store(&fleet).expect(75).stderr;
        assert!(
            told.contains(&format!("not all is in the store, and the lifecycle hook was told {verdict}")),
            "{told}"
        );
        assert_eq!(fleet.api.told(), [verdict]);
        let complete = fleet.api.calls("CompleteLifecycleAction");
        let first = fleet.api.calls("DescribeAutoScalingInstances")[0].at;
        assert!(complete[0].at - first < Duration::from_secs(25), "long before the hook's own time");
    }
}

#[test]
fn where_a_flush_fails_at_first_the_next_one_may_reach_the_end() {
    let away = Arc::new(AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    let fault = Arc::new(move |_: &http::request::Parts| match is_away.load(Ordering::SeqCst) {
        true => Fault::Status(403, "AccessDenied"),
        false => Fault::Pass,
    });
    let fleet = Fleet::with(Some(fault));
    fleet.end(HALF_A_MINUTE);
    fleet.sandbox.write_log("web.log", "in the end\n");
    let mut call = fleet.command();
    let call =
        call.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    crate::support::wait_until("the store was asked in vain", || !fleet.bucket.server.requests().is_empty());
    away.store(false, Ordering::SeqCst);
    let output = call.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((fleet.api.told(), fleet.shipped("web").as_str()), (vec!["CONTINUE".to_owned()], "in the end\n"));
}

#[test]
fn what_is_refused_for_what_it_is_holds_up_no_instance() {
    let fleet = Fleet::ending();
    let log = fleet.sandbox.write_log("web.log", "one\n");
    std::os::unix::fs::symlink(log, fleet.sandbox.log("current.log")).expect("a link");
    fleet.call().expect(1).says("symbolic link");
    assert_eq!((fleet.api.told(), fleet.shipped("web").as_str()), (vec!["CONTINUE".to_owned()], "one\n"));
}

#[test]
fn after_an_abandon_what_is_left_is_tried_again_without_a_word_and_seldom() {
    let fleet = Fleet::ending();
    fleet.configure("limit = \"1s\"");
    fleet.sandbox.write_log("web.log", "stays\n");
    without_a_store(&fleet).expect(75).says("told ABANDON");
    for _ in 0..2 {
        assert_eq!(without_a_store(&fleet).expect(75).stderr, "", "that it waits was said");
    }
    std::fs::create_dir(fleet.sandbox.path("missing")).expect("the store is back");
    assert_eq!(without_a_store(&fleet).expect(75).stderr, "");
    assert!(fleet.sandbox.files("missing").is_empty(), "it was tried a moment ago");
    fleet.rested();
    without_a_store(&fleet).quiet();
    assert!(!fleet.sandbox.files("missing").is_empty());
    // What a service goes on writing gets there, too, at once.
    fleet.sandbox.write_log("api.log", "more\n");
    without_a_store(&fleet).quiet();
    fleet.sandbox.nothing_left_behind();
    assert_eq!(fleet.api.told(), ["ABANDON"]);
}

#[test]
fn what_several_flushes_of_a_call_come_to_is_said_once() {
    let fleet = Fleet::ending();
    fleet.configure("limit = \"4s\"");
    fleet.sandbox.write_log("web.log", "stays\n");
    let told = without_a_store(&fleet).expect(75).stderr;
    let mut lines: Vec<&str> = told.lines().filter(|line| !line.contains("hint: ")).collect();
    let all = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), all, "{told}");
    assert!(fleet.api.calls("CompleteLifecycleAction").len() == 1 && all == 2, "{told}");
}

#[test]
fn a_writer_that_holds_its_log_in_silence_does_not_hold_up_the_instance_until_the_limit() {
    let fleet = Fleet::ending();
    let log = fleet.sandbox.write_log("web.log", "one\n");
    let _holder = std::fs::OpenOptions::new().append(true).open(log).expect("a writer");
    // An hour, unless it is said.
    fleet.call().expect(0);
    assert_eq!((fleet.api.told(), fleet.shipped("web").as_str()), (vec!["CONTINUE".to_owned()], "one\n"));
}

impl Ended {
    #[track_caller]
    pub(super) fn says(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "{part:?} is not in: {}", self.stderr);
        self
    }

    #[track_caller]
    pub(super) fn quiet_of(self, part: &str) -> Self {
        assert!(!self.stderr.contains(part), "{part:?} is in: {}", self.stderr);
        self
    }
}
