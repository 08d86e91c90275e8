//! `auto`: what is chosen, for which reason, and what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::asked::Holder;
use crate::support::mount::{Format, Mount};
use crate::support::proof::{self, Content};
use crate::support::{Ended, Sandbox, example_called, finish, wait_until};

fn auto(sandbox: &Sandbox, args: &[&str]) -> Ended {
    sandbox.config_file("settle = \"30ms\"\nwriter = \"auto\"\n");
    let log = sandbox.path("log").display().to_string();
    sandbox.run([&["run"], args, &[&log]].concat())
}

/// The tests' own writer by another program name: what the kernel says that it runs.
struct Called {
    child: std::process::Child,
    _directory: tempfile::TempDir,
}

impl Called {
    fn start(sandbox: &Sandbox, name: &str, args: &[&str], log: &str) -> Self {
        let (program, directory) = example_called("upstart-writer", name);
        let mut command = Command::new(program);
        command.args(args).args(["--idle-after", "5000", "--report"]).arg(sandbox.path("report"));
        let child = command.arg(sandbox.log(log)).stdout(Stdio::null()).spawn().expect("it starts");
        wait_until("it has written", || fs::metadata(sandbox.log(log)).is_ok_and(|log| log.len() == 5000));
        Self { child, _directory: directory }
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn taken(sandbox: &Sandbox) -> Vec<u64> {
    proof::of_directory(&sandbox.path("store")).iter().map(|object| object.number("length")).collect()
}

#[test]
fn upstarts_init_is_known_and_a_run_says_why() {
    let sandbox = Sandbox::new();
    let _init = Called::start(&sandbox, "init", &[], "web.log");
    let ended = auto(&sandbox, &["-v"]).expect(0);
    assert!(ended.stderr.contains("web.log: taken as reopens, since init (pid "), "{}", ended.stderr);
    assert_eq!(taken(&sandbox), [5000]);
}

#[test]
fn a_known_daemon_is_known_by_its_program_and_gets_its_signal() {
    let sandbox = Sandbox::new();
    let _daemon = Called::start(&sandbox, "rsyslogd", &["--reopens-at-hup"], "web.log");
    let ended = auto(&sandbox, &["--dry-run"]).expect(0);
    assert!(ended.text().contains("as signal (SIGHUP to rsyslogd), since rsyslogd (pid "), "{}", ended.text());
    assert_eq!(taken(&sandbox), [0; 0]);
    auto(&sandbox, &[]).quiet();
    assert_eq!(taken(&sandbox), [5000]);
}

#[test]
fn a_writer_that_is_not_known_and_does_not_append_is_refused_with_what_to_set() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "a line\n");
    let mut holder = Holder::of(std::slice::from_ref(&log), "<>");
    for args in [&["--dry-run"][..], &[]] {
        let ended = auto(&sandbox, args).expect(1);
        for part in [
            "web.log: it is not known how",
            "sh (pid ",
            "O_APPEND",
            "hint: have it append (in a shell `>>`",
            "set `writer` to \"signal\"",
        ] {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
    }
    assert!(holder.lives());
    assert_eq!(fs::read(&log).expect("the log"), b"a line\n");
}

#[test]
fn a_daemon_that_is_not_alone_is_not_signalled() {
    let sandbox = Sandbox::new();
    let _daemon = Called::start(&sandbox, "rsyslogd", &["--reopens-at-hup"], "web.log");
    let _holder = Holder::of(&[sandbox.log("web.log")], "<>");
    let ended = auto(&sandbox, &["-v"]).expect(1);
    assert!(ended.stderr.contains("several programs write it"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("sent"), "{}", ended.stderr);
    assert_eq!(taken(&sandbox), [0; 0]);
}

/// In a PID namespace of its own, as in a container, a run sees nobody; the kernel knows that somebody writes.
#[test]
fn a_writer_whom_proc_does_not_show_is_not_taken_for_nobody() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "a line\n");
    let _holder = Holder::of(std::slice::from_ref(&log), ">>");
    sandbox.config_file("writer = \"auto\"\n");
    let inside = sandbox.logferry();
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc"]).arg(inside.get_program()).arg("run").arg(sandbox.path("log"));
    command.envs(inside.get_envs().filter_map(|(name, value)| Some((name, value?)))).env_remove("LOGFERRY_FAULT");
    let ended = finish(&mut command).expect(1);
    assert!(ended.stderr.contains("whom /proc does not show"), "{}", ended.stderr);
    assert_eq!(fs::read(&log).expect("the log"), b"a line\n");
}

#[test]
fn the_way_of_an_argument_is_that_of_its_set_and_an_option_goes_over_both() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "a line\n");
    let path = log.display().to_string();
    sandbox.config_file(&format!("writer = \"holds\"\n[[logs]]\npaths = \"{path}\"\nwriter = \"reopens\"\n"));
    let text = sandbox.run(["run", "--dry-run", &path]).expect(0).text();
    assert!(text.contains("as reopens, since the configuration says so"), "{text}");
    let text = sandbox.run(["run", "--dry-run", "--writer", "closed", &path]).expect(0).text();
    assert!(text.contains("as closed"), "{text}");
    sandbox.run(["run", &path]).quiet();
    let compared = proof::compare_all(proof::of_directory(&sandbox.path("store")), &[Content::new("web", "a line\n")]);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
}

/// PHP's error log, a cron job's: it was made for its writer, in a directory of root's. Were it taken away while nobody has it
/// open, the next line would have no place.
#[test]
fn a_log_that_its_owner_could_not_make_anew_stays_where_it_is() {
    const NOBODY: u32 = 65534;
    let sandbox = Sandbox::on_disk();
    let log = sandbox.write_log("php.log", "one\n".repeat(3000));
    chown(&log, Some(NOBODY), None).expect("as root");
    let before = fs::metadata(&log).expect("the log").ino();
    let ended = auto(&sandbox, &["-v"]).expect(0);
    assert!(ended.stderr.contains("user 65534, to whom it belongs, may not make a new one"), "{}", ended.stderr);
    let append = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("echo {line} >>'{}'", log.display())]).uid(NOBODY).current_dir("/");
        // Its way to the log leads through a directory that is the tests' own.
        fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o711)).expect("chmod");
        finish(&mut shell).quiet();
    };
    append("two");
    auto(&sandbox, &[]).quiet();
    assert_eq!(fs::metadata(&log).expect("the log").ino(), before);
    assert_eq!(sandbox.run(["cat", "php"]).expect(0).text(), "one\n".repeat(3000) + "two\n");
    // In a directory of his own he makes a new one, and nothing has to stay behind.
    chown(sandbox.path("log"), Some(NOBODY), None).expect("as root");
    append("three");
    auto(&sandbox, &[]).quiet();
    assert!(!log.exists());
    append("four");
    auto(&sandbox, &[]).quiet();
    assert_eq!(sandbox.run(["cat", "php"]).expect(0).text(), "one\n".repeat(3000) + "two\nthree\nfour\n");
}

#[test]
fn a_log_that_can_neither_be_made_anew_nor_be_taken_in_its_place_is_refused() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("php.log", "one\n");
    chown(&log, Some(65534), None).expect("as root");
    let told = auto(&sandbox, &[]).expect(1).stderr;
    assert!(told.contains("may not make a new one in its directory") && told.contains("hint: let that user"), "{told}");
    assert_eq!(fs::read(&log).expect("the log"), b"one\n");
    let checked = sandbox.run(["check", &log.display().to_string()]);
    assert!(
        checked.code == 1 && checked.text().contains("may not make a new one in its directory"),
        "{}",
        checked.text()
    );
}

/// A shell's loop that opens its log for each line, until it is told to stop or dropped.
struct Loop {
    sandbox: Sandbox,
    shell: std::process::Child,
}

impl Loop {
    fn start(sandbox: Sandbox) -> Self {
        let log = sandbox.log("web.log");
        let script = format!(
            "i=0; while [ ! -e stop ]; do i=$((i+1)); echo line $i >>'{}' || exit 1; done; echo $i",
            log.display()
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(sandbox.path("")).stdout(Stdio::piped()).stderr(Stdio::null());
        let shell = shell.spawn().expect("sh starts");
        wait_until("it writes", || log.exists());
        Self { sandbox, shell }
    }

    /// Ends it; returns what it has written.
    fn stop(&mut self) -> String {
        fs::write(self.sandbox.path("stop"), "").expect("a file");
        let mut said = String::new();
        std::io::Read::read_to_string(self.shell.stdout.as_mut().expect("a pipe"), &mut said).expect("it ends");
        let lines: u64 = said.trim().parse().expect("a number");
        (1..=lines).map(|line| format!("line {line}\n")).collect()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// No run may find such a writer in its way, nor say that nobody sees it.
#[test]
fn a_log_that_is_opened_for_each_line_is_taken_while_it_is_written() {
    let mut writer = Loop::start(Sandbox::new());
    for _ in 0..8 {
        let ended = auto(&writer.sandbox, &[]);
        // Where its writer did not get to run all the time that it was looked at, it waits; never is it refused.
        let waits = ["too busy to see", "has it open for writing; it and what came after it wait"];
        let is_told = ended.code == 75 && waits.iter().any(|said| ended.stderr.contains(said));
        assert!(ended.code == 0 && ended.stderr.is_empty() || is_told, "{ended:?}");
    }
    let written = writer.stop();
    auto(&writer.sandbox, &[]).quiet();
    let text = writer.sandbox.run(["cat", "web"]).expect(0).text();
    assert!(text == written, "{} of {} bytes", text.len(), written.len());
}

/// A child has its output from the shell that runs it: that is one program, and to be told to have it append.
#[test]
fn a_program_and_what_it_has_started_are_one() {
    let sandbox = Sandbox::new();
    let log = sandbox.log("web.log");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec >'{}'; echo a line; sleep 1000; true", log.display())]);
    let mut shell = shell.process_group(0).spawn().expect("sh starts");
    let group = nix::unistd::Pid::from_raw(i32::try_from(shell.id()).expect("a pid"));
    let children = format!("/proc/{group}/task/{group}/children");
    wait_until("its child is there", || fs::read_to_string(&children).is_ok_and(|children| !children.is_empty()));
    let ended = auto(&sandbox, &[]);
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).expect("they live");
    shell.wait().expect("it ends");
    let told = ended.expect(1).stderr;
    assert!(told.contains("do not all open it with O_APPEND") && told.contains("hint: have it append"), "{told}");
}

/// What was chosen is known from the objects alone, years later and without the machine.
#[test]
fn what_auto_has_chosen_stands_in_each_object() {
    let sandbox = Sandbox::new();
    let _mount = Mount::formatted(Format::Ext4, &sandbox.path("image"), &sandbox.path("log"));
    fs::remove_dir(sandbox.log("lost+found")).expect("there are only logs");
    let _init = Called::start(&sandbox, "init", &[], "upstart.log");
    let _daemon = Called::start(&sandbox, "rsyslogd", &["--reopens-at-hup"], "syslog.log");
    let held = sandbox.write_log("held.log", "one\ntwo\n");
    let _holder = Holder::of(std::slice::from_ref(&held), ">>");
    sandbox.write_log("closed.log", "one\ntwo\n");
    auto(&sandbox, &[]).quiet();
    let objects = proof::of_directory(&sandbox.path("store"));
    let mut said: Vec<_> = objects.iter().map(|object| (object.says("service"), object.says("writer"))).collect();
    said.sort_unstable();
    let expected = [("closed", "closed"), ("held", "holds"), ("syslog", "signal"), ("upstart", "reopens")];
    assert_eq!(said, expected);
    let listed = sandbox.run(["ls", "--long", "--json"]).expect(0);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let segments = listed["segments"].as_array().expect("a list").iter();
    let shown: Vec<_> = segments.map(|it| (it["service"].as_str(), it["writer"].as_str())).collect();
    assert_eq!(shown, expected.map(|(service, writer)| (Some(service), Some(writer))));
    let text = sandbox.run(["ls", "--long", "syslog"]).expect(0).text();
    assert!(text.contains("  signal   "), "{text}");
}
