//! Proving what is in a bucket.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::planted::said;
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::{Bucket, Sandbox, noise};

/// Ships six segments of a log.
fn shipped(sandbox: &Sandbox, bucket: &Bucket) {
    for number in 0..6 {
        sandbox.write_log("web.log", format!("of run {number}\n"));
        bucket.run_all(sandbox).quiet();
    }
}

/// The server's record of each object, by the number in its key.
fn records(sandbox: &Sandbox) -> BTreeMap<u32, PathBuf> {
    let records = sandbox.files("s3").into_iter().filter(|path| path.extension().is_some_and(|end| end == "json"));
    let numbered = records.filter_map(|path| {
        let record: serde_json::Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let number = record["key"].as_str()?.rsplit('-').nth(1)?.parse().ok()?;
        Some((number, path))
    });
    numbered.collect()
}

fn found(sandbox: &Sandbox, bucket: &Bucket, args: &[&str]) -> (i32, Vec<String>, String) {
    let said = said(&bucket.run(sandbox, [&["verify", "--json"], args].concat()));
    let found = said.found();
    let kinds = found.iter().map(|(kind, numbers)| format!("{kind} {}", numbers.map_or(0, |(from, _)| from)));
    let what = format!("{}{}", said.what("damaged"), said.what("unread"));
    (said.code, kinds.collect(), what)
}

#[test]
fn a_bucket_is_proved_and_what_is_wrong_in_it_is_named() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    shipped(&sandbox, &bucket);
    bucket.server.clear_requests();
    assert_eq!(found(&sandbox, &bucket, &[]).0, 0);
    let requests = bucket.server.requests();
    assert!(
        requests.iter().all(|request| request.method == "HEAD"
            || request.query.as_deref().is_some_and(|query| query.contains("list-type")))
    );
    assert_eq!(found(&sandbox, &bucket, &["--deep"]), (0, Vec::new(), String::new()));
    drop(bucket);
    let records = records(&sandbox);
    assert_eq!(records.len(), 6);
    // A bit flips on the store's disk; one object was copied there without its metadata; one is gone.
    let data = records[&2].with_extension("data");
    let mut bytes = fs::read(&data).expect("the bytes");
    bytes[14] ^= 1;
    fs::write(&data, bytes).expect("the bytes");
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(&records[&3]).expect("a record")).expect("JSON");
    record["attributes"]["metadata"] = serde_json::Value::Null;
    fs::write(&records[&3], record.to_string()).expect("a record");
    fs::remove_file(&records[&5]).expect("a record");
    let bucket = Bucket::new(&sandbox);
    let (code, kinds, what) = found(&sandbox, &bucket, &["--deep"]);
    assert_eq!((code, kinds), (1, ["gap 5", "damaged 2", "bare 3"].map(str::to_owned).to_vec()), "{what}");
    assert!(what.contains("not those that were shipped"), "{what}");
    assert_eq!(found(&sandbox, &bucket, &[]).1, ["gap 5"]);
}

#[test]
fn copies_below_a_slash_too_many_are_told_and_a_strange_key_blinds_nobody() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    shipped(&sandbox, &bucket);
    let file = sandbox.write_log("copy", "not what its name says");
    for key in ["fleet/service=web/dt=2026-11-22/".to_owned(), "fleet/service=web/a\u{1b}+ b".to_owned()] {
        bucket.server.take_in("logs", key, &file, Default::default()).expect("it is taken in");
    }
    for args in [&[] as &[&str], &["web"], &["--any-layout"]] {
        let said = said(&bucket.run(&sandbox, [&["verify", "--json"], args].concat()));
        assert_eq!((said.code, said.found(), &said.json["foreign"]), (0, Vec::new(), &2.into()), "{args:?}");
        assert_eq!(said.json["totals"]["segments"], 6);
    }
    bucket.run(&sandbox, ["ls"]).expect(0);
    // One that is nowhere else, and a copy of one that is in its place.
    let leaf = "web_20261122T000003Z_20261122T005959Z_i-0abc_k3f9a2-00000001-9f86d081.log.gz";
    let of = |leaf: &str| format!("fleet/service=web/dt=2026-11-22//{leaf}");
    bucket.server.take_in("logs", of(leaf), &file, Default::default()).expect("it is taken in");
    let said = self::said(&bucket.run(&sandbox, ["verify", "--json", "web"]));
    assert_eq!((said.code, said.found()), (1, vec![("unread", Some((1, 1)))]), "{}", said.json);
    assert!(said.what("unread").contains("it is where no command reads it, and nowhere else"), "{}", said.json);
    let other = self::said(
        &bucket.run(&sandbox, ["verify", "--json", "web", "--until", "2020-01-01", "--since", "2019-01-01"]),
    );
    assert!(!other.found().iter().any(|(kind, _)| *kind == "unread"), "{}", other.json);
    let listed = bucket.run(&sandbox, ["ls", "web", "--json"]).expect(0).text();
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let key = listed["segments"][1]["key"].as_str().expect("a key");
    let copy = of(key.rsplit_once('/').expect("a directory").1);
    bucket.server.take_in("logs", copy, &file, Default::default()).expect("it is taken in");
    let said = self::said(&bucket.run(&sandbox, ["verify", "--json", "web"]));
    assert_eq!(
        (said.code, said.found()),
        (1, vec![("doubled", Some((2, 2))), ("unread", Some((1, 1)))]),
        "{}",
        said.json
    );
    assert!(said.what("doubled").contains("the same object is there once more"), "{}", said.json);
}

#[test]
fn a_connection_that_breaks_is_no_damage_and_a_store_in_trouble_is_not_asked_for_ever() {
    let sandbox = Sandbox::new();
    let (begun, denied) = (Arc::new(Mutex::new(HashSet::new())), Arc::new(AtomicBool::new(false)));
    let (of_hook, denies) = (Arc::clone(&begun), Arc::clone(&denied));
    let trouble: FaultHook = Arc::new(move |parts| {
        let path = parts.uri.path();
        if parts.method != http::Method::GET || !path.contains(".log.gz") {
            return Fault::Pass;
        }
        if denies.load(Ordering::SeqCst) {
            return Fault::Status(403, "AccessDenied");
        }
        // Each object breaks off once on its way.
        let is_first = of_hook.lock().expect("nothing panics while it holds this").insert(path.to_owned());
        if is_first { Fault::CutAnswer(20_000) } else { Fault::Pass }
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(trouble));
    // Too large for what is cut to be the answer's head alone.
    for _ in 0..6 {
        sandbox.write_log("web.log", noise(60_000));
        bucket.run_all(&sandbox).quiet();
    }
    let (code, kinds, what) = found(&sandbox, &bucket, &["--deep"]);
    assert_eq!((code, kinds.len()), (0, 0), "{what}");
    assert_eq!(begun.lock().expect("nothing panicked").len(), 6, "each broke off once");
    denied.store(true, Ordering::SeqCst);
    let (code, kinds, what) = found(&sandbox, &bucket, &["--deep"]);
    assert_eq!((code, kinds.len()), (1, 6), "{what}");
    assert!(
        kinds.iter().all(|kind| kind.starts_with("unread")) && what.contains("could not be read"),
        "{kinds:?} {what}"
    );
}
