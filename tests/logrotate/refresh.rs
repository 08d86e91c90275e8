//! The hourly run keeps the exclusion up to date: the real binary, in a root where it is at home.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use logferry::install::logrotate::InForce;
use logferry::install::{edit, logrotate};
use logferry::model::problem::Effect;

use super::scene::{FRAGMENT, Release, Scene, copy_program};
use crate::support::{Ended, finish};

/// A host where logferry is installed, and takes all but what begins with `z`.
fn host(release: &Release) -> Scene {
    let scene = Scene::with_neighbours(release);
    let program = scene.path("/usr/bin/logferry");
    std::fs::create_dir_all(program.parent().expect("a parent")).expect("a directory");
    let binary = Path::new(env!("CARGO_BIN_EXE_logferry"));
    copy_program(binary, &scene.sandbox.path("root"));
    std::fs::rename(scene.path(binary), &program).expect("it was copied");
    scene.write("/etc/logferry.toml", format!("to = 'file:///store'\n[[logs]]\n{SET}\n"));
    std::fs::create_dir(scene.path("/store")).expect("a directory");
    // As every first run, this one takes what is there: what matters here comes later.
    scene.install(&scene.logs(SET)).expect("it is proved");
    scene
}

const SET: &str = "paths = '/var/log/app/*.log'\nexclude = 'z*'";

/// Calls logferry inside, with a `/proc` that goes with it.
fn logferry(scene: &Scene, args: &str) -> Ended {
    logferry_after(scene, "true", args)
}

/// The same, after a command of the shell that only this call sees the outcome of.
fn logferry_after(scene: &Scene, first: &str, args: &str) -> Ended {
    let root = scene.sandbox.path("root");
    let script = format!(
        "{first} && mount --rbind /proc '{root}/proc' && mount --rbind /dev '{root}/dev' && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin AWS_EC2_METADATA_DISABLED=true chroot '{root}' /usr/bin/logferry {args}",
        root = root.display()
    );
    finish(Command::new("unshare").args(["-m", "sh", "-c", &script]))
}

#[test]
fn a_log_that_comes_later_is_named_by_the_run_that_takes_it() {
    for release in Release::all() {
        let scene = host(&release);
        logferry(&scene, "run").quiet();
        scene.log("new");
        scene.log("zzz-too");
        logferry(&scene, "run").quiet();
        // Taken, shipped, and its writer has made it anew.
        assert!(!scene.exists("/var/log/app/new.log"), "{release:?}");
        for name in ["aaa", "web", "new"] {
            scene.log(name);
        }
        assert_eq!(scene.problems(&scene.logs(SET)), "");
        assert_eq!(scene.daily().expect(0).stderr, "");
        for (name, rotations) in [("new", 0), ("web", 0), ("aaa", 0), ("zzz", 1), ("zzz-too", 1)] {
            assert_eq!(scene.rotations(&format!("/var/log/app/{name}.log")), rotations, "{release:?} {name}");
        }
    }
}

#[test]
fn a_run_with_nothing_new_touches_nothing_and_asks_nobody() {
    for release in Release::all() {
        let scene = host(&release);
        logferry(&scene, "run").quiet();
        for name in ["aaa", "web"] {
            scene.write(&format!("/var/log/app/{name}.log"), "");
        }
        let files = ["/etc/logrotate.d", FRAGMENT, "/etc/logrotate.d/app"];
        let status =
            || files.map(|path| scene.path(path).metadata().map(|file| (file.ino(), file.mtime_nsec())).expect(path));
        // Were it asked, the run would fail to read its answer and say so.
        let program = scene.path("/usr/sbin/logrotate");
        std::fs::write(&program, "not a program").expect("it is there");
        let before = status();
        logferry(&scene, "run").quiet();
        assert_eq!(status(), before, "{release:?}");
    }
}

#[test]
fn a_fragment_that_was_edited_is_told_and_all_is_shipped() {
    let scene = host(&Release::Installed);
    logferry(&scene, "run").quiet();
    let edited = scene.text(FRAGMENT) + "# by hand\n";
    scene.write(FRAGMENT, &edited);
    // As long as it does what it is for, it is no fault, and no word to cron's mail each hour.
    logferry(&scene, "run").quiet();
    let told = logferry(&scene, "run -v").expect(0).stderr;
    assert!(
        told.contains("00-logferry was changed by hand since logferry wrote it; it names all logs still"),
        "{told}"
    );
    let InForce::No(problems) = logrotate::in_force(&scene.host, &scene.logs(SET)).expect("it answers") else {
        panic!("it is told")
    };
    let [edited_by_hand] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(edited_by_hand.effect, Effect::Noted, "{edited_by_hand}");
    let told = edited_by_hand.to_string();
    assert!(told.contains("into a file of your own; remove it; call `logferry install`"), "{told}");
    scene.log("new");
    let ended = logferry(&scene, "run").expect(0);
    assert!(
        ended.stderr.contains("00-logferry: it was changed by hand") && ended.stderr.contains("hint:"),
        "{}",
        ended.stderr
    );
    assert!(!scene.exists("/var/log/app/new.log"), "it was not taken");
    assert_eq!(scene.text(FRAGMENT), edited);
    assert_eq!(logferry(&scene, "cat new").expect(0).text(), "a line of new\n");
}

#[test]
fn a_logrotate_that_fails_keeps_no_log_from_being_shipped() {
    let scene = host(&Release::Installed);
    scene.write("/usr/sbin/logrotate", "not a program");
    let before = scene.text(FRAGMENT);
    scene.log("new");
    let ended = logferry(&scene, "run").expect(0);
    assert!(ended.stderr.contains("logrotate"), "{}", ended.stderr);
    assert_eq!(scene.text(FRAGMENT), before);
    assert_eq!(logferry(&scene, "cat new").expect(0).text(), "a line of new\n");
}

#[test]
fn a_read_only_etc_keeps_no_log_from_being_shipped() {
    for release in [Release::Installed, Release::SaysOld] {
        let scene = host(&release);
        let before = scene.etc();
        scene.log("zzz-too");
        scene.log("new");
        let etc = scene.path("/etc");
        let read_only = format!("mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}'", etc.display());
        let ended = logferry_after(&scene, &read_only, "run").expect(0);
        assert!(ended.stderr.contains("Read-only file system") && ended.stderr.contains("hint:"), "{}", ended.stderr);
        assert_eq!(scene.etc(), before);
        assert_eq!(logferry(&scene, "cat new").expect(0).text(), "a line of new\n");
    }
}

#[test]
fn logs_that_are_named_as_arguments_are_nothing_to_install() {
    let scene = host(&Release::Installed);
    let before = scene.text(FRAGMENT);
    scene.log("zzz-once");
    logferry(&scene, "run /var/log/app/zzz-once.log").quiet();
    assert_eq!(scene.text(FRAGMENT), before);
}

#[test]
fn neighbours_that_come_and_go_while_logrotate_is_asked_keep_nothing_from_being_installed() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        let web = scene.web();
        let before = logrotate::treatment(&scene.host).expect("it answers");
        scene.log("comes");
        std::fs::remove_file(scene.path("/var/log/app/aaa.log")).expect("it was there");
        let plan = logrotate::plan_install(&scene.host, &web).expect("a plan");
        edit::apply(&scene.host, &plan.edits).expect("it can be done");
        let after = logrotate::treatment(&scene.host).expect("it answers");
        // One that was there only while logrotate was asked, and one that goes only now.
        for name in ["comes", "zzz"] {
            std::fs::remove_file(scene.path(format!("/var/log/app/{name}.log"))).expect("it was there");
        }
        logrotate::prove(&scene.host, &before, &after, &web).unwrap_or_else(|why| panic!("{release:?}: {why}"));
    }
}

#[test]
fn a_proof_that_fails_by_chance_is_tried_again_and_one_that_fails_always_is_told() {
    let scene = Scene::with_neighbours(&Release::Installed);
    let file = "/etc/logrotate.d/chance";
    for (failures, is_proved) in [(1, true), (2, true), (3, false)] {
        let mut tried = 0;
        let proved = logrotate::proved(&scene.host, &scene.logs("paths = '/none'"), |proof| {
            tried += 1;
            scene.write(file, if tried > failures { "" } else { "/var/log/chance.log {\n\tdaily\n}\n" });
            let outcome = proof();
            std::fs::remove_file(scene.path(file)).expect("it was written");
            outcome
        });
        assert_eq!((proved.is_ok(), tried), (is_proved, 3.min(failures + 1)), "{proved:?}");
    }
}
