//! Hosts that fail in the middle, and processes that are killed there.

use std::process::{Command, Stdio};

use logferry::sys::fault::Point;

use super::image::{CONFIG, ENTRY, Image, LOGS, Seen, TO, assert_same};
use crate::support::finish;
use crate::support::mount::Mount;

#[test]
fn on_a_host_that_is_read_only_nothing_is_changed_and_nothing_to_change_is_fine() {
    let image = Image::new();
    std::fs::remove_dir(image.path("etc/systemd/system")).expect("it is empty");
    let before = image.state();
    let files = image.sandbox.path("files");
    finish(Command::new("cp").arg("-a").arg(image.path("etc")).arg(&files)).quiet();
    let mount = Mount::in_memory(&image.path("etc"), "size=1m,mode=0755");
    finish(Command::new("cp").arg("-a").arg(files.join(".")).arg(image.path("etc"))).quiet();
    mount.remount("ro");
    let ended = image.install(&[]).expect(1);
    assert!(
        ended.stderr.contains("Read-only file system") && ended.stderr.contains("hint: mount it writable"),
        "{}",
        ended.stderr
    );
    assert_same(&before, &image.state(), "a read-only host");
    mount.remount("rw");
    image.install(&[]).expect(0);
    mount.remount("ro");
    assert!(image.install(&[]).expect(0).text().starts_with("nothing to change"));
    let ended = image.uninstall(&[]).expect(1);
    assert!(ended.stderr.contains("Read-only file system") && image.has(ENTRY), "{}", ended.stderr);
}

#[test]
fn on_a_disk_that_is_full_in_the_middle_all_is_undone() {
    let mut failed_in_the_middle = false;
    for free in 0..8 {
        let image = Image::new();
        let mount = Mount::in_memory(&image.path("etc"), "size=64k,mode=0755");
        for dir in ["etc/cron.d", "etc/systemd", "etc/systemd/system"] {
            std::fs::create_dir(image.path(dir)).expect("a directory");
        }
        // Every page that is free, but for some.
        let fill = std::iter::from_fn({
            let mut number = 0;
            let image = &image;
            move || {
                number += 1;
                std::fs::write(image.path(format!("etc/fill-{number}")), [0; 4096]).ok().map(|()| number)
            }
        });
        let last = fill.last().expect("it has room for one");
        let _ = std::fs::remove_file(image.path(format!("etc/fill-{}", last + 1)));
        for number in (1..=last).rev().take(free) {
            image.remove(&format!("etc/fill-{number}"));
        }
        let before = image.state();
        let ended = image.install(&["--scheduler", "systemd"]);
        if ended.code != 0 {
            let ended = ended.expect(1);
            assert!(
                ended.stderr.contains("No space left") && ended.stderr.contains("hint: make room"),
                "{}",
                ended.stderr
            );
            assert_same(&before, &image.state(), "a full disk");
            failed_in_the_middle |= !ended.stderr.contains("logferry.toml") && !ended.stderr.contains(".lock");
        }
        drop(mount);
    }
    assert!(failed_in_the_middle, "no size let a first change through and not the last");
}

/// Runs a command that is to be killed when the `count`th change was made; whether it was.
fn killed(command: &mut Command, count: u32) -> bool {
    command.env("LOGFERRY_FAULT", format!("kill@{}#{count}", Point::EditMade.name()));
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts");
    status.code().is_none()
}

/// An image, the same each time, with a configuration that makes room.
fn scene() -> Image {
    let image = Image::new();
    image.write(CONFIG, "# nothing yet\n");
    finish(Command::new("touch").args(["-d", "2026-01-01"]).arg(image.path(CONFIG))).quiet();
    image
}

/// What is where, without the times.
fn names(image: &Image) -> Vec<String> {
    let root = image.path("");
    let tell = |(path, seen): (std::path::PathBuf, Seen)| {
        format!("{} {}", path.strip_prefix(&root).expect("below").display(), seen.what)
    };
    image.state().into_iter().map(tell).collect()
}

#[test]
fn killed_between_two_changes_the_next_install_or_uninstall_mends_it() {
    let args = ["--to", TO, LOGS, "--scheduler", "systemd"];
    let whole = {
        let image = scene();
        finish(&mut image.command("install", args)).expect(0);
        names(&image)
    };
    let mut counts = Vec::new();
    for then in ["install", "uninstall"] {
        for count in 1.. {
            let image = scene();
            let before = image.state();
            if !killed(&mut image.command("install", args), count) {
                counts.push(count);
                break;
            }
            match then {
                "install" => {
                    finish(&mut image.command("install", args)).expect(0);
                    assert_eq!(names(&image), whole, "installed after change {count}");
                }
                _ => {
                    image.uninstall(&[]).expect(0);
                    assert_same(&before, &image.state(), &format!("uninstalled after change {count}"));
                }
            }
        }
    }
    assert_eq!(counts, [7, 7], "aside, configuration, service, timer, directory, link");
    for count in 1.. {
        let image = scene();
        let before = image.state();
        finish(&mut image.command("install", args)).expect(0);
        if !killed(&mut image.command::<&str>("uninstall", []), count) {
            assert!(count > 5, "{count}");
            break;
        }
        image.uninstall(&[]).expect(0);
        assert_same(&before, &image.state(), &format!("uninstalled again after change {count}"));
    }
}

#[test]
fn what_a_killed_process_has_left_half_written_is_swept_away() {
    let image = Image::new();
    let before = image.state();
    let leave = || {
        image.write("etc/cron.d/.logferry.logferry~", "half");
        image.write("etc/.logferry.lock~", "");
        image.chmod("etc/.logferry.lock~", 0o600);
    };
    leave();
    image.install(&[]).expect(0);
    assert!(!image.has("etc/cron.d/.logferry.logferry~") && !image.has("etc/.logferry.lock~"));
    leave();
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "uninstalled");
}

#[test]
fn several_at_the_same_time_come_to_the_same_as_one() {
    let image = Image::new();
    let before = image.state();
    for round in 0..4 {
        let start = |args: &[&str]| {
            let mut command = image.command("install", ["--to", TO, LOGS]);
            command
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts")
        };
        let children: Vec<_> = (0..4)
            .map(|n| start(if n % 2 == 0 { &["--scheduler", "cron"] } else { &["--scheduler", "systemd"] }))
            .collect();
        for child in children {
            let output = child.wait_with_output().expect("it ends");
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let (cron, timer) = (image.has(ENTRY), image.has(super::image::TIMER));
        assert!(cron != timer, "round {round}: cron {cron}, timer {timer}");
    }
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "uninstalled");
}
