//! Behind a load balancer the instance is told of its end minutes before the hook waits: it is to bring to their end the
//! requests that are under way.

use std::time::Duration;

use super::{Fleet, HOOK, INSTANCE, TARGET};
use crate::support::autoscaling::TERMINATING;

/// An instance that is about to end, whose hook does not wait yet, with a command that stops the service.
fn draining() -> Fleet {
    let fleet = Fleet::new();
    fleet.api.add_hook(HOOK, TERMINATING, Duration::from_secs(30));
    fleet.imds.set(TARGET, "Terminated");
    fleet.configure(&format!("before = [\"sh\", \"-c\", \"echo x >>{}\"]", fleet.sandbox.path("stopped").display()));
    fleet
}

fn stopped(fleet: &Fleet) -> usize {
    std::fs::read_to_string(fleet.sandbox.path("stopped")).map_or(0, |text| text.lines().count())
}

#[test]
fn the_service_is_left_at_work_until_the_hook_waits_and_nothing_is_said() {
    let fleet = draining();
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().quiet();
    assert_eq!((stopped(&fleet), fleet.shipped("web").as_str()), (0, "one\n"));
    assert!(fleet.api.calls("CompleteLifecycleAction").is_empty(), "it is known that it does not wait");
    // Thousands of instances that ask each five seconds would be throttled.
    let asked = fleet.api.all_calls().len();
    fleet.sandbox.write_log("web.log", "two\n");
    fleet.call().quiet();
    assert_eq!((stopped(&fleet), fleet.shipped("web").as_str()), (0, "one\ntwo\n"));
    assert_eq!(fleet.api.all_calls().len(), asked, "{:?}", fleet.api.all_calls());
    fleet.rested();
    fleet.call().quiet();
    assert!(fleet.api.all_calls().len() > asked, "it is asked again after a while");
    fleet.rested();
    fleet.api.wait_for(INSTANCE, HOOK);
    fleet.call().quiet();
    assert_eq!((stopped(&fleet), fleet.api.told()), (1, vec!["CONTINUE".to_owned()]));
}

#[test]
fn after_an_hour_that_is_over_and_said_once() {
    let fleet = draining();
    fleet.call().quiet();
    fleet.two_hours_earlier("since");
    fleet.rested();
    fleet.call().expect(0).says("No active Lifecycle Action").says("or where it does not wait yet");
    assert_eq!(stopped(&fleet), 1);
    fleet.rested();
    fleet.call().quiet();
    assert_eq!(stopped(&fleet), 1);
}

#[test]
fn the_limit_counts_from_when_the_hook_waits() {
    let fleet = draining();
    fleet.call().quiet();
    fleet.two_hours_earlier("since");
    fleet.rested();
    fleet.api.wait_for(INSTANCE, HOOK);
    fleet.call().quiet();
    let (since, waits) = (fleet.record()["since"].clone(), fleet.record()["hook_waits"].clone());
    assert!(waits["uptime"].as_i64() > since["uptime"].as_i64(), "{waits}");
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn a_notice_leaves_no_time_to_wait_for_the_hook() {
    let fleet = draining();
    fleet.imds.set(super::NOTICE, &super::spot::notice("terminate", 100));
    fleet.call().quiet();
    assert_eq!(stopped(&fleet), 1);
}
