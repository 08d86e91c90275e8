//! Before the hook is told to go on it is looked at what is left, whatever the flush says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use logferry::sys::fault::Point;

use super::{Fleet, HOOK, INSTANCE, TARGET};
use crate::s3_server::Fault;
use crate::support::autoscaling::TERMINATING;
use crate::support::{Ended, Stopped, finish};

#[test]
fn a_log_that_the_flush_has_not_seen_keeps_the_hook_waiting_until_it_is_shipped() {
    let fleet = Fleet::ending();
    fleet.sandbox.write_log("web.log", "one\n");
    let aside = fleet.sandbox.path("aside");
    std::fs::write(&aside, "overlooked\n").expect("a log that is there before the flush");
    let call = Stopped::at(Point::LastFlushEnded, 1, fleet.command());
    std::fs::rename(aside, fleet.sandbox.log("api.log")).expect("it is there again");
    call.go_on().quiet();
    assert_eq!((fleet.api.told(), fleet.shipped("api").as_str()), (vec!["CONTINUE".to_owned()], "overlooked\n"));
}

#[test]
fn what_is_left_is_named_where_the_flush_says_that_all_is_shipped() {
    let fleet = Fleet::ending();
    fleet.configure("limit = \"2s\"");
    let aside = fleet.sandbox.path("aside");
    std::fs::write(&aside, "overlooked\n").expect("a log that is there before the flush");
    let call = Stopped::at(Point::LastFlushEnded, 1, fleet.command());
    std::thread::sleep(Duration::from_secs(2));
    std::fs::rename(aside, fleet.sandbox.log("api.log")).expect("it is there again");
    let told = call.go_on().expect(75).stderr;
    let path = fleet.sandbox.log("api.log");
    let part = format!("the lifecycle hook was told ABANDON: log {} (11 bytes)", path.display());
    assert!(told.contains(&part), "{told}");
    assert_eq!(fleet.api.told(), ["ABANDON"]);
}

/// An hourly run of the instance.
fn run(fleet: &Fleet) -> Ended {
    finish(fleet.sandbox.logferry().envs(fleet.bucket.env()).envs(fleet.imds.env()).arg("run"))
}

/// An instance with one segment in the spool, which is damaged then.
fn with_a_damaged_segment() -> Fleet {
    let away = Arc::new(AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    let fleet = Fleet::with(Some(Arc::new(move |_: &http::request::Parts| match is_away.load(Ordering::SeqCst) {
        true => Fault::Status(403, "AccessDenied"),
        false => Fault::Pass,
    })));
    fleet.sandbox.write_log("web.log", "one hour\n");
    run(&fleet).expect(75);
    let files = fleet.sandbox.files("state/spool");
    let segment = files.iter().find(|file| file.extension().is_some_and(|end| end == "gz")).expect("a segment");
    let mut bytes = std::fs::read(segment).expect("a segment");
    bytes[12..].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(segment, bytes).expect("a segment");
    away.store(false, Ordering::SeqCst);
    fleet
}

#[test]
fn a_segment_that_is_found_damaged_during_the_end_is_not_let_go() {
    let fleet = with_a_damaged_segment();
    fleet.end(Duration::from_secs(30));
    let told = fleet.call().expect(75).stderr;
    assert!(told.contains("put aside") && told.contains("told ABANDON: see ") && told.contains("damaged"), "{told}");
    assert_eq!(fleet.api.told(), ["ABANDON"]);
}

#[test]
fn one_that_was_put_aside_before_holds_up_nothing() {
    let fleet = with_a_damaged_segment();
    run(&fleet).expect(1);
    fleet.api.add_hook(HOOK, TERMINATING, Duration::from_secs(30));
    fleet.api.wait_for(INSTANCE, HOOK);
    fleet.imds.set(TARGET, "Terminated");
    fleet.call();
    assert_eq!(fleet.api.told(), ["CONTINUE"]);
}
