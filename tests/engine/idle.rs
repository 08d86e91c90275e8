//! A run that finds nothing to do costs next to nothing.

use crate::support::trace::{under_strace, words};
use crate::support::{Bucket, Sandbox, finish};

/// How many calls a run makes that have to do with the network, and how many threads it starts.
fn calls(sandbox: &Sandbox, bucket: &Bucket) -> (usize, usize) {
    let record = sandbox.path("calls");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).envs(bucket.env());
    let mut traced = under_strace(&run);
    traced.args(["-f", "-qq", "-e", "trace=network,clone,clone3", "-e", "signal=none", "-o"]).arg(&record);
    finish(traced.args(words(&run))).quiet();
    let text = std::fs::read_to_string(record).expect("strace's record");
    let (threads, network): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains("clone"));
    (network.len(), threads.len())
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
