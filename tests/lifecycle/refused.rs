//! What the API refuses never keeps the last flush from happening, and is told with what is missing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Fleet, HOOK, INSTANCE};
use crate::s3_server::Fault;
use crate::support::autoscaling::{ApiError, GROUP};

/// Refuses these actions.
fn deny(fleet: &Fleet, actions: &'static [&'static str]) {
    fleet.api.fail(move |call| actions.contains(&call.action.as_str()).then(|| ApiError::denied(&call.action)));
}

#[test]
fn a_permission_that_is_missing_is_named_once_with_its_resource_and_may_come_later() {
    let fleet = Fleet::ending();
    deny(&fleet, &["CompleteLifecycleAction"]);
    fleet.sandbox.write_log("web.log", "one\n");
    let told = fleet.call().expect(1).stderr;
    let resource = format!("arn:aws:autoscaling:eu-central-1:*:autoScalingGroup:*:autoScalingGroupName/{GROUP}");
    let hint = format!("hint: allow autoscaling:CompleteLifecycleAction on {resource} to the role");
    assert!(told.contains("AccessDenied: User: arn:aws:sts::") && told.contains(&hint), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
    assert_eq!(fleet.shipped("web"), "one\n");
    // Cron would mail it each minute.
    let again = fleet.call().expect(1);
    assert_eq!(again.stderr, "");
    fleet.api.fail(|_| None);
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn where_nothing_may_be_asked_the_flush_is_done_and_each_call_says_what_it_needs() {
    let fleet = Fleet::ending();
    deny(&fleet, &["DescribeAutoScalingInstances", "DescribeLifecycleHooks"]);
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().expect(1).says("allow autoscaling:DescribeAutoScalingInstances on * to the role of this instance");
    assert_eq!(fleet.shipped("web"), "one\n");
    fleet.call_with(&["--group", GROUP]).expect(1).says("allow autoscaling:DescribeLifecycleHooks on * to the role");
    // Both names are enough.
    fleet.call_with(&["--group", GROUP, "--hook", HOOK]).quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn without_heartbeats_the_hook_is_told_before_its_time_is_over() {
    let fleet = Fleet::new();
    fleet.end(Duration::from_secs(5));
    deny(&fleet, &["RecordLifecycleActionHeartbeat"]);
    fleet.sandbox.write_log("web.log", "stays\n");
    let missing = format!("file://{}", fleet.sandbox.path("missing").display());
    let ended = crate::support::finish(fleet.command().env("LOGFERRY_TO", missing)).expect(75);
    ended.says("allow autoscaling:RecordLifecycleActionHeartbeat on arn:aws:autoscaling:");
    assert_eq!(fleet.api.told(), ["ABANDON"], "in time: the server refuses what is late");
}

#[test]
fn what_comes_too_late_is_refused_and_all_is_in_the_store_all_the_same() {
    let slow = std::sync::Arc::new(|request: &http::request::Parts| match request.method {
        http::Method::PUT => Fault::Stall(Duration::from_millis(1500)),
        _ => Fault::Pass,
    });
    let fleet = Fleet::with(Some(slow));
    fleet.end(Duration::from_secs(1));
    deny(&fleet, &["RecordLifecycleActionHeartbeat"]);
    fleet.sandbox.write_log("web.log", "late\n");
    let ended = fleet.call().expect(1);
    ended.says(&format!("No active Lifecycle Action found with instance ID {INSTANCE}"));
    assert_eq!(fleet.shipped("web"), "late\n");
    assert!(fleet.api.told().is_empty());
}

#[test]
fn an_action_that_someone_else_has_completed_is_no_failure() {
    let fleet = Fleet::ending();
    fleet.api.fail(|call| match call.action.as_str() {
        "CompleteLifecycleAction" => {
            let message = format!("No active Lifecycle Action found with instance ID {INSTANCE}");
            Some(ApiError::new(400, "ValidationError", message))
        }
        _ => None,
    });
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().expect(0).says("No active Lifecycle Action").says("hint: nothing to do where someone else");
    assert_eq!(fleet.shipped("web"), "one\n");
    fleet.call().quiet();
}

#[test]
fn a_hook_that_waits_only_later_is_told_by_a_later_call() {
    let fleet = Fleet::new();
    fleet.api.add_hook(HOOK, crate::support::autoscaling::TERMINATING, Duration::from_secs(30));
    fleet.imds.set(super::TARGET, "Terminated");
    fleet.call().expect(0).says("No active Lifecycle Action");
    fleet.api.wait_for(INSTANCE, HOOK);
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn what_passes_is_tried_again() {
    let fleet = Fleet::ending();
    let asked = AtomicUsize::new(0);
    fleet.api.fail(move |call| match (call.action.as_str(), asked.fetch_add(1, Ordering::SeqCst)) {
        ("RecordLifecycleActionHeartbeat", _) => Some(ApiError::contention()),
        (_, n) if n % 2 == 0 => {
            Some([ApiError::throttled(), ApiError::internal(), ApiError::contention()][n / 2 % 3].clone())
        }
        _ => None,
    });
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn an_api_out_of_reach_makes_the_next_call_try_again() {
    let fleet = Fleet::ending();
    fleet.api.fail(|_| Some(ApiError::internal()));
    fleet.sandbox.write_log("web.log", "one\n");
    let told = fleet.call().expect(75).stderr;
    assert!(told.contains("InternalFailure") && told.contains("hint: see the way to the API"), "{told}");
    assert_eq!(fleet.shipped("web"), "one\n");
    fleet.api.fail(|_| None);
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}
