//! Stores that are slow, break off or fail while they are read from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::request::Parts;

use super::ship;
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::{Bucket, Sandbox, noise};

/// Whether a request asks for an object.
pub(crate) fn is_get(request: &Parts) -> bool {
    request.method == "GET" && request.uri.path().ends_with(".log.gz")
}

/// A bucket whose answers to requests for objects are spoiled, as the number of the request for this object decides.
pub(crate) fn spoiled(sandbox: &Sandbox, fault: impl Fn(usize) -> Fault + Send + Sync + 'static) -> Bucket {
    let counts: Mutex<HashMap<String, usize>> = Mutex::default();
    let hook: FaultHook = Arc::new(move |request| {
        if !is_get(request) {
            return Fault::Pass;
        }
        let mut counts = counts.lock().expect("nothing panics while it holds the counts");
        let count = counts.entry(request.uri.path().to_owned()).or_default();
        *count += 1;
        fault(*count - 1)
    });
    Bucket::with(sandbox, Transport::Http, Some(hook))
}

#[test]
fn connections_that_break_off_double_and_lose_nothing() {
    let sandbox = Sandbox::new();
    // Of each object answers break off, in two places, come to nothing, or say that the store is busy.
    let bucket = spoiled(&sandbox, |number| match number {
        0 => Fault::CutAnswer(47_919),
        1 => Fault::Status(503, "SlowDown"),
        2 => Fault::CutAnswer(31_001),
        3 => Fault::ResetAfterHandling,
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
    assert_eq!(ranges, 5 * 4, "what was there already is not asked for again");
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
fn an_answer_that_never_comes_is_asked_for_again() {
    let sandbox = Sandbox::new();
    sandbox.config_file("[s3]\ntimeout = \"1s\"\n");
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

#[test]
fn an_object_in_an_archive_is_to_be_restored_and_the_others_are_read() {
    let sandbox = Sandbox::new();
    let hook: FaultHook = Arc::new(|request| match is_get(request) && request.uri.path().contains("-00000001-") {
        true => Fault::Status(403, "InvalidObjectState"),
        false => Fault::Pass,
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    for text in ["first\n", "second\n"] {
        ship(&sandbox, Some(&bucket), "i-1", "web.log", text);
    }
    let ended = bucket.run(&sandbox, ["cat", "web"]).expect(1);
    assert_eq!(ended.text(), "second\n");
    assert!(ended.stderr.contains("-00000001-") && ended.stderr.contains("restore"), "{}", ended.stderr);
}

#[test]
fn a_timeout_names_the_object_that_was_waited_for() {
    let sandbox = Sandbox::new();
    let bucket = spoiled(&sandbox, |_| Fault::Silence);
    ship(&sandbox, Some(&bucket), "i-1", "web.log", "a line\n");
    sandbox.config_file("[s3]\ntimeout = \"1s\"\n");
    let ended = bucket.run(&sandbox, ["cat", "web"]).expect(1);
    let (named, why) = ended.stderr.split_once(": no answer in 1 s").expect("a timeout");
    assert!(named.contains("read service=web/dt=") && named.ends_with(".log.gz"), "{named}");
    assert!(why.contains("hint: check the network"), "{why}");
}
