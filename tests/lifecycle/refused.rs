//! What the API refuses never keeps the last flush from happening, and is told with what is missing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Fleet, HOOK, INSTANCE};
use crate::s3_server::Fault;
use crate::support::autoscaling::{ApiError, GROUP};

fn is_put(request: &crate::s3_server::Request) -> bool {
    request.method == http::Method::PUT
}

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
    fleet.rested();
    fleet.call().quiet();
}

#[test]
fn an_api_that_hangs_does_not_hold_up_the_flush() {
    let fleet = Fleet::ending();
    fleet.sandbox.write_log("web.log", "one\n");
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    hangs.set_nonblocking(true).expect("it is not waited for");
    let endpoint = format!("http://{}", hangs.local_addr().expect("an address"));
    let mut call = fleet.command();
    call.env("AWS_ENDPOINT_URL_AUTO_SCALING", endpoint).stderr(std::process::Stdio::null());
    let mut call = call.spawn().expect("it starts");
    crate::support::wait_until("it is in the store", || fleet.bucket.server.requests().iter().any(is_put));
    let mut tries = Vec::new();
    while let Ok((connection, _)) = hangs.accept() {
        tries.push(connection);
    }
    assert!(call.try_wait().expect("its state").is_none(), "the hook is to be told still");
    call.kill().expect("it lives");
    call.wait().expect("it ends");
    assert!(tries.len() <= 1, "the flush has waited for {} tries", tries.len());
}

#[test]
fn where_there_are_no_credentials_that_is_said_in_a_few_words() {
    let fleet = Fleet::ending();
    let mut call = fleet.command();
    call.env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("LOGFERRY_TO", fleet.sandbox.directory());
    let told = crate::support::finish(&mut call).expect(1).stderr;
    assert!(told.contains("autoscaling:DescribeAutoScalingInstances: no credentials were found\n"), "{told}");
    assert!(told.contains("hint: give the instance a role") && !told.contains("to the role of this"), "{told}");
}

#[test]
fn where_nothing_can_be_noted_the_hook_is_held_and_told_all_the_same() {
    let fleet = Fleet::ending();
    let ran = fleet.sandbox.path("ran");
    fleet.configure(&format!("before = [\"sh\", \"-c\", \"echo x >>{}\"]", ran.display()));
    fleet.sandbox.write_log("web.log", "one\n");
    std::fs::create_dir(fleet.sandbox.path("state")).expect("a state directory");
    std::fs::set_permissions(fleet.sandbox.path("state"), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("chmod");
    // It can't be written under its temporary name, as where a disk is full.
    std::fs::create_dir(fleet.sandbox.path("state/.lifecycle.json.tmp")).expect("a directory");
    fleet.call().expect(1).says("lifecycle.json");
    assert_eq!((fleet.shipped("web").as_str(), fleet.api.told()), ("one\n", vec!["CONTINUE".to_owned()]));
    assert_eq!(fleet.api.calls("RecordLifecycleActionHeartbeat").len(), 1);
    assert_eq!(std::fs::read_to_string(ran).expect("it ran"), "x\n");
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
