//! What a stream's next segment tells its readers: that the log was refused, limited, truncated, a hole, or cut short.

use std::fs::File;
use std::path::Path;

use logferry::model::notice::{Kind, Notice};

use crate::support::Sandbox;
use crate::support::proof::{self, Stored};

const SETTLE: &str = "settle = \"30ms\"\n";

fn sandbox(configuration: &str) -> Sandbox {
    configured(Sandbox::reopening(), configuration)
}

fn configured(sandbox: Sandbox, configuration: &str) -> Sandbox {
    let logs = sandbox.path("log");
    sandbox.config_file(&format!("{SETTLE}[[logs]]\npaths = \"{}\"\n{configuration}", logs.display()));
    sandbox
}

/// What the segments of a service tell, in the order of their numbers.
fn told(sandbox: &Sandbox, service: &str) -> Vec<Notice> {
    let mut objects: Vec<Stored> = proof::of_directory(&sandbox.path("store"));
    objects.retain(|object| object.says("service") == service);
    objects.sort_by_key(|object| object.number("seq"));
    objects.iter().map(|object| Notice::parse(object.says("notice"))).collect()
}

fn kinds(notices: &[Notice]) -> Vec<Vec<Kind>> {
    notices.iter().map(|notice| notice.iter().map(|noted| noted.kind).collect()).collect()
}

fn link(log: &Path, to: &Path) {
    std::fs::hard_link(log, to).expect("a link");
}

fn unlink(path: &Path) {
    std::fs::remove_file(path).expect("a file");
}

/// A log that was refused, and is not any more; another one that is now.
pub(crate) fn refused_before(sandbox: &Sandbox) {
    let (web, other) = (sandbox.write_log("web.log", "all of web\n"), sandbox.path("other"));
    link(&web, &other);
    assert!(sandbox.run_all().expect(1).stderr.contains("web.log"));
    unlink(&other);
    link(&sandbox.write_log("job.log", "all of job\n"), &sandbox.path("again"));
}

#[test]
fn a_log_that_was_refused_says_so_once_in_its_own_stream() {
    let sandbox = sandbox("");
    let (web, other) = (sandbox.write_log("web.log", "one\n"), sandbox.path("other"));
    link(&web, &other);
    sandbox.write_log("job.log", "of the job\n");
    sandbox.run(["run"]).expect(1);
    let since = std::fs::read_dir(sandbox.path("state/notices")).expect("a directory").count();
    assert_eq!(since, 1, "one log was refused");
    sandbox.run(["run"]).expect(1);
    unlink(&other);
    for text in ["two\n", "three\n"] {
        sandbox.run(["run"]).quiet();
        sandbox.write_log("web.log", text);
    }
    sandbox.run(["run"]).quiet();
    assert_eq!(kinds(&told(&sandbox, "web")), [vec![Kind::Refused], vec![], vec![]]);
    assert_eq!(kinds(&told(&sandbox, "job")), [vec![]; 1]);
    assert!(sandbox.files("state/notices").is_empty());
}

#[test]
fn what_was_refused_twice_says_so_twice() {
    let sandbox = sandbox("");
    for text in ["one\n", "two\n"] {
        let (web, other) = (sandbox.write_log("web.log", text), sandbox.path("other"));
        link(&web, &other);
        sandbox.run(["run"]).expect(1);
        unlink(&other);
        sandbox.run(["run"]).quiet();
    }
    let told = told(&sandbox, "web");
    assert_eq!(kinds(&told), [vec![Kind::Refused], vec![Kind::Refused]]);
    let at = |notice: &Notice| notice.of(Kind::Refused).expect("it was").at;
    assert!(at(&told[0]) <= at(&told[1]), "{told:?}");
}

#[test]
fn a_limit_says_how_much_waits_on_the_machine() {
    let sandbox = sandbox("max_bytes_per_run = \"64KiB\"\n");
    let text = "a line that is like all the others\n".repeat(5_000);
    sandbox.write_log("web.log", &text);
    for _ in 0..4 {
        sandbox.run(["run"]).expect(0);
    }
    let told = told(&sandbox, "web");
    assert_eq!(kinds(&told), [vec![Kind::Limited], vec![Kind::Limited], vec![]]);
    let waits: Vec<u64> = told.iter().filter_map(|notice| notice.of(Kind::Limited)?.bytes).collect();
    assert_eq!(waits[0], text.len() as u64 - 64 * 1024);
    assert!(waits[1] < waits[0] && waits[1] > waits[0] - 66 * 1024, "{waits:?}");
}

#[test]
fn a_log_that_someone_else_truncated_says_so() {
    let sandbox = sandbox("max_bytes_per_run = \"64KiB\"\n");
    let log = sandbox.write_log("web.log", "a line that is like all the others\n".repeat(5_000));
    sandbox.run(["run"]).expect(0);
    // As `: > web.log` does: the same file, anew.
    File::options().write(true).truncate(true).open(&log).expect("a log");
    std::fs::write(&log, "written since\n").expect("a log");
    assert!(sandbox.run(["run"]).expect(0).stderr.contains("truncated"));
    sandbox.write_log("web.log", "later\n");
    sandbox.run(["run"]).quiet();
    assert_eq!(kinds(&told(&sandbox, "web")), [vec![Kind::Limited], vec![Kind::Truncated], vec![]]);
}

#[test]
fn a_log_that_was_a_hole_says_so() {
    let sandbox = sandbox("");
    let log = sandbox.write_log("web.log", "");
    File::options().write(true).open(&log).and_then(|log| log.set_len(1 << 40)).expect("a hole");
    assert_ne!(sandbox.run(["run"]).code, 0);
    // It may be claimed by now.
    sandbox.files("log").iter().for_each(|path| unlink(path));
    sandbox.write_log("web.log", "written since\n");
    sandbox.run(["run"]).expect(0);
    assert_eq!(kinds(&told(&sandbox, "web")), [vec![Kind::Hollow]]);
}

#[test]
fn the_segment_behind_one_that_was_cut_short_says_so() {
    let sandbox = sandbox("");
    sandbox.write_log("web.log", "one\n");
    let mut run = sandbox.logferry();
    run.arg("run").env("LOGFERRY_FAULT", "kill@unlinked");
    assert!(!run.output().expect("it ends").status.success());
    sandbox.write_log("web.log", "two\n");
    sandbox.run(["run"]).expect(0);
    sandbox.write_log("web.log", "three\n");
    sandbox.run(["run"]).expect(0);
    assert_eq!(kinds(&told(&sandbox, "web")), [vec![], vec![Kind::Interrupted], vec![]]);
}

#[test]
fn a_run_killed_anywhere_neither_forgets_a_notice_nor_tells_it_twice() {
    let trace = {
        let sandbox = configured(Sandbox::reopening(), "");
        refused_before(&sandbox);
        let trace = sandbox.path("trace");
        let mut run = sandbox.logferry();
        run.arg("run").env("LOGFERRY_FAULT_TRACE", &trace);
        assert_eq!(run.output().expect("it ends").status.code(), Some(1));
        std::fs::read_to_string(trace).expect("a trace")
    };
    let mut cases = 0;
    for (index, point) in trace.lines().enumerate() {
        let count = trace.lines().take(index + 1).filter(|other| *other == point).count();
        let sandbox = configured(Sandbox::reopening(), "");
        refused_before(&sandbox);
        let order = format!("kill@{point}#{count}");
        let mut run = sandbox.logferry();
        run.arg("run").env("LOGFERRY_FAULT", &order);
        assert_eq!(run.output().expect("it ends").status.code(), None, "{order}: it was killed");
        // The one that is refused now is not any more.
        unlink(&sandbox.path("again"));
        sandbox.run(["run"]).expect(0);
        sandbox.write_log("web.log", "more of web\n");
        sandbox.write_log("job.log", "more of the job\n");
        sandbox.run(["run"]).expect(0);
        let all = kinds(&told(&sandbox, "web")).concat();
        let refused = all.iter().filter(|kind| **kind == Kind::Refused).count();
        assert_eq!(refused, 1, "{order}: {all:?}");
        // Of the other one the run may not have come to see it.
        let all = kinds(&told(&sandbox, "job")).concat();
        assert!(all.len() <= 1, "{order}: {all:?}");
        assert!(sandbox.files("state/notices").is_empty(), "{order}: something is left");
        cases += 1;
    }
    println!("tally: notices: killed at {cases} points");
}

#[test]
fn no_log_waits_for_a_notice_that_can_not_be_written_or_read() {
    let sandbox = sandbox("");
    let (web, other) = (sandbox.write_log("web.log", "one\n"), sandbox.path("other"));
    link(&web, &other);
    sandbox.run(["run"]).expect(1);
    let [notice] = &sandbox.files("state/notices")[..] else { panic!("one notice") };
    std::fs::write(notice, "garbage").expect("a file");
    unlink(&other);
    sandbox.run(["run"]).quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\n");
    assert_eq!(kinds(&told(&sandbox, "web")), [vec![]; 1]);
}
