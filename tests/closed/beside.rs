//! What comes too late for its log's stream.

use super::{cat, rotated, run_backlog, stored};
use crate::support::Sandbox;

fn paths(sandbox: &Sandbox) -> Vec<(String, u64)> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    stored(sandbox).iter().map(|object| (name(object.says("path")), object.number("seq"))).collect()
}

#[test]
fn what_is_older_than_what_was_shipped_goes_into_a_stream_beside_it_and_is_read_first() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "third\n");
    sandbox.run_all().quiet();
    rotated(&sandbox, "web.log.2.gz", "first\n", 20);
    rotated(&sandbox, "web.log.1", "second\n", 10);
    sandbox.write_log("web.log", "fourth\n");
    run_backlog(&sandbox).quiet();
    let expected = [("web.log", 1), ("web.log", 2), ("web.log.backlog", 1), ("web.log.backlog", 2)];
    assert_eq!(paths(&sandbox), expected.map(|(path, number)| (path.to_owned(), number)));
    assert_eq!(cat(&sandbox, "web"), "first\nsecond\nthird\nfourth\n");
    // Once more: it is taken only once, and the log goes on in its own stream.
    sandbox.write_log("web.log", "fifth\n");
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), "first\nsecond\nthird\nfourth\nfifth\n");
    assert_eq!(paths(&sandbox)[2], ("web.log".to_owned(), 3));
}

#[test]
fn what_logrotate_still_rotates_is_younger_and_goes_on_in_the_logs_stream() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "first\n");
    sandbox.run_all().quiet();
    sandbox.write_log("web.log.1", "second\n");
    sandbox.write_log("web.log", "third\n");
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), "first\nsecond\nthird\n");
    assert_eq!(paths(&sandbox), [1, 2, 3].map(|number| ("web.log".to_owned(), number)));
}

#[test]
fn a_file_that_was_repaired_too_late_gets_a_stream_where_nothing_is_out_of_order() {
    let sandbox = Sandbox::new();
    rotated(&sandbox, "web.log.3.gz", "1\n", 40);
    rotated(&sandbox, "web.log.2.gz", "3\n", 20);
    let broken = sandbox.write_log("web.log.4.gz", "garbage");
    super::set_age(&broken, 50);
    sandbox.write_log("web.log", "4\n");
    run_backlog(&sandbox).expect(1);
    rotated(&sandbox, "web.log.4.gz", "0\n", 50);
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web"), "0\n1\n3\n4\n");
    // Even the stream beside it holds something younger now.
    rotated(&sandbox, "web.log.9.gz", "-1\n", 90);
    run_backlog(&sandbox).quiet();
    let streams: std::collections::BTreeSet<_> = paths(&sandbox).into_iter().map(|(path, _)| path).collect();
    assert_eq!(streams.into_iter().collect::<Vec<_>>(), ["web.log", "web.log.9.gz", "web.log.backlog"]);
    assert_eq!(cat(&sandbox, "web"), "-1\n0\n1\n3\n4\n");
}
