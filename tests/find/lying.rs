//! A store whose listings lie, or that is none: what was listed of it never passes as all that there is.

use std::sync::Arc;

use crate::s3_server::{Answer, Fault, FaultHook, Transport};
use crate::support::{Bucket, Sandbox};

const OBJECT: &str = "<Contents><Key>fleet/service=web/dt=2026-11-20/web_20261120T000000Z_20261120T010000Z_i-0a_aaaaaa-00000001-9f86d081\
                      .log.gz</Key><Size>10</Size></Contents>";

/// What `ls web` says to a bucket that answers every request with that.
#[track_caller]
fn told(body: String) -> String {
    let sandbox = Sandbox::new();
    sandbox.config_file("[s3]\ntimeout = \"1s\"\n");
    let headers = vec![("content-type", "application/xml".to_owned())];
    let hook: FaultHook =
        Arc::new(move |_| Fault::Answer(Answer { status: 200, headers: headers.clone(), body: body.clone() }));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    for command in ["cat", "verify"] {
        let ended = bucket.run(&sandbox, [command, "web"]).expect(1);
        assert!(!ended.text().contains("proved: "), "{}", ended.text());
    }
    bucket.run(&sandbox, ["ls", "web"]).expect(1).stderr
}

fn page(end: &str) -> String {
    let begin = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    format!("{begin}<Name>logs</Name>{OBJECT}{end}</ListBucketResult>")
}

#[test]
fn a_page_that_says_there_is_more_and_not_where_is_not_all() {
    let told = told(page("<IsTruncated>true</IsTruncated>"));
    assert!(told.contains("there is more, and not where it goes on"), "{told}");
}

#[test]
fn pages_that_lead_in_a_circle_come_to_an_end() {
    let told = told(page("<IsTruncated>true</IsTruncated><NextContinuationToken>abc</NextContinuationToken>"));
    assert!(told.contains("in a circle"), "{told}");
}

#[test]
fn an_answer_that_is_no_listing_is_called_that() {
    let told = told("<html><body>Log in</body></html>".to_owned());
    assert!(told.contains("in a way that is not understood: is it an S3 store?"), "{told}");
}

#[test]
fn a_page_that_breaks_off_is_not_all() {
    // As much as a connection that broke leaves of it, at places where the XML that is there is sound.
    let told = told(page(""));
    assert!(told.contains("ends before it says whether there is more"), "{told}");
}

#[test]
fn keys_that_are_not_in_order_are_no_listing_that_anything_can_be_proved_by() {
    let earlier = OBJECT.replace("2026-11-20", "2026-11-19").replace("20261120", "20261119");
    let told = told(page(&format!("{earlier}<KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>")));
    assert!(told.contains("doesn't list keys in their order"), "{told}");
}

#[test]
fn a_store_that_never_tells_of_its_objects_keeps_no_list_waiting() {
    let sandbox = Sandbox::new();
    let hook: FaultHook = Arc::new(|parts| match parts.method == http::Method::HEAD {
        true => Fault::Silence,
        false => Fault::Pass,
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    sandbox.write_log("web.log", "a line\n");
    bucket.run_all(&sandbox).quiet();
    // As long as one request may take, which is ten minutes here, nobody waits for it.
    sandbox.config_file("[s3]\ntimeout = \"600s\"\n");
    let why = "notices: 0 of 1 segments were asked (the store took longer than 5 s); ";
    std::thread::scope(|scope| {
        let listed = scope.spawn(|| bucket.run(&sandbox, ["ls", "web"]).expect(0));
        let judged = bucket.run(&sandbox, ["verify", "web"]).expect(0);
        let listed = listed.join().expect("it ended");
        assert!(listed.text().starts_with("web  ") && listed.stderr.contains(why), "{listed:?}");
        assert!(judged.text().contains(why) && judged.text().contains("\nproved: 1 segment"), "{judged:?}");
    });
}

#[test]
fn a_page_that_names_fewer_keys_than_it_counts_is_not_all() {
    let told = told(page("<KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>"));
    assert!(told.contains("names fewer keys than it counts"), "{told}");
}
