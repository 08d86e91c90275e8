//! Outages: storms, many runs without a store, a store that is killed. Tries and time stay bounded, and the spool drains in
//! the order in which it grew.

use std::collections::HashMap;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::request::Parts;

use super::{Place, large};
use crate::s3_server::{Fault, FaultHook, Request, Transport};
use crate::support::tally::{self, Group, Row};
use crate::support::{Bucket, Sandbox, Writer, finish, proof, wait_until};

/// Puts at once, and tries of one request.
const AT_ONCE: usize = 4;
const TRIES: usize = 5;

/// A segment of the spool, and since when it waits.
#[derive(Clone, Debug)]
struct Waiting {
    stream: String,
    seq: u64,
    claimed_at: String,
}

fn waiting(sandbox: &Sandbox) -> Vec<Waiting> {
    let records = sandbox.files("state/spool").into_iter();
    let records = records.filter(|file| file.extension().is_some_and(|end| end == "json"));
    let read = |file| {
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file).expect("a record")).expect("JSON");
        let text = |name: &str| json[name].as_str().expect("a text").to_owned();
        Waiting { stream: text("stream"), seq: json["seq"].as_u64().expect("a number"), claimed_at: text("claimed_at") }
    };
    records.map(read).collect()
}

/// The request that put a segment.
fn request_of<'r>(requests: &'r [Request], segment: &Waiting) -> &'r Request {
    let name = format!("_{}-{:08}-", segment.stream, segment.seq);
    let found: Vec<_> = requests.iter().filter(|request| request.path.contains(&name)).collect();
    assert_eq!(found.len(), 1, "{name} is put once");
    found[0]
}

/// Within a stream, no segment is sent before the one before it is confirmed. Of all streams together the oldest goes
/// first: when one is sent, an older one that could have been is at most in the hands of another of the threads.
fn assert_in_order(segments: &[Waiting], requests: &[Request]) {
    let by_name: HashMap<_, _> = segments
        .iter()
        .map(|segment| ((segment.stream.as_str(), segment.seq), request_of(requests, segment)))
        .collect();
    let before = |segment: &Waiting| by_name.get(&(segment.stream.as_str(), segment.seq - 1)).copied();
    let request = |segment: &Waiting| by_name[&(segment.stream.as_str(), segment.seq)];
    for segment in segments {
        let sent = request(segment).arrived;
        if let Some(before) = before(segment) {
            let confirmed = before.answered.expect("it was answered");
            assert!(confirmed <= sent, "{segment:?} was sent before the one before it was confirmed");
        }
        let overtaken = segments.iter().filter(|older| {
            let could_go = before(older).is_none_or(|before| before.answered.is_some_and(|answered| answered < sent));
            older.claimed_at < segment.claimed_at && request(older).arrived > sent && could_go
        });
        let overtaken = overtaken.count();
        assert!(overtaken < AT_ONCE, "{segment:?} was sent before {overtaken} older ones");
    }
}

#[test]
fn an_outage_of_many_runs_ends_with_all_shipped_once_and_the_oldest_first() {
    const RUNS: usize = 12;
    let place = Place::new();
    let logs: Vec<_> = (0..6).map(|n| place.sandbox.log(format!("job-{n}.log"))).collect();
    let writer = Writer::start(&place.sandbox, &["--writes-of", "300,5000", "--every", "20"], &logs);
    // A port that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let mut grown = (0, 0);
    for number in 1..=RUNS {
        let mut down = place.sandbox.logferry();
        down.envs(place.bucket.env()).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")).arg("run");
        let begin = Instant::now();
        let ended = finish(down.arg(place.sandbox.path("log"))).expect(75);
        let (count, bytes) = place.spooled();
        assert!(ended.stderr.contains(&format!("{count} segments ({bytes} bytes) wait")), "{}", ended.stderr);
        assert!(count >= grown.0 + logs.len() && bytes > grown.1, "run {number}: {count} segments");
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
        grown = (count, bytes);
    }
    let written = writer.stop();
    let segments = waiting(&place.sandbox);
    let begin = Instant::now();
    place.run().expect(0);
    let recovery = begin.elapsed();
    assert_in_order(&segments, &place.bucket.server.requests());
    let contents: Vec<_> = written.iter().map(proof::Content::from).collect();
    let compared = proof::compare_all(place.objects(), &contents);
    assert_eq!(compared, proof::Comparison::default());
    place.sandbox.nothing_left_behind();
    place.run().quiet();
    println!("{RUNS} runs without a store: {} segments, shipped in {:.1} s", segments.len(), recovery.as_secs_f64());
    tally::record(Group::Store, "an outage of twelve runs", Row::sound(1, recovery));
}

/// Forty logs, the first three of which are large.
fn forty(place: &Place) -> Vec<(String, Vec<u8>)> {
    let content = |n: usize| if n < 3 { large() } else { format!("{n}\n").into_bytes() };
    let logs: Vec<_> = (0..40).map(|n| (format!("job-{n:02}"), content(n))).collect();
    for (service, content) in &logs {
        place.sandbox.write_log(format!("{service}.log"), content);
    }
    logs
}

fn recover(place: &Place, logs: &[(String, Vec<u8>)]) -> Duration {
    let contents: Vec<_> = logs.iter().map(|(service, content)| (service.as_str(), content.as_slice())).collect();
    place.recover(&contents, 0)
}

fn has_body(request: &Parts) -> bool {
    request.method == "PUT"
}

#[test]
fn a_storm_over_forty_segments_is_met_with_few_tries() {
    let everywhere: fn(&Parts) -> bool = |_| true;
    let storms = [
        (Fault::Status(503, "SlowDown"), everywhere),
        (Fault::Status(503, "SlowDown"), has_body),
        (Fault::Status(500, "InternalError"), has_body),
        (Fault::ResetAfter(1000), everywhere),
        (Fault::Silence, everywhere),
        (Fault::Garble, everywhere),
    ];
    for (fault, meant) in storms {
        let place = Place::new();
        let logs = forty(&place);
        let title = format!("{fault:?}");
        place.spoil(move |request| if meant(request) { fault.clone() } else { Fault::Pass });
        let (ended, requests, took) = place.watch();
        let ended = ended.expect(75);
        println!("a storm of {title}: {} requests, {:.1} s", requests.len(), took.as_secs_f64());
        assert!(ended.stderr.contains("40 segments ("), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
        // An upload is made, gets a sound part, and is removed besides.
        let most = AT_ONCE * (TRIES + 3);
        assert!(requests.len() <= most, "{title}: {} requests", requests.len());
        assert!(took < Duration::from_secs(60), "{title}: {took:?}");
        let recovery = recover(&place, &logs);
        tally::record(Group::Store, "a storm over forty segments", Row::sound(1, recovery));
    }
}

#[test]
fn a_store_that_fails_now_and_then_is_got_over_within_the_budget_of_tries() {
    let place = Place::new();
    let logs = forty(&place);
    let state = AtomicU64::new(1);
    place.spoil(move |_| {
        let step = |state: u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let random =
            state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).expect("there is a next number") >> 33;
        if random % 10 < 7 { Fault::Status(503, "SlowDown") } else { Fault::Pass }
    });
    let (mut runs, mut codes, mut last) = (0, Vec::new(), Duration::ZERO);
    while codes.last() != Some(&0) {
        let (ended, requests, took) = place.watch();
        (runs, last) = (runs + 1, took);
        codes.push(ended.code);
        println!(
            "seven of ten requests fail: {} requests, {:.1} s, {}",
            requests.len(),
            took.as_secs_f64(),
            ended.code
        );
        // One for each segment, four more for each large one, and the budget.
        assert!(requests.len() <= 40 + 3 * 4 + 60, "{} requests", requests.len());
        assert!(ended.code == 0 || ended.code == 75, "{}", ended.stderr);
        assert!(took < Duration::from_secs(120), "{took:?}");
        assert!(runs < 20, "{codes:?}");
    }
    // An upload whose removal failed is removed with the next put of its segment, and only then.
    place.mend();
    let contents: Vec<_> = logs.iter().map(|(service, content)| (service.as_str(), content.as_slice())).collect();
    place.is_whole(&contents);
    place.run().quiet();
    tally::record(Group::Store, "seven of ten requests fail", Row::sound(1, last));
}

#[test]
fn a_store_that_is_killed_between_the_put_and_its_answer_has_the_object_once() {
    let sandbox = Sandbox::new();
    let hook: FaultHook = Arc::new(|_| Fault::SilenceAfterHandling);
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    sandbox.write_log("web.log", "once\n");
    let mut run = sandbox.logferry();
    let run = run.envs(bucket.env()).arg("run").arg(sandbox.path("log")).stderr(Stdio::piped()).spawn();
    let run = run.expect("it starts");
    let stored = || proof::of_bucket(&sandbox.path("s3/logs"));
    let is_record = |file: &std::path::PathBuf| file.extension().is_some_and(|end| end == "json");
    wait_until("the object is there", || sandbox.files("s3/logs").iter().any(is_record));
    drop(bucket);
    let output = run.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(75), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stored().len(), 1);
    let bucket = Bucket::new(&sandbox);
    let begin = Instant::now();
    bucket.run_all(&sandbox).quiet();
    let recovery = begin.elapsed();
    let statuses: Vec<_> = bucket.server.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(412)]);
    assert!(stored().len() == 1 && stored()[0].raw == b"once\n");
    sandbox.nothing_left_behind();
    tally::record(Group::Store, "the store is killed before it answers", Row::sound(1, recovery));
}

#[test]
fn a_bucket_that_is_deleted_between_runs_and_made_anew_gets_what_waited() {
    let place = Place::new();
    place.bucket.server.delete_bucket("logs").expect("it is empty");
    for (number, service) in ["web", "mail"].into_iter().enumerate() {
        place.sandbox.write_log(format!("{service}.log"), "x\n");
        let (ended, requests, _) = place.watch();
        let ended = ended.expect(75);
        assert!(
            ended.stderr.contains("NoSuchBucket (404)") && ended.stderr.contains("hint: create it"),
            "{}",
            ended.stderr
        );
        assert_eq!((place.spooled().0, ended.stderr.lines().count()), (number + 1, 2), "{}", ended.stderr);
        assert!(requests.len() <= 2, "{} requests", requests.len());
    }
    place.bucket.server.create_bucket("logs").expect("a bucket");
    let recovery = place.recover(&[("web", b"x\n"), ("mail", b"x\n")], 0);
    tally::record(Group::Store, "the bucket is gone for two runs", Row::sound(1, recovery));
}
