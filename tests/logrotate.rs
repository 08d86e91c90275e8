//! Logrotate itself is kept off our logs, and all others are rotated as before: with the real program, really rotating.

mod changes;
mod golden;
mod packages;
mod refresh;
mod refusals;
mod scene;

use logferry::install::logrotate;

use scene::{APP, FRAGMENT, MAIN, Release, Scene, written};

/// Fails unless the daily run rotates the neighbours of `web.log`, without a word, and not it.
#[track_caller]
fn assert_kept_off_once(scene: &Scene) {
    assert_eq!(scene.daily().expect(0).stderr, "", "{:?}", scene.release);
    scene.assert_rotated(1);
}

#[test]
fn neighbours_that_sort_before_and_after_our_log_rotate_and_ours_does_not() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.install(&scene.web()).expect("it is proved");
        assert_kept_off_once(&scene);
        for name in ["aaa", "zzz"] {
            scene.log(name);
        }
        let forced = scene.forced();
        // The first action of our stanza refuses; where the file was replaced, nothing names our log.
        assert_eq!(forced.code, i32::from(release.ignores_duplicates()), "{release:?}: {}", forced.stderr);
        scene.assert_rotated(2);
    }
}

#[test]
fn global_limits_do_not_reach_our_log() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.write("/etc/logrotate.conf", format!("maxsize 1\nminsize 1\nmaxage 1\nolddir /nowhere\n{MAIN}"));
        scene.write("/etc/logrotate.d/app", APP.replace("daily", "daily\n\tnoolddir"));
        scene.install(&scene.web()).expect("it is proved");
        assert_kept_off_once(&scene);
    }
}

#[test]
fn a_directory_that_its_group_may_write_to_stays_without_complaint() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        std::os::unix::fs::chown(scene.path("/var/log/app"), Some(0), Some(110)).expect("chown");
        let shared = std::os::unix::fs::PermissionsExt::from_mode(0o775);
        std::fs::set_permissions(scene.path("/var/log/app"), shared).expect("chmod");
        scene.write("/etc/logrotate.d/app", APP.replace("create 0640 root adm", "create\n\tsu root syslog"));
        scene.install(&scene.web()).expect("it is proved");
        assert_kept_off_once(&scene);
    }
}

#[test]
fn names_with_blanks_quotes_and_wildcards_are_kept_apart_from_their_neighbours() {
    for release in Release::all() {
        let scene = Scene::new(&release);
        let ours = ["my web", "it's", "say \"hi\"", "a*b", "x[1]", "q?"];
        let others = ["my", "its", "say hi", "aab", "x1", "qq", "two words", "o'neill", "\"quoted\"", "s*tar", "#hash"];
        for name in ours.iter().chain(&others) {
            scene.log(name);
        }
        scene.write(
            "/etc/logrotate.d/app",
            format!("\"/var/log/app/*.log\" '/var/log/none such/*' {}", &APP[APP.find('{').expect("a stanza")..]),
        );
        let mut logs = scene.web();
        logs.sets = ours
            .iter()
            .map(|name| {
                let path = scene_log(name);
                logferry::config::LogSet {
                    paths: vec![logferry::config::Pattern::Literal(path.into())],
                    ..logferry::config::LogSet::default()
                }
            })
            .collect();
        logs.existing = ours.iter().map(|name| scene_log(name).into()).collect();
        logs.existing.sort();
        scene.install(&logs).unwrap_or_else(|why| panic!("{release:?}: {why}"));
        assert_eq!(scene.daily().expect(0).stderr, "");
        for name in ours {
            assert_eq!(scene.rotations(&scene_log(name)), 0, "{release:?} {name}");
        }
        for name in others {
            assert_eq!(scene.rotations(&scene_log(name)), 1, "{release:?} {name}");
        }
        assert_eq!(scene.problems(&logs), "");
    }
}

fn scene_log(name: &str) -> String {
    format!("/var/log/app/{name}.log")
}

#[test]
fn scripts_run_for_the_neighbours_as_before() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        let scripts = "sharedscripts\n\tprerotate\n\t\t/* {\n\t\techo before >> /scripts\n\tendscript\n\tpostrotate\n\t\techo after >> /scripts\n\tendscript\n\tlastaction\n\t\techo last >> /scripts\n\tendscript";
        // What follows a mistake in a script is still a script: the line with the brace fails as a command.
        let scripts = scripts.replace("/* {", ": '{'");
        scene.write("/etc/logrotate.d/app", APP.replace("missingok", &format!("missingok\n\t{scripts}")));
        scene.install(&scene.web()).expect("it is proved");
        assert_kept_off_once(&scene);
        assert_eq!(scene.text("/scripts"), "before\nafter\nlast\n", "{release:?}");
    }
}

#[test]
fn a_configuration_with_errors_of_its_own_keeps_them_and_gets_no_more() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.write("/etc/logrotate.d/broken", "/var/log/app/never {\n\tdaily\n\tsize lots\n}\n");
        scene.write("/etc/logrotate.d/twice", "/var/log/app/aaa.log {\n\tmonthly\n}\n");
        scene.write("/etc/logrotate.d/unclosed", "/var/log/other.log {\n\tdaily\n");
        let complaints = logrotate::complaints(&logrotate::treatment(&scene.host).expect("it answers"));
        assert!(complaints.iter().any(|text| text.contains("broken")), "{complaints:?}");
        let before = scene.daily();
        for name in ["aaa", "web", "zzz"] {
            std::fs::remove_file(scene.path(format!("/var/log/app/{name}.log.1.gz"))).expect("it was rotated");
            scene.log(name);
        }
        scene.install(&scene.web()).expect("it is proved");
        let after = scene.daily().expect(before.code);
        let numbers = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
        assert_eq!(numbers(&after.stderr), numbers(&before.stderr), "{release:?}");
        scene.assert_rotated(1);
    }
}

#[test]
fn a_file_that_is_read_before_ours_is_replaced_by_any_release() {
    for release in Release::all() {
        for early in ["00-apps", "0-apps", "-apps", "00LOG"] {
            let scene = Scene::with_neighbours(&release);
            let path = format!("/etc/logrotate.d/{early}");
            std::fs::rename(scene.path("/etc/logrotate.d/app"), scene.path(&path)).expect("it is there");
            let plan = scene.install(&scene.web()).unwrap_or_else(|why| panic!("{release:?} {early}: {why}"));
            assert!(written(&plan).contains(&std::path::Path::new(&path)), "{plan:?}");
            assert!(scene.exists(&format!("{path}.disabled")));
            assert_kept_off_once(&scene);
        }
    }
}

#[test]
fn the_whole_directory_may_be_ours_before_it_has_a_log() {
    for release in Release::all() {
        let scene = Scene::new(&release);
        scene.write("/etc/logrotate.d/app", format!("{APP}/var/log/other.log {{\n\tdaily\n}}\n"));
        scene.write("/var/log/other.log", "x\n");
        let logs = scene.logs("paths = '/var/log/app/*.log'");
        assert!(logs.existing.is_empty());
        scene.install(&logs).expect("it is proved");
        // What comes later is covered without a refresh.
        scene.log("web");
        assert_eq!(scene.daily().expect(0).stderr, "");
        assert_eq!(scene.rotations("/var/log/app/web.log"), 0, "{release:?}");
        assert_eq!(scene.rotations("/var/log/other.log"), 1, "{release:?}");
        assert_eq!(scene.problems(&scene.logs("paths = '/var/log/app/*.log'")), "");
    }
}

#[test]
fn patterns_of_ours_may_name_a_log_twice() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.log("web-2");
        let twice =
            "paths = ['/var/log/app/web*.log', '/var/log/app/*b.log', '/var/log/app/web.log', '/var/log/app/we?.log']";
        scene.install(&scene.logs(twice)).expect("it is proved");
        assert_kept_off_once(&scene);
        assert_eq!((scene.rotations("/var/log/app/web-2.log"), scene.problems(&scene.logs(twice))), (0, String::new()));
    }
}

#[test]
fn a_pattern_that_names_nothing_yet_is_no_log() {
    for release in Release::all() {
        let scene = Scene::new(&release);
        scene.write("/etc/logrotate.d/app", APP);
        scene.install(&scene.web()).expect("it is proved");
        for name in ["aaa", "web", "zzz"] {
            scene.log(name);
        }
        logrotate::refresh(&scene.host, &scene.web()).expect("it is proved");
        assert_kept_off_once(&scene);
    }
}

#[test]
fn a_name_that_someone_chose_on_purpose_is_a_name_and_no_configuration() {
    let evil = [
        "x\" {\n\tfirstaction\n\ttouch pwned\n\tendscript\n}\n#",
        "a\nb",
        "\n",
        "x\n\nrotating pattern: y",
        "x\nconsidering log web",
        "x\nrunning script z: \"",
        "x\nerror: z",
    ];
    let odd = ["{", "}", "we{b", "a\\", "*", "$(touch pwned)", "`touch pwned`", "\"", "'", "#", "\u{e9}\u{1f4a9}"];
    for release in Release::all() {
        for names in [&odd[..], &evil] {
            let scene = Scene::with_neighbours(&release);
            let path = |name: &str| format!("/var/log/app/{name}.log");
            for name in names {
                // Once as a neighbour, once as a log of ours, which has to be named by itself.
                scene.log(name);
                scene.log(&format!("web{name}"));
            }
            let set = "paths = '/var/log/app/web*.log'\nexclude = 'none'";
            scene.install(&scene.logs(set)).unwrap_or_else(|why| panic!("{release:?} {names:?}: {why}"));
            assert_kept_off_once(&scene);
            for name in names {
                assert_eq!(scene.rotations(&path(&format!("web{name}"))), 0, "{release:?} {name}");
                // Logrotate itself does not remember when it has rotated one with a line end.
                assert!(name.contains('\n') || scene.rotations(&path(name)) == 1, "{release:?} {name}");
            }
            let everything = walkdir::WalkDir::new(scene.sandbox.path("root")).into_iter();
            let files = everything.map(|entry| entry.expect("an entry"));
            assert_eq!(files.filter(|entry| entry.file_name() == "pwned").count(), 0);
        }
    }
}

#[test]
fn a_host_without_logrotate_gets_nothing_and_is_told_so() {
    let scene = Scene::with_neighbours(&Release::Installed);
    std::fs::remove_file(scene.path("/usr/sbin/logrotate")).expect("it was there");
    let before = scene.etc();
    let plan = scene.install(&scene.web()).expect("nothing is to be done");
    assert!(plan.edits.is_empty() && plan.notes.concat().contains("logrotate is not installed"), "{plan:?}");
    assert_eq!((scene.etc(), scene.problems(&scene.web())), (before, "no logrotate".to_owned()));
}

#[test]
fn asking_logrotate_leaves_no_trace() {
    for release in Release::all() {
        let scene = Scene::with_neighbours(&release);
        scene.install(&scene.web()).expect("it is proved");
        let everything = || {
            let entries =
                walkdir::WalkDir::new(scene.sandbox.path("root")).into_iter().map(|entry| entry.expect("an entry"));
            entries.map(|entry| entry.into_path()).collect::<std::collections::BTreeSet<_>>()
        };
        let before = everything();
        logrotate::treatment(&scene.host).expect("it answers");
        assert_eq!(everything(), before);
        assert!(!scene.exists("/var/lib/logrotate/status"), "the host's state was made");
        assert!(scene.exists(FRAGMENT));
        assert_kept_off_once(&scene);
    }
}
