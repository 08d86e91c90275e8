//! Who writes the logs: programs that are known to reopen them, that are known not to, and others.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{NOBODY, check};
use crate::support::{Sandbox, example_called, wait_until};

/// A process of that name that has a log open for writing, until dropped.
pub(super) struct Holder(Child);

impl Holder {
    fn start(sandbox: &Sandbox, name: &str, log: &str, user: u32) -> Self {
        let program = sandbox.path(name);
        symlink("/bin/sh", &program).expect("a link");
        let path = sandbox.log(log);
        let open = fs::File::options().append(true).create(true).open(&path).expect("a log");
        (&open).write_all(b"a line\n").expect("written");
        let mut shell = Command::new(program);
        shell.args(["-c", "read go"]).uid(user).current_dir("/").stdin(Stdio::piped()).stdout(open);
        let child = shell.spawn().expect("sh starts");
        let comm = format!("/proc/{}/comm", child.id());
        wait_until("it has its name", || fs::read_to_string(&comm).is_ok_and(|comm| comm.trim() == name));
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Upstart's init, by its contract and by its name, which has these logs open until dropped.
pub(super) struct Init(Child, #[expect(dead_code, reason = "its program is there for as long as it runs")] TempDir);

impl Init {
    pub(super) fn start(sandbox: &Sandbox, logs: &[&str]) -> Self {
        use std::io::Read;
        let (program, directory) = example_called("upstart-writer", "init");
        let mut command = Command::new(program);
        command.args(["--idle-after", "10", "--report"]).arg(sandbox.path("report"));
        command.args(logs.iter().map(|log| sandbox.log(log))).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the writer starts");
        let mut ready = [0; 6];
        child.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("the writer gets ready");
        Self(child, directory)
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_that_nobody_holds_is_fine() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "x\n");
    check(&sandbox).ends(0).has("writers", "web.log", "ok", "as reopens; nobody has it open for writing");
    sandbox.config_file("writer = \"auto\"\n");
    check(&sandbox).ends(0).has("writers", "web.log", "ok", "as closed, since nobody has it open for writing");
}

#[test]
fn a_writer_that_keeps_upstarts_contract_is_known_by_its_name() {
    let sandbox = Sandbox::reopening();
    let _init = Init::start(&sandbox, &["a.log", "b.log", "c.log"]);
    check(&sandbox).ends(0).has("writers", "a.log and 2 more logs", "ok", "as reopens; init (pid");
    sandbox.config_file("writer = \"auto\"\n");
    check(&sandbox).ends(0).has("writers", "a.log and 2 more logs", "ok", "as reopens, since init (pid");
}

#[test]
fn a_program_that_holds_its_log_is_warned_of() {
    let sandbox = Sandbox::reopening();
    let _holder = Holder::start(&sandbox, "rsyslogd", "messages.log", 0);
    sandbox.write_log("web.log", "x\n");
    let checked = check(&sandbox);
    checked.ends(0).has("writers", "messages.log", "warn", "until SIGHUP").has("writers", "web.log", "ok", "nobody");
    assert!(checked.finding("writers", "messages.log")["hint"].to_string().contains("auto"), "{}", checked.table);
}

#[test]
fn a_program_that_nobody_knows_is_named_as_such() {
    let sandbox = Sandbox::reopening();
    let _holder = Holder::start(&sandbox, "something", "web.log", 0);
    check(&sandbox).ends(0).has("writers", "web.log", "warn", "it is not known whether");
}

#[test]
fn another_users_process_is_not_believed_to_be_init() {
    let sandbox = Sandbox::reopening();
    let _impostor = Holder::start(&sandbox, "init", "web.log", NOBODY);
    check(&sandbox).ends(0).has("writers", "web.log", "warn", "it is not known whether");
}

#[test]
fn a_way_that_no_run_could_go_is_a_fault() {
    let sandbox = Sandbox::reopening();
    let _holder = Holder::start(&sandbox, "something", "web.log", 0);
    sandbox.config_file("writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"rsyslogd\"\n");
    check(&sandbox).ends(1).has("writers", "web.log", "fail", "none of them is called rsyslogd");
    sandbox.config_file("writer = \"closed\"\n");
    // Its writer may be one that rotates it, and has not yet.
    check(&sandbox).ends(0).has("writers", "web.log", "warn", "open for writing");
    sandbox.config_file("writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"something\"\n");
    check(&sandbox).ends(1).has("writers", "web.log", "fail", "does not catch SIGHUP, and would be ended by it");
    sandbox.config_file("writer = \"command\"\ncommand = [\"no-such-program\"]\n");
    check(&sandbox).ends(1).has("writers", "web.log", "fail", "there is no program no-such-program");
}
