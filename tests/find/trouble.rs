//! What can't be read of a store keeps nothing else from being listed: an object's metadata, a directory.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use crate::cat::plant_in_place;
use crate::support::{Ended, Sandbox, finish};

/// Three streams; metadata of one object of web on i-0b are cut short.
fn damaged() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    plant_in_place(&sandbox, "web i-0a aaaaaa-1 20261120T00 20261120T01", "one\n");
    let object = plant_in_place(&sandbox, "web i-0b bbbbbb-1 20261120T00 20261120T01", "two\n");
    plant_in_place(&sandbox, "mail i-0c cccccc-1 20261120T00 20261120T01", "three\n");
    let name = object.file_name().expect("a name").to_string_lossy().into_owned();
    std::fs::write(object.with_file_name(format!(".{name}.json")), "{\"host\": ").expect("it is cut short");
    (sandbox, object)
}

#[test]
fn metadata_that_are_cut_short_keep_no_other_object_from_being_listed() {
    let (sandbox, object) = damaged();
    let name = object.file_name().expect("a name").to_string_lossy().into_owned();
    let long = sandbox.run(["ls", "--long"]).expect(1);
    let lines: Vec<_> =
        long.text().lines().map(|line| line.split_whitespace().nth(6).unwrap_or("").to_owned()).collect();
    assert_eq!(lines, ["6", "4", "-"], "{}", long.text());
    assert!(long.stderr.contains(&name) && long.stderr.contains("metadata can't be read"), "{}", long.stderr);
    let json = sandbox.run(["ls", "--long", "--json"]).expect(1);
    let document: serde_json::Value = serde_json::from_str(&json.text()).expect("a whole document");
    assert_eq!(document["total"]["segments"], 3);
    assert_eq!(document["segments"][2]["host"], serde_json::Value::Null);
    let hosts = sandbox.run(["ls", "--host", "host-of-i-0a"]).expect(1);
    assert!(hosts.text().starts_with("web  ") && hosts.text().contains("i-0a"), "{}", hosts.text());
    assert_eq!((hosts.text().lines().count(), hosts.stderr.contains(&name)), (1, true), "{}", hosts.stderr);
    // Another object of the stream knows its host.
    plant_in_place(&sandbox, "web i-0b bbbbbb-2 20261120T01 20261120T02", "four\n");
    let hosts = sandbox.run(["ls", "--host", "host-of-i-0b"]).expect(0);
    assert_eq!((hosts.text().lines().count(), hosts.stderr.as_str()), (2, ""));
}

/// Runs the binary so that rights count, be it as root: without the capabilities that pass them by (capabilities(7)).
fn without_privilege(sandbox: &Sandbox, args: &[&str]) -> Ended {
    let mut binary = sandbox.logferry();
    if std::fs::metadata("/proc/self").expect("it is there").uid() != 0 {
        return finish(binary.args(args));
    }
    let mut command = Command::new("setpriv");
    command.arg("--bounding-set=-dac_override,-dac_read_search").arg(binary.get_program()).args(args);
    finish(command.env_clear().envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))))
}

#[test]
fn a_directory_that_can_not_be_read_keeps_no_other_service_from_being_listed() {
    let (sandbox, _) = damaged();
    let open = |path: PathBuf, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
    open(sandbox.path("store/service=mail"), 0o000);
    for args in [&["ls"][..], &["ls", "--since", "2026-11-20"], &["ls", "web", "mail"]] {
        let ended = without_privilege(&sandbox, args);
        assert_eq!((ended.code, ended.text().lines().count()), (1, 2), "{args:?}: {}", ended.stderr);
        let told = ended.stderr.contains("service=mail") && ended.stderr.contains("Permission denied");
        assert!(told && ended.stderr.lines().count() == 1, "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("nothing of mail"), "{args:?}: {}", ended.stderr);
    }
    assert_eq!(without_privilege(&sandbox, &["cat", "web"]).text(), "one\ntwo\n");
    // What could not be looked at is not proved.
    let judged = without_privilege(&sandbox, &["verify"]);
    assert!(judged.code == 1 && judged.stderr.contains("Permission denied"), "{}", judged.stderr);
    open(sandbox.path("store/service=mail"), 0o755);
}
