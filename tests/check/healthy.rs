//! A machine without a fault is told so, in a table that is easy to read.

use std::process::Command;

use super::schedule::{WITH_CRON, check_beside};
use super::writers::Init;
use crate::support::{ACCESS_KEY, Bucket, SECRET_KEY, Sandbox, finish};

#[test]
fn on_a_machine_that_was_installed_all_is_well() {
    let sandbox = Sandbox::new();
    sandbox.config_file("settle = \"30ms\"\n");
    let bucket = Bucket::new(&sandbox);
    let init = Init::start(&sandbox, &["web.log", "api.log"]);
    bucket.run_all(&sandbox).quiet();
    drop(init);
    sandbox.write_log("web.log", "x\n");
    // Root's credentials are where cron's runs find them too.
    std::fs::create_dir(sandbox.path(".aws")).expect("a directory");
    let credentials = format!("[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    std::fs::write(sandbox.path(".aws/credentials"), credentials).expect("credentials");
    let install = "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY LOGFERRY_TO LOGFERRY_CONFIG\n\
        /etc/bin/logferry install --to s3://logs/fleet --state-dir \"$PWD/state\" \"$PWD/log/*.log\" >/dev/null\n";
    let checked = check_beside(&sandbox, "", &format!("{WITH_CRON}{install}"), Some(&bucket));
    checked.ends(0);
    // The one thing amiss with it is that it is not the whole machine.
    let not_ok: Vec<_> = checked.findings().filter(|finding| finding["verdict"] != "ok").collect();
    let [unseen] = not_ok[..] else { panic!("{not_ok:?}") };
    assert!(unseen["detail"].as_str().is_some_and(|detail| detail.contains("as in a container")), "{unseen}");
    assert_eq!(checked.table.lines().last(), Some("nothing is in the way of the next run; 1 warning"));
    assert_eq!(checked.json["verdict"], "warn");
    assert_eq!(checked.json["version"], env!("CARGO_PKG_VERSION"));
    let groups: Vec<_> =
        checked.json["groups"].as_array().expect("groups").iter().map(|group| &group["name"]).collect();
    assert_eq!(groups, ["configuration", "logs", "writers", "spool", "logrotate", "schedule", "machine", "store"]);
    // All that it promises holds: the next run ships all.
    bucket.run_all(&sandbox).quiet();
}

/// What a check prints on a terminal.
fn on_a_terminal(sandbox: &Sandbox, variables: &str) -> String {
    let found = Command::new("script").arg("--version").output();
    found.expect("script is there: apt-get install bsdutils");
    let command = format!("{variables} '{}' check log", env!("CARGO_BIN_EXE_logferry"));
    let mut script = Command::new("script");
    let environment = sandbox.logferry();
    script.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.env("PATH", "/usr/bin:/bin").args(["-qec", &command, "/dev/null"]).current_dir(sandbox.path(""));
    finish(&mut script).expect(0).text()
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let coloured = on_a_terminal(&sandbox, "env TERM=xterm");
    assert!(coloured.contains("\u{1b}[32mok  \u{1b}[0m"), "{coloured:?}");
    for variables in ["env TERM=xterm NO_COLOR=1", "env TERM=dumb", "env -u TERM"] {
        let plain = on_a_terminal(&sandbox, variables);
        assert!(!plain.contains('\u{1b}') && plain.contains("  ok    "), "{variables}: {plain:?}");
    }
}

#[test]
fn what_can_not_be_printed_is_a_failure_and_wrong_usage_has_its_code() {
    let sandbox = Sandbox::new();
    let environment = sandbox.logferry();
    let mut shell = Command::new("sh");
    shell.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let script = format!("exec '{}' check log >/dev/full", env!("CARGO_BIN_EXE_logferry"));
    let ended = finish(shell.args(["-c", &script]).current_dir(sandbox.path(""))).expect(1);
    assert!(ended.stderr.contains("write the output"), "{}", ended.stderr);
    sandbox.run(["check", "--nonsense"]).expect(2);
    let help = sandbox.run(["check", "--help"]).expect(0).text();
    assert!(help.contains("Exit codes:") && help.contains(".logferry/check-INSTANCE"), "{help}");
}
