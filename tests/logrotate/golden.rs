//! What is written, byte for byte: the reasons are in tests/golden/logrotate/README.md. `LOGFERRY_BLESS=1` writes the
//! files anew, for a look at the difference.

use std::path::{Path, PathBuf};

use logferry::install::edit::Edit;
use logferry::install::logrotate;

use super::scene::{Release, Scene};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/logrotate").join(name)
}

#[track_caller]
fn assert_golden(name: &str, bytes: &[u8]) {
    if std::env::var_os("LOGFERRY_BLESS").is_some() {
        std::fs::write(golden(name), bytes).expect("it can be written");
    }
    let expected = std::fs::read(golden(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(String::from_utf8_lossy(bytes), String::from_utf8_lossy(&expected), "{name}");
}

/// The file that a plan writes at a path.
fn written(scene: &Scene, path: &str) -> Vec<u8> {
    let logs = scene.logs("paths = ['/var/log/app/web*.log', '/srv/www/access.log']");
    let plan = logrotate::plan_install(&scene.host, &logs).expect("a plan");
    let written = plan.edits.into_iter().find_map(|edit| match edit {
        Edit::Write { path: written, after, .. } if written == Path::new(path) => Some(after),
        _ => None,
    });
    written.unwrap_or_else(|| panic!("{path} is not written"))
}

fn scene(release: &Release, case: &str) -> Scene {
    let scene = Scene::new(release);
    for name in ["api", "two words", "web", "web-2", "zeta"] {
        scene.log(name);
    }
    let fragment = std::fs::read(golden(&format!("{case}/original"))).expect("an original");
    scene.write("/etc/logrotate.d/app", fragment);
    scene
}

#[test]
fn replacements_for_releases_before_3_21() {
    for case in ["globs", "several-paths", "one-line", "main-options"] {
        let scene = scene(&Release::SaysOld, case);
        assert_golden(&format!("{case}/replacement"), &written(&scene, "/etc/logrotate.d/app"));
    }
    let record = written(&scene(&Release::SaysOld, "globs"), "/etc/logrotate.d/00-logferry");
    assert_golden("00-logferry.before-3.21", &record);
}

#[test]
fn the_fragment_for_3_21_and_later() {
    let fragment = written(&scene(&Release::Installed, "globs"), "/etc/logrotate.d/00-logferry");
    assert_golden("00-logferry", &fragment);
}
