//! A deadline is kept, whatever hangs; what matters most comes first, and what stays is listed and lost by nobody.

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Beside, flush, flush_to, flushed, report, services_put};
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::proof::{self, Content};
use crate::support::{Bucket, Sandbox, finish, noise, wait_until};

/// A hook that lets so many puts pass and spoils all others, for as long as the switch is on.
fn spoiled_after(count: u32, fault: Fault) -> (Arc<AtomicBool>, FaultHook) {
    let (on, seen) = (Arc::new(AtomicBool::new(true)), AtomicU32::new(0));
    let switch = Arc::clone(&on);
    let hook: FaultHook = Arc::new(move |parts| {
        let spoils = switch.load(Ordering::SeqCst) && parts.method == "PUT";
        if spoils && seen.fetch_add(1, Ordering::SeqCst) >= count { fault.clone() } else { Fault::Pass }
    });
    (on, hook)
}

/// Fails the test unless the bucket holds just that.
#[track_caller]
fn assert_stored(sandbox: &Sandbox, contents: &[Content]) {
    let compared = proof::compare_all(proof::of_bucket(&sandbox.path("s3/logs")), contents);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
    sandbox.nothing_left_behind();
}

/// How many puts go on at once.
const AT_ONCE: usize = 4;

/// How well an order can be seen: of what is begun at the same time, anything may arrive first, and more on a busy machine.
const BLURRED: usize = 2 * AT_ONCE;

/// Logs of many sizes, in an order that is neither that of their names nor that of their ages: of the service and its
/// bytes, in the order in which they are to go.
fn many_sizes(sandbox: &Sandbox) -> Vec<Content> {
    let urgent = Content::new("urgent", noise(160_000));
    let usual = (0..16).map(|n| Content::new(&format!("{:02}", (n * 7) % 16), noise(1_000 + n * 9_000)));
    let low = Content::new("low", noise(10));
    let contents: Vec<Content> = std::iter::once(urgent).chain(usual).chain([low]).collect();
    for Content { service, bytes } in &contents {
        sandbox.write_log(format!("{service}.log"), bytes);
    }
    let log = sandbox.path("log").display().to_string();
    sandbox.config_file(&format!(
        "[[logs]]\npaths = \"{log}/urgent.log\"\npriority = \"high\"\n\
         [[logs]]\npaths = \"{log}/low.log\"\npriority = \"low\"\n[[logs]]\npaths = \"{log}/*.log\"\n"
    ));
    contents
}

/// Fails the test unless the services were put in that order, as far as it can be seen.
#[track_caller]
fn assert_order(put: &[String], wanted: &[Content]) {
    let places: HashMap<&str, usize> =
        put.iter().enumerate().map(|(place, service)| (service.as_str(), place)).collect();
    for (place, Content { service, .. }) in wanted.iter().enumerate() {
        let Some(found) = places.get(service.as_str()) else { continue };
        assert!(found.abs_diff(place) < BLURRED, "{service} was put as number {found}, not {place}: {put:?}");
    }
}

#[test]
fn when_there_is_not_time_for_all_the_urgent_logs_go_first_and_then_the_smallest() {
    let sandbox = Sandbox::reopening();
    let (hangs, hook) = spoiled_after(9, Fault::Silence);
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    let contents = many_sizes(&sandbox);
    let ended = finish(&mut flush_to(&bucket, &sandbox, &["--deadline", "4s", "--json"])).expect(75);
    assert!(ended.took < Duration::from_secs(4), "it took {:?}", ended.took);
    let put = services_put(&bucket);
    assert!((9..=9 + AT_ONCE).contains(&put.len()), "{put:?}");
    assert_order(&put, &contents);
    let left = report(&ended)["left"].as_array().expect("a list").clone();
    assert_eq!(left.len(), contents.len() - 9, "{left:?}");
    assert!(ended.stderr.contains("stopped, as the deadline is near"), "{}", ended.stderr);
    hangs.store(false, Ordering::SeqCst);
    bucket.run_all(&sandbox).expect(0);
    assert_stored(&sandbox, &contents);
}

#[test]
fn what_waited_in_the_spool_goes_by_the_same_order_and_a_stream_by_its_numbers() {
    let sandbox = Sandbox::reopening();
    let (fails, hook) = spoiled_after(0, Fault::Status(403, "AccessDenied"));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    let mut contents = many_sizes(&sandbox);
    bucket.run_all(&sandbox).expect(75);
    for content in &mut contents {
        sandbox.write_log(format!("{}.log", content.service), "more\n");
        content.bytes.extend(b"more\n");
    }
    fails.store(false, Ordering::SeqCst);
    bucket.server.clear_requests();
    finish(&mut flush_to(&bucket, &sandbox, &[])).expect(0);
    // What is taken now joins the line while its head is at work already: only the first of a stream tells.
    let mut put = services_put(&bucket);
    let mut seen = std::collections::HashSet::new();
    put.retain(|service| seen.insert(service.clone()));
    assert_eq!(put.len(), contents.len(), "{put:?}");
    assert_order(&put, &contents);
    assert_stored(&sandbox, &contents);
}

#[test]
fn a_log_that_is_too_large_for_the_time_stays_and_the_others_are_complete() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.path("log").display().to_string();
    sandbox.config_file(&format!("level = 9\n[[logs]]\npaths = \"{log}/*.log\"\n"));
    let small: Vec<Content> = (0..8).map(|n| Content::new(&format!("s{n}"), noise(5_000 * (n + 1)))).collect();
    small.iter().for_each(|log| drop(sandbox.write_log(format!("{}.log", log.service), &log.bytes)));
    let huge = noise(1_000_000).repeat(240);
    sandbox.write_log("a-huge.log", &huge);
    let ended = flushed(&sandbox, &["--deadline", "3s"]).expect(75);
    assert!(ended.took < Duration::from_secs(3), "it took {:?}", ended.took);
    let compared = proof::compare_all(proof::of_directory(&sandbox.path("store")), &small);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "the small ones are complete: {compared:?}");
    let listed = format!("({} bytes)", huge.len());
    assert!(ended.stderr.contains("not in the store: 1 log, ") && ended.stderr.contains(&listed));
    // It is not in the way of the next one either, though it is claimed.
    sandbox.write_log("s0.log", "more\n");
    let ended = flushed(&sandbox, &["--deadline", "3s"]).expect(75);
    assert!(ended.took < Duration::from_secs(3), "it took {:?}", ended.took);
    assert_eq!(sandbox.run(["cat", "s0"]).expect(0).stdout, [&small[0].bytes[..], b"more\n"].concat());
    sandbox.config_file("level = 1\n");
    sandbox.run_all().expect(0);
    assert!(sandbox.run(["cat", "a-huge"]).expect(0).stdout == huge, "it is shipped by the next run, to the byte");
    sandbox.nothing_left_behind();
}

#[test]
fn logs_for_which_there_is_no_time_are_told_of_together() {
    let sandbox = Sandbox::reopening();
    let logs = sandbox.path("log").display().to_string();
    sandbox.config_file(&format!("level = 9\n[[logs]]\npaths = \"{logs}/*.log\"\n"));
    let bytes = noise(1_000_000).repeat(40);
    (0..4).for_each(|n| drop(sandbox.write_log(format!("{n}.log"), &bytes)));
    let ended = flushed(&sandbox, &["--deadline", "1s"]).expect(75);
    assert_eq!(ended.stderr.matches("as the deadline is near").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("left for the next run"), "{}", ended.stderr);
}

#[test]
fn a_store_that_is_away_is_tried_again_until_it_is_there() {
    let sandbox = Sandbox::reopening();
    let (fails, hook) = spoiled_after(0, Fault::Status(403, "AccessDenied"));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    sandbox.write_log("web.log", "one\n");
    let waiting = Beside::start(&mut flush_to(&bucket, &sandbox, &["--deadline", "100s"]));
    wait_until("it is tried again", || bucket.server.requests().len() >= 2);
    fails.store(false, Ordering::SeqCst);
    let (code, said) = waiting.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("AccessDenied"), "what passed is not complained of: {said}");
    assert_stored(&sandbox, &[Content::new("web", "one\n")]);
}

#[test]
fn without_a_deadline_a_store_that_is_away_ends_it() {
    let sandbox = Sandbox::reopening();
    let (_, hook) = spoiled_after(0, Fault::Status(403, "AccessDenied"));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    sandbox.write_log("web.log", "one\n");
    let ended = finish(&mut flush_to(&bucket, &sandbox, &[])).expect(75);
    assert!(ended.stderr.contains("AccessDenied") && ended.stderr.contains("segment "), "{}", ended.stderr);
    assert!(ended.stderr.contains("not in the store: 1 segment,"), "{}", ended.stderr);
}

#[test]
fn a_large_upload_that_hangs_is_given_up_in_time_and_leaves_no_parts_for_long() {
    let sandbox = Sandbox::reopening();
    let (hangs, hook) = spoiled_after(1, Fault::Silence);
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    let bytes = noise(20_000_000);
    sandbox.write_log("web.log", &bytes);
    let ended = finish(&mut flush_to(&bucket, &sandbox, &["--deadline", "4s"])).expect(75);
    assert!(ended.took < Duration::from_secs(4), "it took {:?}", ended.took);
    hangs.store(false, Ordering::SeqCst);
    finish(&mut flush_to(&bucket, &sandbox, &[])).expect(0);
    assert_eq!(bucket.server.open_uploads("logs"), 0);
    assert_stored(&sandbox, &[Content::new("web", bytes)]);
}

#[test]
fn it_is_over_in_time_even_where_nobody_takes_its_messages() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "one\n");
    let (unread, full) = std::io::pipe().expect("a pipe");
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    nix::fcntl::fcntl(&full, nix::fcntl::FcntlArg::F_SETFL(flags)).expect("it does not block");
    while nix::unistd::write(&full, &[b'x'; 4096]).is_ok() {}
    nix::fcntl::fcntl(&full, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty())).expect("it blocks");
    assert!(full.as_raw_fd() > 2);
    let begin = std::time::Instant::now();
    let mut stuck = flush(&sandbox, &["-v", "--deadline", "2s"]);
    let status = stuck.stdin(Stdio::null()).stderr(full).status().expect("it ends");
    // Nobody reads before that.
    assert!(begin.elapsed() < Duration::from_secs(30), "it took {:?}", begin.elapsed());
    assert_eq!(status.code(), Some(75));
    drop(unread);
    flushed(&sandbox, &[]).expect(0);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\n");
}

#[test]
fn a_signal_ends_it_at_a_safe_point_and_the_next_one_goes_on() {
    let sandbox = Sandbox::reopening();
    let (hangs, hook) = spoiled_after(0, Fault::Silence);
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    let mut expected = String::new();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        sandbox.write_log("web.log", format!("{signal}\n"));
        expected += &format!("{signal}\n");
        bucket.server.clear_requests();
        let stuck = Beside::start(&mut flush_to(&bucket, &sandbox, &["--deadline", "100s"]));
        wait_until("it ships", || !bucket.server.requests().is_empty());
        kill(Pid::from_raw(i32::try_from(stuck.child.id()).expect("a pid")), signal).expect("it lives");
        let (code, said) = stuck.end();
        assert!(code == Some(75) && said.contains("stopped by a signal"), "{said}");
    }
    hangs.store(false, Ordering::SeqCst);
    finish(&mut flush_to(&bucket, &sandbox, &[])).expect(0);
    assert_stored(&sandbox, &[Content::new("web", expected)]);
}
