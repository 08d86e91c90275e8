//! What is in the store more than once: copies of an object are read once; different objects of one number are told.

use super::{plant, plant_in_place};
use crate::support::Sandbox;

const SEGMENTS: [(&str, &str); 2] =
    [("web i-0a aaaaaa-1 20261120T00 20261120T01", "one\n"), ("web i-0a aaaaaa-2 20261120T01 20261120T02", "two\n")];

/// A store in which each object is in both directories: an archive that was copied to a new layout.
fn copied(directories: [&str; 2]) -> Sandbox {
    let sandbox = Sandbox::new();
    for directory in directories {
        SEGMENTS.iter().for_each(|(line, text)| drop(plant(&sandbox, directory, line, text)));
    }
    sandbox
}

#[track_caller]
fn reads_each_once(sandbox: &Sandbox, args: &[&str]) {
    let run = |command: &[&str]| {
        let ended = sandbox.run(command.iter().chain(args)).expect(0);
        assert_eq!(ended.stderr, "", "{command:?} {args:?}");
        ended.text()
    };
    assert_eq!(run(&["cat", "web"]), "one\ntwo\n");
    assert_eq!(run(&["cat", "web", "--by-time"]), "one\ntwo\n");
    assert_eq!(run(&["grep", "-c", "o", "web"]), "i-0a: 2\n");
    assert_eq!(run(&["ls", "web"]).lines().count(), 2);
    let document: serde_json::Value = serde_json::from_str(&run(&["ls", "web", "--json"])).expect("JSON");
    assert_eq!((&document["total"]["segments"], &document["copies"]), (&2.into(), &2.into()), "{document}");
}

#[test]
fn copies_in_directories_of_two_layouts_are_read_once() {
    let sandbox = copied(["service=web/dt=2026-11-20", "old/2026-11-20"]);
    sandbox.config_file("former_layouts = [\"old/{date}\"]\n");
    reads_each_once(&sandbox, &[]);
    reads_each_once(&sandbox, &["--any-layout"]);
    reads_each_once(&sandbox, &["--since", "2026-11-20"]);
    let told = sandbox.run(["ls", "web", "-v"]).expect(0).stderr;
    assert_eq!(told.matches("it is a copy of").count(), 2, "{told}");
    let into = sandbox.path("copies");
    std::fs::create_dir(&into).expect("it is made");
    let fetched = sandbox.run(["fetch", "web", "--into", &into.to_string_lossy()]).expect(0);
    assert!(fetched.text().starts_with("2 objects fetched"), "{}", fetched.text());
    // Whoever judges the archive learns of them all the same.
    let judged = sandbox.run(["verify", "web"]).expect(1);
    assert!(judged.stderr.contains("the same object is there 2 times"), "{}", judged.stderr);
}

#[test]
fn copies_in_directories_that_no_layout_knows_are_read_once() {
    reads_each_once(&copied(["a/2026-11-20", "b/2026-11-20"]), &[]);
}

#[test]
fn different_objects_of_one_number_are_read_and_told() {
    let sandbox = Sandbox::new();
    SEGMENTS.iter().for_each(|(line, text)| drop(plant_in_place(&sandbox, line, text)));
    plant_in_place(&sandbox, "web i-0a aaaaaa-2 20261120T01 20261120T03", "impostor\n");
    plant_in_place(&sandbox, "web i-0a aaaaaa-3 20261120T03 20261120T04", "three\n");
    let read = sandbox.run(["cat", "web"]).expect(1);
    let mut lines: Vec<_> = read.text().lines().map(str::to_owned).collect();
    lines[1..3].sort();
    assert_eq!(lines, ["one", "impostor", "two", "three"]);
    let told = "web on i-0a, stream aaaaaa: different objects have number 2, and all of them are read: ";
    assert!(read.stderr.contains(told) && read.stderr.contains("hint: "), "{}", read.stderr);
    assert!(read.stderr.contains("(2026-11-20T01:00:00Z to 2026-11-20T03:00:00Z)"), "{}", read.stderr);
    // That a line is there is an answer; that one isn't there would be none.
    sandbox.run(["grep", "nowhere", "web"]).expect(2);
}
