//! Who should have shipped, and has not.

use std::fs;

use super::planted::{Stream, verify};
use crate::support::Sandbox;

/// A fleet that shipped long ago, and one machine that has just shipped.
fn fleet() -> Sandbox {
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0old").plant(&sandbox, 1, 0..2);
    Stream::new("db", "i-0old").plant(&sandbox, 1, 0..2);
    sandbox.write_log("web.log", "x\n");
    sandbox.run(["run", "--instance", "i-0new", "log"]).expect(0);
    sandbox
}

fn expect(sandbox: &Sandbox, hosts: &str, more: &[&str]) -> Vec<String> {
    fs::write(sandbox.path("hosts"), hosts).expect("a file");
    let args = [&["--expect-hosts", "hosts"], more].concat();
    let said = verify(sandbox, &args);
    said.what("absent").lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn expected_machines_are_known_by_instance_or_host_name_and_missed_if_they_are_not_there() {
    let sandbox = fleet();
    let nobody: [String; 0] = [];
    assert_eq!(expect(&sandbox, "i-0old # the first\n\nhost-of-i-0old\n", &[]), nobody);
    assert_eq!(expect(&sandbox, "i-0old\ni-0gone\nweb-7.example.com\n", &[]), ["i-0gone", "web-7.example.com"]);
    // Lately is another matter.
    assert_eq!(expect(&sandbox, "i-0old\ni-0new\n", &["--max-age", "2h"]), ["i-0old"]);
    assert_eq!(expect(&sandbox, "host-of-i-0old\n", &["--max-age", "2h"]), ["host-of-i-0old"]);
    // What is asked for counts: this one ships no db.
    assert_eq!(expect(&sandbox, "i-0new\n", &["db"]), ["i-0new"]);
    let ended = sandbox.run(["verify", "--expect-hosts", "hosts", "db"]).expect(1);
    assert!(
        ended.stderr.contains("absent: i-0new is expected, and nothing of it is there\n  hint: "),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.ends_with("not proved: 1 absent host\n"), "{}", ended.stderr);
}

#[test]
fn a_file_of_hosts_that_makes_no_sense_is_refused_with_its_line() {
    let sandbox = fleet();
    for (text, told) in [("web 1\n", "line 1: "), ("a\n# b\nc\td\n", "line 3: "), ("# none\n", "it names no host")] {
        fs::write(sandbox.path("hosts"), text).expect("a file");
        let ended = sandbox.run(["verify", "--expect-hosts", "hosts"]).expect(2);
        assert!(ended.stderr.contains(told) && ended.stderr.contains("hosts: "), "{}", ended.stderr);
    }
    let ended = sandbox.run(["verify", "--expect-hosts", "nowhere"]).expect(2);
    assert!(ended.stderr.contains("nowhere: No such file"), "{}", ended.stderr);
}

#[test]
fn machines_that_were_scaled_in_are_no_alarm_but_a_service_of_which_nothing_comes_is() {
    let sandbox = fleet();
    let stale = |args: &[&str]| verify(&sandbox, &[&["--max-age", "2h"], args].concat()).what("stale");
    assert_eq!(stale(&[]), "");
    assert_eq!(stale(&["web"]), "");
    assert!(
        stale(&["web", "db"]).starts_with("db: the newest that is there ended at 2026-11-01T01:59:59Z, "),
        "{}",
        stale(&["db"])
    );
    assert!(stale(&["--instance", "i-0old"]).starts_with("of all services: "), "{}", stale(&["--instance", "i-0old"]));
    sandbox.run(["verify", "--max-age", "2h", "--until", "now"]).expect(2);
}
