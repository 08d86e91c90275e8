//! What starts the runs, in a machine of the test's own: its `/etc`, its processes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::Checked;
use crate::support::{Bucket, Sandbox};

/// What the binary has in its environment.
fn environment(sandbox: &Sandbox, bucket: Option<&Bucket>) -> BTreeMap<OsString, OsString> {
    let binary = sandbox.logferry();
    let of_sandbox = binary.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let of_bucket = bucket.map(Bucket::env).unwrap_or_default().into_iter();
    of_sandbox.chain(of_bucket.map(|(name, value)| (name.into(), value))).collect()
}

/// Where the binary is in such namespaces: only root may write there, which is not so below `/tmp`.
const BIN: &str = "/etc/bin/logferry";

/// A check in namespaces of its own: `/etc` with this entry for cron, and the given processes beside it. In the entry stands
/// `BIN` for the path of the binary, and `ENVIRONMENT` for the variables that the check has.
#[track_caller]
pub(super) fn check_beside(sandbox: &Sandbox, entry: &str, prepare: &str, bucket: Option<&Bucket>) -> Checked {
    std::fs::create_dir_all(sandbox.path("etc")).expect("a directory");
    let environment = environment(sandbox, bucket);
    let variables: String =
        environment.iter().map(|(name, value)| format!("{}={}\n", name.display(), value.display())).collect();
    let entry = entry.replace("BIN", BIN).replace("ENVIRONMENT\n", &variables);
    std::fs::write(sandbox.path("entry"), entry).expect("an entry");
    std::fs::write(sandbox.path("prepare"), prepare).expect("a script");
    let daemon = sandbox.path("cron");
    if !daemon.exists() {
        std::os::unix::fs::symlink("/bin/sleep", daemon).expect("a link");
    }
    let script = format!(
        "set -e; cd '{dir}'; PATH=/usr/sbin:/usr/bin:/sbin:/bin\n\
         mount -t tmpfs tmpfs etc; mkdir etc/upper etc/work\n\
         mount -t overlay -o lowerdir=/etc,upperdir=etc/upper,workdir=etc/work overlay /etc\n\
         mkdir /etc/bin; touch {BIN}; mount --bind '{real}' {BIN}\n\
         mkdir -p /etc/cron.d /etc/systemd/system/timers.target.wants\n\
         if [ -s entry ]; then install -m 644 entry /etc/cron.d/logferry; fi\n\
         . ./prepare\n\
         exec {BIN} check '{logs}' \"$@\"",
        dir = sandbox.path("").display(),
        real = Path::new(env!("CARGO_BIN_EXE_logferry")).display(),
        logs = sandbox.log("*.log").display(),
    );
    Checked::of(sandbox, || {
        let mut command = Command::new("unshare");
        command.env_clear().envs(&environment);
        command.args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", &script, "sh"]);
        command
    })
}

const ENTRY: &str = "/etc/cron.d/logferry";
const SOUND: &str = "MAILTO=root\nENVIRONMENT\n7 * * * *  root  BIN run --splay 10m\n";
pub(super) const WITH_CRON: &str = "./cron 600 &\nwhile [ \"$(cat /proc/$!/comm)\" != cron ]; do :; done\n";

#[test]
fn a_sound_entry_and_a_cron_that_is_at_work() {
    let sandbox = Sandbox::new();
    let checked = check_beside(&sandbox, SOUND, WITH_CRON, None);
    checked.ends(0).has("schedule", "/etc/cron.d/logferry", "ok", "starts logferry as root");
    checked.has("schedule", "cron", "ok", "").has("schedule", "bin/logferry", "ok", "is this program");
}

#[test]
fn nothing_that_starts_runs_is_warned_of() {
    let sandbox = Sandbox::new();
    check_beside(&sandbox, "", "", None).ends(0).has("schedule", "schedule", "warn", "nothing starts runs");
}

#[test]
fn an_entry_without_a_cron_is_a_fault() {
    let sandbox = Sandbox::new();
    let checked = check_beside(&sandbox, SOUND, "", None);
    checked.ends(1);
    let daemon = checked.findings().find(|finding| finding["what"] == "cron").expect("the daemon");
    assert!(daemon["verdict"] == "fail" && daemon["detail"].to_string().contains("no cron daemon"), "{daemon}");
}

#[test]
fn an_entry_that_cron_passes_over_is_a_fault() {
    let cases = [
        (SOUND, "chmod 666 /etc/cron.d/logferry", "mode 666"),
        (SOUND, "chown 65534 /etc/cron.d/logferry", "belongs to user 65534"),
        (SOUND, "ln /etc/cron.d/logferry /etc/cron.d/other", "2 names"),
        (SOUND, "mv /etc/cron.d/logferry /etc/x; ln -s /etc/x /etc/cron.d/logferry", "link"),
        ("7 * * * * root BIN run", "", "line feed"),
        ("77 * * * * root BIN run\n", "", "line 1: \"77\" is no minute"),
        ("7 * * * * root\n", "", "no user or no command"),
        ("7 * * * * BIN run\n", "", "logferry, whom nobody knows here"),
        ("# 7 * * * * root BIN run\n", "", "no entry in it starts logferry"),
        ("7 * * * * root BIN run\r\n", "", "carriage return"),
    ];
    for (entry, prepare, words) in cases {
        let sandbox = Sandbox::new();
        check_beside(&sandbox, entry, &format!("{WITH_CRON}{prepare}\n"), None)
            .ends(1)
            .has("schedule", ENTRY, "fail", words);
    }
}

#[test]
fn the_program_that_an_entry_starts_is_looked_at() {
    let cases = [
        ("7 * * * * root /nowhere/logferry run\n", "", "fail", "No such file"),
        ("7 * * * * root logferry run\n", "", "fail", "it is looked for in /usr/bin:/bin only"),
        (SOUND, "chmod 777 /etc/bin\n", "fail", "others could put something else in the place of"),
        (SOUND, "chmod 1777 /etc/bin\n", "fail", "in the place of logferry, once it is gone"),
        (SOUND, "chown 65534 /etc/bin\n", "fail", "others could put something else in the place of"),
        (
            "7 * * * * root /etc/logferry run\n",
            "printf '#!/bin/sh\\n' >/etc/logferry; chmod 755 /etc/logferry\n",
            "warn",
            "is not the program that looks here",
        ),
        (
            "7 * * * * root /etc/logferry run\n",
            "cp /bin/true /etc/logferry; chown 65534 /etc/logferry\n",
            "fail",
            "belongs to user 65534",
        ),
        (
            "7 * * * * root '/etc/my bin/logferry' run\n",
            "mkdir '/etc/my bin'; cp /bin/true '/etc/my bin/logferry'\n",
            "warn",
            "is not the program",
        ),
        ("7 * * * * root /etc/logferry run\n", "touch /etc/logferry\n", "fail", "it is not executable"),
        (
            "PATH=/etc:/bin\n7 * * * * root nice logferry run\n",
            "cp /bin/true /etc/logferry\n",
            "warn",
            "is not the program",
        ),
    ];
    for (entry, prepare, verdict, words) in cases {
        let sandbox = Sandbox::new();
        let checked = check_beside(&sandbox, entry, &format!("{WITH_CRON}{prepare}"), None);
        let code = if verdict == "fail" { 1 } else { 0 };
        checked.ends(code);
        let of_program = |finding: &&serde_json::Value| finding["detail"].to_string().contains(words);
        let finding = checked.findings().find(of_program).unwrap_or_else(|| panic!("{words}: {}", checked.table));
        assert_eq!(finding["verdict"], verdict, "{finding}");
    }
}

#[test]
fn an_entry_that_looks_elsewhere_than_the_check_is_told_of() {
    let sandbox = Sandbox::new();
    let entry = "AWS_PROFILE=other\n7 * * * * root BIN run --state-dir /srv/spool\n";
    let checked = check_beside(&sandbox, entry, WITH_CRON, None);
    checked.ends(0).has("schedule", "/etc/cron.d/logferry", "warn", "have their state in /srv/spool, not in /");
    let names = "AWS_EC2_METADATA_DISABLED, AWS_PROFILE, LOGFERRY_TO: ";
    checked.has("schedule", ENTRY, "warn", names).has(
        "schedule",
        ENTRY,
        "warn",
        "its runs read /etc/logferry.toml, not /",
    );
}

#[test]
fn an_entry_that_does_something_else_than_what_was_checked_is_told_of() {
    let fails = [
        ("7 * * * * root BIN check\n", "it starts `logferry check`, which ships nothing"),
        ("7 * * * * root BIN run --dry-run\n", "it starts `logferry run --dry-run`, which ships nothing"),
        ("7 * * * * root BIN\n", "its command would be refused: it names no command"),
        ("7 * * * * root [ -x BIN ] && BIN run --at 7\n", "its command would be refused: unexpected argument '--at'"),
    ];
    let warns = [
        ("ENVIRONMENT\n0 0 1 1 * root BIN run\n", "at \"0 0 1 1 *\"", "7 * * * *"),
        ("ENVIRONMENT\n@daily root BIN run\n", "at \"@daily\"", "7 * * * *"),
        (
            "ENVIRONMENT\n7 * * * * root BIN run --config '/etc/a b.toml'\n",
            "its runs read /etc/a b.toml, not /",
            "--config '/etc/a b.toml'",
        ),
        (
            "ENVIRONMENT\n7 * * * * root BIN run --to s3://other\n",
            "its runs ship to s3://other, not to file:///",
            "--to s3://other",
        ),
        (
            "ENVIRONMENT\n7 * * * * root BIN run '/srv/a b/*.log' >/dev/null 2>&1\n",
            "that it names (/srv/a b/*.log)",
            "check '/srv/a b/*.log'",
        ),
        (
            "ENVIRONMENT\n7 * * * * root BIN run --state-dir '/srv/a \\%25b'\n",
            "in /srv/a %2525b, not in",
            "--state-dir '/srv/a %25b'",
        ),
    ];
    for (entry, words) in fails {
        let sandbox = Sandbox::new();
        check_beside(&sandbox, entry, WITH_CRON, None).ends(1).has("schedule", ENTRY, "fail", words);
    }
    for (entry, words, hint) in warns {
        let sandbox = Sandbox::new();
        let checked = check_beside(&sandbox, entry, WITH_CRON, None);
        checked.ends(0).has("schedule", ENTRY, "warn", words);
        assert!(checked.table.contains(hint), "{hint:?} is not in: {}", checked.table);
        let warned = checked.findings().filter(|finding| finding["what"] == ENTRY && finding["verdict"] == "warn");
        assert_eq!(warned.count(), 1, "nothing else differs: {}", checked.table);
    }
}

#[test]
fn a_program_under_another_name_is_known_as_this_one() {
    for name in ["logferry-0.1.0-amd64", "ship"] {
        let sandbox = Sandbox::new();
        let prepare = format!("{WITH_CRON}cd /etc/bin; touch {name}; mount --bind logferry {name}\n");
        let checked = check_beside(&sandbox, &SOUND.replace("BIN", &format!("/etc/bin/{name}")), &prepare, None);
        checked.ends(0).has("schedule", &format!("bin/{name}"), "ok", "is this program");
    }
}

#[test]
fn what_is_no_file_at_the_entrys_place_is_not_for_install_to_mend() {
    let sandbox = Sandbox::new();
    let link = "mv /etc/cron.d/logferry /etc/x; ln -s /etc/x /etc/cron.d/logferry\n";
    let checked = check_beside(&sandbox, SOUND, &format!("{WITH_CRON}{link}"), None);
    let hint = checked.ends(1).finding("schedule", ENTRY)["hint"].to_string();
    assert!(hint.contains("move it away") && !hint.contains("logferry install"), "{hint}");
}

#[test]
fn a_timer_of_systemds_is_known() {
    const LINK: &str = "ln -s ../logferry.timer /etc/systemd/system/timers.target.wants/logferry.timer\n";
    const UNITS: &str = "printf '[Timer]\\nOnCalendar=hourly\\n' >/etc/systemd/system/logferry.timer\n\
        printf '[Service]\\nExecStart=/etc/bin/logferry run\\n' >/etc/systemd/system/logferry.service\n";
    let with_units = format!("{LINK}{UNITS}mount -t tmpfs tmpfs /run\n");
    let at_work = format!("{with_units}mkdir -p /run/systemd/system\n");
    let daily = format!("{at_work}sed -i s/hourly/daily/ /etc/systemd/system/logferry.timer\n");
    let no_service = format!("{at_work}rm /etc/systemd/system/logferry.service\n");
    for (prepare, verdict, code, words) in [
        (at_work.as_str(), "ok", 0, "systemd is at work"),
        (&daily, "warn", 0, "every hour can't be seen of \"daily\""),
        (&with_units, "fail", 1, "systemd is not at work"),
        (&no_service, "fail", 1, "the service that it starts is missing"),
        (LINK, "fail", 1, "no such unit"),
    ] {
        let sandbox = Sandbox::new();
        let checked = check_beside(&sandbox, "", prepare, None);
        checked.ends(code).has("schedule", "logferry.timer", verdict, words);
        if verdict == "ok" {
            checked.has("schedule", "bin/logferry", "ok", "is this program");
        }
    }
}
