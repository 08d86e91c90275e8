//! What was there when it began is in the store when it says 0, whatever happened to it meanwhile.

use std::fs::OpenOptions;
use std::path::Path;

use logferry::sys::fault::Point;

use super::{flush, flushed, report};
use crate::support::{Ended, Sandbox, Stopped};

#[test]
fn a_log_that_had_no_room_is_not_forgotten_when_the_time_to_take_it_is_over() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("min_free = \"10000GiB\"\n");
    let log = sandbox.write_log("web.log", "web\n");
    for (kind, deadline) in [("--final", "1500ms"), ("--json", "4500ms")] {
        let ended = flushed(&sandbox, &[kind, "--deadline", deadline]).expect(75);
        assert!(log.exists() && ended.stderr.contains("min_free"), "it says why: {}", ended.stderr);
        assert!(ended.stderr.contains("web.log") && ended.stderr.contains("make room"), "{}", ended.stderr);
    }
    sandbox.config_file("");
    flushed(&sandbox, &[]).expect(0);
}

/// What somebody does to a log.
type Disturb<'a> = &'a dyn Fn(&Path);

/// A flush to which something happens between its look at the logs and its taking them.
fn disturbed(sandbox: &Sandbox, disturb: impl FnOnce(&Path)) -> Ended {
    let log = sandbox.write_log("web.log", "web\n");
    sandbox.write_log("job.log", "job\n");
    let stopped = Stopped::at(Point::Discovered, 1, flush(sandbox, &["--json"]));
    disturb(&log);
    stopped.go_on()
}

#[test]
fn a_log_that_someone_else_renames_deletes_or_empties_meanwhile_is_named() {
    let rename = |log: &Path| std::fs::rename(log, log.with_extension("log.1")).expect("a rename");
    let replace = |log: &Path| {
        rename(log);
        std::fs::write(log, "new\n").expect("a log");
    };
    let delete = |log: &Path| std::fs::remove_file(log).expect("it is removed");
    let empty = |log: &Path| drop(OpenOptions::new().write(true).truncate(true).open(log).expect("it is emptied"));
    let cases: [(&str, Disturb<'_>); 4] = [
        ("renamed or deleted", &rename),
        ("renamed or deleted", &replace),
        ("renamed or deleted", &delete),
        ("emptied", &empty),
    ];
    for (said, disturb) in cases {
        let sandbox = Sandbox::reopening();
        let ended = disturbed(&sandbox, disturb).expect(1);
        assert!(ended.stderr.contains("web.log: ") && ended.stderr.contains(said), "{said}: {}", ended.stderr);
        assert_eq!(ended.stderr.matches("web.log: ").count(), 1, "once: {}", ended.stderr);
        assert_eq!(sandbox.run(["cat", "job"]).expect(0).text(), "job\n", "the rest is shipped");
        let shipped = report(&ended)["shipped"].as_array().expect("a list").len();
        assert!(shipped >= 1, "{shipped}");
    }
}

#[test]
fn a_record_that_nobody_can_read_at_the_end_is_no_empty_spool() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "web\n");
    let stopped = Stopped::at(Point::Discovered, 2, flush(&sandbox, &[]));
    std::fs::write(sandbox.path("state/spool/k3f9a2-00000001.json"), "{}").expect("a record");
    let ended = stopped.go_on().expect(75);
    assert!(ended.stderr.contains("left of the logs and segments that it had to ship: 1"), "{}", ended.stderr);
}
