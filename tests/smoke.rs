//! The main job, in its simplest form, against both stores.

use crate::support::{Bucket, Sandbox, Writer, assert_whole};

#[test]
fn a_log_is_taken_shipped_and_read_back_from_a_directory() {
    let sandbox = Sandbox::new();
    let writer = Writer::start(&sandbox, &["--rate", "20000000"], &[sandbox.log("web.log")]);
    for _ in 0..3 {
        sandbox.run_all().quiet();
    }
    let written = writer.stop();
    sandbox.run_all().quiet();
    let mut cat = sandbox.logferry();
    cat.args(["cat", "web"]);
    assert_whole(cat, &written[0]);
    sandbox.nothing_left_behind();
    assert!(written[0].reopened > 0);
}

#[test]
fn a_log_is_taken_shipped_and_read_back_from_a_bucket() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    let writer = Writer::start(&sandbox, &["--rate", "20000000"], &[sandbox.log("web.log")]);
    for _ in 0..3 {
        bucket.run_all(&sandbox).quiet();
    }
    let written = writer.stop();
    bucket.run_all(&sandbox).quiet();
    let mut cat = sandbox.logferry();
    cat.envs(bucket.env()).args(["cat", "web"]);
    assert_whole(cat, &written[0]);
    sandbox.nothing_left_behind();
}
