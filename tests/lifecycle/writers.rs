//! Logs whose writers don't reopen them: when all of them is in the store, and when it can't be.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use super::Fleet;
use crate::support::wait_until;

impl Fleet {
    /// Has all logs be taken in one way; `limit` is the lifecycle's.
    fn taken_as(&self, writer: &str, limit: &str) {
        let logs = self.sandbox.log("*.log");
        let text = format!(
            "[[logs]]\npaths = [\"{}\"]\nwriter = {writer}\n[lifecycle]\nlimit = \"{limit}\"\n",
            logs.display()
        );
        self.sandbox.config_file(&text);
    }
}

#[test]
fn a_log_that_stays_in_its_place_lets_the_instance_go_while_its_writer_goes_on() {
    let fleet = Fleet::ending();
    fleet.taken_as("\"holds\"\nholes = true", "1h");
    let log = fleet.sandbox.log("web.log");
    let mut writer = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
    writer.write_all(b"one\nhalf a li").expect("it takes it");
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
    assert_eq!(fleet.shipped("web"), "one\nhalf a li");
    writer.write_all(b"ne\n").expect("it takes it");
    fleet.call().quiet();
    fleet.call().quiet();
    assert_eq!(fleet.shipped("web"), "one\nhalf a line\n");
    assert!(log.exists());
}

#[test]
fn a_log_that_its_writer_rotates_is_taken_when_that_has_ended_and_keeps_the_instance_before() {
    let fleet = Fleet::ending();
    fleet.taken_as("\"closed\"", "1h");
    fleet.sandbox.write_log("web.log.1", "rotated\n");
    let log = fleet.sandbox.log("web.log");
    // A process of its own: what this one has open, each process that another test starts has open for a moment.
    let mut writer = Command::new("sh");
    let mut writer = writer.args(["-c", "exec >>\"$0\"; echo in use; exec sleep 600"]).arg(&log).spawn().expect("sh");
    wait_until("it writes", || std::fs::metadata(&log).is_ok_and(|log| log.len() > 0));
    let told = fleet.call().expect(75).stderr;
    assert!(told.contains("its writer rotates it and goes on with it"), "{told}");
    assert!(told.contains("web.log (7 bytes)"), "{told}");
    assert_eq!(fleet.api.told(), ["ABANDON"], "no hour is waited for what no time helps");
    assert_eq!(fleet.shipped("web"), "rotated\n");
    // The policy of the group has kept the instance; someone stops the writer.
    writer.kill().and_then(|()| writer.wait()).expect("it ends");
    fleet.call().quiet();
    assert_eq!(fleet.shipped("web"), "rotated\nin use\n");
}

#[test]
fn what_svlogd_has_in_use_is_taken_before_the_instance_goes() {
    let fleet = Fleet::ending();
    let dir = fleet.sandbox.log("web");
    std::fs::create_dir(&dir).expect("a directory");
    std::fs::write(dir.join("current"), "the last words\n").expect("a log");
    std::fs::write(dir.join("config"), "s20000\n").expect("svlogd's configuration");
    fleet.sandbox.config_file(&format!("[[logs]]\npaths = [{dir:?}]\nwriter = \"closed\"\n"));
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
    assert_eq!(fleet.shipped("web"), "the last words\n");
}

#[test]
fn the_limit_counts_from_when_the_hook_waits_and_not_from_the_end_of_the_first_flush() {
    let fleet = Fleet::ending();
    fleet.configure("limit = \"8s\"");
    fleet.sandbox.write_log("web.log", "kept from the store\n");
    std::fs::remove_dir_all(fleet.sandbox.path("s3/logs")).expect("the bucket");
    fleet.call().expect(75);
    assert_eq!(fleet.api.told(), ["ABANDON"]);
    let uptime = |field: &str| fleet.record()[field]["uptime"].as_u64().expect("milliseconds");
    let heard = Duration::from_millis(uptime("hook_waits") - uptime("since"));
    assert!(heard < Duration::from_secs(4), "{heard:?}");
}
