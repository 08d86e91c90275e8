//! Files that begin alike, as those of services do that write the same banner at each start, and of tables with the same first line:
//! how a file begins says nothing of whose bytes follow.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use logferry::sys::fault::Point;

use super::scene::{Holds, On, Scene, append, append_lines, lines};
use crate::support::finish;
use crate::support::mount::Format;

const EXT4: On = On::Image(Format::Ext4);

/// How many lines files begin with: one, a header, more than is kept of a short log, more than is kept of any.
const BEGINNINGS: [usize; 4] = [1, 8, 60, 1200];

fn beginning(lines: usize) -> String {
    (0..lines).map(|n| format!("#{n:04}\n")).collect()
}

fn scene() -> Scene {
    let scene = Scene::new(EXT4);
    scene.sandbox.config_file_verbatim("");
    scene
}

fn rename(scene: &Scene, from: &str, to: &str) {
    std::fs::rename(scene.sandbox.log(from), scene.sandbox.log(to)).expect("a rename");
}

fn gzip(scene: &Scene, name: &str) {
    finish(Command::new("gzip").arg(scene.sandbox.log(name))).quiet();
}

/// Appends to a log that its writer has open.
fn write(log: &Path, content: &mut String, text: &str) -> Holds {
    let writer = Holds::open(">>", log);
    append(log, text);
    content.push_str(text);
    writer
}

#[test]
fn rotated_files_that_begin_as_the_taken_one_did_are_taken_whole() {
    for (count, packed) in BEGINNINGS.into_iter().flat_map(|count| [(count, false), (count, true)]) {
        let (scene, mut content, begin) = (scene(), String::new(), beginning(count));
        let log = scene.log();
        // Of the first one the beginning alone was taken.
        let writer = write(&log, &mut content, &begin);
        scene.run().quiet();
        drop((writer, write(&log, &mut content, &lines(0..1))));
        rename(&scene, "web.log", "web.log.2");
        // The second one was never seen by a run.
        drop(write(&log, &mut content, &(begin.clone() + &lines(10..400))));
        rename(&scene, "web.log", "web.log.1");
        let _writer = write(&log, &mut content, &(begin + &lines(500..501)));
        if packed {
            ["web.log.2", "web.log.1"].iter().for_each(|name| gzip(&scene, name));
        }
        let told = scene.run().expect(0).stderr;
        // A copy that somebody has made would look like that, too.
        assert_eq!(told.contains("it begins with the same"), begin_is_long(count), "{count}, {packed}: {told}");
        scene.assert_all(&content);
    }
}

/// Whether so many lines are enough to know a copy of a file by.
fn begin_is_long(lines: usize) -> bool {
    beginning(lines).len() >= 256
}

#[test]
fn what_a_run_has_removed_is_not_what_a_later_file_is_a_copy_of() {
    let (scene, mut content, begin) = (scene(), String::new(), beginning(60));
    let log = scene.log();
    let writer = write(&log, &mut content, &begin);
    scene.run().quiet();
    drop(writer);
    // All of it is in a segment: it is removed.
    rename(&scene, "web.log", "web.log.1");
    scene.run().quiet();
    assert!(!scene.sandbox.log("web.log.1").exists(), "all of it is taken");
    drop(write(&log, &mut content, &(begin + &lines(0..400))));
    rename(&scene, "web.log", "web.log.1");
    gzip(&scene, "web.log.1");
    // Its writer has not made another one yet.
    scene.run().quiet();
    scene.assert_all(&content);
}

#[test]
fn a_log_that_was_emptied_and_begins_as_before_is_taken_from_its_start_and_that_is_said() {
    let before = |begin: &str| begin.to_owned() + &lines(0..400);
    // Longer than what was there, as long, shorter; and the same once more, as a job writes it each time.
    let after = [lines(1000..1900), lines(1000..1400), lines(3000..3010), lines(0..400)];
    for (count, after) in [(1, &after[3]), (60, &after[0]), (1200, &after[0]), (1200, &after[1]), (1200, &after[2])] {
        let (scene, mut content, begin) = (Scene::new(EXT4), String::new(), beginning(count));
        let _writer = write(&scene.log(), &mut content, &before(&begin));
        scene.run().quiet();
        File::options().write(true).truncate(true).open(scene.log()).expect("it is emptied");
        append(&scene.log(), &(begin.clone() + after));
        content.push_str(&(begin + after));
        let told = scene.run().expect(0).stderr;
        assert!(told.contains("truncated or written anew by someone else"), "{count}: {told}");
        scene.assert_all(&content);
    }
}

#[test]
fn what_was_copied_before_the_log_was_emptied_is_taken_even_where_it_begins_as_before() {
    for (count, packed) in [(8, false), (8, true), (60, false), (60, true)] {
        let (scene, mut content, begin) = (scene(), String::new(), beginning(count));
        let _writer = write(&scene.log(), &mut content, &begin);
        scene.run().quiet();
        append(&scene.log(), &lines(0..400));
        content.push_str(&lines(0..400));
        // As `copytruncate` does it.
        std::fs::copy(scene.log(), scene.sandbox.log("web.log.1")).expect("a copy");
        File::options().write(true).truncate(true).open(scene.log()).expect("it is emptied");
        if packed {
            gzip(&scene, "web.log.1");
        }
        append(&scene.log(), &(begin.clone() + &lines(1000..1200)));
        content.push_str(&(begin + &lines(1000..1200)));
        let told = scene.run().expect(0).stderr;
        assert!(told.contains("truncated or written anew by someone else"), "{count}: {told}");
        scene.run().quiet();
        scene.assert_all(&content);
    }
}

#[test]
fn a_copy_that_somebody_makes_of_a_log_that_goes_on_is_left_alone() {
    let (scene, mut content) = (scene(), String::new());
    let _writer = write(&scene.log(), &mut content, &beginning(60));
    scene.run().quiet();
    append(&scene.log(), &lines(0..400));
    std::fs::copy(scene.log(), scene.sandbox.log("web.log.1")).expect("a copy");
    append(&scene.log(), &lines(400..500));
    content.push_str(&lines(0..500));
    scene.run().quiet();
    scene.run().quiet();
    assert!(scene.sandbox.log("web.log.1").exists(), "it is his");
    std::fs::remove_file(scene.sandbox.log("web.log.1")).expect("a copy");
    scene.assert_all(&content);
}

#[test]
fn a_log_that_is_replaced_by_a_copy_of_itself_goes_on_and_that_is_said_once() {
    for limit in ["", "max_bytes_per_run = \"64KiB\"\n"] {
        let (scene, mut content) = (scene(), String::new());
        let paths = scene.sandbox.log("*.log").display().to_string();
        scene.sandbox.config_file_verbatim(&format!("[[logs]]\npaths = [{paths:?}]\n{limit}"));
        let writer = write(&scene.log(), &mut content, &lines(0..3000));
        scene.run().expect(0);
        drop(writer);
        append(&scene.log(), &lines(3000..3010));
        content.push_str(&lines(3000..3010));
        finish(Command::new("sed").args(["-i", "s/no such line//"]).arg(scene.log())).quiet();
        let _writer = write(&scene.log(), &mut content, &lines(3010..3020));
        let told = scene.run().expect(0).stderr;
        assert!(told.contains("it is taken for a copy of itself"), "{told}");
        // Nobody has the other one open: what that got after it was copied is nowhere.
        assert_eq!(told.matches("not known to be complete").count(), 1, "{told}");
        assert!(!scene.run().expect(0).stderr.contains("a copy of itself"), "it was said");
        let log = scene.sandbox.path("log");
        scene.sandbox.run(["flush".as_ref(), log.as_os_str()]).expect(0);
        scene.assert_all(&content);
    }
}

/// A log of which something was taken, and which somebody has replaced by a copy of itself; its writer goes on in the file before.
fn replaced_under_its_writer(scene: &Scene, content: &mut String) -> File {
    append_lines(&scene.log(), content, 0..3000);
    let mut writer = File::options().append(true).open(scene.log()).expect("a log");
    scene.run().expect(0);
    go_on(&mut writer, content, 3000..3010);
    finish(Command::new("sed").args(["-i", "s/no such line//"]).arg(scene.log())).quiet();
    go_on(&mut writer, content, 3010..3500);
    writer
}

fn go_on(writer: &mut File, content: &mut String, range: std::ops::Range<u32>) {
    writer.write_all(lines(range.clone()).as_bytes()).expect("written");
    content.push_str(&lines(range));
}

/// Fails the test unless a flush leaves just these lines in the store: nobody can know in which order two files got theirs.
#[track_caller]
fn assert_flushed_in_any_order(scene: &Scene, content: &str) {
    let log = scene.sandbox.path("log");
    scene.sandbox.run(["flush".as_ref(), log.as_os_str()]).expect(0);
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let shipped = String::from_utf8(scene.joined()).expect("text");
    assert_eq!((shipped.len(), sorted(&shipped)), (content.len(), sorted(content)));
}

#[test]
fn what_a_writer_goes_on_writing_to_the_file_that_was_replaced_is_taken_and_nothing_twice() {
    for limit in ["", "max_bytes_per_run = \"64KiB\"\n"] {
        let (scene, mut content) = (scene(), String::new());
        let paths = scene.sandbox.log("*.log").display().to_string();
        scene.sandbox.config_file_verbatim(&format!("[[logs]]\npaths = [{paths:?}]\n{limit}"));
        let mut writer = replaced_under_its_writer(&scene, &mut content);
        let told = scene.run().expect(0).stderr;
        assert!(told.contains("still writes to the file that was this log"), "{told}");
        go_on(&mut writer, &mut content, 3500..3510);
        assert_flushed_in_any_order(&scene, &content);
    }
}

#[test]
fn a_file_that_was_compressed_and_not_removed_yet_is_taken_once() {
    let (scene, mut content) = (scene(), String::new());
    let writer = Holds::open(">>", &scene.log());
    append_lines(&scene.log(), &mut content, 0..1000);
    scene.run().quiet();
    append_lines(&scene.log(), &mut content, 1000..1400);
    drop(writer);
    rename(&scene, "web.log", "web.log.1");
    finish(Command::new("gzip").arg("-k").arg(scene.sandbox.log("web.log.1"))).quiet();
    append_lines(&scene.log(), &mut content, 1400..1500);
    scene.run().quiet();
    scene.assert_all(&content);
}

#[test]
fn a_log_that_is_replaced_by_no_more_than_what_was_taken_of_it_is_said_to_be_incomplete_each_time() {
    let (scene, mut content, begin) = (scene(), String::new(), beginning(60));
    let mut writer = write(&scene.log(), &mut content, &begin);
    scene.run().quiet();
    for _ in 0..3 {
        append(&scene.log(), &lines(0..400));
        std::fs::remove_file(scene.log()).expect("a log");
        append(&scene.log(), &begin);
        // Nobody has the one before open any more.
        drop(std::mem::replace(&mut writer, Holds::open(">>", &scene.log())));
        let told = scene.run().expect(0).stderr;
        assert_eq!(told.matches("not known to be complete").count(), 1, "{told}");
        scene.run().quiet();
    }
}

#[test]
fn a_run_that_is_killed_while_it_takes_what_replaced_a_log_doubles_nothing() {
    for point in [Point::Copied, Point::SealRecorded, Point::Sealed] {
        let (scene, mut content) = (scene(), String::new());
        let _writer = replaced_under_its_writer(&scene, &mut content);
        scene.killed_at(point);
        scene.run().expect(0);
        assert_flushed_in_any_order(&scene, &content);
    }
}

#[test]
fn a_few_bytes_do_not_make_a_new_log_a_copy() {
    let (scene, mut content) = (scene(), String::new());
    let writer = write(&scene.log(), &mut content, "started\n");
    scene.run().quiet();
    std::fs::remove_file(scene.log()).expect("a log");
    drop(writer);
    let _writer = write(&scene.log(), &mut content, "started\nready\n");
    let told = scene.run().expect(0).stderr;
    assert!(told.contains("not known to be complete"), "{told}");
    scene.assert_all(&content);
}

#[test]
fn a_copy_beside_its_own_file_is_said_to_be_in_the_store_twice() {
    let (scene, mut content) = (scene(), String::new());
    let writer = write(&scene.log(), &mut content, &lines(0..1000));
    scene.run().quiet();
    // The end of what was taken is in it, and nothing else.
    std::fs::copy(scene.log(), scene.sandbox.log("web.log.1")).expect("a copy");
    drop(writer);
    rename(&scene, "web.log", "web.log.2");
    let _writer = write(&scene.log(), &mut content, &lines(2000..2001));
    let told = scene.run().expect(0).stderr;
    assert!(told.contains("web.log.1: it begins with the same") && told.contains("twice"), "{told}");
}

#[test]
fn a_head_does_not_go_while_somebody_is_in_the_middle_of_copying_the_log() {
    let (scene, mut content) = (scene(), String::new());
    let writer = write(&scene.log(), &mut content, &lines(0..4000));
    let mut reader = Reader::start(&scene.log());
    let size = std::fs::metadata(scene.log()).expect("a log").len();
    let told =
        scene.sandbox.run(["run".as_ref(), "-v".as_ref(), scene.sandbox.path("log").as_os_str()]).expect(0).stderr;
    assert!(told.contains("is in the middle of reading it"), "{told}");
    assert_eq!(std::fs::metadata(scene.log()).expect("a log").len(), size, "it is as it was");
    reader.end();
    scene.run().quiet();
    assert!(std::fs::metadata(scene.log()).expect("a log").len() < size, "nobody reads it any more");
    drop(writer);
    scene.assert_all(&content);
}

/// A process that has read some of a log.
struct Reader(std::process::Child);

impl Reader {
    fn start(log: &Path) -> Self {
        let script = "import os, sys\nfd = os.open(sys.argv[1], os.O_RDONLY)\nos.read(fd, 1000)\nprint(flush=True)\nsys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(log)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3: install it");
        child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("it has read");
        Self(child)
    }

    fn end(&mut self) {
        let mut stdin = self.0.stdin.take().expect("a pipe");
        stdin.flush().expect("a pipe");
        drop(stdin);
        self.0.wait().expect("it ends");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
