//! Logs that are taken in their place, and that their writers, or somebody else, rename, compress or delete.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::scene::{Holds, On, Scene, append, append_lines, lines};
use crate::support::finish;
use crate::support::mount::Format;

const EXT4: On = On::Image(Format::Ext4);

/// Logs of which nobody has said who writes them, as after the installation.
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

fn doubts(scene: &Scene) -> serde_json::Value {
    let status = scene.sandbox.run(["status", "--json"]).expect(0);
    serde_json::from_slice::<serde_json::Value>(&status.stdout).expect("JSON")["doubts"].clone()
}

/// Python's own handler, told how many lines to write.
struct Python {
    child: Child,
    orders: ChildStdin,
    done: BufReader<ChildStdout>,
}

impl Python {
    fn start(scene: &Scene, delay: &str) -> Self {
        let script = format!(
            "import logging.handlers, sys\n\
             log = logging.getLogger('x'); log.setLevel(10)\n\
             log.addHandler(logging.handlers.RotatingFileHandler({:?}, maxBytes=3000, backupCount=5, delay={delay}))\n\
             n = 0\n\
             for order in sys.stdin:\n\
             \x20for i in range(int(order)): log.info('%08d a line that some service has written', n); n += 1\n\
             \x20print(n, flush=True)\n",
            scene.log()
        );
        let mut child = Command::new("python3")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3: install it");
        let (orders, done) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Self { child, orders, done: BufReader::new(done) }
    }

    fn write(&mut self, lines: u32) {
        writeln!(self.orders, "{lines}").expect("python reads");
        self.done.read_line(&mut String::new()).expect("python has written");
    }

    fn end(mut self) {
        drop(self.orders);
        self.child.wait().expect("python ends");
    }
}

#[test]
fn a_python_rotating_file_handler_loses_and_doubles_nothing_over_a_hundred_rotations() {
    for delay in ["False", "True"] {
        let scene = scene();
        let mut python = Python::start(&scene, delay);
        // 67 lines fill a file; between two runs it rotates none to three times.
        let mut written = 0;
        for count in [20, 150, 67, 240, 1, 133, 201].into_iter().cycle() {
            python.write(count);
            written += count;
            scene.run().quiet();
            if written > 51 * 67 {
                break;
            }
        }
        python.write(100);
        python.end();
        scene.sandbox.run(["flush".as_ref(), scene.sandbox.path("log").as_os_str()]).expect(0);
        scene.assert_all(&lines(0..written + 100));
        assert_eq!(doubts(&scene).as_array().map(Vec::len), Some(0));
    }
}

#[test]
fn what_is_renamed_and_compressed_between_two_runs_is_taken_and_history_stays() {
    let scene = scene();
    let mut content = String::new();
    crate::closed::rotated(&scene.sandbox, "web.log.5.gz", "history\n", 30);
    for round in 0..4 {
        let from = round * 10_000;
        let writer = Holds::open(">>", &scene.log());
        append_lines(&scene.log(), &mut content, from..from + 2000);
        scene.run().quiet();
        append_lines(&scene.log(), &mut content, from + 2000..from + 3000);
        rename(&scene, "web.log", "web.log.1");
        drop(writer);
        if round % 2 == 0 {
            gzip(&scene, "web.log.1");
        }
        // Once more: its file was never seen by a run.
        append_lines(&scene.log(), &mut content, from + 3000..from + 3500);
        let end = if round % 2 == 0 { ".gz" } else { "" };
        rename(&scene, &format!("web.log.1{end}"), &format!("web.log.2{end}"));
        rename(&scene, "web.log", "web.log.1");
        append_lines(&scene.log(), &mut content, from + 3500..from + 3600);
        scene.run().quiet();
        scene.assert_all(&content);
    }
    let left: Vec<_> =
        scene.sandbox.files("log").into_iter().filter(|path| path.to_string_lossy().contains(".log.")).collect();
    assert_eq!(left, [scene.sandbox.log("web.log.5.gz")]);
}

#[test]
fn a_writer_that_goes_on_in_a_renamed_log_loses_nothing_and_is_named_whatever_backlog_says() {
    for backlog in [false, true] {
        let scene = scene();
        let paths = scene.sandbox.log("*.log").display().to_string();
        scene.sandbox.config_file_verbatim(&format!("[[logs]]\npaths = [{paths:?}]\nbacklog = {backlog}\n"));
        let (mut content, log) = (String::new(), scene.log());
        let writer = Holds::open(">>", &log);
        append_lines(&log, &mut content, 0..2000);
        scene.run().quiet();
        rename(&scene, "web.log", "web.log.1");
        File::create(&log).expect("an empty log");
        for from in [2000, 3000] {
            append_lines(&scene.sandbox.log("web.log.1"), &mut content, from..from + 1000);
            let told = scene.run().expect(0).stderr;
            assert!(told.contains("still writes to the file that was this log"), "{told}");
            scene.assert_all(&content);
        }
        drop(writer);
        append_lines(&log, &mut content, 4000..4001);
        scene.run().quiet();
        scene.assert_all(&content);
        assert!(!scene.sandbox.log("web.log.1").exists(), "nobody has it open any more, and all of it is taken");
    }
}

#[test]
fn a_deleted_log_that_its_writer_has_open_still_is_taken_and_the_writer_named() {
    let scene = scene();
    scene.sandbox.config_file_verbatim("settle = \"30ms\"\n");
    let mut content = String::new();
    let writer = Holds::open(">>", &scene.log());
    append_lines(&scene.log(), &mut content, 0..2000);
    scene.run().quiet();
    append_lines(&scene.log(), &mut content, 2000..3000);
    std::fs::remove_file(scene.log()).expect("a log");
    let told = scene.run().expect(0).stderr;
    assert!(told.contains(&format!("(pid {})", writer.id())) && told.contains("not beside it any more"), "{told}");
    let through = format!("/proc/{}/fd/3", writer.id());
    append(through.as_ref(), &lines(3000..3100));
    content.push_str(&lines(3000..3100));
    scene.run().expect(0);
    scene.assert_all(&content);
}

#[test]
fn what_nobody_can_find_any_more_is_doubted_once_and_a_flush_does_not_say_0() {
    for replaced in [false, true] {
        let scene = scene();
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..2000);
        let writer = Holds::open(">>", &scene.log());
        scene.run().quiet();
        drop(writer);
        append(&scene.log(), "nobody will see this\n");
        std::fs::remove_file(scene.log()).expect("a log");
        if replaced {
            append_lines(&scene.log(), &mut content, 5000..5001);
        }
        let log = scene.sandbox.path("log");
        let told = scene.sandbox.run(["flush".as_ref(), log.as_os_str()]).expect(1).stderr;
        assert!(
            told.contains("web.log: not known to be complete") && told.contains("hint: find out what else"),
            "{told}"
        );
        scene.run().quiet();
        assert_eq!(doubts(&scene)[0]["why"], "replaced");
        scene.assert_all(&content);
    }
}

#[test]
fn what_a_writer_writes_to_its_log_in_another_directory_is_taken_whatever_that_is_called_there() {
    let scene = scene();
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..2000);
    let writer = Holds::open(">>", &scene.log());
    scene.run().quiet();
    let elsewhere = scene.sandbox.log("old").join(".x");
    std::fs::create_dir(scene.sandbox.log("old")).expect("a directory");
    std::fs::rename(scene.log(), &elsewhere).expect("a rename");
    append_lines(&elsewhere, &mut content, 2000..2100);
    let told = scene.run().expect(0).stderr;
    assert!(told.contains("still writes to the file that was this log"), "{told}");
    append_lines(&scene.log(), &mut content, 2100..2101);
    scene.run().expect(0);
    drop(writer);
    std::fs::remove_dir_all(scene.sandbox.log("old")).expect("it is taken");
    scene.run().expect(0);
    scene.assert_all(&content);
}

#[test]
fn an_emptied_log_is_told_by_a_flush_before_anything_new_is_in_it() {
    let scene = scene();
    let _writer = Holds::open(">>", &scene.log());
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..2000);
    scene.run().quiet();
    File::create(scene.log()).expect("it is emptied");
    let log = scene.sandbox.path("log");
    let told = scene.sandbox.run(["flush".as_ref(), log.as_os_str()]).expect(1).stderr;
    assert!(told.contains("was truncated or written anew by someone else"), "{told}");
    append_lines(&scene.log(), &mut content, 3000..3100);
    scene.run().quiet();
    scene.assert_all(&content);
}

#[test]
fn two_logs_that_swap_names_go_on_under_the_other_one() {
    let scene = scene();
    let _writers = ["a.log", "b.log"].map(|name| Holds::open(">>", &scene.sandbox.log(name)));
    append(&scene.sandbox.log("a.log"), &lines(0..2000));
    append(&scene.sandbox.log("b.log"), &lines(10_000..12_000));
    scene.run().quiet();
    rename(&scene, "a.log", "c");
    rename(&scene, "b.log", "a.log");
    rename(&scene, "c", "b.log");
    append(&scene.sandbox.log("b.log"), &lines(2000..2100));
    append(&scene.sandbox.log("a.log"), &lines(12_000..12_100));
    scene.run().quiet();
    scene.run().quiet();
    let cat = |service: &str| scene.sandbox.run(["cat", service]).expect(0).text();
    assert_eq!(cat("a"), lines(0..2000) + &lines(12_000..12_100));
    assert_eq!(cat("b"), lines(10_000..12_000) + &lines(2000..2100));
}

#[test]
fn a_copy_that_copytruncate_made_gives_back_what_it_cut_off_and_one_that_a_person_made_stays() {
    let scene = scene();
    let _writer = Holds::open(">>", &scene.log());
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..2000);
    scene.run().quiet();
    std::fs::copy(scene.log(), scene.sandbox.log("web.log.1")).expect("a copy");
    scene.run().quiet();
    assert!(scene.sandbox.log("web.log.1").exists(), "a person's");
    append_lines(&scene.log(), &mut content, 2000..3000);
    std::fs::copy(scene.log(), scene.sandbox.log("web.log.1")).expect("a copy");
    File::create(scene.log()).expect("it is emptied");
    append_lines(&scene.log(), &mut content, 3000..3100);
    let told = scene.run().expect(0).stderr;
    assert!(told.contains("was truncated"), "{told}");
    scene.assert_all(&content);
}

#[test]
fn what_the_next_run_takes_of_moved_files_is_told_before_by_a_dry_run_and_by_check() {
    let scene = scene();
    let (mut content, log) = (String::new(), scene.log());
    let writer = Holds::open(">>", &log);
    append_lines(&log, &mut content, 0..2000);
    scene.run().quiet();
    let before = content.len();
    append_lines(&log, &mut content, 2000..2100);
    let bytes = content.len() - before;
    rename(&scene, "web.log", "web.log.1");
    drop(writer);
    append_lines(&log, &mut content, 2100..2110);
    let logs = scene.sandbox.path("log").display().to_string();
    let moved = scene.sandbox.log("web.log.1").display().to_string();
    let planned = scene.sandbox.run(["run", "--dry-run", &logs]).expect(0).text();
    let step = format!("would take {moved} ({bytes} bytes) as service web and ship it to ");
    assert!(planned.contains(&step) && planned.contains(&format!("since it was {}", log.display())), "{planned}");
    // What it is of comes before what is at its path now.
    assert!(planned.find(&moved) < planned.find(&format!("would take {} (", log.display())), "{planned}");
    let checked = scene.sandbox.run(["check", &logs]).text();
    let line = checked.lines().find(|line| line.contains(&moved)).unwrap_or_else(|| panic!("{checked}"));
    assert!(line.contains("is taken by the next run") && line.contains("are in no segment yet"), "{line}");
    // A second link to it is in the way, and both say that too.
    std::fs::hard_link(scene.sandbox.log("web.log.1"), scene.sandbox.log(".link")).expect("a link");
    let refused = scene.sandbox.run(["run", "--dry-run", &logs]).expect(1).stderr;
    assert!(refused.contains("web.log.1: refused: it has 2 hard links"), "{refused}");
    let checked = scene.sandbox.run(["check", &logs]).text();
    assert!(checked.contains("refused: it has 2 hard links"), "{checked}");
    std::fs::remove_file(scene.sandbox.log(".link")).expect("it was there");
    std::fs::remove_dir_all(scene.sandbox.path("store/.logferry")).expect("what check has put");
    scene.run().quiet();
    scene.assert_all(&content);
    let planned = scene.sandbox.run(["run", "--dry-run", &logs]).expect(0).text();
    assert!(!planned.contains("web.log.1"), "{planned}");
}
