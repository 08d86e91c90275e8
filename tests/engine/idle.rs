//! A run that finds nothing to do costs next to nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::holds::scene::{On, Scene, append};
use crate::support::mount::Format;
use crate::support::trace::{under_strace, words};
use crate::support::{Bucket, Sandbox, finish};

/// The calls of those kinds that a run makes.
fn traced(sandbox: &Sandbox, bucket: &Bucket, kinds: &str) -> Vec<String> {
    let record = sandbox.path("calls");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).envs(bucket.env());
    let mut traced = under_strace(&run);
    traced.args(["-f", "-qq", "-e", &format!("trace={kinds}"), "-e", "signal=none", "-o"]).arg(&record);
    finish(traced.args(words(&run))).quiet();
    let text = std::fs::read_to_string(record).expect("strace's record");
    text.lines().map(str::to_owned).collect()
}

/// How many calls a run makes that have to do with the network, and how many threads it starts.
fn calls(sandbox: &Sandbox, bucket: &Bucket) -> (usize, usize) {
    let all = traced(sandbox, bucket, "network,clone,clone3");
    let (threads, network): (Vec<_>, Vec<_>) = all.iter().partition(|line| line.contains("clone"));
    (network.len(), threads.len())
}

/// How many calls a run makes about logs, and how often it waits for the disk.
fn looks_and_syncs(sandbox: &Sandbox, bucket: &Bucket) -> (usize, usize) {
    let all = traced(sandbox, bucket, "%file,%desc");
    let is_sync =
        |line: &&String| ["fsync(", "fdatasync(", "sync_file_range(", "syncfs("].iter().any(|call| line.contains(call));
    (all.iter().filter(|line| line.contains(".log\"")).count(), all.iter().filter(is_sync).count())
}

#[test]
fn a_run_opens_no_empty_log_and_one_that_changes_nothing_does_not_wait_for_the_disk() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    for number in 0..100 {
        sandbox.write_log(format!("{number}.log"), "");
    }
    // The first one makes the state directory.
    bucket.run_all(&sandbox).quiet();
    assert_eq!(looks_and_syncs(&sandbox, &bucket), (100, 0), "one look for each");
    // What it would be seen by.
    sandbox.write_log("7.log", "a line\n");
    let (looks, syncs) = looks_and_syncs(&sandbox, &bucket);
    assert!(looks > 102 && syncs > 2, "{looks} calls about logs, {syncs} syncs");
}

#[test]
fn over_a_thousand_empty_logs_a_run_starts_no_thread_and_asks_nothing_of_the_network() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    for number in 0..1000 {
        sandbox.write_log(format!("{number}.log"), "");
    }
    assert_eq!(calls(&sandbox, &bucket), (0, 0));
    // What it would be seen by.
    sandbox.write_log("7.log", "a line\n");
    let (network, threads) = calls(&sandbox, &bucket);
    assert!(network > 0 && threads > 0, "{network} calls, {threads} threads");
}

/// Makes what changed in the records of streams something that happened an hour ago.
fn age_records(sandbox: &Sandbox) {
    let records = File::open(sandbox.path("state/streams")).expect("a directory");
    records.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("its time");
}

/// How many records of streams a run reads.
fn records_read(sandbox: &Sandbox, bucket: &Bucket) -> usize {
    let of_stream =
        |line: &String| line.split('"').nth(1).is_some_and(|name| name.len() == 21 && name.ends_with(".json"));
    let opened = traced(sandbox, bucket, "openat");
    opened.into_iter().filter(of_stream).collect::<BTreeSet<_>>().len()
}

#[test]
fn records_of_streams_are_read_once_and_not_again_until_they_change() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    for number in 0..3 {
        sandbox.write_log(format!("{number}.log"), "a line\n");
    }
    bucket.run_all(&sandbox).quiet();
    assert!(records_read(&sandbox, &bucket) >= 3, "they may have changed once more in the same moment");
    assert!(records_read(&sandbox, &bucket) >= 3);
    age_records(&sandbox);
    assert!(records_read(&sandbox, &bucket) >= 3);
    assert_eq!(records_read(&sandbox, &bucket), 0);
    std::fs::write(sandbox.path("state/looks"), "logferry lo").expect("a torn file");
    assert!(records_read(&sandbox, &bucket) >= 3);
    assert_eq!(records_read(&sandbox, &bucket), 0);
}

#[test]
fn a_log_that_was_taken_in_its_place_and_renamed_is_found_after_runs_that_had_nothing_to_do() {
    let scene = Scene::new(On::Image(Format::Ext4));
    let sandbox = &scene.sandbox;
    scene.run().quiet();
    age_records(sandbox);
    scene.run().quiet();
    let looks = std::fs::read_to_string(sandbox.path("state/looks")).expect("what was found");
    assert!(looks.contains("\nrest "), "{looks}");
    sandbox.write_log("web.log", "one\n");
    scene.run().quiet();
    age_records(sandbox);
    scene.run().quiet();
    let renamed = sandbox.log("web.log.1");
    std::fs::rename(sandbox.log("web.log"), &renamed).expect("a rename");
    append(&renamed, "two\n");
    scene.run().expect(0);
    scene.assert_joined(b"one\ntwo\n");
}
