//! What runs that were cut short leave behind, and what the next run makes of it.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use logferry::sys::fault::Point;

use crate::support::{Ended, Sandbox, Stopped, Writer, Written, assert_whole, finish, proof, wait_until};

/// An ordinary user.
const NOBODY: u32 = 65534;

fn spool(sandbox: &Sandbox, extension: &str) -> Vec<PathBuf> {
    let files = if sandbox.path("state/spool").exists() { sandbox.files("state/spool") } else { Vec::new() };
    files.into_iter().filter(|file| file.extension().is_some_and(|end| end == extension)).collect()
}

fn claimed(sandbox: &Sandbox) -> bool {
    sandbox.files("log").iter().any(|file| file.to_string_lossy().ends_with(".claimed"))
}

/// Starts a run that has unlinked its log, and waits for a silent writer to let go.
fn run_in_drain(sandbox: &Sandbox) -> Child {
    let run = sandbox.logferry().arg("run").arg(sandbox.path("log")).stderr(Stdio::null()).spawn();
    let run = run.expect("it starts");
    wait_until("the log is unlinked", || {
        !spool(sandbox, "part").is_empty() && !claimed(sandbox) && !sandbox.log("web.log").exists()
    });
    run
}

/// A run that was killed between unlink and release, under a writer that is silent.
fn killed_in_drain(sandbox: &Sandbox) -> Vec<Written> {
    let writer = Writer::start(sandbox, &["--idle-after", "70000"], &[sandbox.log("web.log")]);
    let mut run = run_in_drain(sandbox);
    run.kill().expect("it lives");
    run.wait().expect("it ends");
    assert_eq!(spool(sandbox, "part").len(), 1);
    writer.stop()
}

fn assert_cat(sandbox: &Sandbox, written: &Written) {
    let mut cat = sandbox.logferry();
    cat.args(["cat", "web"]);
    assert_whole(cat, written);
}

fn run_to(sandbox: &Sandbox, to: &str) -> Ended {
    let to: OsString = format!("file://{}", sandbox.path(to).display()).into();
    sandbox.run(["run".into(), sandbox.path("log").into_os_string(), "--to".into(), to])
}

fn segments(sandbox: &Sandbox, store: &str) -> Vec<String> {
    let files = sandbox.files(store).into_iter().filter_map(|file| {
        let name = file.file_name()?.to_string_lossy().into_owned();
        let name = name.strip_suffix(".log.gz")?.rsplit('_').next()?.to_owned();
        Some(name[..15].to_owned())
    });
    let mut segments: Vec<String> = files.collect();
    segments.sort();
    segments
}

#[test]
fn a_part_whose_log_was_unlinked_is_salvaged_and_named() {
    let sandbox = Sandbox::reopening();
    let written = killed_in_drain(&sandbox);
    let ended = sandbox.run_all().expect(0);
    assert!(
        ended.stderr.contains("web.log: the run that took it at") && ended.stderr.contains("cut short"),
        "{}",
        ended.stderr
    );
    assert_cat(&sandbox, &written[0]);
    sandbox.nothing_left_behind();
    sandbox.run_all().quiet();
}

#[test]
fn what_a_writer_still_writes_to_the_unlinked_file_follows_the_salvaged_part() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.log("web.log");
    let script = format!("exec >> '{}'; echo one; read go; echo two; read go", log.display());
    let mut writer = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh");
    wait_until("it has written", || std::fs::metadata(&log).is_ok_and(|log| log.len() == 4));
    let mut run = run_in_drain(&sandbox);
    run.kill().expect("it lives");
    run.wait().expect("it ends");
    use std::io::Write;
    let mut go = writer.stdin.take().expect("a pipe");
    writeln!(go, "go").expect("sh reads");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let ended = sandbox.run_all().expect(0);
    assert!(ended.stderr.contains("cut short") && ended.stderr.contains("sh (pid"), "{}", ended.stderr);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\ntwo\n");
    drop(go);
    writer.wait().expect("sh ends");
}

#[test]
fn what_is_written_while_other_logs_are_copied_is_durable_before_the_unlink() {
    // A busy log beside large ones: while those are copied it grows on under its claimed name. All of it must be in the
    // spool when it is unlinked, and what comes behind the unlink must not wait for the large logs that follow.
    let sandbox = Sandbox::reopening();
    let line = |n: u64| format!("{n:>9} a line of a large log, {}\n", n * 7919 % 10_007);
    let text: String = (0..1_500_000).map(line).collect();
    for name in ["x.log", "y.log", "z.log"] {
        sandbox.write_log(name, text.repeat(2));
    }
    let writer = Writer::start(&sandbox, &["--writes-of", "300", "--every", "4"], &[sandbox.log("web.log")]);
    // Sorted by name, the busy log comes first.
    std::fs::rename(sandbox.log("x.log"), sandbox.log("web.log.x")).expect("a rename");
    let mut run = sandbox.logferry();
    run.arg("run").args(["web.log", "web.log.x", "y.log", "z.log"].map(|name| sandbox.log(name)));
    let mut run = run.stderr(Stdio::null()).spawn().expect("it starts");
    let web_is_claimed = || {
        sandbox.files("log").iter().any(|file| {
            let name = file.file_name().expect("a name").to_string_lossy();
            name.starts_with(".web.log.2") && name.ends_with(".claimed")
        })
    };
    wait_until("the log is claimed", web_is_claimed);
    wait_until("the log is unlinked", || !web_is_claimed());
    std::thread::sleep(std::time::Duration::from_millis(150));
    run.kill().expect("it is still at work on the others");
    run.wait().expect("it ends");
    let written = writer.stop();
    sandbox.run_all().expect(0);
    assert_cat(&sandbox, &written[0]);
    assert_eq!(sandbox.run(["cat", "z"]).expect(0).stdout.len(), 2 * text.len());
}

#[test]
fn a_part_waits_while_the_directory_of_its_log_is_another_one() {
    // A lost mount: the empty mount point has neither the log nor the claimed file.
    let sandbox = Sandbox::reopening();
    let written = killed_in_drain(&sandbox);
    std::fs::rename(sandbox.path("log"), sandbox.path("unmounted")).expect("a rename");
    std::fs::create_dir(sandbox.path("log")).expect("a directory");
    let ended = sandbox.run_all().expect(75);
    assert!(ended.stderr.contains("not mounted"), "{}", ended.stderr);
    assert_eq!(spool(&sandbox, "part").len(), 1);
    std::fs::remove_dir(sandbox.path("log")).expect("an empty directory");
    std::fs::rename(sandbox.path("unmounted"), sandbox.path("log")).expect("a rename");
    sandbox.run_all().expect(0);
    assert_cat(&sandbox, &written[0]);
}

#[test]
fn a_part_that_has_lost_what_it_held_is_named_and_leaves_a_gap() {
    let sandbox = Sandbox::reopening();
    killed_in_drain(&sandbox);
    let part = spool(&sandbox, "part").remove(0);
    std::fs::write(&part, "").expect("a file");
    let ended = sandbox.run_all().expect(1);
    assert!(ended.stderr.contains("put aside: nothing of ") && ended.stderr.contains("web.log"), "{}", ended.stderr);
    sandbox.nothing_left_behind();
    sandbox.write_log("web.log", "next\n");
    sandbox.run_all().quiet();
    let segments = segments(&sandbox, "store");
    assert_eq!(segments.len(), 1, "{segments:?}");
}

#[test]
fn a_claimed_file_that_two_paths_lead_to_is_shipped_once() {
    let sandbox = Sandbox::reopening();
    symlink(sandbox.path("log"), sandbox.path("link")).expect("a link");
    sandbox.write_log(".web.log.20261121T005959Z-k3f9a2.claimed", "once\n");
    sandbox.write_log("new.log", "once too\n");
    let paths: [OsString; 3] = ["run".into(), sandbox.path("log/*.log").into(), sandbox.path("link/*.log").into()];
    sandbox.run(paths).quiet();
    sandbox.run_all().quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "once\n");
    assert_eq!(sandbox.run(["cat", "new"]).expect(0).text(), "once too\n");
}

#[test]
fn two_state_directories_do_not_take_the_same_claimed_file() {
    let sandbox = Sandbox::reopening();
    // The first run is still copying when the second one finds its claimed file.
    let line = |n: u64| format!("{n:>9} a line of a large log, {}\n", n * 7919 % 10_007);
    let text: String = (0..2_000_000).map(line).collect();
    sandbox.write_log("web.log", text.repeat(3));
    let mut first = sandbox.logferry().arg("run").arg(sandbox.path("log")).spawn().expect("it starts");
    wait_until("the first run copies", || claimed(&sandbox) && !spool(&sandbox, "part").is_empty());
    let mut second = sandbox.logferry();
    second.env("LOGFERRY_STATE_DIR", sandbox.path("second")).arg("run").arg(sandbox.path("log"));
    let ended = finish(&mut second).expect(75);
    assert!(ended.stderr.contains("another logferry (pid"), "{}", ended.stderr);
    assert!(first.wait().expect("it ends").success());
    finish(&mut second).quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).stdout.len(), 3 * text.len());
}

#[test]
fn a_stranger_who_locks_the_log_directory_stops_nothing() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "x\n");
    let directory = std::fs::File::open(sandbox.path("log")).expect("it can be read");
    let _lock = nix::fcntl::Flock::lock(directory, nix::fcntl::FlockArg::LockExclusiveNonblock).expect("a lock");
    sandbox.run_all().quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "x\n");
}

#[test]
fn a_stream_stays_with_its_store() {
    let sandbox = Sandbox::reopening();
    std::fs::create_dir(sandbox.path("elsewhere")).expect("a directory");
    for (round, to) in ["store", "elsewhere", "store", "elsewhere"].into_iter().enumerate() {
        sandbox.write_log("web.log", format!("{round}\n"));
        run_to(&sandbox, to).quiet();
    }
    for store in ["store", "elsewhere"] {
        let segments = segments(&sandbox, store);
        assert!(segments[0].ends_with("-00000001") && segments[1].ends_with("-00000002"), "{segments:?}");
        assert_eq!(segments[0][..6], segments[1][..6], "one stream");
    }
}

#[test]
fn the_number_of_a_damaged_segment_is_never_used_again() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "first\n");
    run_to(&sandbox, "store").quiet();
    for (round, extension) in ["gz", "json"].into_iter().enumerate() {
        sandbox.write_log("web.log", "lost\n");
        let mounted = sandbox.path("store");
        std::fs::rename(&mounted, sandbox.path("away")).expect("a rename");
        run_to(&sandbox, "store").expect(75);
        std::fs::rename(sandbox.path("away"), &mounted).expect("a rename");
        std::fs::write(&spool(&sandbox, extension)[0], "garbage").expect("a file");
        let ended = sandbox.run_all().expect(1);
        // A segment of another length is known before it is read.
        let why = if extension == "gz" { "put aside: it has 7 bytes, not the " } else { "put aside" };
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        // As the message says.
        for file in sandbox.files("state/damaged") {
            std::fs::remove_file(file).expect("a file");
        }
        sandbox.write_log("web.log", "after\n");
        sandbox.run_all().quiet();
        let numbers: Vec<_> = segments(&sandbox, "store").iter().map(|name| name[7..].to_owned()).collect();
        let expected: Vec<_> = (0..=round + 1).map(|n| format!("{:08}", 2 * n + 1)).collect();
        assert_eq!(numbers, expected, "the gap stays visible");
    }
}

#[test]
fn one_bad_file_in_the_spool_does_not_stop_the_others() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "fine\n");
    run_to(&sandbox, "missing").expect(75);
    let record = spool(&sandbox, "json").remove(0);
    let newer = std::fs::read_to_string(&record).expect("a record").replace("\"version\": 1", "\"version\": 99");
    let newer = newer.replace("-00000001", "-00000007").replace("\"seq\": 1", "\"seq\": 7");
    let name = record.file_name().expect("a name").to_string_lossy().replace("00000001", "00000007");
    std::fs::write(record.with_file_name(&name), newer).expect("a file");
    std::fs::write(record.with_file_name("what is this"), "?").expect("a file");
    std::fs::create_dir(sandbox.path("missing")).expect("a directory");
    let ended = sandbox.run_all().expect(75);
    assert!(
        ended.stderr.contains("a newer logferry") && ended.stderr.contains("none of the spool's files"),
        "{}",
        ended.stderr
    );
    assert_eq!(segments(&sandbox, "missing").len(), 1, "the sound segment is shipped");
    assert!(record.with_file_name(&name).exists(), "what a newer version wrote stays for it");
}

#[test]
fn an_empty_claimed_file_does_not_keep_its_log_from_being_taken() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log(".web.log.20261121T005959Z-k3f9a2.claimed", "");
    sandbox.write_log("web.log", "new\n");
    sandbox.run_all().quiet();
    sandbox.run_all().quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "new\n");
    sandbox.nothing_left_behind();
}

#[test]
fn our_own_directories_are_not_shipped_whatever_path_leads_there() {
    let sandbox = Sandbox::reopening();
    // Empty, it is no log.
    sandbox.config_file_verbatim("");
    sandbox.write_log("web.log", "x\n");
    symlink(sandbox.path(""), sandbox.path("round-about")).expect("a link");
    for _ in 0..2 {
        let run = |paths: &[&str]| {
            let paths = paths.iter().map(|path| sandbox.path(path).into_os_string());
            sandbox.run(["run".into(), "--writer".into(), "reopens".into()].into_iter().chain(paths))
        };
        run(&["round-about/log/../../round-about"]);
        let ended = run(&["", "round-about"]);
        assert!(!ended.stderr.contains("state/"), "{}", ended.stderr);
    }
    let services = sandbox.run(["ls"]).expect(0).text();
    assert!(!services.contains("instance.json") && !services.contains("store"), "{services}");
}

/// A sandbox that belongs to an ordinary user.
fn sandbox_of_nobody() -> Sandbox {
    let sandbox = Sandbox::reopening();
    for path in ["", "log", "store"] {
        std::os::unix::fs::chown(sandbox.path(path), Some(NOBODY), Some(NOBODY)).expect("chown, as root");
    }
    let binary = sandbox.path("logferry");
    finish(Command::new("install").args(["-m", "755", env!("CARGO_BIN_EXE_logferry")]).arg(&binary)).quiet();
    sandbox
}

/// A run by that user, with these arguments.
fn run_as_nobody(sandbox: &Sandbox, args: &[&str]) -> Command {
    use std::os::unix::process::CommandExt;
    let mut run = Command::new(sandbox.path("logferry"));
    let environment = sandbox.logferry();
    run.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run.arg("run").args(args).arg(sandbox.log("web.log")).uid(NOBODY).gid(NOBODY).current_dir("/");
    run
}

#[test]
fn a_second_writer_is_not_forgotten_where_leases_do_not_work() {
    // Leases need the file's owner or CAP_LEASE: the run is made as nobody, on a log of root's.
    let sandbox = sandbox_of_nobody();
    let log = sandbox.log("web.log");
    let script = format!("exec >> '{0}'; echo one; read go; echo two; : > '{0}.done'; read go", log.display());
    let mut slow = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh");
    wait_until("it has written", || std::fs::metadata(&log).is_ok_and(|log| log.len() == 4));
    let mut run = run_as_nobody(&sandbox, &["--json"]);
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    wait_until("the log is unlinked", || !spool(&sandbox, "part").is_empty() && !claimed(&sandbox) && !log.exists());
    // Another writer has reopened; the slow one has not yet written its last line.
    sandbox.write_log("web.log", "of another\n");
    let output = child.wait_with_output().expect("it ends");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["sealed"][0]["ended"], "settled", "nobody has proved that it was released: {report}");
    assert_eq!(sandbox.files("state/held").len(), 1);
    drop(slow.stdin.take());
    slow.wait().expect("sh ends");
}

#[test]
fn a_log_that_a_power_loss_cut_short_is_taken_from_its_durable_part() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "one\ntwo\nthree\n");
    sandbox.write_log("other.log", "a\nb\n");
    let mut run = sandbox.logferry();
    finish(run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@copies-durable"));
    let shorten = |begins: &str, bytes: &str| {
        let files = sandbox.files("log").into_iter().filter(|path| path.to_string_lossy().contains(begins));
        files.for_each(|path| {
            let mut log = std::fs::File::options().write(true).truncate(true).open(path).expect("a claimed file");
            std::io::Write::write_all(&mut log, bytes.as_bytes()).expect("it is written");
        });
    };
    shorten(".web.log", "one\ntwo\nth");
    // What isn't in its part was written by someone since: that is taken, as ever.
    shorten(".other.log", "c\n");
    let ended = sandbox.run_all().expect(0);
    assert!(ended.stderr.contains("web.log: the run that took it at"), "{}", ended.stderr);
    assert!(ended.stderr.contains("web.log: not known to be complete"), "{}", ended.stderr);
    for (service, bytes) in [("web", "one\ntwo\nthree\n"), ("other", "c\n")] {
        assert_eq!(finish(sandbox.logferry().args(["cat", service])).text(), bytes);
    }
    sandbox.nothing_left_behind();
    sandbox.run_all().quiet();
}

/// A run that kills itself at a point.
fn killed_at(mut run: Command, point: Point) {
    run.env("LOGFERRY_FAULT", format!("kill@{}", point.name())).stderr(Stdio::null());
    assert_eq!(run.status().expect("it starts").code(), None, "it is killed at {}", point.name());
}

#[test]
fn a_user_who_may_not_look_into_the_writer_keeps_the_mark_of_its_file() {
    // Root's writer holds the deleted file; to the user who recovers it looks as if nobody did.
    let sandbox = sandbox_of_nobody();
    sandbox.config_file("settle = \"30ms\"\n");
    let log = sandbox.log("web.log");
    let script = format!("exec >> '{}'; echo one; read go", log.display());
    let mut writer = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh");
    wait_until("it has written", || std::fs::metadata(&log).is_ok_and(|log| log.len() == 4));
    killed_at(run_as_nobody(&sandbox, &[]), Point::InFlightRead);
    let ended = finish(&mut run_as_nobody(&sandbox, &[])).expect(0);
    assert!(ended.stderr.contains("web.log: not known to be complete between 2"), "{}", ended.stderr);
    assert_eq!(sandbox.files("state/held").len(), 1, "the file is forgotten, though it is held");
    finish(&mut run_as_nobody(&sandbox, &[])).quiet();
    assert_eq!(sandbox.files("state/held").len(), 1, "the file is forgotten, though it is held");
    drop(writer.stdin.take());
    writer.wait().expect("sh ends");
    assert_eq!(finish(sandbox.logferry().args(["cat", "web"])).text(), "one\n");
}

#[test]
fn another_file_by_the_claimed_name_is_left_alone_and_the_segment_waits() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "one\ntwo\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    killed_at(run, Point::CopiesDurable);
    let name = sandbox.files("log").remove(0);
    std::fs::rename(&name, sandbox.path("elsewhere")).expect("a rename");
    std::fs::write(&name, "somebody's\n").expect("a file");
    let part = std::fs::read(spool(&sandbox, "part").remove(0)).expect("a part");
    for _ in 0..2 {
        let ended = sandbox.run_all().expect(1);
        assert!(ended.stderr.contains("it is not the file that was claimed"), "{}", ended.stderr);
        assert!(ended.stderr.contains(&name.display().to_string()), "it is not named: {}", ended.stderr);
        assert_eq!(std::fs::read_to_string(&name).expect("it is left alone"), "somebody's\n");
        assert!(segments(&sandbox, "store").is_empty(), "the segment does not wait: {}", ended.stderr);
        assert!(std::fs::read(spool(&sandbox, "part").remove(0)).expect("a part") == part, "its part has changed");
    }
    // Its log is found again: all is copied from there, with what came since.
    std::fs::write(sandbox.path("elsewhere"), "one\ntwo\nthree\n").expect("it grows");
    std::fs::rename(sandbox.path("elsewhere"), &name).expect("a rename");
    sandbox.run_all().quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\ntwo\nthree\n");
    sandbox.nothing_left_behind();
}

#[test]
fn a_damaged_part_beside_a_sealed_record_is_salvaged_up_to_the_damage() {
    // The record has a digest that these bytes are not: what is whole of them is sealed anew, with a digest of its own.
    type Damage = fn(&mut Vec<u8>, usize);
    let damages: [(&str, Damage); 2] = [
        ("cut short", |part, first| part.truncate(first + 1000)),
        ("zeros from there on", |part, first| part[first..].fill(0)),
    ];
    let line = |n: u64| format!("{n:>9} a line of the log, {}\n", n * 7919 % 10_007);
    let text: String = (0..20_000).map(line).collect();
    for (damage, spoil) in damages {
        let sandbox = Sandbox::reopening();
        sandbox.write_log("web.log", &text);
        let mut run = sandbox.logferry();
        run.arg("run").arg(sandbox.path("log"));
        killed_at(run, Point::SealRecorded);
        let path = spool(&sandbox, "part").remove(0);
        let mut part = std::fs::read(&path).expect("a part");
        // Where its first block ends: in a sync flush.
        let first = memchr::memmem::find(&part, &[0, 0, 0xff, 0xff]).expect("the end of a block") + 4;
        assert!(first + 1000 < part.len(), "there are several blocks");
        spoil(&mut part, first);
        std::fs::write(&path, part).expect("a part");
        let ended = sandbox.run_all().expect(0);
        assert!(ended.stderr.contains("web.log: the run that took it at"), "{damage}: {}", ended.stderr);
        assert!(ended.stderr.contains("web.log: not known to be complete"), "{damage}: {}", ended.stderr);
        let objects = proof::of_directory(&sandbox.path("store"));
        assert_eq!((objects.len(), objects[0].says("ended")), (1, "interrupted"), "{damage}");
        let kept = &objects[0].raw;
        assert!(text.as_bytes().starts_with(kept), "{damage}: not what was written");
        assert_eq!(kept.len(), 256 * 1024, "{damage}: all before it");
        sandbox.nothing_left_behind();
        sandbox.run_all().quiet();
    }
}

#[test]
fn what_turns_out_not_to_have_grown_is_not_forgotten_while_it_is_held() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    let log = sandbox.log("web.log");
    let script = format!("exec >> '{}'; echo one; read go; echo two; read go; echo three; read go", log.display());
    let mut writer = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh");
    let file = PathBuf::from(format!("/proc/{}/fd/1", writer.id()));
    let has = |length: u64| std::fs::metadata(&file).is_ok_and(|log| log.len() == length);
    wait_until("it has written", || log.exists() && has(4));
    sandbox.run_all().expect(0);
    use std::io::Write;
    let mut go = writer.stdin.take().expect("a pipe");
    writeln!(go, "go").expect("sh reads");
    wait_until("it has written again", || has(8));
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    let run = Stopped::at(Point::RecordsDurable, 1, run);
    // Between the look and the copy someone takes back what it has grown by.
    let held = std::fs::File::options().write(true).open(&file).expect("the deleted file");
    held.set_len(4).expect("it is shorter");
    drop(held);
    run.go_on().expect(0);
    assert_eq!(sandbox.files("state/held").len(), 1, "the file is forgotten, though it is held");
    writeln!(go, "go").expect("sh reads");
    wait_until("it has written once more", || has(10));
    sandbox.run_all().expect(0);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\nthree\n");
    drop(go);
    writer.wait().expect("sh ends");
}

#[test]
fn what_a_killed_run_has_claimed_is_found_whichever_set_its_log_is_of() {
    let sandbox = Sandbox::new();
    let set = |name: &str| {
        let asked = "writer = \"command\"\ncommand = [\"/bin/true\"]\ntimeout = \"5s\"\n";
        format!("[[logs]]\npaths = [\"{}\"]\n{asked}", sandbox.log(name).display())
    };
    // Several sets with logs in one directory: it is looked through for each of them.
    sandbox.config_file_verbatim(&["one.log", "two.log", "three.log"].map(set).concat());
    for log in ["three.log", "two.log"] {
        sandbox.write_log(log, "a line\n");
        // Sealed, and not unlinked yet: nothing but the file's own name tells of it once the segment is shipped.
        let mut run = sandbox.logferry();
        run.arg("run").env("LOGFERRY_FAULT", "kill@sealed").stderr(Stdio::null());
        assert_eq!(run.status().expect("it starts").code(), None);
        assert!(sandbox.files("log").iter().any(|file| file.extension().is_some_and(|end| end == "claimed")), "{log}");
        sandbox.run(["run"]).quiet();
        sandbox.nothing_left_behind();
    }
    let objects = proof::of_directory(&sandbox.path("store"));
    let raw: Vec<_> = objects.iter().map(|object| (object.says("service"), &object.raw[..])).collect();
    assert_eq!((raw.len(), raw.iter().filter(|(_, raw)| *raw == b"a line\n").count()), (2, 2), "{raw:?}");
}
