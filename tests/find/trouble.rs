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
    // A short list needs no metadata, and says of which it has none; one that was not read may tell of a loss.
    let short = sandbox.run(["ls"]).expect(0);
    let told = "logferry: notices: 2 of 3 segments were asked, 1 has metadata that can't be read; --long asks all\n";
    assert_eq!((short.text().lines().count(), short.stderr.as_str()), (3, told));
    let json = sandbox.run(["ls", "--json"]).expect(0);
    assert!(json.text().contains("\"notices_asked\":2,\"notices_unread\":1") && json.stderr == told, "{json:?}");
    let judged = sandbox.run(["verify"]).expect(0);
    let told = "number 1: what it tells of what is missing can't be read: look at ";
    assert!(judged.stderr.contains(told) && judged.text().contains("; see also: 1 notice\n"), "{judged:?}");
    let hosts = sandbox.run(["ls", "--host", "host-of-i-0a"]).expect(1);
    assert!(hosts.text().starts_with("web  ") && hosts.text().contains("i-0a"), "{}", hosts.text());
    assert_eq!((hosts.text().lines().count(), hosts.stderr.contains(&name)), (1, true), "{}", hosts.stderr);
    // Another object of the stream knows its host.
    plant_in_place(&sandbox, "web i-0b bbbbbb-2 20261120T01 20261120T02", "four\n");
    let hosts = sandbox.run(["ls", "--host", "host-of-i-0b"]).expect(0);
    let told = "logferry: notices: 1 of 2 segments were asked, 1 has metadata that can't be read; --long asks all\n";
    assert_eq!((hosts.text().lines().count(), hosts.stderr.as_str()), (2, told));
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
        let others = ended.stderr.lines().filter(|line| !line.starts_with("logferry: notices: "));
        assert!(told && others.count() == 1, "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("nothing of mail"), "{args:?}: {}", ended.stderr);
    }
    assert_eq!(without_privilege(&sandbox, &["cat", "web"]).text(), "one\ntwo\n");
    // What could not be looked at is not proved.
    let judged = without_privilege(&sandbox, &["verify"]);
    assert!(judged.code == 1 && judged.stderr.contains("Permission denied"), "{}", judged.stderr);
    open(sandbox.path("store/service=mail"), 0o755);
}

#[test]
fn gaps_and_doubled_numbers_are_told_in_a_line_and_fail_no_list() {
    let sandbox = Sandbox::new();
    for (place, text) in
        [("aaaaaa-1", "one\n"), ("aaaaaa-1", "other\n"), ("aaaaaa-3", "three\n"), ("bbbbbb-1", "four\n")]
    {
        plant_in_place(&sandbox, &format!("web i-0a {place} 20261120T00 20261120T01"), text);
    }
    for args in [&["ls"][..], &["ls", "--json"], &["ls", "--by", "day"], &["ls", "--long"]] {
        let told = "logferry: 1 gap and 1 doubled number in the streams that are listed\nlogferry:   hint: `logferry verify` names them\n";
        assert_eq!(sandbox.run(args).expect(0).stderr.replace("\n  hint", "\nlogferry:   hint"), told, "{args:?}");
    }
    for args in [&["ls", "--json"][..], &["ls", "--json", "--by", "day"]] {
        let document: serde_json::Value = serde_json::from_str(&sandbox.run(args).text()).expect("a document");
        assert_eq!((&document["gaps"], &document["doubled"]), (&1.into(), &1.into()), "{args:?}");
    }
}

#[test]
fn streams_that_don_t_tell_their_host_are_left_out_by_no_command_in_silence() {
    let sandbox = Sandbox::new();
    plant_in_place(&sandbox, "web i-0a aaaaaa-1 20261120T00 20261120T01", "needle\n");
    let bare = plant_in_place(&sandbox, "web i-0b bbbbbb-1 20261120T00 20261120T01", "needle\n");
    let name = bare.file_name().expect("a name").to_string_lossy().into_owned();
    std::fs::remove_file(bare.with_file_name(format!(".{name}.json"))).expect("its metadata");
    std::fs::create_dir(sandbox.path("into")).expect("a directory");
    let into = sandbox.path("into").display().to_string();
    for (args, code) in [
        (&["ls", "web"][..], 1),
        (&["cat", "web"], 1),
        (&["grep", "needle", "web"], 2),
        (&["grep", "nothing", "web"], 2),
        (&["fetch", "web", "--into", &into], 1),
    ] {
        let ended = sandbox.run(args.iter().chain(&["--host", "host-of-i-0a"])).expect(code);
        assert!(ended.stderr.contains("1 stream left out: their objects have lost the metadata"), "{}", ended.stderr);
    }
}

/// Outputs that can't be written, as a shell has them, and what is told of them.
const CLOSED: [(&str, &str); 3] =
    [(">&-", "closed"), ("1</dev/null", "open for reading only"), ("1<input", "open for reading only")];

fn with_output(to: &str, sandbox: &Sandbox, args: &[&str]) -> Ended {
    let logferry = sandbox.logferry();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("exec \"$0\" \"$@\" {to}")).arg(logferry.get_program()).args(args);
    logferry.get_envs().for_each(|(name, value)| match value {
        Some(value) => drop(shell.env(name, value)),
        None => drop(shell.env_remove(name)),
    });
    finish(shell.current_dir(sandbox.path("")))
}

#[test]
fn an_output_that_is_closed_is_an_error_and_one_that_nobody_wants_is_none() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "needle\n");
    sandbox.run_all().quiet();
    std::fs::write(sandbox.path("input"), "").expect("a file");
    for (args, code) in [
        (&["ls"][..], 1),
        (&["ls", "--json"], 1),
        (&["cat", "web"], 1),
        (&["cat", "web", "--label"], 1),
        (&["grep", "needle", "web"], 2),
        (&["verify"], 1),
        (&["status"], 1),
        (&["status", "--max-age", "2h"], 3),
    ] {
        for (to, told) in CLOSED {
            let (ended, told) = (with_output(to, &sandbox, args).expect(code), format!("standard output is {told}\n"));
            assert!(ended.stderr.contains(&told) && ended.stdout.is_empty(), "{to} {args:?}: {}", ended.stderr);
        }
    }
    with_output(">&-", &sandbox, &["grep", "-q", "needle", "web"]).expect(0);
    // A run that says nothing needs no output, and nothing of it lands in what it opens.
    sandbox.write_log("web.log", "more\n");
    assert_eq!(with_output(">&-", &sandbox, &["run", "log"]).expect(0).stderr, "");
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "needle\nmore\n");
    for to in ["/dev/null", "/dev/full"] {
        let output = std::fs::OpenOptions::new().read(true).write(true).open(to).expect("it is there");
        let status =
            sandbox.logferry().args(["cat", "web"]).stdout(output).stderr(std::process::Stdio::null()).status();
        assert_eq!(status.expect("it starts").success(), to == "/dev/null");
    }
}
