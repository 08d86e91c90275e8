//! A directory as the store, on a disk that fails: full, read-only, gone, in someone's way.

use std::process::Command;
use std::time::Instant;

use logferry::sys::fault::Point;

use crate::support::mount::Mount;
use crate::support::tally::{self, Group, Row};
use crate::support::{Ended, Sandbox, Stopped, finish, noise, proof};

#[track_caller]
fn says(ended: &Ended, parts: &[&str]) {
    assert!(parts.iter().all(|part| ended.stderr.contains(part)), "{}", ended.stderr);
}

/// A run without faults, after which all is there exactly once and nothing is left.
#[track_caller]
fn recover(sandbox: &Sandbox, title: &str, contents: &[(&str, &[u8])]) {
    let begin = Instant::now();
    sandbox.run_all().quiet();
    let recovery = begin.elapsed();
    let streams = proof::streams(proof::of_directory(&sandbox.path("store")));
    assert_eq!(streams.len(), contents.len());
    for (service, content) in contents {
        let of_service = streams.values().find(|segments| segments[0].says("service") == *service);
        let raw: Vec<u8> = of_service.expect("it is there").iter().flat_map(|segment| segment.raw.clone()).collect();
        assert!(raw == *content, "{service} is not what was written");
    }
    sandbox.nothing_left_behind();
    sandbox.run_all().quiet();
    tally::record(Group::Store, title, Row::sound(1, recovery));
}

#[test]
fn a_full_directory_keeps_what_has_no_room_in_the_spool() {
    for options in ["size=1m", "size=64m,nr_inodes=9"] {
        let sandbox = Sandbox::new();
        let store = Mount::in_memory(&sandbox.path("store"), options);
        let logs: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|service| (service, noise(300_000))).into();
        for (service, content) in &logs {
            sandbox.write_log(format!("{service}.log"), content);
        }
        let ended = sandbox.run_all().expect(75);
        says(&ended, &["No space left on device", "hint: make room on the store's file system", "wait"]);
        assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
        let temporary = sandbox.files("store").iter().any(|file| file.extension().is_some_and(|end| end == "tmp"));
        assert!(!temporary, "what could not be written was left behind");
        store.remount("size=64m,nr_inodes=1000");
        let contents: Vec<_> = logs.iter().map(|(service, content)| (*service, content.as_slice())).collect();
        recover(&sandbox, "a directory on a full file system", &contents);
    }
}

#[test]
fn a_read_only_directory() {
    let sandbox = Sandbox::new();
    let store = Mount::in_memory(&sandbox.path("store"), "size=8m");
    store.remount("ro");
    sandbox.write_log("web.log", "x\n");
    says(&sandbox.run_all().expect(75), &["Read-only file system", "hint: the user that we run as", "1 segment ("]);
    store.remount("rw");
    recover(&sandbox, "a directory on a read-only file system", &[("web", b"x\n")]);
}

#[test]
fn a_directory_that_is_gone_or_a_file() {
    let sandbox = Sandbox::new();
    std::fs::remove_dir(sandbox.path("store")).expect("it is empty");
    sandbox.write_log("web.log", "one\n");
    says(&sandbox.run_all().expect(75), &["No such file or directory", "hint: create it, or mount it", "1 segment ("]);
    std::fs::write(sandbox.path("store"), "a file").expect("a file");
    sandbox.write_log("web.log", "two\n");
    says(&sandbox.run_all().expect(75), &["Not a directory", "hint: create it, or mount it", "2 segments ("]);
    assert_eq!(std::fs::read(sandbox.path("store")).expect("it is left alone"), b"a file");
    std::fs::remove_file(sandbox.path("store")).expect("a file");
    std::fs::create_dir(sandbox.path("store")).expect("a directory");
    recover(&sandbox, "a directory that is gone, then a file", &[("web", b"one\ntwo\n")]);
}

#[test]
fn what_is_in_the_way_of_one_object_stops_no_other() {
    let sandbox = Sandbox::new();
    // A file has the name of a service's directory.
    std::fs::write(sandbox.path("store/service=web"), "not ours").expect("a file");
    for service in ["mail", "web"] {
        sandbox.write_log(format!("{service}.log"), format!("{service}\n"));
    }
    let ended = sandbox.run_all().expect(1);
    says(&ended, &["log/web.log: put service=web/", "Not a directory", "hint: each run tries it again"]);
    assert!(sandbox.files("store").iter().any(|file| file.to_string_lossy().contains("mail_")), "{}", ended.stderr);
    std::fs::remove_file(sandbox.path("store/service=web")).expect("it is left alone");
    recover(&sandbox, "a file in the place of a service's directory", &[("mail", b"mail\n"), ("web", b"web\n")]);
}

#[test]
fn what_has_the_name_of_an_object_must_be_moved_away() {
    let sandbox = Sandbox::new();
    std::fs::rename(sandbox.path("store"), sandbox.path("away")).expect("a rename");
    sandbox.write_log("web.log", "x\n");
    let args = ["run".into(), "--json".into(), sandbox.path("log").into_os_string()];
    let report: serde_json::Value = serde_json::from_slice(&sandbox.run(args).expect(75).stdout).expect("JSON");
    let key = report["waiting"][0]["key"].as_str().expect("a key").to_owned();
    std::fs::rename(sandbox.path("away"), sandbox.path("store")).expect("a rename");
    let taken = sandbox.path("store").join(key);
    std::fs::create_dir_all(taken.parent().expect("a directory")).expect("directories");
    std::fs::write(&taken, "not ours").expect("a file");
    says(&sandbox.run_all().expect(1), &["something else is there under this name", "must be moved away"]);
    assert_eq!(std::fs::read(&taken).expect("it is there"), b"not ours");
    std::fs::remove_file(&taken).expect("it can be moved away");
    recover(&sandbox, "another file under an object's name", &[("web", b"x\n")]);
}

/// Kills or stops a run at a named point of a put.
fn run(sandbox: &Sandbox) -> Command {
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    run
}

#[test]
fn a_put_that_is_killed_anywhere_is_done_once_by_the_next_run() {
    for point in [Point::BodyWritten, Point::MetadataPut, Point::ObjectLinked, Point::HiddenCleared, Point::AfterPut] {
        let sandbox = Sandbox::new();
        sandbox.write_log("web.log", "x\n");
        let killed = finish(run(&sandbox).env("LOGFERRY_FAULT", format!("kill@{}", point.name())));
        assert_eq!(killed.code, -1, "{} is reached", point.name());
        recover(&sandbox, "a put into a directory is killed", &[("web", b"x\n")]);
    }
}

#[test]
fn a_directory_that_is_removed_or_unmounted_in_mid_run() {
    for is_mount in [false, true] {
        let sandbox = Sandbox::new();
        let store = is_mount.then(|| Mount::in_memory(&sandbox.path("store"), "size=8m"));
        sandbox.write_log("a.log", "a\n");
        sandbox.write_log("b.log", "b\n");
        // Both puts are yet to come: the point before each stops the whole process.
        let run = Stopped::at(Point::BeforePut, 1, run(&sandbox));
        match store {
            Some(store) => drop(store),
            None => std::fs::remove_dir(sandbox.path("store")).expect("it is empty"),
        }
        let ended = run.go_on();
        println!("mount {is_mount}: {} {}", ended.code, ended.stderr);
        says(&ended.expect(75), &["hint: create it, or mount it", "2 segments ("]);
        if !is_mount {
            std::fs::create_dir(sandbox.path("store")).expect("a directory");
        }
        recover(&sandbox, "a directory that is removed or unmounted in mid-run", &[("a", b"a\n"), ("b", b"b\n")]);
    }
}
