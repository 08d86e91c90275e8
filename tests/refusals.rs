//! What can't be taken is named with its reason, left as it is, and never stops the other logs.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::support::{Ended, Sandbox, finish};

/// A run over the log directory that refuses `what` with `reason`, and takes the log beside it.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, what: &str, reason: &str) {
    sandbox.write_log("web.log", "fine\n");
    let before = std::fs::symlink_metadata(sandbox.log(what)).expect("it is there");
    let ended = sandbox.run_all().expect(1);
    let line = ended.stderr.lines().find(|line| line.contains(what)).unwrap_or_default();
    assert!(line.contains(reason), "{}", ended.stderr);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "fine\n");
    let after = std::fs::symlink_metadata(sandbox.log(what)).expect("it is still there");
    assert_eq!((before.permissions(), before.len()), (after.permissions(), after.len()));
    // By its own name it is refused as well.
    let ended = sandbox.run(["run".into(), sandbox.log(what).into_os_string()]).expect(1);
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
}

#[test]
fn a_symbolic_link() {
    let sandbox = Sandbox::new();
    let outside = sandbox.path("outside.log");
    std::fs::write(&outside, "not yours\n").expect("a file");
    symlink(&outside, sandbox.log("link.log")).expect("a link");
    assert_refused(&sandbox, "link.log", "symbolic link");
    assert_eq!(std::fs::read_to_string(outside).expect("it is still there"), "not yours\n");
}

#[test]
fn a_fifo_which_would_block() {
    let sandbox = Sandbox::new();
    nix::unistd::mkfifo(&sandbox.log("pipe.log"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    assert_refused(&sandbox, "pipe.log", "FIFO");
}

#[test]
fn a_socket() {
    let sandbox = Sandbox::new();
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.log("socket.log")).expect("a socket");
    assert_refused(&sandbox, "socket.log", "socket");
}

#[test]
fn a_device() {
    let sandbox = Sandbox::new();
    let made = Command::new("mknod").arg(sandbox.log("null.log")).args(["c", "1", "3"]).status().expect("mknod");
    assert!(made.success(), "devices can be made by root only: run the tests as root");
    assert_refused(&sandbox, "null.log", "device");
}

#[test]
fn a_second_hard_link() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("linked.log", "two names\n");
    std::fs::hard_link(log, sandbox.path("other")).expect("a link");
    assert_refused(&sandbox, "linked.log", "2 hard links");
}

#[test]
fn a_log_that_may_not_be_read() {
    let sandbox = Sandbox::reopening();
    let secret = sandbox.write_log("secret.log", "s\n");
    sandbox.write_log("web.log", "fine\n");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).expect("chmod");
    // Root may read everything: the run is made as nobody, in directories that are nobody's.
    const NOBODY: u32 = 65534;
    for path in ["", "log", "log/web.log", "store"] {
        std::os::unix::fs::chown(sandbox.path(path), Some(NOBODY), Some(NOBODY)).expect("chown, as root");
    }
    let mut run = sandbox.logferry();
    // Where the binary lies may be closed to nobody.
    let binary = sandbox.path("logferry");
    // Not copied by this process: a child that another test forks meanwhile would hold the copy open for writing.
    finish(Command::new("install").args(["-m", "755", env!("CARGO_BIN_EXE_logferry")]).arg(&binary)).quiet();
    let mut as_nobody = Command::new(&binary);
    as_nobody.env_clear().envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    as_nobody.arg("run").arg(sandbox.path("log")).uid(NOBODY).gid(NOBODY).current_dir("/");
    let ended = finish(&mut as_nobody).expect(1);
    assert!(ended.stderr.contains("secret.log: open") && ended.stderr.contains("ermission denied"), "{}", ended.stderr);
    assert_eq!(finish(run.args(["cat", "web"])).expect(0).text(), "fine\n");
    assert!(secret.exists());
}

#[test]
fn a_directory_behind_a_link_that_someone_else_may_have_made() {
    let sandbox = Sandbox::new();
    let secret = sandbox.path("secret");
    std::fs::create_dir(&secret).expect("a directory");
    std::fs::write(secret.join("web.log"), "not yours\n").expect("a file");
    symlink(&secret, sandbox.log("app")).expect("a link");
    std::os::unix::fs::lchown(sandbox.log("app"), Some(65534), Some(65534)).expect("chown, as root");
    let ended = sandbox.run(["run".into(), sandbox.log("app/*.log").into_os_string()]).expect(1);
    assert!(ended.stderr.contains("symbolic link"), "{}", ended.stderr);
    assert!(secret.join("web.log").exists());

    // One that root has made, where only root can: that is how /var/log is moved to another disk.
    symlink(&secret, sandbox.log("moved")).expect("a link");
    sandbox.run(["run".into(), sandbox.log("moved/*.log").into_os_string()]).quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "not yours\n");
}

#[test]
fn compressed_rotated_and_hidden_files_are_left_alone_without_a_word() {
    let sandbox = Sandbox::new();
    let names = [
        "web.log.1",
        "web.log.2.gz",
        "web.log-20261120",
        "old.gz",
        ".hidden.log",
        ".web.log.swp",
        "web.log.old",
        "a.tgz",
    ];
    for name in names {
        sandbox.write_log(name, "keep\n");
    }
    sandbox.run_all().quiet();
    assert_eq!(sandbox.files("log").len(), names.len());
    assert_eq!(sandbox.run(["ls"]).expect(0).text(), "");
    let ended = sandbox.run(["run".into(), sandbox.log("web.log.1").into_os_string()]).expect(1);
    assert!(ended.stderr.contains("rotated already"), "{}", ended.stderr);
}

#[test]
fn a_missing_log_is_nothing_unusual_but_a_missing_directory_is() {
    let sandbox = Sandbox::new();
    sandbox.run(["run".into(), sandbox.log("absent.log").into_os_string()]).quiet();
    let ended = sandbox.run(["run".into(), sandbox.path("unmounted/web.log").into_os_string()]).expect(1);
    assert!(ended.stderr.contains("unmounted/web.log"), "{}", ended.stderr);
    assert!(!sandbox.path("unmounted").exists(), "no parent is made");
}

#[test]
fn a_state_directory_that_others_may_enter_is_refused_before_anything_is_touched() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "x\n");
    std::fs::create_dir(sandbox.path("state")).expect("a directory");
    std::fs::set_permissions(sandbox.path("state"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let ended = sandbox.run_all().expect(78);
    assert!(ended.stderr.contains("mode 755") && ended.stderr.contains("hint:"), "{}", ended.stderr);
    assert!(log.exists());
    let mut run = sandbox.logferry();
    run.env("LOGFERRY_STATE_DIR", sandbox.path("no/such/parent")).arg("run").arg(sandbox.path("log"));
    finish(&mut run).expect(78);
    assert!(!sandbox.path("no").exists(), "no parent is made");
}

#[test]
fn a_log_has_one_path_however_it_is_given() {
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink(sandbox.path("log"), sandbox.path("ln")).expect("a link");
    for (round, args) in [["log/web.log", "ln/web.log"], ["log/../log/web.log", "log/../log/*.log"], ["log", "ln"]]
        .into_iter()
        .enumerate()
    {
        sandbox.write_log("web.log", format!("{round}\n"));
        sandbox.run(["run", args[0], args[1]]).quiet();
    }
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "0\n1\n2\n");
}

#[test]
fn a_name_does_not_move_the_cursor_of_whoever_reads_the_messages() {
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink("x", sandbox.log("\u{1b}[31m\nred.log")).expect("a link");
    sandbox.write_log("\u{1b}[31mblue.log", "x\n");
    let said = sandbox.run_all().expect(1).stderr + &sandbox.run(["ls"]).expect(0).text();
    assert!(!said.contains('\u{1b}') && said.contains("blue"), "{said:?}");
}

#[test]
fn output_that_can_not_be_written_is_a_failure() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    for args in ["run --dry-run log", "run --dry-run --json log", "run --json log", "ls", "cat web"] {
        let script = format!("exec '{}' {args} > /dev/full", env!("CARGO_BIN_EXE_logferry"));
        let mut shell = Command::new("sh");
        let environment = sandbox.logferry();
        shell.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ended = finish(shell.args(["-c", &script]).current_dir(sandbox.path(""))).expect(1);
        assert!(ended.stderr.contains("write the output"), "{args}: {}", ended.stderr);
    }
}

#[test]
fn siblings_of_a_log_with_other_dates_are_left_alone() {
    let sandbox = Sandbox::new();
    let siblings = ["web.log-2026-11-20", "web.log.2026-11-20", "web.log-1700000000", "web-20261120.log"];
    for name in siblings {
        sandbox.write_log(name, "rotated\n");
    }
    sandbox.write_log("web.log", "in use\n");
    sandbox.run_all().quiet();
    assert_eq!(sandbox.files("log").len(), siblings.len());
    assert_eq!(sandbox.run(["ls"]).expect(0).text().lines().count(), 1);
}

#[test]
fn a_run_that_could_not_begin_reports_that_to_programs_too() {
    let sandbox = Sandbox::new();
    let report = |ended: Ended| serde_json::from_slice::<serde_json::Value>(&ended.stdout).expect("JSON");
    sandbox.config_file_verbatim("spaly = 1\n");
    let json = report(sandbox.run(["run", "--json"]).expect(78));
    assert_eq!(json["exit_code"], 78);
    let what = json["problems"][0]["what"].as_str().expect("text");
    assert!(what.contains("line 1: unknown key"), "{what}");
    sandbox.config_file("");
    std::fs::create_dir(sandbox.path("state")).expect("a directory that all may use");
    let json = report(sandbox.run(["run", "--json", "log"]).expect(78));
    assert_eq!(json["exit_code"], 78);
    assert!(json["problems"][0]["hint"].is_string(), "{json}");
}
