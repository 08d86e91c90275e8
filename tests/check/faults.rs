//! What is wrong on the machine itself: configuration, logs, their directories, the spool.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::{Command, Stdio};

use logferry::sys::fault::Point;

use super::{Attribute, Checked, NOBODY, check, check_as_nobody, check_of};
use crate::support::imds::ImdsServer;
use crate::support::mount::Mount;
use crate::support::{Sandbox, Stopped, finish, noise};

/// A log directory on an ext4 of its own, whose files have attributes.
fn on_ext4(sandbox: &Sandbox) -> Mount {
    let mount = Mount::on_image(&sandbox.path("image"), &sandbox.path("log"));
    let lost = sandbox.log("lost+found");
    if lost.exists() {
        fs::remove_dir(lost).expect("it is empty");
    }
    mount
}

#[test]
fn all_mistakes_in_the_configuration_are_found_and_the_rest_is_looked_at_all_the_same() {
    let sandbox = Sandbox::new();
    sandbox.config_file_verbatim("level = 99\n[s3]\ntimeout = \"0s\"\nstorage-class = \"X\"\n");
    let checked = check(&sandbox);
    checked.ends(78).has("configuration", "logferry.toml:4", "fail", "unknown key `storage-class`");
    assert!(checked.table.contains("did you mean `storage_class`?"), "{}", checked.table);
    for (line, words) in [(1, "`level` must be"), (3, "`timeout`")] {
        let finding = checked.finding("configuration", &format!("logferry.toml:{line}"));
        assert!(finding["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{finding}");
    }
    checked.has("spool", "state", "ok", "the first run makes it");
    let finding = checked.finding("store", "not looked at");
    assert_eq!(finding["verdict"], "warn", "{finding}");
    assert!(!sandbox.path("store/.logferry").exists(), "who does not know where to ship to tries nothing");
}

#[test]
fn a_configuration_that_others_can_change_is_told_of() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let file = sandbox.path("logferry.toml");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).expect("chmod");
    check(&sandbox).ends(0).has("configuration", "logferry.toml", "warn", "everyone may change it (mode 666)");
}

#[test]
fn patterns_say_what_they_find_and_what_they_do_not() {
    let sandbox = Sandbox::new();
    for (name, bytes) in [("a.log", "123\n"), ("b.log", "1234567\n"), ("empty.log", ""), ("a.log.1", "old\n")] {
        sandbox.write_log(name, bytes);
    }
    let (all, none) = (sandbox.log("a*").display().to_string(), sandbox.log("*.txt").display().to_string());
    let (later, gone) =
        (sandbox.log("later.log").display().to_string(), sandbox.path("gone/x.log").display().to_string());
    let logs = sandbox.log("*.log").display().to_string();
    let checked = check_of(&sandbox, &[&all, &logs, &none, &later, &gone]);
    checked.ends(1);
    checked.has("logs", "a*", "ok", "1 log with 4 B; 1 left alone, as compressed or rotated already");
    checked.has("logs", "*.log", "ok", "2 logs with 12 B; 1 empty");
    checked.has("logs", "*.txt", "warn", "no log matches");
    checked.has("logs", "later.log", "warn", "there is no such log");
    checked.has("logs", "gone/x.log", "fail", "No such file or directory");
    assert!(!sandbox.path("gone").exists());
}

#[test]
fn what_a_run_would_refuse_is_refused_here_with_the_same_words() {
    let sandbox = Sandbox::new();
    fs::hard_link(sandbox.write_log("linked.log", "x\n"), sandbox.path("other")).expect("a link");
    symlink("x", sandbox.log("red\u{1b}[31m.log")).expect("a link");
    sandbox.write_log(format!("{}.log", "n".repeat(230)), "x\n");
    let checked = check(&sandbox);
    checked.ends(1).has("logs", "linked.log", "fail", "2 hard links");
    checked.has("logs", "red", "fail", "symbolic link").has("logs", "nnnn", "fail", "no room for the claimed name");
}

#[test]
fn logs_that_can_not_be_renamed_are_found_without_trying_it() {
    let sandbox = Sandbox::new();
    let mount = on_ext4(&sandbox);
    let (fixed, web) = (sandbox.write_log("fixed.log", "x\n"), sandbox.write_log("web.log", "x\n"));
    {
        let _immutable = Attribute::set(&fixed, 'i');
        let checked = check(&sandbox);
        checked.ends(1).has("logs", "fixed.log", "fail", "immutable");
        assert!(checked.table.contains(&format!("hint: chattr -i {}", fixed.display())), "{}", checked.table);
        sandbox.run_all().expect(1);
        sandbox.write_log("web.log", "x\n");
    }
    {
        let _append_only = Attribute::set(&web, 'a');
        check(&sandbox).ends(1).has("logs", "web.log", "fail", "append-only");
    }
    for letter in ['i', 'a'] {
        let _directory = Attribute::set(sandbox.path("log"), letter);
        let words = if letter == 'i' { "immutable" } else { "append-only" };
        let directory = format!("{}\"", sandbox.path("log").display());
        let checked = check(&sandbox);
        checked.ends(1);
        let is_it = |finding: &&serde_json::Value| format!("{}", finding["what"]).ends_with(&directory);
        let finding = checked.findings().find(is_it).expect("the directory");
        assert!(finding["verdict"] == "fail" && finding["detail"].to_string().contains(words), "{finding}");
    }
    mount.remount("ro");
    check(&sandbox).ends(1);
    let checked = check(&sandbox);
    assert!(
        checked.table.contains("Read-only file system") && checked.table.contains("mount it read-write"),
        "{checked:?}"
    );
}

#[test]
fn a_full_file_system_of_logs_is_told_of() {
    let sandbox = Sandbox::new();
    let _mount = Mount::in_memory(&sandbox.path("log"), "size=256k");
    sandbox.write_log("web.log", "x\n");
    let _ = fs::write(sandbox.log("filler"), noise(512 * 1024));
    let checked = check(&sandbox);
    checked.ends(0);
    assert!(checked.table.contains("its file system is full"), "{}", checked.table);
    assert!(checked.table.contains("on tmpfs"), "{}", checked.table);
}

#[test]
fn an_ordinary_user_is_told_what_he_may_not_do_and_what_he_can_not_see() {
    let sandbox = Sandbox::reopening();
    fs::set_permissions(sandbox.path(""), Permissions::from_mode(0o755)).expect("chmod");
    let secret = sandbox.write_log("secret.log", "x\n");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("chmod");
    sandbox.write_log("web.log", "x\n");
    let checked = check_as_nobody(&sandbox);
    // Neither can he make his state directory beside ours, nor write to the store.
    checked.ends(78).has("logs", "log", "ok", "2 logs");
    assert!(checked.table.contains("logs can't be renamed and removed in it: Permission denied"), "{}", checked.table);
    checked
        .has("spool", "", "fail", "")
        .has("writers", "/proc", "warn", "other users")
        .has("store", "store", "fail", "");

    // In directories of his own, one log is still not his.
    for path in ["", "log", "log/web.log", "store"] {
        chown(sandbox.path(path), Some(NOBODY), Some(NOBODY)).expect("chown, as root");
    }
    let checked = check_as_nobody(&sandbox);
    checked.ends(1).has("logs", "secret.log", "fail", "Permission denied").has(
        "spool",
        "state",
        "ok",
        "the first run makes it",
    );

    // In a sticky directory of root's he may not take what is not his.
    chown(sandbox.path("log"), Some(0), Some(0)).expect("chown");
    fs::set_permissions(sandbox.path("log"), Permissions::from_mode(0o1777)).expect("chmod");
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).expect("chmod");
    let checked = check_as_nobody(&sandbox);
    checked.ends(1).has("logs", "secret.log", "fail", "sticky");
    assert!(!checked.findings().any(|finding| finding["what"].to_string().contains("web.log")), "{}", checked.table);
}

#[test]
fn a_state_directory_that_a_run_would_refuse_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    sandbox.run_all().quiet();
    fs::set_permissions(sandbox.path("state"), Permissions::from_mode(0o755)).expect("chmod");
    check(&sandbox).ends(78).has("spool", "state", "fail", "mode 755, must be 700");
    fs::set_permissions(sandbox.path("state"), Permissions::from_mode(0o700)).expect("chmod");
    check(&sandbox).ends(0).has("spool", "state", "ok", "ours alone");
    chown(sandbox.path("state/held"), Some(NOBODY), None).expect("chown, as root");
    check(&sandbox).ends(78).has("spool", "state", "fail", "belongs to user 65534");
    let missing = sandbox.path("no/such/parent").display().to_string();
    let logs = sandbox.log("*.log").display().to_string();
    check_of(&sandbox, &[&logs, "--state-dir", &missing]).ends(78).has(
        "spool",
        "no/such/parent",
        "fail",
        "No such file",
    );
    assert!(!sandbox.path("no").exists(), "no parent is made");
}

#[test]
fn a_state_directory_that_leads_to_one_of_everyones_is_no_reason_to_close_that() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    fs::create_dir(sandbox.path("everyone's")).expect("a directory");
    fs::set_permissions(sandbox.path("everyone's"), Permissions::from_mode(0o1777)).expect("chmod");
    symlink("everyone's", sandbox.path("state")).expect("a link");
    let checked = check(&sandbox);
    checked.ends(78).has("spool", "state", "fail", "it is a symbolic link to everyone's");
    let hint = checked.finding("spool", "state")["hint"].to_string();
    assert!(hint.contains("Remove the link") && !hint.contains("chmod"), "{hint}");
    // Without a link it is said what chmod would hit, in words that a shell reads.
    let (logs, state) = (sandbox.log("*.log").display().to_string(), sandbox.path("everyone's").display().to_string());
    let checked = check_of(&sandbox, &[&logs, "--state-dir", &state]);
    let hint = checked.finding("spool", "everyone's")["hint"].to_string();
    let quoted = state.replace('\'', r"'\\''");
    assert!(
        hint.contains("If nothing but logferry uses it") && hint.contains(&format!("chmod 700 '{quoted}'")),
        "{hint}"
    );
}

#[test]
fn a_configuration_that_is_not_there_is_told_with_what_to_do() {
    let sandbox = Sandbox::new();
    let missing = sandbox.path("none.toml").display().to_string();
    let checked = check_of(&sandbox, &["--config", &missing]);
    checked.ends(78).has("configuration", "none.toml", "fail", "the configuration can't be read: No such file");
    let ended = sandbox.run(["run", "--config", &missing]).expect(78);
    assert!(ended.stderr.contains("hint: correct the path (--config"), "{}", ended.stderr);
}

#[test]
fn a_spool_without_room_keeps_logs_waiting() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", noise(100_000));
    {
        let _mount = Mount::in_memory(&sandbox.path("state"), "size=9m");
        check(&sandbox).ends(0).has("spool", "room", "ok", "are free on tmpfs");
        fs::write(sandbox.path("state/filler"), noise(2 << 20)).expect("it fits");
        fs::set_permissions(sandbox.path("state/filler"), Permissions::from_mode(0o600)).expect("chmod");
        check(&sandbox).ends(75).has("spool", "room", "fail", "must stay free");
    }
    {
        let _mount = Mount::in_memory(&sandbox.path("state"), "size=20m,nr_inodes=4");
        fs::write(sandbox.path("state/one"), "").expect("a file");
        check(&sandbox).ends(75).has("spool", "inodes", "fail", "more files");
    }
    // The mount points are open to others.
    fs::remove_dir(sandbox.path("state")).expect("it is empty");
    sandbox.config_file("max_spool = 1000\n");
    check(&sandbox).ends(0).has("spool", "max_spool", "warn", "about 12.2 KiB at the usual ratio of 8");
    let missing = format!("file://{}", sandbox.path("missing").display());
    sandbox.config_file("");
    sandbox.run(["run", "--to", &missing, "log"]).expect(75);
    sandbox.config_file("max_spool = 1000\n");
    check(&sandbox).ends(75).has("spool", "max_spool", "fail", "no log would be taken");
}

#[test]
fn what_waits_is_told_and_that_it_waits_too_long() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let missing = format!("file://{}", sandbox.path("missing").display());
    let mut run = Command::new("faketime");
    let binary = sandbox.logferry();
    run.env_clear().args(["-f", "-5h"]).arg(binary.get_program()).args(["run", "--to", &missing, "log"]);
    run.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(sandbox.path(""));
    finish(&mut run).expect(75);
    let checked = check(&sandbox);
    // A segment keeps its destination, whatever is set now.
    checked.ends(75).has("spool", "waiting", "warn", "1 segment with").has("store", "missing", "fail", "No such file");
    checked.has("store", "store", "ok", "can be written to");
    assert!(checked.finding("spool", "waiting")["detail"].to_string().contains("for 5h"), "{}", checked.table);
    fs::create_dir(sandbox.path("missing")).expect("a directory");
    sandbox.run_all().quiet();
    check(&sandbox).ends(0).has("spool", "waiting", "ok", "no segment");
}

#[test]
fn damaged_files_and_doubts_are_told_of() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let missing = format!("file://{}", sandbox.path("missing").display());
    sandbox.run(["run", "--to", &missing, "log"]).expect(75);
    let sealed = sandbox.files("state/spool").into_iter().find(|file| file.extension().is_some_and(|end| end == "gz"));
    fs::write(sealed.expect("a segment"), "damage").expect("written");
    sandbox.run_all().expect(1);
    check(&sandbox).ends(0).has("spool", "damaged", "warn", "put aside");
}

#[test]
fn the_instance_is_the_one_that_a_run_would_name() {
    let sandbox = Sandbox::new();
    let service = ImdsServer::of("i-0abc12345678");
    let check = |endpoint: &str| {
        Checked::of(&sandbox, || {
            let mut command = sandbox.logferry();
            command.env_remove("AWS_EC2_METADATA_DISABLED").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
            command.arg("check").arg(sandbox.log("*.log"));
            command
        })
    };
    sandbox.write_log("web.log", "x\n");
    check(&service.endpoint()).has("machine", "instance metadata", "ok", "i-0abc12345678, m5.large, eu-central-1a");
    check(&service.endpoint()).ends(0).has("machine", "instance metadata", "ok", "i-0abc12345678 in object keys");
    assert!(sandbox.path("store/.logferry/check-i-0abc12345678").exists());
    assert!(!sandbox.path("state").exists(), "who looks keeps nothing");
    finish(sandbox.logferry().envs(service.env()).arg("run").arg(sandbox.path("log"))).quiet();
    let checked = check("http://127.0.0.1:1");
    checked.ends(0).has(
        "machine",
        "instance metadata",
        "warn",
        "does not answer now; known of this boot: i-0abc12345678, m5.large",
    );
    checked.has("store", "store", "ok", "check-i-0abc12345678 is there");
}

#[test]
fn a_run_at_work_is_seen_and_not_disturbed() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).stdin(Stdio::null());
    let run = Stopped::at(Point::Copied, 1, run);
    let checked = check(&sandbox);
    checked.ends(0).has("spool", "run at work", "ok", "pid ").has("logs", "*.log", "ok", "1 claimed file");
    checked.has("spool", "unfinished", "ok", "1 segment begun");
    run.go_on().quiet();
    assert!(!check(&sandbox).table.contains("run at work"));
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "x\n");
}
