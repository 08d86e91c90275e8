//! What is done in each state, and that nothing is done where nothing is up.

use super::{Fleet, HOOK, INSTANCE, TARGET};
use crate::support::autoscaling::TERMINATING;
use crate::support::imds::Reply;
use crate::support::{Sandbox, finish};
use std::time::Duration;

#[test]
fn where_nothing_is_up_three_small_requests_are_all_and_nothing_is_touched() {
    let fleet = Fleet::new();
    fleet.sandbox.write_log("web.log", "goes on\n");
    fleet.api.add_hook(HOOK, TERMINATING, Duration::from_secs(30));
    let odd = "a state that nobody knows yet";
    for state in [Some("InService"), Some("Detached"), Some("Standby"), Some(odd), Some("<html>"), Some(""), None] {
        match state {
            Some(state) => fleet.imds.set(TARGET, state),
            None => fleet.imds.remove(TARGET),
        }
        let before = fleet.imds.requests();
        fleet.call().quiet();
        assert_eq!(fleet.imds.requests() - before, 3, "{state:?}: a token and two questions");
    }
    assert!(fleet.api.all_calls().is_empty() && fleet.bucket.server.requests().is_empty());
    assert!(!fleet.sandbox.path("state").exists(), "nothing was made");
    assert_eq!(std::fs::read_to_string(fleet.sandbox.log("web.log")).expect("it is there"), "goes on\n");
    let told = fleet.call_with(&["-v"]).expect(0).stderr;
    assert!(told.contains("nothing is up with this instance; nothing to do"), "{told}");
}

#[test]
fn outside_of_ec2_silence_is_remembered_so_that_no_call_waits_for_it_again() {
    let fleet = Fleet::new();
    fleet.imds.reply(TARGET, Reply::Hang);
    fleet.call().quiet();
    let asked = fleet.imds.requests();
    assert!(asked > 0);
    for _ in 0..3 {
        fleet.call().quiet();
    }
    assert_eq!(fleet.imds.requests(), asked, "it was asked again");
    // After an hour it is asked again: a service that hiccups once must not be silent for good.
    let cache = fleet.sandbox.path("state/instance.json");
    let text = std::fs::read_to_string(&cache).expect("silence is kept with what is known of the machine");
    let mut known: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    known["at"] = "2026-11-01T00:00:00Z".into();
    std::fs::write(cache, known.to_string()).expect("a file");
    fleet.end(Duration::from_secs(30));
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}

#[test]
fn of_an_instance_no_silence_is_believed() {
    let fleet = Fleet::new();
    fleet.sandbox.write_log("web.log", "one\n");
    // A run has kept which instance this is.
    finish(fleet.sandbox.logferry().envs(fleet.bucket.env()).envs(fleet.imds.env()).arg("run")).quiet();
    fleet.imds.reply(TARGET, Reply::Status(503));
    fleet.call().quiet();
    fleet.end(Duration::from_secs(30));
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE"], "the next call has asked again");
}

#[test]
fn where_the_metadata_service_is_switched_off_it_is_not_asked() {
    let sandbox = Sandbox::new();
    let told = sandbox.run(["lifecycle", "-v"]).expect(0).stderr;
    assert!(told.contains("no metadata service says anything of this machine"), "{told}");
    assert!(!sandbox.path("state").exists());
}

#[test]
fn an_instance_that_ends_is_held_up_until_all_is_in_the_store() {
    for state in ["Terminated", "Warmed:Terminated"] {
        let fleet = Fleet::ending();
        fleet.imds.set(TARGET, state);
        fleet.sandbox.write_log("web.log", "the last words\n");
        fleet.sandbox.write_log("api.log", "of both\n");
        fleet.call().quiet();
        assert_eq!((fleet.shipped("web").as_str(), fleet.shipped("api").as_str()), ("the last words\n", "of both\n"));
        let calls = fleet.api.all_calls();
        let expected = [
            "DescribeAutoScalingInstances",
            "DescribeLifecycleHooks",
            "RecordLifecycleActionHeartbeat",
            "CompleteLifecycleAction",
        ];
        assert_eq!(calls, expected, "{state}");
        let complete = fleet.api.calls("CompleteLifecycleAction");
        assert_eq!(complete[0].parameter("InstanceId"), INSTANCE);
        assert_eq!(complete[0].parameter("LifecycleActionResult"), "CONTINUE");
        assert!(!fleet.api.is_waiting(INSTANCE));
    }
}

#[test]
fn once_the_hook_was_told_later_calls_ship_what_is_new_and_tell_it_nothing() {
    let fleet = Fleet::ending();
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().quiet();
    let calls = fleet.api.all_calls().len();
    fleet.call().quiet();
    fleet.sandbox.write_log("web.log", "two\n");
    fleet.call().quiet();
    assert_eq!(fleet.shipped("web"), "one\ntwo\n");
    assert_eq!(fleet.api.all_calls().len(), calls, "{:?}", fleet.api.all_calls());
}

#[test]
fn an_answer_that_nobody_understands_makes_nothing_forgotten() {
    let fleet = Fleet::ending();
    fleet.configure(&format!("before = [\"sh\", \"-c\", \"echo x >>{}\"]", fleet.sandbox.path("ran").display()));
    fleet.call().quiet();
    let garbage: [&dyn Fn(); 3] = [
        &|| fleet.imds.set(TARGET, "<html>busy</html>"),
        &|| {
            fleet.imds.set(TARGET, "InService");
            fleet.imds.reply(super::NOTICE, Reply::Status(500));
        },
        &|| fleet.imds.set(super::NOTICE, "{\"action\":"),
    ];
    for says in garbage {
        says();
        fleet.call().quiet();
        assert_eq!(fleet.record()["hook_told"], "CONTINUE");
    }
    fleet.imds.set(TARGET, "Terminated");
    fleet.imds.remove(super::NOTICE);
    fleet.call().quiet();
    assert_eq!(fleet.api.told().len(), 1);
    assert_eq!(std::fs::read_to_string(fleet.sandbox.path("ran")).expect("it ran"), "x\n");
}

#[test]
fn an_instance_that_goes_into_the_warm_pool_ships_once_and_goes_on() {
    for state in ["Warmed:Stopped", "Warmed:Hibernated", "Warmed:Running"] {
        let fleet = Fleet::ending();
        fleet.imds.set(TARGET, state);
        fleet.configure("before = [\"false\"]");
        fleet.sandbox.write_log("web.log", "one\n");
        fleet.call().quiet();
        assert_eq!(fleet.shipped("web"), "one\n");
        assert_eq!(fleet.api.told(), ["CONTINUE"], "{state}");
        // As long as it is there, nothing more is done.
        let (calls, puts) = (fleet.api.all_calls().len(), fleet.bucket.server.requests().len());
        fleet.sandbox.write_log("web.log", "two\n");
        fleet.call().quiet();
        assert_eq!((fleet.api.all_calls().len(), fleet.bucket.server.requests().len()), (calls, puts), "{state}");
        // It is put to work, and goes there again.
        fleet.imds.set(TARGET, "InService");
        fleet.call().quiet();
        assert!(!fleet.sandbox.path("state/lifecycle.json").exists(), "it was not forgotten");
        fleet.imds.set(TARGET, state);
        fleet.call().quiet();
        assert_eq!(fleet.shipped("web"), "one\ntwo\n", "{state}");
    }
}

#[test]
fn what_an_instance_that_goes_into_the_warm_pool_could_not_ship_is_tried_again() {
    let fleet = Fleet::ending();
    fleet.imds.set(TARGET, "Warmed:Stopped");
    fleet.sandbox.write_log("web.log", "one\n");
    // Nobody answers there.
    let run = |to: &str| finish(fleet.command().env("LOGFERRY_TO", to));
    let missing = format!("file://{}", fleet.sandbox.path("missing").display());
    fleet.imds.set(super::NOTICE, &super::spot::notice("stop", 13));
    run(&missing).expect(75);
    assert_eq!(fleet.api.told(), ["CONTINUE"], "the disk stays");
    fleet.imds.remove(super::NOTICE);
    std::fs::create_dir(fleet.sandbox.path("missing")).expect("the store is back");
    fleet.rested();
    run(&missing).quiet();
    assert!(!fleet.sandbox.files("missing").is_empty(), "it was taken for shipped");
    assert_eq!(fleet.api.told().len(), 1);
}

#[test]
fn a_warm_pool_without_a_hook_and_without_permissions_makes_no_noise() {
    use crate::support::autoscaling::ApiError;
    let fleet = Fleet::new();
    fleet.api.fail(|call| Some(ApiError::denied(&call.action)));
    fleet.imds.set(TARGET, "Warmed:Stopped");
    fleet.sandbox.write_log("web.log", "one\n");
    fleet.call().quiet();
    assert_eq!(fleet.shipped("web"), "one\n");
}

#[test]
fn the_configuration_is_looked_at_when_something_is_up() {
    let fleet = Fleet::ending();
    fleet.configure("on_failure = \"retain\"");
    let told = fleet.call().expect(78).stderr;
    assert!(told.contains("logferry.toml:6: `on_failure` in [lifecycle]: \"retain\" is neither"), "{told}");
    assert!(fleet.api.all_calls().is_empty());
    fleet.imds.set(TARGET, "InService");
    fleet.call().quiet();
}

#[test]
fn what_another_instance_has_noted_in_an_image_that_was_baked_counts_for_nothing() {
    let fleet = Fleet::ending();
    fleet.call().quiet();
    let record = fleet.sandbox.path("state/lifecycle.json");
    let text = std::fs::read_to_string(&record).expect("a record");
    assert!(text.contains(INSTANCE) && text.contains("CONTINUE"), "{text}");
    std::fs::write(&record, text.replace(INSTANCE, "i-0another")).expect("a record");
    fleet.api.wait_for(INSTANCE, HOOK);
    fleet.call().quiet();
    assert_eq!(fleet.api.told(), ["CONTINUE", "CONTINUE"]);
    // Nor does garbage.
    std::fs::write(&record, "garbage").expect("a record");
    fleet.api.wait_for(INSTANCE, HOOK);
    fleet.call().quiet();
    assert_eq!(fleet.api.told().len(), 3);
}

#[test]
fn a_program_is_told_what_becomes_of_the_instance_and_what_was_done() {
    let told = |fleet: &Fleet| -> serde_json::Value {
        serde_json::from_slice(&fleet.call_with(&["--json"]).expect(0).stdout).expect("JSON")
    };
    let fleet = Fleet::new();
    let idle = told(&fleet);
    assert_eq!((&idle["fate"], &idle["target"], &idle["flush"]), (&"stays".into(), &"InService".into(), &().into()));
    fleet.end(Duration::from_secs(30));
    fleet.sandbox.write_log("web.log", "one\n");
    let ended = told(&fleet);
    assert_eq!((&ended["fate"], &ended["hook_told"]), (&"ends".into(), &"CONTINUE".into()));
    assert_eq!(ended["flush"]["shipped"].as_array().map(Vec::len), Some(1), "{ended}");
}

#[test]
fn a_look_at_which_nothing_is_up_starts_no_thread_and_reads_no_certificates() {
    let fleet = Fleet::new();
    let trace = fleet.sandbox.path("trace");
    let mut strace = std::process::Command::new("strace");
    let found = std::process::Command::new("strace").arg("--version").output();
    found.expect("strace is there: apt-get install strace");
    let command = fleet.command();
    strace.args(["-f", "-e", "trace=clone,clone3,openat", "-o"]).arg(&trace).arg(command.get_program());
    strace.args(command.get_args()).env_clear().current_dir(fleet.sandbox.path(""));
    strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    finish(&mut strace).quiet();
    let calls = std::fs::read_to_string(trace).expect("a trace");
    assert!(calls.contains("openat("), "{calls}");
    let costly = calls.lines().find(|line| line.contains("clone") || line.contains("/ssl/"));
    assert_eq!(costly, None, "{calls}");
}
