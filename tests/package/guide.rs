//! What docs/packages.md tells people to do, done.

use std::process::Command;

use serde_json::Value;

use super::{packages, sources};
use crate::support::root::Root;
use crate::support::{Ended, Sandbox, finish};

/// The guide's user data, read as cloud-init reads it.
fn user_data() -> Value {
    let guide = std::fs::read_to_string(sources().join("docs/packages.md")).expect("the guide");
    let block = guide.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of YAML");
    // What is read as user data at all says so in its first line.
    assert!(block.starts_with("#cloud-config\n"), "{block}");
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))";
    // Debian's own Python: another one in the PATH does not know Debian's packages.
    let read = finish(Command::new("/usr/bin/python3").args(["-c", script, block])).expect(0);
    serde_json::from_slice(&read.stdout).expect("JSON")
}

/// The commands as a list of arguments each, with the package's real place and checksum, and a store that is there.
fn commands(checksum: &str) -> Vec<Vec<String>> {
    let address = "https://packages.example.com/logferry_0.1.0-1_amd64.deb";
    let zeros = "0".repeat(64);
    let fill = |word: &Value| {
        let word = word.as_str().expect("a text");
        word.replace(address, "file:///mnt/logferry.deb")
            .replace(&zeros, checksum)
            .replace("s3://my-logs/prod", "file:///srv/store")
    };
    let commands = user_data()["runcmd"].as_array().expect("a list").clone();
    commands.iter().map(|command| command.as_array().expect("a list of words").iter().map(fill).collect()).collect()
}

fn run_all(root: &Root, checksum: &str) -> Vec<Ended> {
    commands(checksum).iter().map(|command| root.run(&command[0], &command[1..])).collect()
}

#[test]
fn the_user_data_for_cloud_init_installs_what_was_meant_and_switches_it_on() {
    let sandbox = Sandbox::reopening();
    let root = Root::new(&sandbox);
    root.put(&packages().first, "/mnt/logferry.deb");
    root.write("/var/log/upstart/web.log", "one\n");
    std::fs::create_dir_all(root.path("/srv/store")).expect("a store");
    // Another package than the one that was meant.
    for ended in run_all(&root, &"1".repeat(64)) {
        assert!(ended.code != 0 && ended.stderr.contains("WARNING"), "{ended:?}");
    }
    assert!(!root.has("/usr/bin/logferry") && !root.has("/etc/logferry.toml"), "something was installed");
    let sum = finish(Command::new("sha256sum").arg(&packages().first)).expect(0).text();
    for ended in run_all(&root, &sum[..64]) {
        ended.expect(0);
    }
    assert!(root.has("/etc/cron.d/logferry") && root.has("/etc/logferry.toml"), "it is not switched on");
    root.run("logferry", ["run"]).quiet();
    assert_eq!(root.run("logferry", ["cat", "web"]).expect(0).text(), "one\n");
    let wanted = user_data();
    let packages = wanted["packages"].as_array().expect("packages");
    assert!(packages.contains(&"curl".into()) && packages.contains(&"ca-certificates".into()), "{packages:?}");
}
