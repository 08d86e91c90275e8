//! `signal` and `command`: who is asked, who never is, and what becomes of a log that is not released.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use logferry::sys::fault::Point;
use nix::sys::signal::Signal;

use crate::support::proof::{self, Content};
use crate::support::{Ended, Sandbox, Stopped, Writer, wait_until};

/// The tests' own writer is asked with SIGHUP, and has that long to let go.
fn by_signal(sandbox: &Sandbox, process: &str, timeout: &str) {
    sandbox.config_file(&format!(
        "settle = \"30ms\"\nwriter = \"signal\"\nsignal = \"HUP\"\nprocess = \"{process}\"\ntimeout = \"{timeout}\"\n"
    ));
}

/// A process of another kind that has logs open for appending, until dropped; SIGHUP would end it.
pub(super) struct Holder(Child);

impl Holder {
    pub(super) fn of(logs: &[PathBuf], append: &str) -> Self {
        // Descriptors from 3 on, one for each log.
        let opens: String = (3..).zip(logs).map(|(n, log)| format!("exec {n}{append}'{}'; ", log.display())).collect();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{opens} echo ready; read go")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().expect("sh starts");
        let mut ready = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut ready).expect("it gets ready");
        Self(child)
    }

    /// Whether no signal has ended it.
    pub(super) fn lives(&mut self) -> bool {
        self.0.try_wait().expect("its state").is_none()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the directory store holds is what was written, each byte once.
#[track_caller]
fn assert_whole(sandbox: &Sandbox, contents: &[Content]) {
    let compared = proof::compare_all(proof::of_directory(&sandbox.path("store")), contents);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
    sandbox.nothing_left_behind();
}

pub(super) fn hups(sandbox: &Sandbox, writer: &Writer, log: &Path) -> u64 {
    let report = sandbox.path(format!("writer-{}.json", log.file_name().expect("a name").display()));
    let _ = fs::remove_file(&report);
    writer.signal(Signal::SIGUSR2);
    wait_until("the writer has reported", || report.exists());
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&report).expect("a report")).expect("JSON");
    json["hups"].as_u64().expect("a number")
}

fn all_claimed(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = sandbox.files("log").into_iter();
    files.filter(|path| path.to_string_lossy().ends_with(".claimed")).collect()
}

#[test]
fn many_logs_of_one_process_are_taken_with_one_signal() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "20s");
    let logs: Vec<PathBuf> = (0..40).map(|n| sandbox.log(format!("{n:02}.log"))).collect();
    let writer = Writer::start(&sandbox, &["--reopens-at-hup", "--idle-after", "5000"], &logs);
    sandbox.run_all().quiet();
    assert_eq!(hups(&sandbox, &writer, &logs[0]), 1);
    assert_eq!(proof::of_directory(&sandbox.path("store")).len(), 40);
    writer.turn();
    sandbox.run_all().quiet();
    assert_eq!(hups(&sandbox, &writer, &logs[0]), 2);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}

#[test]
fn a_writer_at_full_speed_loses_nothing_to_a_hundred_rotations_by_signal() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "60s");
    let args = ["--reopens-at-hup", "--writes-of", "80,4096,70000", "--burst", "100000", "--every", "30"];
    let logs = ["web.log", "job.log"].map(|name| sandbox.log(name));
    let writer = Writer::start(&sandbox, &args, &logs);
    for _ in 0..100 {
        sandbox.run_all().quiet();
    }
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    let objects = proof::of_directory(&sandbox.path("store"));
    assert!(objects.iter().all(|object| object.says("ended") == "released"), "all are proved to be complete");
    assert_whole(&sandbox, &contents);
}

#[test]
fn a_writer_that_ignores_the_signal_gets_its_log_back_and_is_named() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "300ms");
    let log = sandbox.log("web.log");
    let writer = Writer::start(&sandbox, &["--never-reopens", "--idle-after", "5000"], std::slice::from_ref(&log));
    let ended = sandbox.run_all().expect(1);
    for part in ["web.log: its writer was asked", "upstart-writer (pid ", "it has its name back", "hint:", "timeout"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert_eq!(fs::metadata(&log).expect("the log").len(), 5000);
    assert!(all_claimed(&sandbox).is_empty() && sandbox.files("state/spool").is_empty());
    assert_eq!(hups(&sandbox, &writer, &log), 1);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}

#[test]
fn a_writer_at_full_speed_that_ignores_a_hundred_signals_gets_its_log_back_each_time() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "10ms");
    let log = sandbox.log("web.log");
    // Many small writes: the log is never taken, and each run finds all that was written until then.
    let args = ["--never-reopens", "--writes-of", "80,300,4000", "--burst", "4000", "--every", "5"];
    let writer = Writer::start(&sandbox, &args, std::slice::from_ref(&log));
    for _ in 0..100 {
        let ended = sandbox.run_all().expect(1);
        assert!(ended.stderr.contains("it has its name back"), "{}", ended.stderr);
        assert!(log.exists() && all_claimed(&sandbox).is_empty());
    }
    assert_eq!(hups(&sandbox, &writer, &log), 100);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}

/// A large log is taken in slices before its writer is asked for the rest: so a stream of a deaf writer's log, which grows for
/// ever, has several segments.
#[test]
fn a_large_log_of_a_writer_that_ignores_the_signal_is_taken_in_slices_and_only_the_rest_stays() {
    const SLICE: usize = 256 << 20;
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "10ms");
    let mut content = b"a line of a log that somebody writes at night, says\n".repeat(SLICE / 52 + 1000);
    let log = sandbox.write_log("web.log", &content);
    let writer = Writer::start(&sandbox, &["--never-reopens", "--idle-after", "5000"], std::slice::from_ref(&log));
    let ended = sandbox.run_all().expect(1);
    assert!(ended.stderr.contains("it has its name back"), "{}", ended.stderr);
    let objects = proof::of_directory(&sandbox.path("store"));
    assert_eq!(objects.iter().map(|object| object.raw.len() / 52).collect::<Vec<_>>(), [SLICE / 52]);
    content.extend(Content::from(&writer.stop()[0]).bytes);
    sandbox.run_all().quiet();
    let joined: Vec<u8> = proof::streams(proof::of_directory(&sandbox.path("store")))
        .into_values()
        .flatten()
        .flat_map(|segment| segment.raw)
        .collect();
    assert!(joined == content, "{} bytes of {}", joined.len(), content.len());
}

/// The writer is deaf, and somebody has made a new log meanwhile: the old one can't have its name back. What is in it is taken
/// by a later run, before what is in the new one, and once.
#[test]
fn a_log_that_is_not_released_and_whose_name_is_taken_stays_claimed_until_it_is() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "300ms");
    let log = sandbox.log("web.log");
    let writer = Writer::start(&sandbox, &["--never-reopens", "--idle-after", "5000"], std::slice::from_ref(&log));
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    let stopped = Stopped::at(Point::WritersAsked, 1, run);
    fs::write(&log, "of another\n").expect("a new log");
    let ended = stopped.go_on().expect(1);
    assert!(ended.stderr.contains("stays claimed"), "{}", ended.stderr);
    assert_eq!(all_claimed(&sandbox).len(), 1);
    // The next run asks again, and leaves the new log alone, which comes after it.
    assert!(sandbox.run_all().expect(1).stderr.contains("stays claimed"));
    assert_eq!(hups(&sandbox, &writer, &log), 2);
    assert_eq!(fs::read(&log).expect("the new log"), b"of another\n");
    let written = writer.stop();
    sandbox.run_all().quiet();
    let mut all = Content::from(&written[0]).bytes;
    all.extend_from_slice(b"of another\n");
    assert_whole(&sandbox, &[Content::new("web", all)]);
}

#[test]
fn a_process_of_another_name_never_gets_a_signal() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "rsyslogd", "300ms");
    let log = sandbox.write_log("web.log", "a line\n");
    let mut holder = Holder::of(std::slice::from_ref(&log), ">>");
    let ended = sandbox.run_all().expect(1);
    for part in ["web.log: no process called rsyslogd", "sh (pid ", "gets no signal", "hint:"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert!(holder.lives());
    assert_eq!(fs::read(&log).expect("the log"), b"a line\n");
    assert!(all_claimed(&sandbox).is_empty() && sandbox.files("state/spool").is_empty());
}

/// Of two that write a log, one is asked; the log is given back, since the other has it open still.
#[test]
fn a_process_beside_the_one_that_is_asked_is_named_and_lives_on() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "1500ms");
    let log = sandbox.log("web.log");
    let writer = Writer::start(&sandbox, &["--reopens-at-hup", "--idle-after", "5000"], std::slice::from_ref(&log));
    let mut holder = Holder::of(std::slice::from_ref(&log), ">>");
    let ended = sandbox.run_all().expect(1);
    assert!(ended.stderr.contains("sh (pid ") && ended.stderr.contains("it has its name back"), "{}", ended.stderr);
    assert!(holder.lives(), "also when all are asked that have it open still");
    assert_eq!(hups(&sandbox, &writer, &log), 1);
    drop(holder);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}

#[test]
fn a_log_that_was_renamed_and_whose_writer_was_never_asked_is_asked_for_by_the_next_run() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "20s");
    let log = sandbox.log("web.log");
    let writer = Writer::start(&sandbox, &["--reopens-at-hup", "--idle-after", "5000"], std::slice::from_ref(&log));
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@claims-durable");
    crate::support::finish(&mut run).expect(-1);
    assert_eq!((hups(&sandbox, &writer, &log), all_claimed(&sandbox).len()), (0, 1));
    // What is written meanwhile goes to the renamed file.
    writer.turn();
    sandbox.run_all().quiet();
    assert_eq!(hups(&sandbox, &writer, &log), 1);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}

/// A run was killed between seal and unlink, and somebody has written to the hidden file since: only that is left to take.
#[test]
fn of_a_file_that_is_in_a_sealed_segment_only_what_is_new_is_taken() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "20s");
    sandbox.write_log("web.log", "all of it\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@sealed");
    crate::support::finish(&mut run).expect(-1);
    let claimed = all_claimed(&sandbox).pop().expect("a claimed file");
    let mut file = fs::File::options().append(true).open(&claimed).expect("it opens");
    file.write_all(b"and more\n").expect("written");
    drop(file);
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &[Content::new("web", "all of it\nand more\n")]);
    assert_eq!(proof::of_directory(&sandbox.path("store")).len(), 2);
}

fn by_command(sandbox: &Sandbox, command: &str, timeout: &str) -> Ended {
    sandbox.config_file(&format!("writer = \"command\"\ncommand = {command}\ntimeout = \"{timeout}\"\n"));
    sandbox.run_all()
}

#[test]
fn a_command_that_hangs_or_fails_is_told_and_the_log_has_its_name_back() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "a line\n");
    let mut holder = Holder::of(std::slice::from_ref(&log), ">>");
    for (command, why) in [
        (r#"["sleep", "600"]"#, "no end after 0.3 s"),
        (r#"["sh", "-c", "echo the server is not there >&2; exit 3"]"#, "exit status: 3: the server is not there"),
        (r#"["no-such-program"]"#, "there is no such program"),
    ] {
        let ended = by_command(&sandbox, command, "300ms").expect(1);
        for part in ["web.log: its writer was asked", why, "sh (pid ", "it has its name back"] {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
        assert_eq!(fs::read(&log).expect("the log"), b"a line\n");
    }
    assert!(holder.lives());
    drop(holder);
    // Nobody has it open: there is nobody to ask.
    by_command(&sandbox, r#"["no-such-program"]"#, "300ms").quiet();
    assert_whole(&sandbox, &[Content::new("web", "a line\n")]);
}

#[test]
fn a_command_is_run_once_for_all_its_logs_and_one_that_fails_although_it_helps_is_told() {
    let sandbox = Sandbox::new();
    let logs: Vec<PathBuf> = (0..3).map(|n| sandbox.log(format!("{n}.log"))).collect();
    let writer = Writer::start(&sandbox, &["--reopens-at-hup", "--idle-after", "5000"], &logs);
    let count = sandbox.path("count");
    let command =
        |code: u8| format!(r#"["sh", "-c", "echo >> {}; kill -HUP {}; exit {code}"]"#, count.display(), writer.id());
    by_command(&sandbox, &command(0), "20s").quiet();
    assert_eq!(fs::read(&count).expect("it was run").len(), 1);
    writer.turn();
    let ended = by_command(&sandbox, &command(7), "20s").expect(0);
    assert!(ended.stderr.contains("exit status: 7"), "{}", ended.stderr);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}

/// Without the right to place leases on another user's file, only the open files of all processes tell of the release.
#[test]
fn where_the_kernel_does_not_say_who_writes_all_processes_are_looked_through() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "20s");
    let log = sandbox.log("web.log");
    let writer = Writer::start(&sandbox, &["--reopens-at-hup", "--idle-after", "5000"], std::slice::from_ref(&log));
    std::os::unix::fs::chown(&log, Some(65534), None).expect("another owner");
    let run = sandbox.logferry();
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set=-lease", "--inh-caps=-lease", "--"]).arg(run.get_program()).arg("run");
    without.arg(sandbox.path("log")).envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    crate::support::finish(&mut without).quiet();
    assert_eq!(hups(&sandbox, &writer, &log), 1);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}

#[test]
fn a_run_that_is_to_stop_does_not_wait_for_a_writer_and_the_next_one_goes_on() {
    let sandbox = Sandbox::new();
    by_signal(&sandbox, "upstart-writer", "1h");
    let log = sandbox.log("web.log");
    let writer = Writer::start(&sandbox, &["--never-reopens", "--idle-after", "5000"], &[log]);
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    let stopped = Stopped::at(Point::WritersAsked, 1, run);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(stopped.id()).expect("a pid"));
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it lives");
    let ended = stopped.go_on().expect(75);
    assert!(ended.stderr.contains("stopped by a signal"), "{}", ended.stderr);
    assert_eq!(all_claimed(&sandbox).len(), 1);
    let contents: Vec<Content> = writer.stop().iter().map(Content::from).collect();
    sandbox.run_all().quiet();
    assert_whole(&sandbox, &contents);
}
