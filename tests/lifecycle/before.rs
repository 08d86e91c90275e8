//! The command before the last flush.

use super::Fleet;
use crate::support::{finish, wait_until};

/// Has this script run before the last flush.
fn before(fleet: &Fleet, script: &str, more: &str) {
    std::fs::write(fleet.sandbox.path("before.sh"), script).expect("a script");
    let path = fleet.sandbox.path("before.sh");
    fleet.configure(&format!("before = [\"sh\", \"{}\"]\n{more}", path.display()));
}

#[test]
fn what_it_has_the_service_write_is_in_the_store() {
    let fleet = Fleet::ending();
    let log = fleet.sandbox.write_log("web.log", "at work\n");
    before(&fleet, &format!("echo goodbye >>'{}'\necho noise; echo more >&2\n", log.display()), "");
    fleet.call().quiet();
    assert_eq!(fleet.shipped("web"), "at work\ngoodbye\n");
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn it_runs_once_whatever_comes_of_it() {
    let fleet = Fleet::ending();
    let ran = fleet.sandbox.path("ran");
    before(&fleet, &format!("echo x >>'{}'\necho it is broken >&2\nexit 3\n", ran.display()), "");
    fleet.sandbox.write_log("web.log", "one\n");
    let told = fleet.call().expect(1).stderr;
    assert!(told.contains("the command before the last flush failed (exit status: 3): it is broken"), "{told}");
    assert_eq!(fleet.shipped("web"), "one\n");
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
    fleet.call().quiet();
    assert_eq!(std::fs::read_to_string(ran).expect("it ran"), "x\n");
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_has_started() {
    let fleet = Fleet::ending();
    let child = fleet.sandbox.path("child");
    let script = format!("sleep 1000 &\necho $! >'{}'\nwait\n", child.display());
    before(&fleet, &script, "before_timeout = \"1s\"");
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().expect(1).says("had not ended after 1 s and was ended");
    assert_eq!((fleet.shipped("web").as_str(), fleet.api.told()), ("one\n", vec!["CONTINUE".to_owned()]));
    let pid = std::fs::read_to_string(child).expect("it was started");
    let stat = format!("/proc/{}/stat", pid.trim());
    wait_until("its child is gone", || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")));
}

#[test]
fn one_that_is_not_there_keeps_nothing_from_being_shipped() {
    let fleet = Fleet::ending();
    fleet.configure("before = [\"no-such-program\", \"stop\"]");
    fleet.sandbox.write_log("web.log", "one\n");
    fleet
        .call()
        .expect(1)
        .says("no-such-program: the command before the last flush: run no-such-program: No such file");
    assert_eq!((fleet.shipped("web").as_str(), fleet.api.told()), ("one\n", vec!["CONTINUE".to_owned()]));
}

#[test]
fn it_finds_the_programs_of_the_system_and_nothing_of_our_environment() {
    let fleet = Fleet::ending();
    let env = fleet.sandbox.path("env");
    before(&fleet, &format!("env >'{}'\n", env.display()), "");
    fleet.call().quiet();
    let env = std::fs::read_to_string(env).expect("it ran");
    assert!(env.contains("PATH=/usr/sbin:/usr/bin:/sbin:/bin") && !env.contains("AWS_"), "{env}");
}

#[test]
fn a_program_that_others_could_change_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = Fleet::ending();
    let program = fleet.sandbox.path("stop");
    std::fs::write(&program, format!("#!/bin/sh\ntouch '{}'\n", fleet.sandbox.path("ran").display())).expect("a file");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o777)).expect("chmod");
    fleet.configure(&format!("before = [\"{}\"]", program.display()));
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().expect(1).says("the command before the last flush: run ").says("others");
    assert!(!fleet.sandbox.path("ran").exists());
    assert_eq!((fleet.shipped("web").as_str(), fleet.api.told()), ("one\n", vec!["CONTINUE".to_owned()]));
}

#[test]
fn what_others_could_have_written_into_the_configuration_is_not_run() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let fleet = Fleet::ending();
    let (ran, config) = (fleet.sandbox.path("ran"), fleet.sandbox.path("logferry.toml"));
    fleet.configure(&format!("before = [\"touch\", \"{}\"]", ran.display()));
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("chmod");
    };
    fleet.sandbox.write_log("web.log", "one\n");
    mode(&config, 0o666);
    let told = fleet.call().expect(1).says("the command before the last flush is not run").stderr;
    assert!(told.contains("others may write to it (mode 666)") && told.contains("hint: chown root:root "), "{told}");
    assert_eq!((fleet.shipped("web").as_str(), fleet.api.told()), ("one\n", vec!["CONTINUE".to_owned()]));
    mode(&config, 0o644);
    chown(&config, Some(65534), None).expect("as root");
    let open = fleet.sandbox.path("open");
    std::fs::create_dir(&open).expect("a directory");
    let elsewhere = open.join("logferry.toml");
    std::fs::copy(&config, &elsewhere).expect("a configuration");
    mode(&open, 0o777);
    for (config, part) in [(config, "it belongs to user 65534"), (elsewhere, "in the place of logferry.toml")] {
        std::fs::remove_file(fleet.sandbox.path("state/lifecycle.json")).expect("a record");
        fleet.api.wait_for(super::INSTANCE, super::HOOK);
        finish(fleet.command().env("LOGFERRY_CONFIG", config)).expect(1).says(part);
        assert!(!ran.exists(), "{part}");
    }
}
