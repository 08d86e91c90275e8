//! Whose word counts: commands and signals that others could have written into the configuration, and processes that a signal
//! would end.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::asked::Holder;
use crate::support::{Sandbox, Writer, finish};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// A configuration by which root would make a file, with a log that somebody has open.
fn by_command(sandbox: &Sandbox) -> (PathBuf, Holder) {
    let (log, ran) = (sandbox.write_log("web.log", "a line\n"), sandbox.path("ran"));
    sandbox.config_file(&format!(
        "writer = \"command\"\ncommand = [\"touch\", \"{}\"]\ntimeout = \"1s\"\n[[logs]]\npaths = \"{}\"\n",
        ran.display(),
        log.display()
    ));
    let holder = Holder::of(&[log], ">>");
    (ran, holder)
}

/// Wherever a configuration is named, whoever can write it, or put another one in its place, would have root do what he wants.
#[test]
fn a_command_that_others_could_have_written_is_not_run() {
    let sandbox = Sandbox::new();
    let (ran, _holder) = by_command(&sandbox);
    let config = sandbox.path("logferry.toml");
    let open = sandbox.path("open");
    fs::create_dir(&open).expect("a directory");
    mode(&open, 0o777);
    let elsewhere = open.join("logferry.toml");
    fs::copy(&config, &elsewhere).expect("a configuration");
    let theirs = sandbox.path("theirs.toml");
    fs::copy(&config, &theirs).expect("a configuration");
    chown(&theirs, Some(65534), None).expect("as root");
    mode(&config, 0o666);
    for (config, part) in [
        (config, "others may write to it (mode 666)"),
        (elsewhere, "in the place of logferry.toml"),
        (theirs, "it belongs to user 65534"),
    ] {
        let told = |ended: crate::support::Ended| {
            let told = ended.expect(1).stderr;
            for part in ["its `command` is not run, since not only its user", part, "hint: chown root:root "] {
                assert!(told.contains(part), "{part}: {told}");
            }
        };
        told(sandbox.run(["run", "--config", &config.display().to_string()]));
        told(finish(sandbox.logferry().env("LOGFERRY_CONFIG", &config).args(["flush", "--deadline", "1s"])));
        told(sandbox.run(["run", "--dry-run", "--config", &config.display().to_string()]));
        let checked = sandbox.run(["check", "--config", &config.display().to_string()]);
        let (code, told) = (checked.code, checked.text());
        assert!(code == 1 && told.contains("`command` is not run") && told.contains(part), "{code}: {told}");
        assert!(!ran.exists(), "{part}");
    }
    assert_eq!(fs::read(sandbox.log("web.log")).expect("the log"), b"a line\n");
}

#[test]
fn a_command_of_a_configuration_that_is_roots_alone_is_run() {
    let sandbox = Sandbox::new();
    let (ran, _holder) = by_command(&sandbox);
    sandbox.run(["run"]).expect(1);
    assert!(ran.exists());
}

#[test]
fn a_signal_that_others_could_have_written_is_not_sent() {
    let sandbox = Sandbox::new();
    sandbox.config_file("writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"upstart-writer\"\n");
    mode(&sandbox.path("logferry.toml"), 0o666);
    let log = sandbox.log("web.log");
    let writer = Writer::start(&sandbox, &["--reopens-at-hup", "--idle-after", "5000"], std::slice::from_ref(&log));
    let told = sandbox.run_all().expect(1).stderr;
    assert!(told.contains("SIGHUP is not sent, since not only its user"), "{told}");
    assert_eq!(super::asked::hups(&sandbox, &writer, &log), 0);
    assert_eq!(fs::metadata(&log).expect("the log").len(), 5000);
    mode(&sandbox.path("logferry.toml"), 0o644);
    sandbox.run_all().quiet();
    assert_eq!(super::asked::hups(&sandbox, &writer, &log), 1);
}

#[test]
fn a_process_that_the_signal_would_end_never_gets_it() {
    let sandbox = Sandbox::new();
    for (signal, part) in [("HUP", "and would be ended by it"), ("WINCH", "and would not hear it")] {
        sandbox
            .config_file(&format!("writer = \"signal\"\nsignal = \"{signal}\"\nprocess = \"sh\"\ntimeout = \"1s\"\n"));
        let log = sandbox.write_log("web.log", "a line\n");
        let mut holder = Holder::of(std::slice::from_ref(&log), ">>");
        for args in [&["run", "--dry-run"][..], &["run"]] {
            let told = sandbox.run([args, &[&log.display().to_string()]].concat()).expect(1).stderr;
            assert!(told.contains(&format!("does not catch SIG{signal}, {part}")) && told.contains("hint:"), "{told}");
            assert!(holder.lives());
        }
        let checked = sandbox.run(["check", &log.display().to_string()]).text();
        assert!(checked.contains(part), "{checked}");
        assert_eq!(sandbox.files("log"), [log]);
    }
}
