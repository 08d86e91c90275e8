//! What changes on the host later: a second installation, an upgrade, a package, a hand; and the way back.

use std::os::unix::fs::PermissionsExt;

use logferry::install::logrotate;

use super::assert_kept_off_once;
use super::scene::{APP, FRAGMENT, Release, Scene};

#[test]
fn a_second_installation_changes_nothing() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.install(&scene.web()).expect("it is proved");
        let first = scene.etc();
        assert_eq!(scene.problems(&scene.web()), "");
        let plan = scene.install(&scene.web()).expect("it is proved");
        assert!(plan.edits.is_empty(), "{release:?}: {plan:?}");
        assert_eq!(scene.etc(), first);
    }
}

#[test]
fn uninstalling_gives_back_every_byte() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.write("/etc/logrotate.d/0-first", b"\xff# latin\n\"/var/log/app/web.log\"\t{ daily }\n\n\n");
        scene.write("/etc/logrotate.d/app", APP.replace('\n', "\r\n").replace("{\r", "{"));
        let before = scene.etc();
        let Ok(plan) = scene.install(&scene.web()) else { continue };
        assert!(!plan.edits.is_empty());
        assert_ne!(scene.etc(), before);
        scene.uninstall();
        assert_eq!(scene.etc(), before, "{release:?}");
        let plan = logrotate::plan_uninstall(&scene.host).expect("a plan");
        assert!(plan.edits.is_empty() && plan.notes.is_empty(), "{plan:?}");
    }
}

#[test]
fn after_an_upgrade_of_logrotate_the_original_comes_back_and_a_fragment_is_enough() {
    let scene = Scene::with_neighbours(&Release::SaysOld);
    scene.install(&scene.web()).expect("it is proved");
    assert!(scene.exists("/etc/logrotate.d/app.disabled") && !scene.text(FRAGMENT).contains("ignoreduplicates\n"));
    scene.upgrade_logrotate();
    let problems = scene.problems(&scene.web());
    assert!(
        problems.contains("not as it should be today") && problems.contains("hint: call `logferry install`"),
        "{problems}"
    );
    scene.install(&scene.web()).expect("it is proved");
    assert_eq!(scene.text("/etc/logrotate.d/app"), APP);
    assert!(!scene.exists("/etc/logrotate.d/app.disabled"));
    assert_eq!(scene.problems(&scene.web()), "");
    assert_kept_off_once(&scene);
}

#[test]
fn a_file_that_a_package_brings_later_is_told_and_mended_where_it_matters() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.install(&scene.web()).expect("it is proved");
        scene.write("/etc/logrotate.d/new", "/var/log/app/w*.log {\n\tdaily\n}\n");
        let problems = scene.problems(&scene.web());
        assert_eq!(problems.is_empty(), release.ignores_duplicates(), "{release:?}: {problems}");
        if !release.ignores_duplicates() {
            assert!(problems.contains("/var/log/app/web.log: logrotate would still rotate it"), "{problems}");
        }
        scene.install(&scene.web()).expect("it is proved");
        assert_eq!(scene.problems(&scene.web()), "");
        assert_kept_off_once(&scene);
    }
}

#[test]
fn an_exclusion_that_is_gone_or_that_logrotate_ignores_is_told_and_mended() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.install(&scene.web()).expect("it is proved");
        std::fs::remove_file(scene.path(FRAGMENT)).expect("it was written");
        assert!(scene.problems(&scene.web()).contains("write /etc/logrotate.d/00-logferry"), "{release:?}");
        scene.install(&scene.web()).expect("it is proved");
        // Logrotate reads no file that others may write to.
        let open = std::fs::Permissions::from_mode(0o664);
        std::fs::set_permissions(scene.path(FRAGMENT), open).expect("chmod");
        let problems = scene.problems(&scene.web());
        assert!(problems.contains("set owner and mode of /etc/logrotate.d/00-logferry"), "{problems}");
        scene.install(&scene.web()).expect("it is proved");
        assert_eq!(scene.problems(&scene.web()), "");
        assert_kept_off_once(&scene);
    }
}

#[test]
fn a_change_to_the_original_is_carried_over_by_the_next_installation() {
    let scene = Scene::with_neighbours(&Release::SaysOld);
    scene.install(&scene.web()).expect("it is proved");
    scene.write("/etc/logrotate.d/app.disabled", APP.replace("compress", "nocompress"));
    assert!(scene.problems(&scene.web()).contains("change /etc/logrotate.d/app"));
    // What others have changed in the original is what the user wants: it is no reason to refuse.
    scene.install(&scene.web()).expect("it is proved");
    assert_kept_off_once(&scene);
    assert!(scene.exists("/var/log/app/aaa.log.1"));
}

#[test]
fn what_was_edited_by_hand_is_never_overwritten_or_removed() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.install(&scene.web()).expect("it is proved");
        let edited = if release.ignores_duplicates() { FRAGMENT } else { "/etc/logrotate.d/app" };
        scene.write(edited, scene.text(edited) + "# by hand\n");
        scene.log("new");
        let before = scene.etc();
        let logs = scene.logs("paths = ['/var/log/app/web.log', '/var/log/app/new.log']");
        let refused = scene.install(&logs).expect_err("it is not ours to change");
        assert!(refused.contains("changed by hand") && refused.contains("hint:"), "{refused}");
        assert!(scene.problems(&logs).contains("changed by hand"));
        let refused = logrotate::plan_uninstall(&scene.host).expect_err("nor to remove").to_string();
        assert!(refused.contains("changed by hand"), "{refused}");
        let refused = logrotate::refresh(&scene.host, &logs).expect_err("nor to refresh").to_string();
        assert!(refused.contains("changed by hand"), "{refused}");
        assert_eq!(scene.etc(), before);
    }
}

#[test]
fn a_file_of_our_name_that_is_not_ours_is_left_alone() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.write(FRAGMENT, "# mine\n");
        let before = scene.etc();
        let refused = scene.install(&scene.web()).expect_err("the name is taken");
        assert!(refused.contains("logferry did not write it"), "{refused}");
        scene.uninstall();
        assert_eq!(scene.etc(), before);
    }
}

#[test]
fn neighbours_that_come_and_go_are_followed() {
    let scene = Scene::with_neighbours(&Release::SaysOld);
    let logs = scene.web();
    scene.install(&logs).expect("it is proved");
    assert_eq!(logrotate::refresh(&scene.host, &logs).expect("nothing is to be done"), logrotate::Refreshed::Unchanged);
    scene.log("mmm");
    std::fs::remove_file(scene.path("/var/log/app/aaa.log")).expect("it was there");
    assert_eq!(logrotate::refresh(&scene.host, &logs).expect("it is proved"), logrotate::Refreshed::Changed);
    assert_eq!(scene.daily().expect(0).stderr, "");
    for (name, rotations) in [("mmm", 1), ("zzz", 1), ("web", 0)] {
        assert_eq!(scene.rotations(&format!("/var/log/app/{name}.log")), rotations, "{name}");
    }
}
