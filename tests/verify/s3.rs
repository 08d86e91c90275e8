//! Proving what is in a bucket.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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
    assert!(requests.iter().all(|request| request.query.as_deref().is_some_and(|query| query.contains("list-type"))));
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
fn a_connection_that_breaks_is_no_damage_and_a_store_in_trouble_is_not_asked_for_ever() {
    let sandbox = Sandbox::new();
    let gets = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&gets);
    let trouble: FaultHook = Arc::new(move |parts| {
        let is_object = parts.method == http::Method::GET && parts.uri.path().contains(".log.gz");
        match is_object.then(|| counted.fetch_add(1, Ordering::SeqCst)) {
            // Each object breaks off once on its way.
            Some(number) if number < 20 && number % 2 == 0 => Fault::CutAnswer(20_000),
            Some(number) if number >= 20 => Fault::Status(403, "AccessDenied"),
            _ => Fault::Pass,
        }
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(trouble));
    // Too large for what is cut to be the answer's head alone.
    for _ in 0..6 {
        sandbox.write_log("web.log", noise(60_000));
        bucket.run_all(&sandbox).quiet();
    }
    let (code, kinds, what) = found(&sandbox, &bucket, &["--deep"]);
    assert_eq!((code, kinds.len()), (0, 0), "{what}");
    assert!(gets.load(Ordering::SeqCst) > 6, "nothing broke off");
    gets.store(20, Ordering::SeqCst);
    let (code, kinds, what) = found(&sandbox, &bucket, &["--deep"]);
    assert_eq!((code, kinds.len()), (1, 6), "{what}");
    assert!(
        kinds.iter().all(|kind| kind.starts_with("unread")) && what.contains("could not be read"),
        "{kinds:?} {what}"
    );
}
