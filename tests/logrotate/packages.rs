//! A file of a package: dpkg itself keeps it aside across upgrades, and takes it away with the package.

use std::path::PathBuf;
use std::process::Command;

use super::assert_kept_off_once;
use super::scene::{APP, Release, Scene};
use crate::support::finish;

/// A package `app` of that version with a fragment for logrotate as its conffile.
fn package(scene: &Scene, version: &str, fragment: &str) -> PathBuf {
    let tree = scene.sandbox.path(format!("package-{version}"));
    for (path, text) in [
        (
            "DEBIAN/control",
            format!("Package: app\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"),
        ),
        ("DEBIAN/conffiles", "/etc/logrotate.d/app\n".to_owned()),
        ("etc/logrotate.d/app", fragment.to_owned()),
    ] {
        std::fs::create_dir_all(tree.join(path).parent().expect("a parent")).expect("a directory");
        std::fs::write(tree.join(path), text).expect("a file");
    }
    let deb = scene.sandbox.path(format!("app-{version}.deb"));
    finish(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&deb)).expect(0);
    deb
}

fn dpkg(scene: &Scene, args: &[&str]) {
    let root = format!("--root={}", scene.sandbox.path("root").display());
    let mut dpkg = Command::new("dpkg");
    dpkg.arg(root).args(["--force-confnew", "--force-depends", "--force-script-chrootless"]).args(args);
    finish(dpkg.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")).expect(0);
}

/// A host on which dpkg has installed the package.
fn host() -> Scene {
    let scene = Scene::with_neighbours(&Release::SaysOld);
    std::fs::remove_file(scene.path("/etc/logrotate.d/app")).expect("it was there");
    for name in ["info", "updates", "triggers"] {
        std::fs::create_dir_all(scene.path(format!("/var/lib/dpkg/{name}"))).expect("a directory");
    }
    scene.write("/var/lib/dpkg/status", "");
    let deb = package(&scene, "1", APP);
    dpkg(&scene, &["-i", &deb.to_string_lossy()]);
    assert_eq!(scene.text("/etc/logrotate.d/app"), APP);
    scene
}

fn diversions(scene: &Scene) -> String {
    std::fs::read_to_string(scene.path("/var/lib/dpkg/diversions")).unwrap_or_default()
}

#[test]
fn the_original_of_a_package_is_diverted_upgraded_and_put_back() {
    let scene = host();
    let before = scene.etc();
    scene.install(&scene.web()).expect("it is proved");
    assert_eq!(diversions(&scene), "/etc/logrotate.d/app\n/etc/logrotate.d/app.disabled\n:\n");
    let replacement = scene.text("/etc/logrotate.d/app");

    // An upgrade brings a new fragment: it arrives where the original is kept, and the replacement stays.
    let newer = APP.replace("rotate 3", "rotate 5");
    let deb = package(&scene, "2", &newer);
    dpkg(&scene, &["-i", &deb.to_string_lossy()]);
    assert_eq!(scene.text("/etc/logrotate.d/app.disabled"), newer);
    assert_eq!(scene.text("/etc/logrotate.d/app"), replacement);
    assert!(scene.problems(&scene.web()).contains("change /etc/logrotate.d/app is to be done"));
    assert_kept_off_once(&scene);

    scene.uninstall();
    assert_eq!(diversions(&scene), "");
    assert_eq!(scene.text("/etc/logrotate.d/app"), newer);
    let names = |etc: &std::collections::BTreeMap<PathBuf, _>| etc.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&scene.etc()), before.keys().cloned().collect::<Vec<_>>());
}

#[test]
fn uninstalling_gives_back_a_file_of_a_package_to_the_byte() {
    let scene = host();
    let before = scene.etc();
    scene.install(&scene.web()).expect("it is proved");
    scene.uninstall();
    assert_eq!((scene.etc(), diversions(&scene)), (before, String::new()));
}

#[test]
fn what_replaces_the_file_of_a_purged_package_goes_with_the_next_installation_or_with_ours() {
    for again in ["install", "uninstall", "install without the original"] {
        let scene = host();
        scene.install(&scene.web()).expect("it is proved");
        dpkg(&scene, &["--purge", "app"]);
        // dpkg forgets the original, but leaves it there; and so do the neighbours stay that it named.
        assert!(scene.exists("/etc/logrotate.d/app.disabled") && scene.exists("/etc/logrotate.d/app"));
        assert!(scene.problems(&scene.web()).contains("remove /etc/logrotate.d/app is to be done"));
        if again == "install without the original" {
            std::fs::remove_file(scene.path("/etc/logrotate.d/app.disabled")).expect("it was there");
        }
        if again == "uninstall" {
            scene.uninstall();
        } else {
            scene.install(&scene.web()).unwrap_or_else(|why| panic!("{again}: {why}"));
            assert_eq!(scene.problems(&scene.web()), "");
        }
        assert!(!scene.exists("/etc/logrotate.d/app.disabled") && !scene.exists("/etc/logrotate.d/app"), "{again}");
        assert_eq!(diversions(&scene), "", "{again}");
    }
}
