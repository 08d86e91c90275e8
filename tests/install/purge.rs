//! What `uninstall --purge` takes away for good, and what it doesn't.

use std::path::PathBuf;
use std::process::Command;

use logferry::sys::fault::Point;

use super::image::{ENTRY, Image, assert_same};
use crate::support::{Stopped, finish};

const STATE: &str = "var/lib/logferry";

/// A run whose spool is that of the image.
fn run(image: &Image, to: &str) -> Command {
    let mut run = image.sandbox.logferry();
    run.arg("run").arg("--state-dir").arg(image.path(STATE)).args(["--to", to]).arg(image.sandbox.path("log"));
    run
}

/// An installed image where one run has shipped a log and another could not.
fn with_a_segment_that_waits() -> (Image, super::image::State, String) {
    let image = Image::new();
    let before = image.state();
    image.install(&[]).expect(0);
    image.sandbox.write_log("web.log", "shipped\n");
    finish(&mut run(&image, &image.sandbox.directory())).quiet();
    image.sandbox.write_log("web.log", "waiting\n");
    let missing = format!("file://{}", image.sandbox.path("missing").display());
    finish(&mut run(&image, &missing)).expect(75);
    (image, before, missing)
}

#[test]
fn what_was_not_shipped_is_named_and_goes_only_when_told_twice() {
    let (image, before, missing) = with_a_segment_that_waits();
    let installed = image.state();
    let said = image.uninstall(&["--purge"]).expect(1).stderr;
    for part in ["it holds what is not in the store yet", "log/web.log", &missing, "--purge --purge"] {
        assert!(said.contains(part), "{said}");
    }
    image.uninstall(&["--purge", "--dry-run"]).expect(1);
    assert_same(&installed, &image.state(), "a purge that was refused");
    let planned = image.uninstall(&["--purge", "--purge", "--dry-run"]).expect(0).text();
    let lost = "var/lib/logferry and all in it: 1 segment that is not in the store, and is lost";
    assert!(planned.contains(lost), "{planned}");
    assert_same(&installed, &image.state(), "a dry run");
    image.uninstall(&["--purge", "--purge"]).expect(0);
    assert_same(&before, &image.state(), "purged");
}

#[test]
fn without_purge_the_spool_stays_and_what_waits_is_said() {
    let (image, _, _) = with_a_segment_that_waits();
    let said = image.uninstall(&[]).expect(0).text();
    assert!(said.contains("var/lib/logferry: 1 segment in it is not in the store yet") && image.has(STATE), "{said}");
    std::fs::create_dir(image.sandbox.path("missing")).expect("the store is back");
    finish(&mut run(&image, &image.sandbox.directory())).quiet();
    assert_eq!(image.uninstall(&["--purge"]).expect(0).text().lines().count(), 1);
    assert!(!image.has(STATE));
}

#[test]
fn the_copies_that_stay_are_named_and_those_that_go_too() {
    let image = Image::new();
    let before = image.state();
    image.install(&["--keep", "24h"]).expect(0);
    image.sandbox.config_file("keep = \"24h\"\n");
    for text in ["one\n", "two\n"] {
        image.sandbox.write_log("web.log", text);
        finish(&mut run(&image, &image.sandbox.directory())).quiet();
    }
    let copies = image.sandbox.files(&format!("root/{STATE}/kept"));
    let bytes: u64 = copies.iter().map(|copy| copy.metadata().expect("a copy").len()).sum();
    let named = format!("2 copies of what was shipped ({bytes} B), in kept/");
    let said = image.uninstall(&[]).expect(0).text();
    assert!(said.contains("nothing waits in it") && said.contains(&named), "{said}");
    assert!(said.contains("no run removes any more") && image.has(STATE), "{said}");
    let planned = image.uninstall(&["--purge", "--dry-run"]).expect(0).text();
    assert!(planned.contains(&format!("{STATE} and all in it: {named}")), "{planned}");
    assert_eq!(image.sandbox.files(&format!("root/{STATE}/kept")), copies);
    let said = image.uninstall(&["--purge"]).expect(0).text();
    assert!(said.contains(&named) && !image.has(STATE), "{said}");
    assert_same(&before, &image.state(), "purged");
}

#[test]
fn a_segment_without_its_record_is_not_lost_unseen() {
    let (image, _, _) = with_a_segment_that_waits();
    let record: Vec<PathBuf> = image.sandbox.files("root/var/lib/logferry/spool");
    let record = record.iter().find(|path| path.extension().is_some_and(|end| end == "json")).expect("a record");
    std::fs::write(record, "torn").expect("it is torn");
    let said = image.uninstall(&["--purge"]).expect(1).stderr;
    assert!(said.contains(".gz") && said.contains("not in the store yet"), "{said}");
}

#[test]
fn a_state_directory_that_holds_what_is_not_ours_is_not_touched() {
    type Put = fn(&Image);
    let puts: [(Put, &str); 6] = [
        (|image| image.write("var/lib/logferry/notes.txt", "mine"), "notes.txt: logferry has not put it there"),
        (
            |image| std::fs::create_dir(image.path("var/lib/logferry/mine")).expect("a directory"),
            "mine: logferry has not put it there",
        ),
        (|image| image.link("/etc", "var/lib/logferry/etc"), "etc: logferry has not put it there"),
        (|image| image.chmod(STATE, 0o755), "others may use it"),
        (
            |image| {
                std::fs::remove_dir_all(image.path("var/lib/logferry/gaps")).expect("it is there");
                image.link("/etc", "var/lib/logferry/gaps");
            },
            "gaps: logferry has not put it there",
        ),
        (
            |image| {
                std::fs::rename(image.path(STATE), image.path("var/lib/elsewhere")).expect("it moves");
                image.link("elsewhere", STATE);
            },
            "it is a symbolic link",
        ),
    ];
    for (put, part) in puts {
        let image = Image::new();
        image.install(&[]).expect(0);
        finish(&mut run(&image, &image.sandbox.directory())).quiet();
        put(&image);
        let before = image.state();
        let ended = image.uninstall(&["--purge", "--purge"]).expect(1);
        assert!(ended.stderr.contains(part), "{part:?} is not in: {}", ended.stderr);
        assert_same(&before, &image.state(), part);
        // All else goes without it.
        image.uninstall(&[]).expect(0);
        assert!(!image.has(ENTRY) && image.has(STATE));
    }
}

#[test]
fn links_in_the_state_directory_are_removed_and_not_followed() {
    let image = Image::new();
    let before = image.state();
    image.install(&[]).expect(0);
    finish(&mut run(&image, &image.sandbox.directory())).quiet();
    std::fs::create_dir(image.path("var/lib/logferry/damaged/deep")).expect("a directory");
    for name in ["var/lib/logferry/damaged/link", "var/lib/logferry/damaged/deep/link"] {
        image.link("/etc", name);
        image.link(image.path("etc"), &format!("{name}-out"));
    }
    image.uninstall(&["--purge", "--purge"]).expect(0);
    assert_same(&before, &image.state(), "purged");
}

#[test]
fn a_run_that_is_at_work_is_not_disturbed() {
    let image = Image::new();
    image.install(&[]).expect(0);
    image.sandbox.write_log("web.log", "a line\n");
    let at_work = Stopped::at(Point::BeforePut, 1, run(&image, &image.sandbox.directory()));
    for args in [&[][..], &["--purge"], &["--purge", "--purge"]] {
        let ended = image.uninstall(args).expect(1);
        assert!(ended.stderr.contains("a run is at work"), "{}", ended.stderr);
        assert!(image.has(ENTRY));
    }
    at_work.go_on().quiet();
    image.uninstall(&["--purge"]).expect(0);
    assert!(!image.has(STATE));
}

#[test]
fn what_is_noted_of_the_end_of_an_instance_goes_with_the_rest() {
    let image = Image::new();
    let before = image.state();
    image.install(&["--lifecycle"]).expect(0);
    image.sandbox.write_log("web.log", "shipped\n");
    finish(&mut run(&image, &image.sandbox.directory())).quiet();
    // One that ended is gone with its disk; this is what a warm pool's has.
    for name in ["lifecycle.json", ".lifecycle.json.tmp", "lifecycle.lock"] {
        image.write(&format!("{STATE}/{name}"), "{}");
        image.chmod(&format!("{STATE}/{name}"), 0o600);
    }
    finish(&mut run(&image, &image.sandbox.directory())).quiet();
    image.uninstall(&["--purge"]).expect(0);
    assert_same(&before, &image.state(), "purged");
}

#[test]
fn segments_that_the_store_has_too_are_removed_without_a_word() {
    let image = Image::new();
    let before = image.state();
    image.install(&[]).expect(0);
    image.sandbox.config_file("keep = \"24h\"\n");
    image.sandbox.write_log("web.log", "shipped, and kept\n");
    finish(&mut run(&image, &image.sandbox.directory())).quiet();
    assert_eq!(std::fs::read_dir(image.path(STATE).join("kept")).expect("a directory").count(), 1);
    image.uninstall(&["--purge"]).expect(0);
    assert_same(&before, &image.state(), "purged");
}
