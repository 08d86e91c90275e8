//! What can't be dealt with is refused with what to do, and nothing is changed.

use std::os::unix::fs::symlink;

use logferry::install::edit::{self, Edit};
use logferry::install::logrotate;

use super::assert_kept_off_once;
use super::scene::{APP, FRAGMENT, MAIN, Release, Scene};

#[track_caller]
fn assert_refused(scene: &Scene, why: &str) {
    let before = scene.etc();
    let refused = scene.install(&scene.web()).expect_err("it can't be dealt with");
    assert!(refused.contains(why) && refused.contains("hint:"), "{:?}: {refused}", scene.release);
    assert_eq!(scene.etc(), before);
    assert!(scene.problems(&scene.web()).contains(why));
}

#[test]
fn a_stanza_of_the_main_file_that_is_read_before_ours() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        std::fs::remove_file(scene.path("/etc/logrotate.d/app")).expect("it was there");
        scene.write("/etc/logrotate.conf", format!("{APP}{MAIN}"));
        assert_refused(&scene, "its stanza in line 1 may name logs");
        // The other way round, our stanza is the first to name the log.
        scene.write("/etc/logrotate.conf", format!("{MAIN}{APP}"));
        match release.ignores_duplicates() {
            true => {
                scene.install(&scene.web()).expect("it is proved");
                assert_kept_off_once(&scene);
            }
            false => assert_refused(&scene, "its stanza in line 5 may name logs"),
        }
    }
}

#[test]
fn a_main_file_that_does_not_include_the_directory() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.write("/etc/logrotate.conf", APP);
        assert_refused(&scene, "it does not include /etc/logrotate.d");
        scene.write("/etc/logrotate.conf", "daily\n");
        let plan = scene.install(&scene.web()).expect("nothing names the log");
        assert!(plan.edits.is_empty() && plan.notes.concat().contains("does not include"), "{plan:?}");
    }
}

#[test]
fn a_main_file_that_logrotate_does_not_read_is_told_and_the_logs_are_safe_once_it_is_mended() {
    let scene = Scene::with_neighbours(&Release::Installed);
    let mode = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(scene.path("/etc/logrotate.conf"), permissions).expect("chmod");
    };
    mode(0o664);
    let plan = scene.install(&scene.web()).expect("nothing is rotated");
    assert!(plan.notes.concat().contains("/etc/logrotate.conf: logrotate passes it over"), "{plan:?}");
    mode(0o644);
    assert_eq!(scene.problems(&scene.web()), "");
    assert_kept_off_once(&scene);
    scene.uninstall();
    scene.write("/etc/logrotate.conf", "}}\n\0\n");
    let plan = scene.install(&scene.web()).expect("nothing is rotated");
    assert!(plan.notes.concat().contains("/etc/logrotate.conf: it has a mistake in line 1"), "{plan:?}");
    assert!(scene.exists(FRAGMENT));
}

#[test]
fn a_link_a_file_with_mistakes_and_a_script_that_looks_at_its_arguments() {
    let scene = Scene::with_neighbours(&Release::SaysOld);
    scene.write("/etc/app.logrotate", APP);
    std::fs::remove_file(scene.path("/etc/logrotate.d/app")).expect("it was there");
    symlink("../app.logrotate", scene.path("/etc/logrotate.d/app")).expect("a link");
    assert_refused(&scene, "the file is a symbolic link");
    std::fs::remove_file(scene.path("/etc/logrotate.d/app")).expect("it was there");
    scene.write("/etc/logrotate.d/app", format!("{APP}}}\n"));
    assert_refused(&scene, "mistake in line 9");
    let script = "missingok\n\tsharedscripts\n\tpostrotate\n\t\techo $1\n\tendscript";
    scene.write("/etc/logrotate.d/app", APP.replace("missingok", script));
    assert_refused(&scene, "looks at its arguments");
}

#[test]
fn an_ending_that_is_not_taboo_here_is_not_used() {
    for (taboo, ending) in
        [("tabooext .bak", ".bak"), ("tabooext + .old", ".disabled"), ("taboopat *.rpmsave", ".rpmsave")]
    {
        let scene = Scene::with_neighbours(&Release::SaysOld);
        scene.write("/etc/logrotate.conf", format!("{taboo}\n{MAIN}"));
        scene.install(&scene.web()).expect("it is proved");
        assert!(scene.exists(&format!("/etc/logrotate.d/app{ending}")), "{taboo}");
        assert_kept_off_once(&scene);
    }
    let scene = Scene::with_neighbours(&Release::SaysOld);
    scene.write("/etc/logrotate.conf", format!("tabooext ,v\n{MAIN}"));
    assert_refused(&scene, "no name beside it is free");
}

/// What most people would write: below 3.21 it stops all that sorts behind the log from being rotated, without a word.
const NAIVE: &str = "/var/log/app/web.log {\n\tmissingok\n\tsize 9000000000000000000\n}\n";

#[test]
fn the_proof_finds_every_way_in_which_an_exclusion_is_wrong() {
    for release in Release::all() {
        let lost = "zzz.log: logrotate would no longer rotate it";
        let wrong = [
            ("/etc/logrotate.d/00-naive", NAIVE.to_owned(), "web.log: logrotate would still rotate it"),
            ("/etc/logrotate.d/app", APP.replace("*.log", "aaa.log"), lost),
            (
                "/etc/logrotate.d/app",
                APP.replace("*.log", "[az]*.log").replace("rotate 3", "rotate 4"),
                "aaa.log: logrotate would treat it otherwise",
            ),
            (
                "/etc/logrotate.d/app",
                APP.replace("*.log", "[az]*.log").replace("0640", "0644"),
                "aaa.log: logrotate would treat it otherwise",
            ),
            (
                "/etc/logrotate.d/app",
                APP.replace("*.log", "[az]*.log") + "bogus\n",
                "logrotate would complain: app: unknown option 'bogus'",
            ),
            (
                "/etc/logrotate.d/new",
                "/var/log/new.log {\n\tdaily\n}\n".to_owned(),
                "new.log: logrotate would rotate it, and did not before",
            ),
        ];
        for (path, text, why) in wrong {
            let scene = Scene::with_neighbours(&release);
            // As if web.log were out of it already, so that only the other change is seen.
            if !path.ends_with("naive") {
                scene.write("/etc/logrotate.d/app", APP.replace("*.log", "[az]*.log"));
            }
            let before = logrotate::treatment(&scene.host).expect("it answers");
            scene.write(path, text);
            let after = logrotate::treatment(&scene.host).expect("it answers");
            let refused = logrotate::prove(&scene.host, &before, &after, &scene.web()).expect_err(why).to_string();
            assert!(refused.contains(why), "{release:?} {path}: {refused}");
        }
    }
}

#[test]
fn a_log_that_logrotate_knows_by_another_path_is_seen_even_before_it_is_there() {
    for release in Release::all() {
        let scene = Scene::new(&release);
        symlink("app", scene.path("/var/log/alias")).expect("a link");
        symlink("/var", scene.path("/v")).expect("a link");
        for (theirs, hint) in [
            ("/var/log/alias/w*.log", "as /etc/logrotate.d/other does: below /var/log/alias"),
            ("/var/log/[ab]*/w*.log", "as /etc/logrotate.d/other does: below /var/log/alias"),
            ("/v/log/app/web.log", "as /etc/logrotate.d/other does: below /v/log/app"),
            ("/var/log//app/*.log", "write /var/log/app instead of /var/log//app in /etc/logrotate.d/other"),
            ("/var/log/./app/*", "write /var/log/app instead of /var/log/./app in"),
            ("/var/spool/../log/app/*", "write /var/log/app instead of /var/spool/../log/app in"),
        ] {
            std::fs::create_dir_all(scene.path("/var/spool")).expect("a directory");
            scene.write("/etc/logrotate.d/other", format!("# why\n{theirs} {{\n\tdaily\n}}\n"));
            assert_refused(&scene, "its stanza in line 2 may name logs");
            let refused = scene.install(&scene.web()).expect_err("it would be rotated by its other path");
            assert!(refused.contains(hint) && refused.contains("etc/logrotate.d/other"), "{theirs}: {refused}");
        }
        // Other logs of that directory are none of our business, however they are named.
        for others in ["/var/log/alias/a*.log", "/var/log//app/*.gz", "/var/log/ali*/*.gz", "/var/log/alias/app/*"] {
            scene.write("/etc/logrotate.d/other", format!("{others} {{\n\tdaily\n}}\n"));
            scene.install(&scene.web()).unwrap_or_else(|why| panic!("{others}: {why}"));
        }
    }
}

#[test]
fn logs_that_are_named_as_logrotate_does_may_be_reached_through_a_link() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        std::fs::rename(scene.path("/var/log/app"), scene.path("/data")).expect("it is there");
        symlink("../../data", scene.path("/var/log/app")).expect("a link");
        scene.install(&scene.web()).expect("it is proved");
        scene.forced();
        scene.assert_rotated(1);
        assert_eq!(scene.problems(&scene.web()), "");
        // And a whole directory of ours, by its real path.
        scene.write("/etc/logrotate.d/data", "/data/*.log {\n\tdaily\n}\n");
        let both = scene.logs("paths = ['/var/log/app', '/data']");
        let refused = scene.install(&scene.logs("paths = '/var/log/app'")).expect_err("not by that path");
        assert!(refused.contains("below /data"), "{refused}");
        scene.install(&both).unwrap_or_else(|why| panic!("{release:?}: {why}"));
        assert_eq!(scene.problems(&both), "");
    }
}

#[test]
fn a_directory_that_can_not_be_written_to_is_told_and_nothing_is_half_done() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        let before = scene.etc();
        let plan = logrotate::plan_install(&scene.host, &scene.web()).expect("a plan");
        // The last write fails: its name is taken meanwhile by a directory.
        std::fs::create_dir(scene.path(FRAGMENT)).expect("a directory");
        let failed = edit::apply(&scene.host, &plan.edits).expect_err("it can't be written").to_string();
        assert!(failed.contains("00-logferry"), "{failed}");
        std::fs::remove_dir(scene.path(FRAGMENT)).expect("it is empty");
        assert_eq!(scene.etc(), before);
        assert!(plan.edits.iter().any(|edit| matches!(edit, Edit::Write { .. })));
    }
}

#[test]
fn an_image_whose_logrotate_does_not_run_here_can_be_planned_for_but_not_proved() {
    let scene = Scene::with_neighbours(&Release::Installed);
    scene.write("/usr/sbin/logrotate", "not a program of this machine");
    let unknown = logrotate::plan_install(&scene.host, &scene.web()).expect_err("its release is not known").to_string();
    assert!(unknown.contains("which release of logrotate it is can't be told"), "{unknown}");
    let status = "Package: libfoo\nStatus: install ok installed\nVersion: 9\n\nPackage: logrotate\nStatus: install ok \
                  installed\nVersion: 3.14.0-4ubuntu3\n";
    scene.write("/var/lib/dpkg/status", status);
    std::fs::create_dir_all(scene.path("/var/lib/dpkg/info")).expect("a directory");
    let plan = logrotate::plan_install(&scene.host, &scene.web()).expect("dpkg knows the release");
    assert!(plan.notes.concat().contains("logrotate 3.14 can't leave single logs out"), "{plan:?}");
    let unproved = logrotate::treatment(&scene.host).expect_err("it can't be asked").to_string();
    assert!(unproved.contains("it can't be run"), "{unproved}");
}
