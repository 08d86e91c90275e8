//! A store that is slow, or fails, while it is read: what is said to be whole is whole, and what is not is named.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::request::Parts;

use super::filters::listed;
use crate::s3_server::{Fault, FaultHook};
use crate::support::archive::{Stream, archive};
use crate::support::{Bucket, Ended, Sandbox};

const SERVICE: &str = "deploy";

/// A bucket that holds one service, or all; each request is answered as `fault` says, which is told which try of it this is.
fn bucket(
    sandbox: &Sandbox,
    is_there: fn(&Stream) -> bool,
    fault: impl Fn(&Parts, u32) -> Fault + Send + Sync + 'static,
) -> Bucket {
    sandbox.config_file("[s3]\ntimeout = \"1s\"\n");
    let tries: Mutex<HashMap<String, u32>> = Mutex::default();
    let hook: FaultHook = Arc::new(move |request| {
        let mut tries = tries.lock().expect("nothing panics while it holds this");
        let tried = tries.entry(request.uri.to_string()).or_default();
        *tried += 1;
        fault(request, *tried)
    });
    archive().bucket(sandbox, Some(hook), |stream, _| is_there(stream))
}

fn is_of_service(stream: &Stream) -> bool {
    stream.service.name() == SERVICE
}

fn is_list(request: &Parts) -> bool {
    request.uri.query().is_some_and(|query| query.contains("list-type=2"))
}

fn whole() -> Vec<u8> {
    archive().of_service(SERVICE).flat_map(|stream| stream.bytes.clone()).collect()
}

#[track_caller]
fn is_whole(cat: &Ended) {
    assert!(cat.stdout == whole(), "{} bytes, not {}", cat.stdout.len(), whole().len());
}

#[test]
fn a_listing_of_ten_thousand_is_complete_though_each_page_fails_once() {
    let sandbox = Sandbox::new();
    let faults = |request: &Parts, tried| match (is_list(request), tried, request.uri.to_string().len() % 3) {
        (true, 1, 0) => Fault::Status(503, "SlowDown"),
        (true, 1, 1) => Fault::CutAnswer(2_000),
        (true, 1, _) => Fault::Status(500, "InternalError"),
        _ => Fault::Pass,
    };
    let bucket = bucket(&sandbox, |_| true, faults);
    let all = bucket.run(&sandbox, ["ls"]).expect(0);
    assert_eq!(listed(&all).len(), archive().segments().count());
    let lists = bucket.server.requests().iter().filter(|request| request.query.is_some()).count();
    assert!((22..=24).contains(&lists), "{lists} requests for 11 pages");
}

#[test]
fn what_is_read_is_whole_though_objects_fail_at_first() {
    let sandbox = Sandbox::new();
    let faults = |request: &Parts, tried| match (is_list(request), tried, request.uri.path().len() % 4) {
        (true, ..) => Fault::Pass,
        (_, 1, 0) => Fault::Status(503, "SlowDown"),
        // In the midst of the head, and of the body.
        (_, 1, 1) => Fault::CutAnswer(100),
        (_, 1, 2) => Fault::CutAnswer(700),
        (_, 1, _) => Fault::CloseBeforeBody,
        _ => Fault::Pass,
    };
    let bucket = bucket(&sandbox, is_of_service, faults);
    is_whole(&bucket.run(&sandbox, ["cat", SERVICE]).expect(0));
}

#[test]
fn a_slow_store_is_waited_for() {
    let sandbox = Sandbox::new();
    let faults = |request: &Parts, _| match is_list(request) {
        true => Fault::Stall(Duration::from_millis(300)),
        false => Fault::Stall(Duration::from_millis(20)),
    };
    let bucket = bucket(&sandbox, is_of_service, faults);
    is_whole(&bucket.run(&sandbox, ["cat", SERVICE]).expect(0));
}

#[test]
fn an_object_that_can_not_be_read_is_named_and_the_others_are_given() {
    let sandbox = Sandbox::new();
    let (stream, segment) = archive().segments().filter(|(stream, _)| is_of_service(stream)).nth(5).expect("a sixth");
    let leaf = segment.key.split().1.to_owned();
    let bad = leaf.clone();
    let faults = move |request: &Parts, _| match request.uri.path().ends_with(&bad) {
        true => Fault::Status(500, "InternalError"),
        false => Fault::Pass,
    };
    let bucket = bucket(&sandbox, is_of_service, faults);
    let cat = bucket.run(&sandbox, ["cat", SERVICE]).expect(1);
    assert!(cat.stderr.contains(&leaf), "{}", cat.stderr);
    let mut expected = Vec::new();
    for other in archive().of_service(SERVICE) {
        let kept = other.segments.iter().filter(|of_other| of_other.key != segment.key);
        expected.extend(kept.flat_map(|of_other| other.of(of_other).to_vec()));
    }
    assert!(!stream.of(segment).is_empty() && cat.stdout == expected, "{} bytes", cat.stdout.len());
}

#[test]
fn a_store_that_does_not_answer_or_refuses_ends_in_a_message_that_says_what_to_do() {
    for (fault, says) in [
        (Fault::Silence, "check the network"),
        (Fault::Status(403, "AccessDenied"), "s3:ListBucket"),
        (Fault::Status(503, "SlowDown"), "overloaded"),
    ] {
        let sandbox = Sandbox::new();
        let bucket = bucket(&sandbox, |_| false, move |_, _| fault.clone());
        for command in ["ls", "cat"] {
            let args = if command == "ls" { vec!["ls"] } else { vec!["cat", SERVICE] };
            let ended = bucket.run(&sandbox, args).expect(1);
            assert!(ended.stdout.is_empty() && ended.stderr.contains(says), "{command}: {}", ended.stderr);
            assert!(ended.took < Duration::from_secs(60), "{command}: {:?}", ended.took);
        }
    }
}
