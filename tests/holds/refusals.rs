//! What can't be taken in its place is refused with the reason, named, and not touched.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use logferry::sys::fault::Point;
use logferry::sys::file::Status;
use logferry::sys::procfs::{Writes, holders_in_use};

use super::scene::{Holds, On, Scene, append_lines, lines, sizes};
use crate::support::mount::Format;
use crate::support::tally::{self, Group, Row};
use crate::support::{Ended, Sandbox, example, finish};

const EXT4: On = On::Image(Format::Ext4);

/// Fails the test unless a run refuses the log in these words, and leaves it as it is.
#[track_caller]
fn refused(scene: &Scene, said: &[&str]) -> Ended {
    let before = (std::fs::read(scene.log()).expect("a log"), sizes(&scene.log()));
    let ended = scene.run().expect(1);
    for part in said.iter().chain(&["hint: "]) {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert!(scene.objects().is_empty(), "something was shipped");
    assert_eq!((std::fs::read(scene.log()).expect("a log"), sizes(&scene.log())), before);
    scene.sandbox.nothing_left_behind();
    ended
}

#[test]
fn a_writer_without_o_append_is_refused_and_named() {
    let scene = Scene::new(EXT4);
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..1000);
    let writer = Holds::open("<>", &scene.log());
    let modified = || std::fs::metadata(scene.log()).and_then(|log| log.modified()).expect("a time");
    let before = modified();
    let ended = refused(&scene, &[&format!("(pid {}) has it open for writing without O_APPEND", writer.id())]);
    assert_eq!(modified(), before);
    drop(writer);
    scene.run().quiet();
    scene.assert_all(&content);
    tally::record(Group::Users, "a log in its place, whose writer doesn't append", Row::sound(1, ended.took));
}

/// As a file server or a backup program has it: its log can't be opened for writing until it lets go of the lease.
#[test]
fn a_log_on_which_somebody_holds_a_lease_waits_and_he_is_named_with_what_to_do() {
    for killed_at in [None, Some(Point::Sealed)] {
        let scene = Scene::new(EXT4);
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..1000);
        if let Some(point) = killed_at {
            scene.killed_at(point);
        }
        let holder = Leases::hold(&scene);
        let ended = scene.run().expect(75);
        for part in
            ["web.log: ", &format!("attacker (pid {}) holds a lease on it", holder.0.id()), "hint: ", "/proc/locks"]
        {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
        assert_eq!(sizes(&scene.log()).1, content.len() as u64, "its head is there");
        drop(holder);
        scene.run().expect(0);
        scene.assert_all(&content);
        assert!(sizes(&scene.log()).1 < 8192, "its head has gone");
    }
}

/// A process that holds a read lease on the log.
struct Leases(Child);

impl Leases {
    fn hold(scene: &Scene) -> Self {
        let mut holder = Command::new(example("attacker"));
        let mut child = holder.arg("--read-lease").arg(scene.log()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut ready = [0; 6];
        child.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("it has the lease");
        Self(child)
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_among_writers_that_append_is_enough() {
    let scene = Scene::new(EXT4);
    append_lines(&scene.log(), &mut String::new(), 0..1000);
    let _writers = [Holds::open(">>", &scene.log()), Holds::open("<>", &scene.log()), Holds::open(">>", &scene.log())];
    refused(&scene, &["without O_APPEND"]);
}

#[test]
fn a_writer_that_has_it_mapped_is_refused_though_it_has_closed_it() {
    let scene = Scene::new(EXT4);
    // The inodes before its own are taken: on the images of other tests a log by its name has another one.
    for n in 0..20 {
        std::fs::File::create(scene.log().with_file_name(format!("empty-{n}"))).expect("an empty file");
    }
    append_lines(&scene.log(), &mut String::new(), 0..1000);
    let script = "import mmap, os, sys, time\nfd = os.open(sys.argv[1], os.O_RDWR | os.O_APPEND)\nm = mmap.mmap(fd, 4096)\n\
                  os.close(fd)\nprint(flush=True)\ntime.sleep(1000)";
    let mut writer = Command::new("python3");
    let writer = writer.args(["-c", script]).arg(scene.log()).stdout(std::process::Stdio::piped());
    let mut writer = writer.spawn().expect("python3");
    std::io::Read::read_exact(writer.stdout.as_mut().expect("a pipe"), &mut [0]).expect("it is mapped");
    let ended = scene.run().expect(1);
    writer.kill().expect("it lives");
    writer.wait().expect("it ends");
    assert!(ended.stderr.contains("mapped into its memory for writing"), "{}", ended.stderr);
    assert!(scene.objects().is_empty(), "something was shipped");
}

#[test]
fn a_writer_that_comes_while_its_log_is_copied_and_does_not_append() {
    let scene = Scene::new(EXT4);
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..1000);
    let run = scene.stopped_at(Point::LogDurable);
    let writer = Holds::open("<>", &scene.log());
    let before = sizes(&scene.log());
    let ended = run.go_on().expect(1);
    let named = format!("(pid {}) has it open for writing without O_APPEND", writer.id());
    assert!(
        ended.stderr.contains("its space was not given back: ") && ended.stderr.contains(&named),
        "{}",
        ended.stderr
    );
    assert_eq!(sizes(&scene.log()), before, "its head is there");
    scene.assert_all(&content);
    drop(writer);
    // What was not done then is done now, and nothing is taken twice.
    scene.run().quiet();
    assert!(sizes(&scene.log()).1 < 8192, "{:?}", sizes(&scene.log()));
    scene.assert_all(&content);
}

#[test]
fn a_writer_that_comes_in_the_instant_and_does_not_append_is_named() {
    let scene = Scene::new(EXT4);
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..1000);
    let run = scene.stopped_at(Point::HeadGoing);
    let writer = Holds::open("<>", &scene.log());
    let ended = run.go_on().expect(0);
    let named = format!("(pid {}) has it open for writing without O_APPEND", writer.id());
    let said = ended.stderr.contains("somebody came who does not append: ") && ended.stderr.contains(&named);
    assert!(said, "{}", ended.stderr);
    scene.assert_all(&content);
}

#[test]
fn a_log_that_is_append_only_or_immutable() {
    for flag in ["a", "i"] {
        let scene = Scene::new(EXT4);
        append_lines(&scene.log(), &mut String::new(), 0..1000);
        let chattr = |how: &str| finish(Command::new("chattr").arg(format!("{how}{flag}")).arg(scene.log())).quiet();
        chattr("+");
        refused(&scene, &["append-only or immutable", "chattr -a"]);
        chattr("-");
        scene.run().quiet();
    }
}

#[test]
fn a_file_system_that_can_not_take_a_head_away() {
    for on in [On::Memory, On::Image(Format::Ext4WithoutExtents)] {
        let scene = Scene::new(on);
        append_lines(&scene.log(), &mut String::new(), 0..1000);
        let _writer = Holds::open(">>", &scene.log());
        refused(&scene, &["can't take the head of a file away", "holes = true"]);
    }
}

#[test]
fn a_log_with_a_second_link_is_left_alone() {
    let scene = Scene::new(EXT4);
    append_lines(&scene.log(), &mut String::new(), 0..1000);
    let run = scene.stopped_at(Point::LogDurable);
    std::fs::hard_link(scene.log(), scene.sandbox.log(".link")).expect("a link");
    run.go_on().expect(0);
    assert_eq!(sizes(&scene.log()).1, lines(0..1000).len() as u64, "nothing of it went");
    refused_again(&scene);
}

#[track_caller]
fn refused_again(scene: &Scene) {
    let ended = scene.run().expect(1);
    assert!(ended.stderr.contains("2 hard links"), "{}", ended.stderr);
}

/// Seen with a shell that restarts a service: between the look at which file a descriptor stands for and the one at how that is
/// open, the shell had put another file behind it, and the log was refused.
#[test]
fn a_descriptor_that_gets_another_file_between_two_looks_is_not_taken_for_one_that_does_not_append() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "x\n");
    let file = Status::of(&log.metadata().expect("a log")).identity;
    let mut shell = Command::new("sh");
    let shell =
        shell.args(["-c", "while :; do exec 3>>web.log; exec 3>other.txt; done"]).current_dir(sandbox.path("log"));
    let mut shell = shell.spawn().expect("sh");
    let (begun, mut seen, mut wrong) = (Instant::now(), 0, 0);
    while seen < 300 && begun.elapsed() < Duration::from_secs(10) {
        for holder in holders_in_use(&[(&log, file)]).by_file.remove(&file).unwrap_or_default() {
            (seen, wrong) = (seen + 1, wrong + usize::from(holder.writes == Writes::Anywhere));
        }
    }
    shell.kill().and_then(|()| shell.wait()).expect("it ends");
    assert!(seen > 0, "the shell was never seen to have it open");
    assert_eq!(wrong, 0, "of {seen}");
}
