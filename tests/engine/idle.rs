//! A run that finds nothing to do costs next to nothing.

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
