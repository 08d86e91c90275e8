//! What changes on the host later: a second installation, an upgrade, a package, a hand; and the way back.

use std::os::unix::fs::PermissionsExt;

use logferry::install::{edit, logrotate};

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
fn a_log_that_is_gone_for_a_while_stays_named() {
    let scene = Scene::with_neighbours(&Release::Installed);
    let set = "paths = '/var/log/app/*.log'\nexclude = 'z*'";
    scene.install(&scene.logs(set)).expect("it is proved");
    // As when a run has taken it, and its writer has nothing to say.
    std::fs::remove_file(scene.path("/var/log/app/web.log")).expect("it was there");
    scene.log("new");
    assert_eq!(logrotate::refresh(&scene.host, &scene.logs(set)).expect("it is proved"), logrotate::Refreshed::Changed);
    for name in ["aaa", "new", "web"] {
        assert!(scene.text(FRAGMENT).contains(&format!("\n\"/var/log/app/{name}.log\"\n")), "{name}");
    }
    // Nor does an installation drop it, and there is nothing to complain of.
    assert_eq!(scene.problems(&scene.logs(set)), "");
    let plan = scene.install(&scene.logs(set)).expect("it is proved");
    assert!(plan.edits.is_empty(), "{plan:?}");
    scene.log("web");
    assert_eq!(scene.forced().expect(1).text(), "");
    assert_eq!(scene.rotations("/var/log/app/web.log"), 0, "its writer has come back, and logrotate has taken it");
    // What is no longer to be taken is no longer named.
    scene.install(&scene.logs("paths = '/var/log/app/*.log'\nexclude = ['z*', 'web*']")).expect("it is proved");
    assert!(!scene.text(FRAGMENT).contains("web.log"));
    scene.daily().expect(0);
    assert_eq!(scene.rotations("/var/log/app/web.log"), 1, "logrotate has it back");
}

#[test]
fn at_no_point_on_the_way_is_logrotate_let_at_our_log() {
    for upgrade in ["first", "to 3.21"] {
        let scene = Scene::with_neighbours(&Release::SaysOld);
        scene.write("/etc/logrotate.conf", "weekly\ninclude /etc/other.d\ninclude /etc/logrotate.d\n");
        scene.write("/etc/other.d/more", "/var/log/more/*.log {\n\tdaily\n}\n");
        scene.write("/var/log/more/web.log", "x\n");
        let logs = || scene.logs("paths = ['/var/log/app/web.log', '/var/log/more/web.log']");
        if upgrade != "first" {
            scene.install(&logs()).expect("it is proved");
        }
        if upgrade == "to 3.21" {
            scene.upgrade_logrotate();
        }
        let plan = logrotate::plan_install(&scene.host, &logs()).expect("a plan");
        for edit in &plan.edits {
            edit::apply(&scene.host, std::slice::from_ref(edit)).expect("it can be done");
            let out = scene.problems(&logs());
            let is_kept_off = !out.contains("logrotate would still rotate it");
            assert!(is_kept_off || upgrade == "first", "{upgrade}, after {edit}: {out}");
        }
        assert_eq!(scene.problems(&logs()), "");
    }
}

#[test]
fn wherever_a_process_is_killed_the_next_one_goes_on_or_back() {
    for upgrade in [false, true] {
        for (steps, go_on) in (0..6).flat_map(|steps| [(steps, true), (steps, false)]) {
            let scene = Scene::with_neighbours(&Release::SaysOld);
            let before = scene.etc();
            if upgrade {
                scene.install(&scene.web()).expect("it is proved");
                scene.upgrade_logrotate();
            }
            let plan = logrotate::plan_install(&scene.host, &scene.web()).expect("a plan");
            let done: Vec<_> = plan.edits.iter().take(steps).cloned().collect();
            edit::apply(&scene.host, &done).expect("they can be done");
            if go_on {
                let plan = logrotate::plan_install(&scene.host, &scene.web()).expect("a plan");
                edit::apply(&scene.host, &plan.edits).expect("it can be done");
                assert_eq!(scene.problems(&scene.web()), "", "{upgrade} {steps}");
                assert_kept_off_once(&scene);
            }
            scene.uninstall();
            assert_eq!(scene.etc(), before, "{upgrade} {steps} {go_on}");
        }
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
