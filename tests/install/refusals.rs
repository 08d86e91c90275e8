//! What can't be installed leaves the host as it was, and says what to do.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::image::{CONFIG, ENTRY, Image, LOGS, SERVICE, TIMER, TO, assert_same};
use crate::support::finish;

/// Fails unless a command ends with that code, says that, and changes nothing.
#[track_caller]
fn assert_refused(image: &Image, command: &mut Command, code: i32, parts: &[&str]) {
    let before = image.state();
    let ended = finish(command).expect(code);
    for part in parts {
        assert!(ended.stderr.contains(part), "{part:?} is not in: {}", ended.stderr);
    }
    assert_same(&before, &image.state(), "what was refused");
}

#[test]
fn wrong_usage_and_wrong_configurations_touch_nothing() {
    let image = Image::new();
    for (args, code, part) in [
        (&["--to", "http://x", LOGS][..], 2, "is not a destination"),
        (&["--to", TO, LOGS, "--at", "60"], 2, "is not a minute"),
        (&["--to", TO, LOGS, "--splay", "soon"], 2, "is not a time"),
        (&["--to", TO, LOGS, "--scheduler", "anacron"], 2, "possible values: cron, systemd"),
        (&["--to", TO, LOGS, "--instance", "a_b"], 2, "holds a character"),
        (&[LOGS], 78, "--to: no destination is set"),
        (&["--to", TO], 78, "LOG: no logs are named"),
        (&[], 78, "--to: no destination is set"),
        (&["--to", TO, "log/*.log"], 78, "is not absolute"),
        (&["--to", TO, "/a/[.log"], 78, "is not a pattern"),
        (&["--to", TO, "/a/../b.log"], 78, "holds `..`"),
        (&["--to", TO, LOGS, "--state-dir", "spool"], 1, "absolute path"),
        (&["--to", TO, LOGS, "--state-dir", "/a'b"], 1, "without quotes"),
    ] {
        assert_refused(&image, &mut image.command("install", args), code, &[part]);
    }
    for (text, part) in [
        ("to = 3\n", "root/etc/logferry.toml:1: `to` must be a text"),
        ("to = \"s3://logs\"\n", "no logs are named"),
        ("[[logs]]\npaths = \"/a\"\n", "no destination is set"),
    ] {
        image.write(CONFIG, text);
        assert_refused(&image, &mut image.command("install", ["--to", TO, LOGS]), 78, &[part]);
    }
    image.write(CONFIG, b"\xff");
    assert_refused(&image, &mut image.command("install", ["--to", TO, LOGS]), 78, &["it is not UTF-8"]);
    assert_refused(
        &image,
        image.logferry().args(["install", "--root", "/no/such/root", "--to", TO, LOGS]),
        1,
        &["/no/such/root"],
    );
}

#[test]
fn what_others_have_put_in_our_places_is_left_alone() {
    type Put = fn(&Image);
    let puts: [(&str, Put, &str); 6] = [
        ("a file", |image| image.write(ENTRY, "0 * * * * root logferry run\n"), "someone else has written it"),
        ("a link", |image| image.link("/etc/passwd", ENTRY), "it is a symbolic link, and is left alone"),
        ("a dangling link", |image| image.link("nowhere", ENTRY), "it is a symbolic link, and is left alone"),
        ("a directory", |image| std::fs::create_dir(image.path(ENTRY)).expect("a directory"), "it is a directory"),
        (
            "a FIFO",
            |image| nix::unistd::mkfifo(&image.path(ENTRY), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO"),
            "it is not a regular file",
        ),
        ("a timer", |image| image.write(TIMER, "[Timer]\n"), "someone else has written it"),
    ];
    for (what, put, part) in puts {
        let image = Image::new();
        put(&image);
        let scheduler = if what == "a timer" { "systemd" } else { "cron" };
        let mut command = image.command("install", ["--to", TO, LOGS, "--scheduler", scheduler]);
        assert_refused(&image, &mut command, 1, &[part, "hint:"]);
    }
}

#[test]
fn an_entry_that_was_changed_by_hand_is_never_written_over_or_removed() {
    for (name, scheduler) in [(ENTRY, "cron"), (TIMER, "systemd"), (SERVICE, "systemd")] {
        let image = Image::new();
        image.install(&["--scheduler", scheduler, "--state-dir", "/srv/spool"]).expect(0);
        image.edit(name);
        let before = image.state();
        let mut install = image.command("install", ["--to", TO, LOGS, "--at", "33"]);
        let said = finish(install.env("AWS_REGION", "eu-west-1")).expect(0).text();
        let is_kept = format!("{name}, which was changed by hand");
        let not_written = format!("not written for the hourly run, since /{name} is kept as it is: --at, AWS_REGION");
        assert!(said.contains(&is_kept) && said.contains(&not_written), "{said}");
        assert!(!said.contains("as it is here") && !said.contains("installed as asked for"), "{said}");
        let said = image.install(&[]).expect(0).text();
        let nothing = "nothing was changed, but not all is as asked for";
        assert!(said.starts_with(nothing) && !said.contains("not written"), "{said}");
        // The unit beside one that is kept keeps its state directory too.
        assert_same(&before, &image.state(), "installed again");
        for args in [&[][..], &["--purge"], &["--purge", "--purge"]] {
            let parts = [&format!("root/{name}: it was changed by hand since it was installed"), "remove it yourself"];
            assert_refused(&image, &mut image.command("uninstall", args), 1, &parts);
        }
        image.remove(name);
        image.uninstall(&[]).expect(0);
        assert!(!image.has(CONFIG) && !image.has(SERVICE));
    }
}

#[test]
fn a_configuration_that_was_changed_by_hand_goes_by_purge_only() {
    let image = Image::new();
    let before = image.state();
    image.install(&[]).expect(0);
    image.edit(CONFIG);
    assert!(image.install(&[]).expect(0).text().starts_with("nothing to change"));
    let said = image.uninstall(&[]).expect(0).text();
    assert!(said.contains("logferry.toml, which was changed by hand: remove it") && image.has(CONFIG), "{said}");
    image.uninstall(&["--purge"]).expect(0);
    assert_same(&before, &image.state(), "purged");
}

#[test]
fn a_file_that_cron_would_pass_over_is_set_right() {
    let image = Image::new();
    image.install(&[]).expect(0);
    let sound = image.state();
    type Spoil = fn(&Image);
    let spoils: [Spoil; 3] = [
        |image| image.chmod(ENTRY, 0o664),
        |image| std::os::unix::fs::chown(image.path(ENTRY), Some(65534), None).expect("chown: run the tests as root"),
        |image| std::fs::hard_link(image.path(ENTRY), image.path("var/other")).expect("a link"),
    ];
    for spoil in spoils {
        spoil(&image);
        let said = image.install(&[]).expect(0).text();
        assert!(said.starts_with("set owner and mode of /etc/cron.d/logferry"), "{said}");
        let entry = image.path(ENTRY);
        assert_eq!(image.state()[&entry].what, sound[&entry].what);
    }
    assert_eq!(image.read("var/other"), image.read(ENTRY), "the other name keeps its file");
}

#[test]
fn a_program_that_others_could_change_is_not_started_as_root() {
    for (path, mode, part) in [
        ("usr/bin/logferry", 0o777, "others may write to it (mode 777)"),
        ("usr/bin/logferry", 0o644, "it is not executable"),
        ("usr/bin", 0o777, "others could put something else in the place of logferry"),
        ("usr", 0o777, "others could put something else in the place of bin"),
        // Nobody can take it away from there, but whoever comes first after it is gone has root start his own.
        ("usr/bin", 0o1777, "others could put something else in the place of logferry, once it is gone"),
        ("usr", 0o1777, "others could put something else in the place of bin, once it is gone"),
    ] {
        let image = Image::new();
        image.chmod(path, mode);
        assert_refused(&image, &mut image.command("install", ["--to", TO, LOGS]), 1, &[part, "hint: put it where"]);
    }
    let image = Image::new();
    std::os::unix::fs::chown(image.path("usr/bin/logferry"), Some(65534), None).expect("chown: run the tests as root");
    let part = "it belongs to user 65534, who may change it";
    assert_refused(&image, &mut image.command("install", ["--to", TO, LOGS]), 1, &[part]);
    image.remove("usr/bin/logferry");
    let part = "usr/bin/logferry: the image holds no logferry";
    assert_refused(&image, &mut image.command("install", ["--to", TO, LOGS]), 1, &[part, "usr/local/bin/logferry"]);
}

#[test]
fn a_configuration_that_others_could_change_is_not_acted_on_as_root() {
    let image = Image::new();
    image.write(CONFIG, format!("to = \"{TO}\"\n[[logs]]\npaths = \"/srv/log\"\n"));
    image.chmod(CONFIG, 0o666);
    let part = "etc/logferry.toml: others may write to it (mode 666)";
    assert_refused(&image, &mut image.command::<&str>("install", []), 1, &[part, "hint: look at what it says"]);
    image.chmod(CONFIG, 0o644);
    std::os::unix::fs::chown(image.path(CONFIG), Some(65534), None).expect("chown: run the tests as root");
    assert_refused(&image, &mut image.command::<&str>("install", []), 1, &["it belongs to user 65534"]);
}

#[test]
fn a_timer_of_a_package_does_not_keep_cron_from_being_used() {
    let image = Image::new();
    std::fs::create_dir(image.path("etc/systemd/system/timers.target.wants")).expect("a directory");
    image.link("/lib/systemd/system/logferry.timer", "etc/systemd/system/timers.target.wants/logferry.timer");
    let before = image.state();
    image.install(&[]).expect(0);
    let ended = image.install(&["--scheduler", "systemd"]).expect(1);
    assert!(ended.stderr.contains("it is not a link to /etc/systemd/system/logferry.timer"), "{}", ended.stderr);
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "the package's link stays");
}

#[test]
fn only_root_may_change_the_running_system() {
    let image = Image::new();
    // Where the binary lies may be closed to nobody.
    let binary = image.sandbox.path("logferry");
    finish(Command::new("install").args(["-m", "755", env!("CARGO_BIN_EXE_logferry")]).arg(&binary)).quiet();
    std::fs::set_permissions(image.sandbox.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("chmod");
    for command in ["install", "uninstall"] {
        let mut as_nobody = Command::new(&binary);
        as_nobody.env_clear().arg(command).uid(65534).gid(65534).current_dir("/");
        assert_refused(&image, &mut as_nobody, 1, &["/etc: only root may change it", "--root DIR"]);
    }
}
