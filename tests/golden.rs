//! A state directory that the first version wrote: later ones ship it, byte for byte (tests/golden/spool-v1/README.md).

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use logferry::model::segment::{OwnerTag, StreamOwner};
use logferry::model::time::Moment;
use logferry::spool::Record;

use crate::support::Sandbox;
use crate::support::proof::{self, Stored};
use crate::support::tally::{self, Group, Row};

/// Where the fixture's log directory and store were.
const LOG: &str = "/golden/log";
const STORE: &str = "file:///golden/store";
/// Its log directory.
const DIRECTORY: &str = "\"ino\": 5013506,\n    \"born\": \"2026-11-21T15:16:27.338986984Z\"";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/spool-v1/state")
}

fn lines(of: &str, count: usize) -> String {
    (1..=count).map(|number| format!("{number} a line of {of} that is like the others\r\n")).collect()
}

/// The tag of the owner that a record speaks of.
fn tag(record: &str) -> String {
    let record = Record::parse(record).expect("a record of version 1");
    OwnerTag::of(&StreamOwner::of(&record.segment)).as_str().to_owned()
}

/// The record as it would be had its log directory and store been the sandbox's.
fn moved(record: &str, sandbox: &Sandbox) -> String {
    let directory = std::fs::metadata(sandbox.path("log")).expect("a directory");
    let born = directory.created().map_or("null".to_owned(), |born| {
        let since = born.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        format!("\"{}\"", Moment::from_nanos(i64::try_from(since.as_nanos()).expect("before 2262")))
    });
    let log = sandbox.path("log");
    let record = record.replace(LOG, log.to_str().expect("a text")).replace(STORE, &sandbox.directory());
    record.replace(DIRECTORY, &format!("\"ino\": {},\n    \"born\": {born}", directory.ino()))
}

/// Copies the fixture; names that are digests of paths are those of the paths here.
fn unpack(sandbox: &Sandbox) {
    let (from, to) = (fixture(), sandbox.path("state"));
    let read = |path: &Path| std::fs::read_to_string(path).expect("a text");
    let streams = std::fs::read_dir(from.join("streams")).expect("records").map(|entry| entry.expect("one").path());
    let tags: Vec<(String, String)> = streams
        .map(|path| {
            let (record, name) = (read(&path), path.file_stem().expect("a name").to_string_lossy().into_owned());
            assert_eq!(tag(&record), name, "the tag of an owner is what it was in version 1");
            (name, tag(&moved(&record, sandbox)))
        })
        .collect();
    for file in walkdir::WalkDir::new(&from).into_iter().map(|entry| entry.expect("an entry")) {
        let mut name = file.path().strip_prefix(&from).expect("below it").to_str().expect("a text").to_owned();
        tags.iter().for_each(|(old, new)| name = name.replace(old, new));
        let target = to.join(&name);
        if file.file_type().is_dir() {
            std::fs::create_dir(&target).expect("a directory");
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o700)).expect("its mode");
        } else if name.ends_with(".json") {
            std::fs::write(&target, moved(&read(file.path()), sandbox)).expect("a file");
        } else {
            std::fs::copy(file.path(), &target).expect("a file");
        }
    }
}

fn run(sandbox: &Sandbox) -> crate::support::Ended {
    sandbox.run(["run", "--instance", "web-1", sandbox.path("log").to_str().expect("a text")])
}

#[test]
fn a_spool_that_the_first_version_wrote_is_shipped_byte_for_byte() {
    let sandbox = Sandbox::new();
    unpack(&sandbox);
    let begun = Instant::now();
    let ended = run(&sandbox).expect(0);
    let recovery = begun.elapsed();
    assert!(ended.stderr.contains("open.log: the run that took it at 2026-11-21T15:16:29"), "{}", ended.stderr);
    // Its writer is of another time.
    assert!(
        ended.stderr.contains("open.log: not known to be complete between 2026-11-21T15:16:29"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    sandbox.nothing_left_behind();
    for directory in ["held", "damaged", "gaps"] {
        assert_eq!(sandbox.files(&format!("state/{directory}")), [] as [PathBuf; 0]);
    }
    let shipped = proof::of_directory(&sandbox.path("store"));
    let named = |object: &Stored| (object.says("service").to_owned(), object.says("ended").to_owned());
    let names: std::collections::BTreeSet<_> = shipped.iter().map(named).collect();
    let expected = [("open", "interrupted"), ("sealed", "released")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!((shipped.len(), names), (2, expected.into()), "what was shipped is not shipped again");
    for object in &shipped {
        let (log, count) = if object.says("service") == "open" { ("open.log", 12_000) } else { ("sealed.log", 50) };
        assert!(object.raw == lines(log, count).as_bytes(), "{}", object.key);
        assert_eq!(object.says("writer"), "reopens", "{}: the only way that the first version knew", object.key);
        assert!(log == "open.log" || object.sha256.starts_with("05d6337b"), "the very object that was sealed");
    }
    goes_on(&sandbox);
    tally::record(
        Group::State,
        "a spool that the first version wrote: open, sealed, shipped, held",
        Row::sound(1, recovery),
    );
}

/// Each of the fixture's streams goes on where it stood.
fn goes_on(sandbox: &Sandbox) {
    let streams = [
        ("dropped", "ijllo7", 991, "f81ea5cbdf15f515c896c3074832e0e712f3da7b561a429b5ede47ae4a88ffbc"),
        ("held", "ofyfi9", 1401, "9ae16452927f21a1e69e8107fce38db476f620c29a6039f2b6cae2e558b12b30"),
        ("a-shipped", "37cksj", 1991, "d2de76abdc3c228d9523f007a9b04e1823a2c68a029c3984cc3bc105f9469b93"),
        ("sealed", "26i3o9", 2441, "05d6337b1af622ef1ff2ee9f3721e884c85717cbc6b506dafa786e805c12bf30"),
    ];
    for (service, ..) in streams {
        sandbox.write_log(format!("{service}.log"), "next\n");
    }
    run(sandbox).quiet();
    sandbox.nothing_left_behind();
    let shipped = proof::of_directory(&sandbox.path("store"));
    for (service, stream, offset, previous) in streams {
        let next = |object: &&Stored| object.says("service") == service && object.raw == b"next\n";
        let next = shipped.iter().find(next).unwrap_or_else(|| panic!("{service}: the next segment"));
        assert_eq!((next.says("stream"), next.number("seq"), next.number("offset")), (stream, 2, offset), "{service}");
        assert_eq!(next.says("previous"), previous, "{service}");
    }
}
