//! Each fault at each request, for as long as it lasts and once only.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Place, Site, large, side_by_side};
use crate::s3_server::{Answer, Fault, error_body};
use crate::support::noise;
use crate::support::tally::{self, Group, Row};

/// What a run comes to under a fault.
struct Case {
    fault: Fault,
    /// In the table.
    title: &'static str,
    code: i32,
    /// What its message holds: what happened, and the hint.
    says: [&'static str; 2],
    /// How often the request was made.
    tries: RangeInclusive<usize>,
}

const NETWORK: &str = "hint: check the network, the proxy, the endpoint";
const TROUBLE: &str = "hint: the store is overloaded or in trouble";
const ON_THE_WAY: &str = "hint: something on the way changes what is sent";
const REGION: &str = "hint: set AWS_REGION";

/// What passes by itself is tried again, but not for longer than the timeout allows.
const AGAIN: RangeInclusive<usize> = 2..=5;
const ONCE: RangeInclusive<usize> = 1..=1;
/// A try that waits for the whole timeout: no further one begins when two timeouts are over, so that a server that swallows
/// requests does not hold up a run for longer.
const WAITED: RangeInclusive<usize> = 1..=2;

fn case(title: &'static str, fault: Fault, code: i32, says: [&'static str; 2], tries: RangeInclusive<usize>) -> Case {
    Case { fault, title, code, says, tries }
}

fn status(title: &'static str, status: u16, code: &'static str, says: [&'static str; 2]) -> Case {
    let tries = if status >= 500 || code == "BadDigest" { AGAIN } else { ONCE };
    case(title, Fault::Status(status, code), 75, says, tries)
}

fn redirect(title: &'static str, status: u16, code: &'static str, says: &'static str) -> Case {
    let headers = vec![
        ("location", "http://logs.s3.eu-west-1.amazonaws.com/".to_owned()),
        ("x-amz-bucket-region", "eu-west-1".to_owned()),
    ];
    let answer = Answer { status, headers, body: error_body(code, "Please re-send this request elsewhere.") };
    case(title, Fault::Answer(answer), 75, [says, REGION], ONCE)
}

fn answers() -> Vec<Case> {
    vec![
        status("500 InternalError", 500, "InternalError", ["InternalError (500)", TROUBLE]),
        status("503 ServiceUnavailable", 503, "ServiceUnavailable", ["ServiceUnavailable (503)", TROUBLE]),
        status("503 SlowDown", 503, "SlowDown", ["SlowDown (503)", TROUBLE]),
        status("400 BadDigest", 400, "BadDigest", ["BadDigest (400)", ON_THE_WAY]),
        status(
            "403 RequestTimeTooSkewed",
            403,
            "RequestTimeTooSkewed",
            ["TooSkewed (403)", "hint: set this machine's clock"],
        ),
        status(
            "Expired credentials",
            400,
            "ExpiredToken",
            ["ExpiredToken (400)", "hint: the credentials have expired"],
        ),
        status("403 AccessDenied", 403, "AccessDenied", ["AccessDenied (403)", "hint: check which credentials"]),
        status("404 NoSuchBucket", 404, "NoSuchBucket", ["NoSuchBucket (404)", "hint: create it"]),
        case(
            "400 for what the store refuses",
            Fault::Status(400, "InvalidRequest"),
            1,
            ["InvalidRequest (400)", "hint: each run tries it again"],
            ONCE,
        ),
        case(
            "501 NotImplemented",
            Fault::Status(501, "NotImplemented"),
            75,
            ["NotImplemented (501)", "hint: the store doesn't know"],
            1..=2,
        ),
        case(
            "409 for another write of the key",
            Fault::Status(409, "OperationAborted"),
            75,
            ["OperationAborted (409)", "hint: if this comes again"],
            AGAIN,
        ),
        redirect("307 to another region", 307, "TemporaryRedirect", "elsewhere.; the bucket is in eu-west-1"),
        redirect("301 to another region", 301, "PermanentRedirect", "PermanentRedirect (301)"),
        case("200 by something that is no store", Fault::Answer(web_page(200)), 75, ["", NETWORK], AGAIN),
        case("412 by something that is no store", Fault::Answer(web_page(412)), 75, ["", NETWORK], AGAIN),
    ]
}

fn connections() -> Vec<Case> {
    let silent = "no answer in";
    vec![
        case("reset before the body", Fault::ResetAfter(0), 75, ["", NETWORK], AGAIN),
        case("reset in the middle of the body", Fault::ResetAfter(1000), 75, ["", NETWORK], AGAIN),
        case("reset after the body", Fault::ResetAfter(usize::MAX), 75, ["", NETWORK], AGAIN),
        case("done, then reset instead of an answer", Fault::ResetAfterHandling, 75, ["", NETWORK], AGAIN),
        case("an answer cut off in its middle", Fault::CutAnswer(40), 75, ["", NETWORK], AGAIN),
        case("an answer that never comes", Fault::Silence, 75, [silent, NETWORK], WAITED),
        case("done, but the answer never comes", Fault::SilenceAfterHandling, 75, [silent, NETWORK], WAITED),
        case("an answer that drips too slowly", Fault::Drip(Duration::from_millis(400)), 75, [silent, NETWORK], WAITED),
    ]
}

fn garbled() -> Case {
    case("a body that changes on its way", Fault::Garble, 75, ["XAmzContentSHA256Mismatch (400)", ON_THE_WAY], AGAIN)
}

fn web_page(status: u16) -> Answer {
    let headers = vec![("content-type", "text/html".to_owned())];
    Answer { status, headers, body: "<html><body>Welcome to this network</body></html>".to_owned() }
}

/// S3 begins its answer to a completion before it knows the end.
fn error_behind_200() -> Case {
    let body = error_body("InternalError", "We encountered an internal error. Please try again.");
    let answer = Answer { status: 200, body, ..Answer::default() };
    case("an error behind 200 to a completion", Fault::Answer(answer), 75, ["InternalError (200)", TROUBLE], AGAIN)
}

/// Runs under a fault that lasts, then without.
fn lasting(site: Site, case: &Case) {
    let (place, content) = place_for(site);
    let fault = case.fault.clone();
    place.spoil(move |request| if site.meets(request) { fault.clone() } else { Fault::Pass });
    let (ended, requests, took) = place.watch();
    let (Case { title, says, tries, .. }, count) = (case, site.count(&requests));
    println!("{site:?}, {title}: {count} tries, {:.1} s: {}", took.as_secs_f64(), ended.stderr.trim_end());
    assert_eq!(ended.code, case.code, "{site:?}, {title}: {}", ended.stderr);
    assert!(says.iter().all(|part| ended.stderr.contains(part)), "{site:?}, {title}: {}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 2, "{site:?}, {title}: a line and its hint: {}", ended.stderr);
    assert!(tries.contains(&count), "{site:?}, {title}: {count} tries");
    assert!(requests.len() <= 20, "{site:?}, {title}: {} requests", requests.len());
    assert!(took < Duration::from_secs(60), "{site:?}, {title}: {took:?}");
    assert_eq!(place.spooled().0, 1, "{site:?}, {title}: it waits");
    let recovery = place.recover(&[("web", &content)], orphans(site, case, count));
    tally::record(Group::Store, title, Row::sound(1, recovery));
}

/// Uploads that the store has made and whose names never came back: nobody can remove them but the bucket's own rule.
/// They have no parts, and cost nothing.
fn orphans(site: Site, case: &Case, tries: usize) -> usize {
    let done = matches!(
        case.fault,
        Fault::ResetAfterHandling | Fault::SilenceAfterHandling | Fault::CutAnswer(_) | Fault::Drip(_)
    );
    if site == Site::Create && done { tries } else { 0 }
}

/// The first request of a kind fails: the run gets over it.
fn passing(site: Site, case: &Case) {
    let (place, content) = place_for(site);
    let (fault, spent) = (case.fault.clone(), AtomicBool::new(false));
    place.spoil(move |request| match site.meets(request) && !spent.swap(true, Ordering::SeqCst) {
        true => fault.clone(),
        false => Fault::Pass,
    });
    let (ended, requests, took) = place.watch();
    let (title, count) = (case.title, site.count(&requests));
    println!("{site:?}, once: {title}: {count} tries, {:.1} s", took.as_secs_f64());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{site:?}, once: {title}");
    assert!((2..=3).contains(&count), "{site:?}, once: {title}: {count} tries");
    place.recover(&[("web", &content)], orphans(site, case, 1));
    tally::record(Group::Store, &format!("{title}, once"), Row::sound(1, took));
}

fn place_for(site: Site) -> (Place, Vec<u8>) {
    let (place, content) = (Place::new(), if site == Site::Put { noise(20_000) } else { large() });
    place.sandbox.write_log("web.log", &content);
    (place, content)
}

#[test]
fn each_fault_of_a_put_ends_in_the_spool_and_the_next_run_ships_it_once() {
    let mut cases = answers();
    cases.extend(connections());
    cases.push(garbled());
    side_by_side(&cases, |case| lasting(Site::Put, case));
}

#[test]
fn each_fault_of_an_upload_in_parts_ends_in_the_spool_and_the_next_run_ships_it_once() {
    let mut cases = Vec::new();
    for site in [Site::Create, Site::Part, Site::Complete] {
        cases.extend(answers().into_iter().chain(connections()).map(|case| (site, case)));
    }
    cases.push((Site::Part, garbled()));
    cases.push((Site::Complete, error_behind_200()));
    side_by_side(&cases, |(site, case)| lasting(*site, case));
}

#[test]
fn a_fault_of_one_request_is_got_over_within_the_run() {
    let mut cases = Vec::new();
    for site in [Site::Put, Site::Create, Site::Part, Site::Complete] {
        let tried_again = |case: &Case| *case.tries.start() > 1;
        cases.extend(answers().into_iter().chain(connections()).filter(tried_again).map(|case| (site, case)));
    }
    cases.push((Site::Put, garbled()));
    cases.push((Site::Part, garbled()));
    cases.push((Site::Complete, error_behind_200()));
    side_by_side(&cases, |(site, case)| passing(*site, case));
}

#[test]
fn parts_that_could_not_be_removed_are_removed_by_the_next_run() {
    let refused = Fault::Status(403, "AccessDenied");
    let faults = [
        Fault::Status(500, "InternalError"),
        Fault::Status(403, "AccessDenied"),
        Fault::ResetAfter(0),
        Fault::ResetAfterHandling,
        Fault::Silence,
        Fault::Drip(Duration::from_millis(400)),
    ];
    side_by_side(&faults, |fault| {
        let (place, content) = place_for(Site::Part);
        let (fault, refused) = (fault.clone(), refused.clone());
        let title = format!("{fault:?}");
        place.spoil(move |request| match () {
            () if Site::Part.meets(request) => refused.clone(),
            () if Site::Abort.meets(request) => fault.clone(),
            () => Fault::Pass,
        });
        let (ended, requests, took) = place.watch();
        println!("{:?}, {title}: {} requests, {:.1} s", Site::Abort, requests.len(), took.as_secs_f64());
        assert!(ended.code == 75 && ended.stderr.contains("AccessDenied (403)"), "{title}: {}", ended.stderr);
        assert_eq!(Site::Abort.count(&requests), 1, "{title}: to remove them is tried once");
        assert!(took < Duration::from_secs(60), "{title}: {took:?}");
        let recovery = place.recover(&[("web", &content)], 0);
        tally::record(Group::Store, "parts of an upload that can't be removed", Row::sound(1, recovery));
    });
}
