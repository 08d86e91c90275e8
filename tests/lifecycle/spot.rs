//! Notices of spot interruptions.

use std::time::{Duration, SystemTime};

use super::{Fleet, HOOK, INSTANCE, NOTICE, TARGET};
use crate::support::autoscaling::TERMINATING;

/// A notice as EC2 words it, for so many seconds from now.
pub(super) fn notice(action: &str, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let at = i64::try_from(now).expect("a time") + seconds;
    let moment = logferry::model::time::Moment::from_timespec(at, 0).to_string();
    format!("{{\"action\": \"{action}\", \"time\": \"{}Z\"}}", moment.split('.').next().expect("seconds"))
}

#[test]
fn all_is_shipped_at_a_notice_and_what_is_new_at_each_later_call() {
    for action in ["terminate", "stop", "hibernate", "something new"] {
        let fleet = Fleet::new();
        fleet.api.add_hook(HOOK, TERMINATING, Duration::from_secs(30));
        fleet.imds.set(NOTICE, &notice(action, 115));
        fleet.sandbox.write_log("web.log", "one\n");
        fleet.call().quiet();
        assert_eq!(fleet.shipped("web"), "one\n", "{action}");
        fleet.sandbox.write_log("web.log", "two\n");
        fleet.call().quiet();
        assert_eq!(fleet.shipped("web"), "one\ntwo\n", "{action}");
        let puts = fleet.bucket.server.requests().len();
        fleet.call().quiet();
        assert_eq!(fleet.bucket.server.requests().len(), puts, "nothing is new, so nothing is sent");
        assert!(fleet.api.all_calls().is_empty(), "no hook can hold it up: {:?}", fleet.api.all_calls());
        assert_eq!(fleet.objects(), 2);
    }
}

#[test]
fn what_can_not_be_shipped_before_the_time_of_the_notice_is_told_in_time() {
    let fleet = Fleet::new();
    fleet.imds.set(NOTICE, &notice("terminate", 14));
    fleet.sandbox.write_log("web.log", "stays\n");
    let missing = format!("file://{}", fleet.sandbox.path("missing").display());
    let ended = crate::support::finish(fleet.command().env("LOGFERRY_TO", missing)).expect(75);
    assert!(ended.took < Duration::from_secs(14), "{:?}", ended.took);
}

#[test]
fn a_notice_whose_time_is_past_as_by_a_wrong_clock_is_heeded() {
    let fleet = Fleet::new();
    fleet.imds.set(NOTICE, &notice("terminate", -5000));
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().quiet();
    assert_eq!(fleet.shipped("web"), "one\n");
}

#[test]
fn the_command_before_runs_once_for_notice_and_hook_together() {
    let fleet = Fleet::new();
    fleet.configure(&format!("before = [\"sh\", \"-c\", \"echo x >>{}\"]", fleet.sandbox.path("ran").display()));
    fleet.imds.set(NOTICE, &notice("terminate", 115));
    fleet.call().quiet();
    fleet.imds.set(TARGET, "Terminated");
    fleet.api.add_hook(HOOK, TERMINATING, Duration::from_secs(30));
    fleet.api.wait_for(INSTANCE, HOOK);
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
    assert_eq!(std::fs::read_to_string(fleet.sandbox.path("ran")).expect("it ran"), "x\n");
}

#[test]
fn what_is_no_notice_is_left_alone() {
    for text in ["", "<html>no</html>", "{\"action\": \"terminate\"}"] {
        let fleet = Fleet::new();
        fleet.imds.set(NOTICE, text);
        fleet.sandbox.write_log("web.log", "one\n");
        fleet.call().quiet();
        assert_eq!(fleet.objects(), 0, "{text}");
    }
}
