//! Who waits for whom: one object that fails leaves the others alone, and what follows it in its stream waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Place, Site, large};
use crate::s3_server::{Fault, Request};
use crate::support::tally::{self, Group, Row};

const SERVICES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn write_all(place: &Place, text: &str) {
    for service in SERVICES {
        place.sandbox.write_log(format!("{service}.log"), format!("{text} of {service}\n"));
    }
}

fn whole(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let lines = |service: &&str| text.lines().map(|word| format!("{word} of {service}\n")).collect::<String>();
    SERVICES.iter().map(|service| (*service, lines(service).into_bytes())).collect()
}

fn recover(place: &Place, contents: &[(&'static str, Vec<u8>)]) -> Duration {
    let contents: Vec<_> = contents.iter().map(|(service, content)| (*service, content.as_slice())).collect();
    place.recover(&contents, 0)
}

/// The services whose objects the server has, in the order of their names.
fn shipped(place: &Place) -> Vec<String> {
    let mut services: Vec<_> = place.objects().iter().map(|object| object.says("service").to_owned()).collect();
    services.sort();
    services
}

fn tries_of(requests: &[Request], service: &str) -> usize {
    requests.iter().filter(|request| request.path.contains(&format!("service%3D{service}/"))).count()
}

#[test]
fn a_fault_of_one_object_stops_no_other() {
    let faults = [
        (Fault::Status(500, "InternalError"), 75),
        (Fault::Status(403, "AccessDenied"), 75),
        (Fault::Status(400, "InvalidRequest"), 1),
        (Fault::Status(409, "OperationAborted"), 75),
        (Fault::ResetAfter(0), 75),
        (Fault::Silence, 75),
        (Fault::Garble, 75),
    ];
    for (fault, code) in faults {
        let place = Place::new();
        write_all(&place, "first");
        let title = format!("{fault:?}");
        place.spoil(move |request| match request.uri.path().contains("service%3Db/") {
            true => fault.clone(),
            false => Fault::Pass,
        });
        let (ended, requests, _) = place.watch();
        assert_eq!(ended.code, code, "{title}: {}", ended.stderr);
        assert!(ended.stderr.contains("service=b/") || title == "Silence", "{title}: {}", ended.stderr);
        assert!(tries_of(&requests, "b") <= 5, "{title}");
        assert_eq!(shipped(&place), ["a", "c", "d", "e", "f", "g", "h"], "{title}");
        let recovery = recover(&place, &whole("first"));
        tally::record(Group::Store, "a fault of one object among others", Row::sound(1, recovery));
    }
}

#[test]
fn a_prefix_that_is_denied_is_named_with_all_that_waits_and_tried_once_a_run() {
    let place = Place::new();
    place.spoil(|request| match request.uri.path().contains("service%3Db/") {
        true => Fault::Status(403, "AccessDenied"),
        false => Fault::Pass,
    });
    for (number, text) in ["one", "two", "three"].into_iter().enumerate() {
        write_all(&place, text);
        let (ended, requests, _) = place.watch();
        let ended = ended.expect(75);
        let waits = if number == 0 { "1 segment (".to_owned() } else { format!("{} segments (", number + 1) };
        assert!(ended.stderr.contains(&waits) && ended.stderr.contains("AccessDenied"), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
        assert_eq!(tries_of(&requests, "b"), 1, "the next of the stream waits for the first");
        assert_eq!(shipped(&place).len(), 7 * (number + 1));
    }
    let recovery = recover(&place, &whole("one\ntwo\nthree"));
    tally::record(Group::Store, "one prefix is denied for three runs", Row::sound(1, recovery));
}

#[test]
fn more_denied_prefixes_than_puts_at_once_dont_keep_the_others_from_being_shipped() {
    let place = Place::new();
    write_all(&place, "first");
    // All but the last: what is denied is older.
    place.spoil(|request| match request.uri.path().contains("service%3Dh/") {
        true => Fault::Pass,
        false => Fault::Status(403, "AccessDenied"),
    });
    let ended = place.run().expect(75);
    assert!(ended.stderr.contains("7 segments ("), "{}", ended.stderr);
    assert_eq!(shipped(&place), ["h"]);
    let recovery = recover(&place, &whole("first"));
    tally::record(Group::Store, "all prefixes but one are denied", Row::sound(1, recovery));
}

#[test]
fn what_follows_a_refused_object_in_its_stream_goes_on() {
    let place = Place::new();
    place.spoil(|request| match request.uri.path().contains("-00000001-") {
        true => Fault::Status(400, "InvalidRequest"),
        false => Fault::Pass,
    });
    place.sandbox.write_log("web.log", "one\n");
    place.run().expect(1);
    place.sandbox.write_log("web.log", "two\n");
    let ended = place.run().expect(1);
    assert!(ended.stderr.contains("log/web.log: put") && ended.stderr.contains("-00000001-"), "{}", ended.stderr);
    let seqs: Vec<_> = place.objects().iter().map(|object| object.number("seq")).collect();
    assert_eq!(seqs, [2]);
    let recovery = place.recover(&[("web", b"one\ntwo\n")], 0);
    tally::record(Group::Store, "one object is refused, and the next of its stream is not", Row::sound(1, recovery));
}

#[test]
fn credentials_that_expire_in_mid_run_end_it_with_a_hint() {
    let place = Place::new();
    write_all(&place, "first");
    place.sandbox.write_log("large.log", large());
    let seen = AtomicUsize::new(0);
    place.spoil(move |_| match seen.fetch_add(1, Ordering::SeqCst) < 3 {
        true => Fault::Pass,
        false => Fault::Status(400, "ExpiredToken"),
    });
    let (ended, requests, _) = place.watch();
    let ended = ended.expect(75);
    let hint = "hint: the credentials have expired: get new ones";
    assert!(ended.stderr.contains("ExpiredToken (400)") && ended.stderr.contains(hint), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    // Those under way, and the removal of an upload.
    assert!(requests.len() <= 3 + 4 + 1, "{} requests", requests.len());
    let done = shipped(&place).len();
    assert!(ended.stderr.contains(&format!("{} segments (", 9 - done)), "{done} shipped: {}", ended.stderr);
    place.mend();
    let mut contents = whole("first");
    contents.push(("large", large()));
    let recovery = recover(&place, &contents);
    tally::record(Group::Store, "credentials expire in mid-run", Row::sound(1, recovery));
}

#[test]
fn an_outage_that_begins_in_mid_run_leaves_the_rest_for_the_next() {
    for fault in [Fault::ResetAfter(0), Fault::Status(503, "SlowDown"), Fault::Silence, Fault::ResetAfterHandling] {
        let place = Place::new();
        write_all(&place, "first");
        let (title, seen) = (format!("{fault:?}"), AtomicUsize::new(0));
        place.spoil(move |_| match seen.fetch_add(1, Ordering::SeqCst) < 3 {
            true => Fault::Pass,
            false => fault.clone(),
        });
        let (ended, requests, took) = place.watch();
        let ended = ended.expect(75);
        println!("{title} in mid-run: {} requests, {:.1} s", requests.len(), took.as_secs_f64());
        assert_eq!(ended.stderr.lines().count(), 2, "{title}: {}", ended.stderr);
        assert!(ended.stderr.contains("5 segments ("), "{title}: {}", ended.stderr);
        assert!(requests.len() <= 3 + 7 * 5, "{title}: {} requests", requests.len());
        let recovery = recover(&place, &whole("first"));
        tally::record(Group::Store, "an outage that begins in mid-run", Row::sound(1, recovery));
    }
}

#[test]
fn a_clock_that_was_set_back_does_not_turn_a_stream_round() {
    let place = Place::new();
    place.spoil(|_| Fault::Status(503, "SlowDown"));
    place.sandbox.write_log("web.log", "one\n");
    // The first run lives three hours ahead, and S3 would not have it anyway.
    place.run_with_clock("+3h").expect(75);
    place.sandbox.write_log("web.log", "two\n");
    place.run().expect(75);
    place.bucket.server.clear_requests();
    let recovery = {
        place.mend();
        let begin = std::time::Instant::now();
        place.run().quiet();
        begin.elapsed()
    };
    let puts: Vec<_> = place.bucket.server.requests().into_iter().map(|request| request.path).collect();
    assert!(puts.len() == 2 && puts[0].contains("-00000001-") && puts[1].contains("-00000002-"), "{puts:?}");
    assert_eq!(Site::Put.count(&place.bucket.server.requests()), 2);
    place.is_whole(&[("web", b"one\ntwo\n")]);
    tally::record(Group::Store, "a clock that is set back during an outage", Row::sound(1, recovery));
}

#[test]
fn a_clock_that_is_wrong_is_named_and_nothing_is_lost() {
    for clock in ["+2h", "-2h"] {
        let place = Place::new();
        place.sandbox.write_log("web.log", "one\n");
        place.bucket.server.clear_requests();
        let ended = place.run_with_clock(clock).expect(75);
        let told = ["RequestTimeTooSkewed (403)", "hint: set this machine's clock"];
        assert!(told.iter().all(|part| ended.stderr.contains(part)), "{}", ended.stderr);
        assert_eq!(place.bucket.server.requests().len(), 1, "it is not tried again");
        let recovery = place.recover(&[("web", b"one\n")], 0);
        tally::record(Group::Store, "a clock that is two hours off", Row::sound(1, recovery));
    }
}

#[test]
fn a_failure_beside_slow_puts_does_not_hold_up_the_others() {
    let place = Place::new();
    place.sandbox.config_file("[s3]\ntimeout = \"30s\"\n");
    write_all(&place, "first");
    place.spoil(|request| {
        let is_of = |service: &str| request.uri.path().contains(&format!("service%3D{service}/"));
        match () {
            () if is_of("a") => Fault::Status(403, "AccessDenied"),
            () if ["b", "c", "d"].into_iter().any(is_of) => Fault::Stall(Duration::from_secs(15)),
            () => Fault::Pass,
        }
    });
    let (ended, requests, _) = place.watch();
    ended.expect(75);
    let of = |service: &str| {
        let name = format!("service%3D{service}/");
        requests.iter().find(|request| request.path.contains(&name)).expect("it was sent")
    };
    let slow = of("b").answered.expect("it was answered");
    assert!(["e", "f", "g", "h"].iter().all(|service| of(service).arrived < slow), "they waited for the slow ones");
    let recovery = recover(&place, &whole("first"));
    tally::record(Group::Store, "a fault of one object beside slow puts", Row::sound(1, recovery));
}

#[test]
fn an_object_that_fails_is_not_tried_anew_when_a_run_goes_over_all_again() {
    let place = Place::new();
    place.sandbox.config_file("max_spool = \"140KB\"\n[s3]\ntimeout = \"1s\"\n");
    for n in 0..12 {
        place.sandbox.write_log(format!("job-{n:02}.log"), crate::support::noise(50_000 + n));
    }
    place.spoil(|request| match request.uri.path().contains("service%3Djob-00/") {
        true => Fault::Status(503, "SlowDown"),
        false => Fault::Pass,
    });
    let (ended, requests, _) = place.watch();
    let ended = ended.expect(75);
    assert!(tries_of(&requests, "job-00") <= 5, "{} tries", tries_of(&requests, "job-00"));
    assert_eq!(ended.stderr.matches("SlowDown").count(), 1, "{}", ended.stderr);
    assert_eq!(place.objects().len(), 11, "{}", ended.stderr);
    let contents: Vec<_> = (0..12).map(|n| (format!("job-{n:02}"), crate::support::noise(50_000 + n))).collect();
    let contents: Vec<_> = contents.iter().map(|(service, bytes)| (service.as_str(), bytes.as_slice())).collect();
    place.recover(&contents, 0);
}
