//! Real cron and systemd's own checks, over this machine's configuration in a mount namespace of the test's own.
//!
//! What the namespace has in the place of the machine's is a copy: `/etc`, `/usr/local/bin` with the binary, `/run`,
//! `/var/spool/cron`, and for cron `/usr/sbin` with cron and a sendmail that writes down what it is given. Nothing
//! outside is changed. libfaketime lets cron begin six seconds before the entry's minute.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::image::{State, assert_same, state};
use crate::support::{ACCESS_KEY, Bucket, Ended, SECRET_KEY, Sandbox, finish, wait_until};

/// A mount namespace.
struct Guest {
    sandbox: Sandbox,
}

const PLACES: [(&str, &str); 4] =
    [("etc", "/etc"), ("bin", "/usr/local/bin"), ("run", "/run"), ("crontabs", "/var/spool/cron")];

impl Guest {
    fn new() -> Self {
        let guest = Self { sandbox: Sandbox::new() };
        for name in ["bin", "run", "run/lock", "crontabs", "crontabs/crontabs", "sbin", "mail"] {
            std::fs::create_dir(guest.path(name)).expect("a directory");
        }
        finish(Command::new("cp").args(["-a", "/etc"]).arg(guest.path("etc"))).quiet();
        let binary = env!("CARGO_BIN_EXE_logferry");
        finish(Command::new("install").args(["-m", "755", binary]).arg(guest.path("bin/logferry"))).quiet();
        guest
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// A command in the namespace, with these parts of the sandbox in the places of others.
    fn command(&self, places: &[(&str, &str)], args: &[&str]) -> Command {
        let binds =
            places.iter().map(|(name, place)| format!("mount --bind '{}' {place} && ", self.path(name).display()));
        let script = binds.collect::<String>() + "exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-c", &script, "sh"]).args(args).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
        command
    }

    fn run(&self, args: &[&str], env: &[(&str, std::ffi::OsString)]) -> Ended {
        finish(self.command(&PLACES, args).envs(env.iter().map(|(name, value)| (name, value))))
    }

    fn etc(&self) -> State {
        state(&self.path("etc"))
    }
}

/// A daemon that is ended with the test, however it ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Guest {
    /// Starts cron six seconds before the seventh minute of an hour in which nothing else is due.
    fn start_cron(&self) -> Daemon {
        let cron = "/usr/sbin/cron";
        assert!(std::path::Path::new(cron).exists(), "{cron} is missing: as root, apt-get install cron");
        std::fs::copy(cron, self.path("sbin/cron")).expect("a copy");
        let sendmail = self.path("sbin/sendmail");
        let mail = self.path("mail");
        let script = format!("#!/bin/sh\ncat >'{0}/.new' && mv '{0}/.new' '{0}/mail'\n", mail.display());
        std::fs::write(&sendmail, script).expect("a script");
        std::fs::set_permissions(sendmail, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
        let mut places = PLACES.to_vec();
        places.push(("sbin", "/usr/sbin"));
        let mut cron = self.command(&places, &["setpriv", "--pdeathsig", "KILL", "/usr/sbin/cron", "-f"]);
        cron.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", "@2026-11-21 10:06:54");
        cron.env("TZ", "UTC").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Daemon(cron.spawn().expect("unshare starts: run the tests as root"))
    }
}

#[test]
fn real_cron_starts_the_installed_entry_which_ships_and_mails_only_what_is_wrong() {
    let guest = Guest::new();
    let bucket = Bucket::new(&guest.sandbox);
    let before = guest.etc();
    guest.sandbox.write_log("web.log", "one\ntwo\n");
    guest.sandbox.write_log("linked.log", "two names\n");
    std::fs::hard_link(guest.sandbox.log("linked.log"), guest.path("other")).expect("a link");
    let credentials = format!("[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    std::fs::write(guest.path("credentials"), credentials).expect("a file");
    let mut env = bucket.env();
    env.retain(|(name, _)| matches!(*name, "AWS_REGION" | "AWS_ENDPOINT_URL" | "LOGFERRY_TO"));
    env.push(("AWS_SHARED_CREDENTIALS_FILE", guest.path("credentials").into()));
    env.push(("AWS_EC2_METADATA_DISABLED", "true".into()));
    let (logs, spool) = (format!("{}/*.log", guest.path("log").display()), guest.path("state").display().to_string());
    let args = ["logferry", "install", &logs, "--splay", "0s", "--state-dir", &spool, "--scheduler", "cron"];
    guest.run(&args, &env).expect(0);

    let _cron = guest.start_cron();
    wait_until("cron has mailed what the run complained of", || guest.path("mail/mail").exists());
    let mail = std::fs::read_to_string(guest.path("mail/mail")).expect("a mail");
    let (head, body) = mail.split_once("\n\n").expect("a head and a body");
    assert!(head.contains("\nTo: root") && head.contains("logferry run --low-priority"), "{head}");
    let linked = guest.sandbox.log("linked.log");
    assert!(body.starts_with(&format!("logferry: {}: refused: it has 2 hard links", linked.display())), "{body}");
    assert_eq!(body.lines().count(), 2, "nothing but the complaint and its hint: {body}");
    let web = bucket.run(&guest.sandbox, ["cat", "web"]).expect(0);
    assert_eq!(web.text(), "one\ntwo\n");
    assert!(!guest.sandbox.log("web.log").exists());

    guest.run(&["logferry", "uninstall", "--purge"], &[]).expect(0);
    assert!(!guest.path("state").exists(), "the entry says where the spool is");
    assert_same(&before, &guest.etc(), "uninstalled");
}

#[test]
fn real_cron_starts_the_packages_waiting_entry_for_a_configuration_that_was_written_by_hand() {
    let guest = Guest::new();
    guest.sandbox.write_log("web.log", "one\n");
    let (store, state) = (guest.path("shipped"), guest.path("state"));
    std::fs::create_dir(&store).expect("a store");
    let log = guest.sandbox.log("*.log");
    let configuration = format!(
        "'to' = \"file://{}\"\n[instance]\nid = \"web-1\"\n[[logs]]\npaths = [\"{}\"]\n",
        store.display(),
        log.display()
    );
    std::fs::write(guest.path("etc/logferry.toml"), configuration).expect("a configuration");
    let run = format!("run --state-dir {} --low-priority", state.display());
    let entry = include_str!("../../cron/waiting").replace("@MINUTE@", "7").replace("@SPLAY@", "0s");
    let entry = entry.replace("/usr/bin/logferry", "/usr/local/bin/logferry").replace("run --low-priority", &run);
    std::fs::write(guest.path("etc/cron.d/logferry-waiting"), entry).expect("an entry");

    let _cron = guest.start_cron();
    let shipped = || guest.run(&["logferry", "cat", "web"], &[]).text();
    wait_until("cron has started the run, and it has shipped", || shipped() == "one\n");
    assert!(!log.with_file_name("web.log").exists(), "the log was not taken");
    assert!(!guest.path("mail/mail").exists(), "cron had something to mail");
}

/// A guest whose systemctl writes down what it is asked for, and fails at what `fails` names.
fn with_systemd(fails: &str) -> Guest {
    let guest = Guest::new();
    std::fs::create_dir_all(guest.path("run/systemd/system")).expect("directories");
    let script = format!("#!/bin/sh\necho \"$@\" >>'{}'\n[ \"$1\" != '{fails}' ]\n", guest.path("asked").display());
    std::fs::write(guest.path("sbin/systemctl"), script).expect("a script");
    std::fs::set_permissions(guest.path("sbin/systemctl"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("chmod");
    guest
}

impl Guest {
    /// A command of the binary, with the systemctl of this guest; what it was asked for since.
    fn with_systemctl(&self, args: &[&str]) -> (Ended, Vec<String>) {
        let mut places = PLACES.to_vec();
        places.push(("sbin", "/usr/sbin"));
        let _ = std::fs::remove_file(self.path("asked"));
        let ended = finish(&mut self.command(&places, args));
        let asked = std::fs::read_to_string(self.path("asked")).unwrap_or_default();
        (ended, asked.lines().map(str::to_owned).collect())
    }
}

const WITH_SYSTEMD: [&str; 7] =
    ["logferry", "install", "--to", "s3://logs", "/var/log/web.log", "--scheduler", "systemd"];

#[test]
fn a_running_systemd_is_told_what_has_changed() {
    let guest = with_systemd("");
    let before = guest.etc();
    let (ended, asked) = guest.with_systemctl(&WITH_SYSTEMD);
    ended.expect(0);
    assert_eq!(asked, ["daemon-reload", "restart logferry.timer"]);
    let (ended, asked) = guest.with_systemctl(&WITH_SYSTEMD);
    ended.expect(0);
    assert!(asked.is_empty(), "nothing was changed: {asked:?}");
    let (ended, asked) = guest.with_systemctl(&["logferry", "uninstall"]);
    ended.expect(0);
    assert_eq!(asked, ["stop logferry.timer", "daemon-reload"]);
    assert_same(&before, &guest.etc(), "uninstalled");
}

#[test]
fn a_running_systemd_is_told_of_the_timer_that_looks_for_the_end_too() {
    let guest = with_systemd("");
    let before = guest.etc();
    let (ended, asked) = guest.with_systemctl(&[&WITH_SYSTEMD[..], &["--lifecycle"]].concat());
    ended.expect(0);
    assert_eq!(asked, ["daemon-reload", "restart logferry.timer", "restart logferry-lifecycle.timer"]);
    let (ended, asked) = guest.with_systemctl(&[&WITH_SYSTEMD[..], &["--lifecycle=no"]].concat());
    ended.expect(0);
    assert_eq!(asked, ["stop logferry-lifecycle.timer", "daemon-reload", "restart logferry.timer"]);
    guest.with_systemctl(&[&WITH_SYSTEMD[..], &["--lifecycle"]].concat()).0.expect(0);
    let (ended, asked) = guest.with_systemctl(&["logferry", "uninstall"]);
    ended.expect(0);
    assert_eq!(asked, ["stop logferry-lifecycle.timer", "stop logferry.timer", "daemon-reload"]);
    assert_same(&before, &guest.etc(), "uninstalled");
}

#[test]
fn where_systemd_refuses_all_is_undone() {
    let guest = with_systemd("restart");
    let before = guest.etc();
    let (ended, asked) = guest.with_systemctl(&WITH_SYSTEMD);
    assert!(ended.expect(1).stderr.contains("systemctl: restart logferry.timer failed"));
    assert_eq!(asked, ["daemon-reload", "restart logferry.timer", "daemon-reload"], "it knows what was undone");
    assert_same(&before, &guest.etc(), "undone");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let guest = Guest::new();
    let before = guest.etc();
    let args = ["logferry", "install", "--to", "file:///srv/50% store", "/var/log/web.log", "--scheduler", "systemd"];
    let env = [("AWS_REGION", "eu-west-1".into())];
    guest.run(&[&args[..], &["--state-dir", "/srv/50% $x", "--at", "5", "--lifecycle"]].concat(), &env).expect(0);
    let units = ["logferry.timer", "logferry.service", "logferry-lifecycle.timer", "logferry-lifecycle.service"];
    let units = units.map(|unit| format!("/etc/systemd/system/{unit}"));
    let analyze = "systemd-analyze is missing: as root, apt-get install systemd";
    assert!(std::path::Path::new("/usr/bin/systemd-analyze").exists(), "{analyze}");
    let verify = ["systemd-analyze", "verify", "--man=no"].into_iter().chain(units.iter().map(String::as_str));
    guest.run(&verify.collect::<Vec<_>>(), &[]).quiet();
    let timer = std::fs::read_to_string(guest.path("etc/systemd/system/logferry.timer")).expect("a timer");
    let calendar = timer.lines().find_map(|line| line.strip_prefix("OnCalendar=")).expect("a time");
    let said = guest.run(&["systemd-analyze", "calendar", "--iterations=2", calendar], &[]).expect(0).text();
    let due: Vec<_> = said.lines().filter(|line| line.contains(":05:00 UTC")).collect();
    assert!(due.len() >= 2, "every hour at that minute: {said}");
    // What is enabled so is enabled for systemctl too.
    guest.run(&["systemctl", "is-enabled", "logferry.timer", "logferry-lifecycle.timer"], &[]).expect(0);
    guest.run(&["logferry", "uninstall"], &[]).expect(0);
    assert_same(&before, &guest.etc(), "uninstalled");
}
