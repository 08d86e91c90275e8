//! What can't be looked at hides nothing of what can be.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use super::planted::{Said, Stream, metadata_of, said, verify};
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::{Bucket, Sandbox};

/// A gap in web of i-0a, and api of i-0b, metadata of whose only object are cut short.
fn fleet() -> (Sandbox, Stream) {
    let sandbox = Sandbox::new();
    let web = Stream::new("web", "i-0a").plant(&sandbox, 20, 0..5);
    fs::remove_file(&web[2]).expect("it was there");
    let mut api = Stream::new("api", "i-0b");
    let object = api.plant(&sandbox, 20, 0..1);
    fs::write(metadata_of(&object[0]), "{\"host\": ").expect("they are cut short");
    (sandbox, api)
}

/// The kinds that fail the proof, and how many segments were judged.
fn failing(said: &Said) -> (Vec<&str>, &serde_json::Value) {
    let kinds = said.found().into_iter().map(|(kind, _)| kind).filter(|kind| *kind != "notice");
    (kinds.collect(), &said.json["totals"]["segments"])
}

#[test]
fn an_object_that_can_not_be_asked_for_its_host_hides_no_gap_and_no_absent_host() {
    let (sandbox, mut api) = fleet();
    fs::write(sandbox.path("hosts"), "host-of-i-0a\nhost-of-i-0c\n").expect("a file");
    let expected = ["--expect-hosts", "hosts"];
    let found = verify(&sandbox, &expected);
    assert_eq!(failing(&found), (vec!["gap", "unread", "absent"], &5.into()), "{}", found.json);
    let unread = found.what("unread");
    assert!(unread.contains("the host of i-0b is not known: look at service=api/"), "{unread}");
    let found = verify(&sandbox, &["--host", "host-of-i-0a"]);
    assert_eq!(failing(&found), (vec!["gap", "unread"], &4.into()), "{}", found.json);
    assert!(sandbox.run(["verify", "--host", "host-of-i-0a"]).expect(1).text().contains("\nweb  "));
    // An older object of the machine knows its host; so does the page.
    let page = sandbox.path("page.html").display().to_string();
    fs::write(sandbox.path("hosts"), "host-of-i-0b\n").expect("a file");
    let newest = api.plant(&sandbox, 20, 1..3);
    fs::write(metadata_of(&newest[1]), "{").expect("they are cut short");
    let found = verify(&sandbox, &[&expected[..], &["--html", &page]].concat());
    assert_eq!(failing(&found), (vec!["gap"], &7.into()), "{}", found.json);
    assert!(fs::read_to_string(page).expect("a page").contains("id=\"s1\""));
}

#[test]
fn a_directory_that_can_not_be_looked_into_hides_no_other_service() {
    let (sandbox, _) = fleet();
    fs::create_dir(sandbox.path("elsewhere")).expect("a directory");
    symlink(sandbox.path("elsewhere"), sandbox.path("store/service=mail")).expect("a link");
    let found = verify(&sandbox, &[]);
    assert_eq!(failing(&found), (vec!["gap", "unlisted"], &5.into()), "{}", found.json);
    assert!(found.what("unlisted").contains("service=mail"), "{}", found.json);
    let ended = sandbox.run(["verify"]).expect(1);
    assert!(ended.text().contains("\nweb  ") && ended.stderr.contains("not proved: 1 gap, 1 listing"), "{ended:?}");
}

#[test]
fn a_store_that_refuses_to_tell_of_one_object_or_of_all_hides_no_gap() {
    let sandbox = Sandbox::new();
    let of = |refused: &'static str| -> FaultHook {
        Arc::new(move |parts| match parts.method == http::Method::HEAD && parts.uri.path().contains(refused) {
            true => Fault::Status(403, "AccessDenied"),
            false => Fault::Pass,
        })
    };
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(of("_i-0b_")));
    for instance in ["i-0a", "i-0b"] {
        sandbox.write_log("web.log", "a line\n");
        let state = sandbox.path(format!("state-{instance}")).display().to_string();
        bucket.run(&sandbox, ["run", "log", "--instance", instance, "--state-dir", &state]).quiet();
    }
    fs::write(sandbox.path("hosts"), "nobody\ni-0a\n").expect("a file");
    let asked = ["verify", "--json", "--expect-hosts", "hosts"];
    let found = said(&bucket.run(&sandbox, asked));
    assert_eq!(failing(&found), (vec!["unread", "absent"], &2.into()), "{}", found.json);
    let host = "--host=*";
    let found = said(&bucket.run(&sandbox, ["verify", "--json", host]));
    assert_eq!(failing(&found), (vec!["unread"], &1.into()), "{}", found.json);
    drop(bucket);
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(of("/")));
    let found = said(&bucket.run(&sandbox, asked));
    assert_eq!(failing(&found), (vec!["unread", "unread", "absent"], &2.into()), "{}", found.json);
}
