//! `auto`: what is chosen, for which reason, and what is refused.

use std::fs;
use std::process::Command;

use super::asked::Holder;
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
        let child = command.arg(sandbox.log(log)).stdout(std::process::Stdio::null()).spawn().expect("it starts");
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
        for part in ["web.log: it is not known how", "sh (pid ", "O_APPEND", "hint: set `writer`"] {
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
