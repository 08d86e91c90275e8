//! No room, and logs that someone else handles while they are copied: told apart, reported, and nothing lost by us.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use logferry::sys::fault::Point;

use crate::support::mount::Mount;
use crate::support::proof::{self, Comparison, Content};
use crate::support::tally::{self, Group, Row};
use crate::support::{Ended, Sandbox, Stopped, finish, noise};

/// Fails the test unless the store holds just that, once.
#[track_caller]
fn assert_all(sandbox: &Sandbox, contents: &[Content]) {
    let Comparison { lost, doubled, gaps } = proof::compare_all(proof::of_directory(&sandbox.path("store")), contents);
    assert_eq!((lost, doubled), (0, 0), "{gaps:?}");
    sandbox.nothing_left_behind();
}

fn stopped_at(sandbox: &Sandbox, point: Point) -> Stopped {
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    Stopped::at(point, 1, run)
}

fn claimed(sandbox: &Sandbox, log: &str) -> PathBuf {
    let begin = format!(".{log}.2");
    let mut files = sandbox.files("log").into_iter();
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&begin));
    files.find(is_it).expect("a claimed file")
}

#[test]
fn a_full_disk_lets_smaller_logs_pass_and_keeps_the_large_one_for_later() {
    let sandbox = Sandbox::reopening();
    let mount = Mount::in_memory(&sandbox.path("state"), "size=14m");
    let large = noise(20_000_000);
    sandbox.write_log("large.log", &large);
    for n in 0..5 {
        sandbox.write_log(format!("small-{n}.log"), format!("{n} fits\n"));
    }
    // In the same run, whatever comes first.
    let ended = sandbox.run_all().expect(75);
    assert!(ended.stderr.contains("large.log") && ended.stderr.contains("hint: its bytes stay"), "{}", ended.stderr);
    assert_eq!(proof::of_directory(&sandbox.path("store")).len(), 5);
    assert!(sandbox.files("state/spool").iter().all(|file| file.extension().is_none_or(|end| end != "part")));
    mount.remount("size=200m");
    let ended = sandbox.run_all().quiet();
    let mut contents: Vec<_> = (0..5).map(|n| Content::new(&format!("small-{n}"), format!("{n} fits\n"))).collect();
    contents.push(Content::new("large", large));
    assert_all(&sandbox, &contents);
    tally::record(Group::Disk, "the spool's disk is full", Row::sound(1, ended.took));
}

#[test]
fn no_inode_is_left_at_any_of_the_files_that_a_run_makes() {
    let sandbox = Sandbox::reopening();
    let mount = Mount::in_memory(&sandbox.path("state"), "size=64m,nr_inodes=8");
    let (mut waited, mut times, mut slowest) = (0, 0, Duration::ZERO);
    let (mut web, mut job) = (String::new(), String::new());
    for inodes in 8..24 {
        mount.remount(&format!("nr_inodes={inodes}"));
        for (name, content) in [("web", &mut web), ("job", &mut job)] {
            let line = format!("{name} with {inodes}\n");
            append(&sandbox.log(format!("{name}.log")), &line);
            content.push_str(&line);
        }
        let ended = sandbox.run_all();
        assert!([0, 75, 78].contains(&ended.code), "{ended:?}");
        assert_eq!(ended.code == 0, ended.stderr.is_empty(), "{ended:?}");
        (waited, times) = (waited + u32::from(ended.code != 0), times + 1);
        slowest = slowest.max(ended.took);
    }
    assert!(waited > 3, "the disk was hardly ever full");
    mount.remount("nr_inodes=1000");
    sandbox.run_all().expect(0);
    assert_all(&sandbox, &[Content::new("web", web), Content::new("job", job)]);
    tally::record(Group::Disk, "no inode left for any of a run's files", Row::sound(times, slowest));
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::File::options().create(true).append(true).open(path).expect("a log");
    file.write_all(text.as_bytes()).expect("it is written");
}

#[test]
fn a_spool_that_has_reached_its_limit_leaves_logs_where_they_are() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("max_spool = \"3MB\"\n");
    let mut contents = Vec::new();
    for n in 0..5 {
        let bytes = noise(1_000_000 + n);
        sandbox.write_log(format!("job-{n}.log"), &bytes);
        contents.push(Content::new(&format!("job-{n}"), bytes));
    }
    let store = sandbox.path("store");
    std::fs::rename(&store, sandbox.path("away")).expect("a rename");
    for _ in 0..3 {
        let ended = sandbox.run_all().expect(75);
        assert!(ended.stderr.contains("it may hold 3000000 (max_spool)"), "{}", ended.stderr);
        let spool = sandbox.files("state/spool").iter().map(|file| file.metadata().expect("a file").len()).sum::<u64>();
        assert!((2_000_000..3_000_000).contains(&spool), "{spool} bytes");
    }
    std::fs::rename(sandbox.path("away"), &store).expect("a rename");
    // All of them in one run: what is shipped makes room for what waits.
    let ended = sandbox.run_all().quiet();
    assert_all(&sandbox, &contents);
    tally::record(Group::Disk, "the spool has reached max_spool", Row::sound(3, ended.took));
}

#[test]
fn what_must_stay_free_stays_free() {
    let sandbox = Sandbox::reopening();
    let _mount = Mount::in_memory(&sandbox.path("state"), "size=40m");
    sandbox.config_file("min_free = \"30MiB\"\n");
    let large = noise(12_000_000);
    sandbox.write_log("large.log", &large);
    sandbox.write_log("small.log", "small\n");
    let ended = sandbox.run_all().expect(75);
    assert!(ended.stderr.contains("31457280 must stay so (min_free)"), "{}", ended.stderr);
    assert_eq!(proof::of_directory(&sandbox.path("store")).len(), 1);
    sandbox.config_file("min_free = \"20MiB\"\n");
    let ended = sandbox.run_all().quiet();
    assert_all(&sandbox, &[Content::new("large", large), Content::new("small", "small\n")]);
    tally::record(Group::Disk, "less is free than min_free", Row::sound(1, ended.took));
}

#[test]
fn a_disk_that_fills_up_while_a_log_is_copied_leaves_the_log_claimed() {
    // What its writer still writes behind the unlink has no other place: without room for it there is no unlink.
    let sandbox = Sandbox::reopening();
    let _mount = Mount::in_memory(&sandbox.path("state"), "size=64m");
    sandbox.config_file("min_free = \"32MiB\"\n");
    sandbox.write_log("web.log", "first\nsecond\n");
    let run = stopped_at(&sandbox, Point::CopyDurable);
    let (log, filler) = (claimed(&sandbox, "web.log"), sandbox.path("state/filler"));
    std::fs::write(&filler, vec![1; 40 << 20]).expect("room for what fills the disk");
    let ended = run.go_on().expect(75);
    assert!(ended.stderr.contains("web.log: ") && ended.stderr.contains("(min_free)"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: its bytes stay in the log's directory"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(&log).expect("the claimed file"), "first\nsecond\n");
    assert!(sandbox.files("store").is_empty(), "it was shipped while it could not be unlinked");
    // Its part is of no use: the next run copies again, with whatever the writer has written since.
    assert!(sandbox.files("state/spool").iter().all(|file| file.extension().is_none_or(|end| end != "part")));
    append(&log, "third\n");
    std::fs::remove_file(filler).expect("there is room again");
    let ended = sandbox.run_all().quiet();
    assert_all(&sandbox, &[Content::new("web", "first\nsecond\nthird\n")]);
    tally::record(Group::Disk, "the disk fills up before the unlink", Row::sound(1, ended.took));
}

#[test]
fn the_largest_number_to_stay_free_leaves_every_log_where_it_is() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file(&format!("min_free = \"{}\"\n", u64::MAX));
    let log = sandbox.write_log("web.log", "x\n");
    let ended = sandbox.run_all().expect(75);
    assert!(ended.stderr.contains("must stay so (min_free)") && log.exists(), "{}", ended.stderr);
}

#[test]
fn a_limit_that_makes_no_sense_is_a_mistake_in_the_configuration() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "x\n");
    for wrong in ["max_spool = \"much\"", "min_free = -1", "max_spool = 1.5"] {
        sandbox.config_file(&format!("{wrong}\n"));
        let ended = sandbox.run_all().expect(78);
        assert!(ended.stderr.contains(wrong.split(' ').next().expect("a key")), "{}", ended.stderr);
    }
}

/// Where a run can be caught while its log is copied and not yet unlinked.
const WHILE_COPYING: [Point; 4] = [Point::Copied, Point::CopyDurable, Point::CopiesDurable, Point::ToppedUp];

/// What someone else may do to a log while it is copied, and what is there afterwards.
struct Meddling {
    name: &'static str,
    /// What is done to the claimed file, given its path.
    act: fn(&Path),
    /// Part of the message.
    said: &'static str,
    /// What the log of the store has in the end, before what is written later.
    kept: &'static str,
}

const MEDDLING: &[Meddling] = &[
    Meddling {
        name: "the log is deleted while it is copied",
        act: |path| std::fs::remove_file(path).expect("a file"),
        said: "it was deleted by someone else",
        kept: "first line\nsecond line\n",
    },
    Meddling {
        name: "the log is deleted and replaced while it is copied",
        act: |path| {
            std::fs::remove_file(path).expect("a file");
            std::fs::write(path, "of another\n").expect("a file");
        },
        said: "it was deleted by someone else",
        // What stands there under the claimed name is taken by the next run.
        kept: "first line\nsecond line\nof another\n",
    },
    Meddling {
        name: "the log is truncated while it is copied",
        act: |path| std::fs::write(path, "").expect("a file"),
        said: "it was truncated by someone else",
        kept: "first line\nsecond line\n",
    },
    Meddling {
        name: "the log is truncated and written again while it is copied",
        act: |path| std::fs::write(path, "third\n").expect("a file"),
        said: "it was truncated by someone else",
        kept: "first line\nsecond line\nthird\n",
    },
    Meddling {
        name: "the log is truncated and grows larger than before while it is copied",
        act: |path| std::fs::write(path, "third line, and a long one\nand a fourth\n").expect("a file"),
        said: "it was truncated by someone else",
        kept: "first line\nsecond line\nthird line, and a long one\nand a fourth\n",
    },
    Meddling {
        name: "the log is moved away while it is copied",
        act: |path| std::fs::rename(path, path.with_file_name("web.log")).expect("a file"),
        said: "it is not the file that was claimed",
        kept: "first line\nsecond line\n",
    },
];

fn meddle(meddling: &Meddling, point: Point) -> Ended {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "first line\nsecond line\n");
    // It comes second, so that the first to be stopped at is the other one.
    sandbox.write_log("zebra.log", "fine\n");
    let run = stopped_at(&sandbox, point);
    let (file, what) = (claimed(&sandbox, "web.log"), format!("{} at {}", meddling.name, point.name()));
    (meddling.act)(&file);
    let ended = run.go_on();
    let unlinked_before_it_was_seen = point == Point::ToppedUp && meddling.said.contains("truncated");
    assert_eq!(ended.code, 1, "{what}: {}", ended.stderr);
    assert!(ended.stderr.contains(meddling.said), "{what}: {}", ended.stderr);
    let next = sandbox.run_all().expect(0);
    append(&sandbox.log("web.log"), "later\n");
    sandbox.run_all().quiet();
    // Truncated between the last look and the unlink: what was written anew was in nobody's sight.
    let kept = if unlinked_before_it_was_seen { "first line\nsecond line\n" } else { meddling.kept };
    let contents = [Content::new("web", format!("{kept}later\n")), Content::new("zebra", "fine\n")];
    let comparison = std::panic::catch_unwind(|| {
        assert_all(&sandbox, &contents);
    });
    assert!(comparison.is_ok(), "{what}");
    next
}

#[test]
fn a_log_that_someone_else_handles_while_it_is_copied() {
    for meddling in MEDDLING {
        let runs = WHILE_COPYING.map(|point| meddle(meddling, point));
        let slowest = runs.iter().map(|ended| ended.took).max().expect("several runs");
        tally::record(Group::Disk, meddling.name, Row::sound(runs.len() as u64, slowest));
    }
}

#[test]
fn a_log_directory_that_is_read_only_is_named_and_the_others_are_taken() {
    let sandbox = Sandbox::reopening();
    let mount = Mount::in_memory(&sandbox.path("frozen"), "size=8m");
    std::fs::write(sandbox.path("frozen/web.log"), "frozen\n").expect("a log");
    sandbox.write_log("fine.log", "fine\n");
    mount.remount("ro");
    let run = || {
        let paths: [OsString; 3] = ["run".into(), sandbox.path("frozen").into(), sandbox.path("log").into()];
        sandbox.run(paths)
    };
    let ended = run().expect(1);
    assert!(ended.stderr.contains("frozen/web.log") && ended.stderr.contains("Read-only"), "{}", ended.stderr);
    mount.remount("rw");
    let ended = run().quiet();
    assert_all(&sandbox, &[Content::new("web", "frozen\n"), Content::new("fine", "fine\n")]);
    tally::record(Group::Disk, "the log directory is read-only", Row::sound(1, ended.took));
}

#[test]
fn a_log_directory_that_becomes_read_only_in_the_middle_of_a_run() {
    for point in [Point::RecordsDurable, Point::Claimed, Point::Copied, Point::CopiesDurable] {
        let sandbox = Sandbox::reopening();
        let mount = Mount::in_memory(&sandbox.path("frozen"), "size=8m");
        std::fs::write(sandbox.path("frozen/web.log"), "frozen\n").expect("a log");
        let mut run = sandbox.logferry();
        run.arg("run").arg(sandbox.path("frozen"));
        let run = Stopped::at(point, 1, run);
        mount.remount("ro");
        let ended = run.go_on();
        assert_eq!(ended.code, 1, "{}: {}", point.name(), ended.stderr);
        assert!(ended.stderr.contains("frozen/web.log"), "{}: {}", point.name(), ended.stderr);
        mount.remount("rw");
        let ended = sandbox.run(["run".into(), sandbox.path("frozen").into_os_string()]).quiet();
        assert_all(&sandbox, &[Content::new("web", "frozen\n")]);
        tally::record(Group::Disk, "the log directory becomes read-only in mid-run", Row::sound(1, ended.took));
    }
}

#[test]
fn a_log_directory_that_is_unmounted_in_the_middle_of_a_run() {
    // After the claim a lazy unmount leaves the run its open directory; a run that was killed must wait for the mount.
    for point in [Point::Claimed, Point::Copied, Point::ToppedUp, Point::Unlinked, Point::Drained] {
        let sandbox = Sandbox::reopening();
        let image = sandbox.path("image");
        let mounted = sandbox.path("mounted");
        std::fs::create_dir(&mounted).expect("a mount point");
        let mount = || Mount::on_image(&image, &mounted);
        let first = mount();
        std::fs::write(mounted.join("web.log"), "on a disk\n").expect("a log");
        let mut run = sandbox.logferry();
        let status = run.arg("run").arg(mounted.join("*.log")).env("LOGFERRY_FAULT", format!("kill@{}", point.name()));
        assert_eq!(status.status().expect("it starts").code(), None, "it is killed");
        finish(Command::new("umount").arg(&mounted)).quiet();
        drop(first);
        let run = || sandbox.run(["run".into(), mounted.join("*.log").into_os_string()]);
        let ended = run().expect(75);
        assert!(ended.stderr.contains("not mounted"), "{}: {}", point.name(), ended.stderr);
        let _second = mount();
        let ended = run().expect(0);
        assert_all(&sandbox, &[Content::new("web", "on a disk\n")]);
        assert!(std::fs::read_dir(&mounted).expect("mounted").flatten().all(|entry| entry.file_name() == "lost+found"));
        tally::record(Group::Disk, "killed, and the log directory unmounted", Row::sound(1, ended.took));
    }
}
