//! Stores that are slow, break off or fail while they are read from.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::request::Parts;

use super::ship;
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::{Bucket, Sandbox, noise};

/// Whether a request asks for an object.
pub(crate) fn is_get(request: &Parts) -> bool {
    request.method == "GET" && request.uri.path().ends_with(".log.gz")
}

/// A bucket whose answers to requests for objects are spoiled, as the number of the request decides.
pub(crate) fn spoiled(sandbox: &Sandbox, fault: impl Fn(usize) -> Fault + Send + Sync + 'static) -> Bucket {
    let count = AtomicUsize::new(0);
    let hook: FaultHook = Arc::new(move |request| match is_get(request) {
        true => fault(count.fetch_add(1, Ordering::Relaxed)),
        false => Fault::Pass,
    });
    Bucket::with(sandbox, Transport::Http, Some(hook))
}

#[test]
fn connections_that_break_off_double_and_lose_nothing() {
    let sandbox = Sandbox::new();
    // Each answer but every fourth breaks off, somewhere else each time, or says that the store is busy.
    let bucket = spoiled(&sandbox, |number| match number % 4 {
        0 => Fault::CutAnswer(40_000 + 7_919 * (number % 13)),
        1 => Fault::Status(503, "SlowDown"),
        2 => Fault::ResetAfterHandling,
        _ => Fault::Pass,
    });
    let mut content = Vec::new();
    for number in 0..5 {
        let text = noise(150_000 + number);
        ship(&sandbox, Some(&bucket), "i-1", "web.log", &text);
        content.extend(text);
    }
    let ended = bucket.run(&sandbox, ["cat", "web"]).expect(0);
    assert!(ended.stdout == content, "{} bytes of {}", ended.stdout.len(), content.len());
    assert_eq!(ended.stderr, "");
    let ranges = bucket.server.requests().iter().filter(|request| request.headers.contains_key("range")).count();
    assert!(ranges > 0, "what was there already is not asked for again");
}

#[test]
fn a_store_that_drips_is_read_to_the_end() {
    let sandbox = Sandbox::new();
    let bucket = spoiled(&sandbox, |_| Fault::Drip(Duration::from_micros(500)));
    ship(&sandbox, Some(&bucket), "i-1", "web.log", "a line that comes byte by byte\n");
    let ended = bucket.run(&sandbox, ["cat", "web"]).expect(0);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("a line that comes byte by byte\n", ""));
}

#[test]
fn a_body_that_stops_coming_is_asked_for_again() {
    let sandbox = Sandbox::new();
    sandbox.config_file("[s3]\ntimeout = \"1s\"\n");
    // So slow that the second byte of the head comes after the timeout.
    let bucket = spoiled(&sandbox, |number| if number == 0 { Fault::Silence } else { Fault::Pass });
    ship(&sandbox, Some(&bucket), "i-1", "web.log", "a line\n");
    let ended = bucket.run(&sandbox, ["cat", "web"]).expect(0);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("a line\n", ""));
}

#[test]
fn a_store_that_refuses_everything_is_not_asked_for_thousands() {
    let sandbox = Sandbox::new();
    let bucket = spoiled(&sandbox, |_| Fault::Status(403, "AccessDenied"));
    let logs: Vec<_> = (0..60).map(|number| format!("{number:02}.log")).collect();
    for log in &logs {
        sandbox.write_log(log, "a line\n");
    }
    bucket.run_all(&sandbox).quiet();
    let services: Vec<String> = (0..60).map(|number| format!("{number:02}")).collect();
    bucket.server.clear_requests();
    let ended = bucket.run(&sandbox, std::iter::once("cat".to_owned()).chain(services)).expect(1);
    let told = |text: &str| ended.stderr.lines().filter(|line| line.contains(text)).count();
    assert_eq!((told("AccessDenied"), told("hint:")), (32, 1), "{}", ended.stderr);
    assert_eq!(told("the store is at fault: 28 segments more were not tried"), 1, "{}", ended.stderr);
    let asked = bucket.server.requests().iter().filter(|request| request.path.ends_with(".log.gz")).count();
    assert!(asked < 45, "{asked} objects were asked for");
}
