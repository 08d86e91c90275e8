//! Shipped segments that stay on the machine: for as long as they are to, no longer, in nobody's way; and reading what is
//! on the machine, with the store away and while a run is at work.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use logferry::archive::joined::{self, Order};
use logferry::archive::label::Plain;
use logferry::archive::{Filter, Form, local};
use logferry::model::names::Service;
use logferry::spool::Locals;
use logferry::sys::fault::Point;

use crate::support::clock::with_clock;
use crate::support::mount::Mount;
use crate::support::proof::{self, Content};
use crate::support::{Ended, Sandbox, Stopped, finish, noise};

/// A sandbox whose configuration says that.
fn sandbox(config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config_file(config);
    sandbox
}

/// The segments in a directory below the sandbox, by name.
fn segments(sandbox: &Sandbox, below: &str) -> BTreeMap<String, Vec<u8>> {
    let files = sandbox.files(below).into_iter().filter(|path| path.extension().is_some_and(|end| end == "gz"));
    files
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a segment"))
        })
        .collect()
}

fn kept(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    segments(sandbox, "state/kept")
}

fn ship(sandbox: &Sandbox, log: &str, content: impl AsRef<[u8]>) {
    sandbox.write_log(log, content);
    sandbox.run_all().quiet();
}

fn local_cat(sandbox: &Sandbox, service: &str) -> Command {
    let mut cat = sandbox.logferry();
    // No store is named, and no configuration can be read.
    cat.env_remove("LOGFERRY_TO").env("LOGFERRY_CONFIG", "/nonexistent").args(["cat", "--local", service]);
    cat
}

#[test]
fn what_was_shipped_stays_until_it_is_old_enough_and_is_then_removed() {
    let sandbox = sandbox("keep = \"24h\"\n");
    ship(&sandbox, "web.log", "kept for a day\n");
    let objects = segments(&sandbox, "store");
    assert_eq!(kept(&sandbox), objects, "under the names of the objects, byte for byte");
    assert_eq!(objects.len(), 1);
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    with_clock("+23h", &run).quiet();
    assert_eq!(kept(&sandbox).len(), 1);
    with_clock("+25h", &run).quiet();
    assert_eq!(kept(&sandbox).len(), 0);
    assert_eq!(segments(&sandbox, "store"), objects);
}

#[test]
fn nothing_stays_unless_it_is_asked_for_and_what_stayed_goes_when_it_is_not_any_more() {
    let sandbox = sandbox("");
    ship(&sandbox, "web.log", "gone at once\n");
    assert_eq!(kept(&sandbox).len(), 0);
    sandbox.config_file("keep = \"1h\"\n");
    ship(&sandbox, "web.log", "stays\n");
    assert_eq!(kept(&sandbox).len(), 1);
    sandbox.config_file("");
    sandbox.run_all().quiet();
    assert_eq!(kept(&sandbox).len(), 0);
}

#[test]
fn a_segment_that_is_old_when_the_store_confirms_it_does_not_stay() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("keep = \"1h\"\n");
    let log = sandbox.write_log("web.log", "two hours old\n");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    let file = File::options().write(true).open(log).expect("a log");
    file.set_modified(then).expect("an older one");
    sandbox.run_all().quiet();
    assert_eq!(segments(&sandbox, "store").len(), 1);
    // A log can't have ended before it began: this one was born now.
    assert_eq!(kept(&sandbox).len(), 1);
    let mut run = sandbox.logferry();
    sandbox.write_log("web.log", "late\n");
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_TO", format!("file://{}", sandbox.path("away").display()));
    finish(&mut run).expect(75);
    std::fs::create_dir(sandbox.path("away")).expect("the store is back");
    with_clock("+2h", &run).quiet();
    assert_eq!(kept(&sandbox).len(), 0);
    assert_eq!(segments(&sandbox, "away").len(), 1);
}

#[test]
fn of_what_is_too_much_the_oldest_goes() {
    let sandbox = sandbox("keep = \"24h\"\nkeep_size = \"2500kB\"\n");
    for n in 0..4 {
        // Their names hold seconds, and say which is the oldest.
        let log = sandbox.write_log(format!("{n}.log"), noise(1_000_000));
        let then = std::time::SystemTime::now() + std::time::Duration::from_secs(10 * n as u64);
        File::options().write(true).open(log).expect("a log").set_modified(then).expect("a time");
        sandbox.run_all().quiet();
        let names: Vec<_> = kept(&sandbox).into_keys().collect();
        let first = usize::saturating_sub(n, 1);
        let expected: Vec<_> = (first..=n).map(|n| format!("{n}_")).collect();
        assert_eq!(names.iter().map(|name| &name[..2]).collect::<Vec<_>>(), expected, "{names:?}");
    }
    // One that is too large by itself displaces nothing.
    ship(&sandbox, "large.log", noise(3_000_000));
    assert_eq!(kept(&sandbox).len(), 2);
    assert_eq!(segments(&sandbox, "store").len(), 5);
}

#[test]
fn what_is_kept_neither_waits_nor_counts_nor_is_shipped_again() {
    let sandbox = sandbox("keep = \"24h\"\nmax_spool = \"100kB\"\n");
    for log in ["a.log", "b.log", "c.log"] {
        ship(&sandbox, log, noise(90_000));
    }
    assert_eq!(kept(&sandbox).len(), 3);
    let status = sandbox.run(["status"]).expect(0).text();
    assert!(status.contains("\nnothing waits, and nothing is known to be missing\n"), "{status}");
    assert!(status.contains("\nkept here: 3 shipped segments, "), "{status}");
    assert_eq!(segments(&sandbox, "store").len(), 3);
    let check = sandbox.run(["check", "log"]);
    let is_said = |line: &str| line.contains("max_spool") && line.contains("0 B of 97.6 KiB are taken");
    assert!(check.text().lines().any(is_said), "{}", check.text());
}

#[test]
fn what_is_kept_makes_way_for_what_is_not_in_the_store_yet() {
    let sandbox = sandbox("keep = \"24h\"\n");
    let _mount = Mount::in_memory(&sandbox.path("state"), "size=24m");
    let mut contents = Vec::new();
    for n in 0..6 {
        // Two or three fit beside the 8 MiB that stay free.
        let bytes = noise(4_000_000 + n);
        ship(&sandbox, &format!("{n}.log"), &bytes);
        contents.push(Content::new(&n.to_string(), bytes));
    }
    let left: Vec<_> = kept(&sandbox).into_keys().collect();
    assert!(left.len() < 6 && left.iter().any(|name| name.starts_with("5_")), "{left:?}");
    let Some(second) = left.len().checked_sub(1) else { panic!("more went than had to: {left:?}") };
    assert!(second >= 1, "more went than had to: {left:?}");
    let comparison = proof::compare_all(proof::of_directory(&sandbox.path("store")), &contents);
    assert_eq!((comparison.lost, comparison.doubled), (0, 0));
}

#[test]
fn what_is_on_the_machine_can_be_read_without_store_and_configuration() {
    let sandbox = sandbox("keep = \"24h\"\n");
    ship(&sandbox, "web.log", "first\n");
    ship(&sandbox, "web.log", "second, torn");
    ship(&sandbox, "job.log", "another service\n");
    std::fs::rename(sandbox.path("store"), sandbox.path("away")).expect("a rename");
    sandbox.write_log("web.log", "\nthird waits\n");
    sandbox.run_all().expect(75);
    sandbox.write_log("web.log", "fourth waits too\n");
    sandbox.run_all().expect(75);
    let ended = finish(&mut local_cat(&sandbox, "web")).quiet_but_for_output();
    assert_eq!(ended, "first\nsecond, torn\nthird waits\nfourth waits too\n");
    let told = finish(local_cat(&sandbox, "web").arg("-v")).expect(0).stderr;
    assert!(told.contains("of web reaches back to 20"), "{told}");
    let mut ls = sandbox.logferry();
    let list = finish(ls.env_remove("LOGFERRY_TO").args(["ls", "--local"])).expect(0).text();
    let ends: Vec<_> = list.lines().map(|line| line.split_whitespace().last().unwrap_or_default()).collect();
    assert_eq!(ends, ["kept", "kept", "kept", "waits", "waits"], "{list}");
    let none = finish(&mut local_cat(&sandbox, "mail")).expect(1).stderr;
    assert!(none.contains("nothing of mail is on this machine"), "{none}");
}

#[test]
fn reading_on_a_machine_without_a_state_directory_says_what_to_do() {
    let sandbox = sandbox("");
    let told = finish(&mut local_cat(&sandbox, "web")).expect(1).stderr;
    assert!(told.contains("state") && told.contains("hint:") && told.contains("--state-dir"), "{told}");
}

/// At each of these points of a run everything that was sealed can be read, once.
const WHILE_AT_WORK: [Point; 12] = [
    Point::Sealed,
    Point::BeforePut,
    Point::AfterPut,
    Point::MarkedShipped,
    Point::MarksDurable,
    Point::Kept,
    Point::KeptDurable,
    Point::RecordKept,
    Point::StreamsDurable,
    Point::Dropped,
    Point::SealRenamed,
    Point::SealRecorded,
];

#[test]
fn what_is_on_the_machine_can_be_read_while_a_run_is_at_work() {
    for point in WHILE_AT_WORK {
        let sandbox = sandbox("keep = \"24h\"\n");
        ship(&sandbox, "web.log", "first\n");
        sandbox.write_log("web.log", "second\n");
        let mut run = sandbox.logferry();
        run.arg("run").arg(sandbox.path("log"));
        let stopped = Stopped::at(point, 1, run);
        let read = finish(&mut local_cat(&sandbox, "web")).quiet_but_for_output();
        let expected = if point == Point::SealRecorded { "first\n" } else { "first\nsecond\n" };
        assert_eq!(read, expected, "{}", point.name());
        stopped.go_on().expect(0);
        assert_eq!(finish(&mut local_cat(&sandbox, "web")).quiet_but_for_output(), "first\nsecond\n");
    }
}

#[test]
fn a_segment_that_moves_or_goes_between_the_look_and_the_reading() {
    let sandbox = sandbox("keep = \"24h\"\n");
    ship(&sandbox, "web.log", "first\n");
    std::fs::rename(sandbox.path("store"), sandbox.path("away")).expect("a rename");
    for content in ["second\n", "third\n", "fourth\n"] {
        sandbox.write_log("web.log", content);
        sandbox.run_all().expect(75);
    }
    let web = Service::new("web").expect("a name");
    let filter = Filter { services: vec![web], ..Filter::default() };
    let locals = local::select(&sandbox.path("state"), &filter).expect("a listing");
    assert_eq!(locals.found.len(), 4);
    // The first is removed; a run ships the others, which keeps them.
    for path in sandbox.files("state/kept") {
        std::fs::remove_file(path).expect("it is there");
    }
    std::fs::rename(sandbox.path("away"), sandbox.path("store")).expect("a rename");
    sandbox.run_all().quiet();
    assert_eq!(joined(&locals), ("second\nthird\nfourth\n".to_owned(), vec![]), "nothing is missing in between");
    let third = sandbox.files("state/kept").into_iter().find(|path| path.to_string_lossy().contains("-00000003-"));
    std::fs::remove_file(third.expect("it is kept")).expect("it is there");
    let (text, told) = joined(&locals);
    assert_eq!(text, "second\nfourth\n");
    assert!(told.len() == 1 && told[0].contains("-00000003-") && told[0].contains("removed meanwhile"), "{told:?}");
}

/// What these segments join to, and what is told of them.
fn joined(locals: &Locals) -> (String, Vec<String>) {
    let (mut text, mut told) = (Plain(Vec::new()), Vec::new());
    let order = Order::StreamByStream.of(locals);
    let read = joined::join(locals, &order, Form::Text, &|| true, &mut text, &mut |_, read| {
        told.extend(read.err().map(|error| error.to_string()));
        ControlFlow::Continue(())
    });
    read.expect("memory can be written to");
    (String::from_utf8(text.0).expect("text"), told)
}

#[test]
fn a_kept_segment_that_was_changed_is_told() {
    let sandbox = sandbox("keep = \"24h\"\n");
    ship(&sandbox, "web.log", "a line\n");
    let [path]: [PathBuf; 1] = sandbox.files("state/kept").try_into().expect("one");
    let other = sandbox.path("other.gz");
    compress("another line\n", &other);
    std::fs::copy(&other, &path).expect("a copy");
    let ended = finish(&mut local_cat(&sandbox, "web")).expect(1);
    assert!(ended.stderr.contains("not those that its name says"), "{}", ended.stderr);
}

fn compress(text: &str, to: &Path) {
    let plain = to.with_extension("");
    std::fs::write(&plain, text).expect("a file");
    finish(Command::new("gzip").arg("-f").arg(plain)).quiet();
}

#[test]
fn what_is_none_of_ours_among_the_kept_is_left_alone() {
    let sandbox = sandbox("keep = \"24h\"\n");
    ship(&sandbox, "web.log", "a line\n");
    let other = sandbox.path("state/kept/notes.txt");
    std::fs::write(&other, "mine").expect("a file");
    sandbox.config_file("");
    sandbox.run_all().quiet();
    assert_eq!(sandbox.files("state/kept"), [other]);
}

impl Ended {
    /// What it wrote, if it ended well and complained of nothing.
    #[track_caller]
    fn quiet_but_for_output(self) -> String {
        let ended = self.expect(0);
        assert_eq!(ended.stderr, "");
        ended.text()
    }
}

#[test]
fn a_run_that_is_killed_while_it_moves_segments_loses_no_copy_and_finds_no_damage() {
    let sandbox = sandbox("keep = \"24h\"\n");
    sandbox.write_log("web.log", "a line\n");
    sandbox.write_log("job.log", "another\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", format!("kill@{}", Point::Kept.name()));
    finish(&mut run).expect(-1);
    // In the middle of it, both can be read.
    assert_eq!(finish(&mut local_cat(&sandbox, "web")).quiet_but_for_output(), "a line\n");
    assert_eq!(finish(&mut local_cat(&sandbox, "job")).quiet_but_for_output(), "another\n");
    sandbox.run_all().quiet();
    assert_eq!(kept(&sandbox), segments(&sandbox, "store"));
    sandbox.nothing_left_behind();
}
