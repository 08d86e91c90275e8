//! Runs that are killed while they copy a log in its place, and what others do to the log before the next one comes.

use std::fs::File;
use std::process::Command;

use logferry::sys::fault::Point;

use super::scene::{Holds, On, Scene, append, append_lines, lines};
use crate::support::finish;
use crate::support::mount::Format;
use crate::support::proof::{self, Content};

const EXT4: On = On::Image(Format::Ext4);

fn doubts(scene: &Scene) -> usize {
    let status = scene.sandbox.run(["status", "--json"]).expect(0);
    let status = serde_json::from_slice::<serde_json::Value>(&status.stdout).expect("JSON");
    status["doubts"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_log_that_is_rotated_and_compressed_before_the_next_run_is_doubled_in_nothing_and_not_doubted() {
    // Whole, or a slice of it.
    for limit in ["", "max_bytes_per_run = \"64KiB\"\n"] {
        let scene = Scene::new(EXT4);
        let paths = scene.sandbox.log("*.log").display().to_string();
        scene.sandbox.config_file_verbatim(&format!("[[logs]]\npaths = [{paths:?}]\n{limit}"));
        let mut content = String::new();
        let writer = Holds::open(">>", &scene.log());
        append_lines(&scene.log(), &mut content, 0..8000);
        scene.killed_at(Point::Copied);
        append_lines(&scene.log(), &mut content, 8000..8100);
        std::fs::rename(scene.log(), scene.sandbox.log("web.log.1")).expect("a rename");
        drop(writer);
        finish(Command::new("gzip").arg(scene.sandbox.log("web.log.1"))).quiet();
        append_lines(&scene.log(), &mut content, 9000..9010);
        let ended = scene.run().expect(0);
        assert!(ended.stderr.contains("was cut short"), "{}", ended.stderr);
        let log = scene.sandbox.path("log");
        scene.sandbox.run(["flush".as_ref(), log.as_os_str()]).expect(0);
        scene.assert_all(&content);
        assert_eq!(doubts(&scene), 0, "nothing is missing");
    }
}

#[test]
fn what_was_read_of_a_log_that_is_emptied_before_the_next_run_is_kept() {
    // Nothing is in it then, less than there was, more.
    for more in [0, 10, 9000] {
        let scene = Scene::new(EXT4);
        let mut content = String::new();
        let _writer = Holds::open(">>", &scene.log());
        append_lines(&scene.log(), &mut content, 0..4000);
        scene.killed_at(Point::Copied);
        File::options().write(true).truncate(true).open(scene.log()).expect("it is emptied");
        append_lines(&scene.log(), &mut content, 10_000..10_000 + more);
        let log = scene.sandbox.path("log");
        let told = scene.sandbox.run(["flush".as_ref(), log.as_os_str()]).expect(1).stderr;
        assert!(told.contains("not known to be complete"), "{more}: {told}");
        let compared = proof::compare_all(scene.objects(), &[Content::new("web", content)]);
        assert_eq!((compared.lost, compared.doubled), (0, 0), "{more}: {compared:?}");
    }
}

#[test]
fn a_log_that_only_went_on_is_copied_again() {
    let scene = Scene::new(EXT4);
    let mut content = String::new();
    let _writer = Holds::open(">>", &scene.log());
    append_lines(&scene.log(), &mut content, 0..2000);
    scene.run().quiet();
    append_lines(&scene.log(), &mut content, 2000..4000);
    scene.killed_at(Point::CopyDurable);
    append(&scene.log(), &lines(4000..4001));
    content.push_str(&lines(4000..4001));
    scene.run().quiet();
    scene.assert_all(&content);
}

#[test]
fn a_log_that_is_replaced_while_it_is_looked_at_waits_for_the_next_run() {
    for writer in ["holds", "reopens"] {
        let scene = Scene::new(EXT4);
        scene.sandbox.config_file_verbatim(&format!("settle = \"30ms\"\nwriter = \"{writer}\"\n"));
        append(&scene.log(), "one\n");
        let run = scene.stopped_at(Point::Discovered);
        std::fs::rename(scene.log(), scene.sandbox.log("web.log.1")).expect("a rename");
        append(&scene.log(), "two\n");
        let ended = run.go_on().expect(75);
        assert!(ended.stderr.contains("renamed or replaced just now; it waits"), "{writer}: {}", ended.stderr);
    }
}
