//! `logferry cat`: what comes out is what the logs were, whoever is slow, breaks off or has enough.

mod ahead;
mod broken;
mod clocks;
mod copies;
mod order;
mod streams;
mod torn;

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::{Bucket, Sandbox, finish};
pub(crate) use broken::is_get;

/// Ships a log of an instance; each instance has a state directory of its own.
#[track_caller]
pub(crate) fn ship(sandbox: &Sandbox, bucket: Option<&Bucket>, instance: &str, log: &str, bytes: impl AsRef<[u8]>) {
    sandbox.write_log(log, bytes);
    let mut run = sandbox.logferry();
    run.env("LOGFERRY_STATE_DIR", sandbox.path(format!("state-{instance}")));
    run.args(["run", "log", "--instance", instance]).envs(bucket.map(Bucket::env).unwrap_or_default());
    finish(&mut run).quiet();
}

/// The objects of the directory store, by name, without what stands beside them.
pub(crate) fn objects(sandbox: &Sandbox, below: &str) -> BTreeMap<String, Vec<u8>> {
    let files = sandbox.files(below).into_iter();
    let named = files.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), path));
    let objects = named.filter(|(name, _)| name.ends_with(".log.gz"));
    objects.map(|(name, path)| (name, std::fs::read(path).expect("an object"))).collect()
}

/// A segment that is put into the directory store as if it had been shipped: `web i-0a aaaaaa-1 20261120T00 20261120T01`, the
/// hours of its span in full. Its host is `host-of-i-0a`.
pub(crate) fn plant(sandbox: &Sandbox, directory: &str, line: &str, text: &str) -> std::path::PathBuf {
    let words: Vec<_> = line.split(' ').collect();
    let [service, instance, place, first, last] = words[..] else { panic!("{line}") };
    let (stream, seq) = place.split_once('-').expect("a stream and a number");
    let seq: u32 = seq.parse().expect("a number");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, text.as_bytes()).expect("memory");
    let packed = packed.finish().expect("memory");
    let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&packed).into();
    let digest: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let leaf = format!("{service}_{first}0000Z_{last}0000Z_{instance}_{stream}-{seq:08}-{digest}.log.gz");
    let directory = sandbox.path("store").join(directory);
    std::fs::create_dir_all(&directory).expect("it is made");
    let metadata = format!("{{\"host\":\"host-of-{instance}\",\"length\":\"{}\"}}", text.len());
    std::fs::write(directory.join(format!(".{leaf}.json")), metadata).expect("metadata");
    std::fs::write(directory.join(&leaf), packed).expect("an object");
    directory.join(leaf)
}

/// As [`plant`], in the directory of the default layout.
pub(crate) fn plant_in_place(sandbox: &Sandbox, line: &str, text: &str) -> std::path::PathBuf {
    let words: Vec<_> = line.split(' ').collect();
    let (service, day) = (words[0], words[3]);
    let directory = format!("service={service}/dt={}-{}-{}", &day[..4], &day[4..6], &day[6..8]);
    plant(sandbox, &directory, line, text)
}

/// What gunzip makes of bytes.
pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).expect("sound gzip");
    text
}

/// A command's output, as bytes; it must end well and say nothing else.
#[track_caller]
fn output(command: &mut Command) -> Vec<u8> {
    let ended = finish(command).expect(0);
    assert_eq!(ended.stderr, "");
    ended.stdout
}

#[test]
fn several_services_and_instances_come_one_stream_after_another() {
    let sandbox = Sandbox::new();
    for (instance, log, text) in [
        ("i-2", "web.log", "web of 2, torn"),
        ("i-1", "web.log", "web of 1\n"),
        ("i-1", "db.log", "db of 1\r\n\0\u{fffd}\n"),
        ("i-2", "web.log", " and whole again\n"),
    ] {
        ship(&sandbox, None, instance, log, text);
    }
    let cat = |args: &[&str]| String::from_utf8(output(sandbox.logferry().arg("cat").args(args))).expect("text");
    let (db, of_2, of_1) = ("db of 1\r\n\0\u{fffd}\n", "web of 2, torn and whole again\n", "web of 1\n");
    let web = cat(&["web"]);
    // Born in the same second, streams may come in either order.
    assert!([[of_2, of_1].concat(), [of_1, of_2].concat()].contains(&web), "{web:?}");
    assert_eq!(cat(&["web", "db"]), format!("{db}{web}"));
    assert_eq!(cat(&["web", "db", "--instance", "i-2"]), of_2);
    assert_eq!(cat(&["db", "--since", "1h"]), db);
    let none = sandbox.run(["cat", "db", "--until", "2020-01-01"]).expect(1);
    assert!(none.stdout.is_empty() && none.stderr.contains("nothing is there of the time"), "{}", none.stderr);
}

#[test]
fn a_service_that_is_not_there_is_told_and_the_others_are_read() {
    let sandbox = Sandbox::new();
    ship(&sandbox, None, "i-1", "web.log", "a line\n");
    let ended = sandbox.run(["cat", "wep", "web"]).expect(1);
    assert_eq!(ended.text(), "a line\n");
    assert!(
        ended.stderr.contains("nothing of wep is there") && ended.stderr.contains("did you mean web?"),
        "{}",
        ended.stderr
    );
    sandbox.run(["cat"]).expect(2);
}

#[test]
fn raw_objects_are_those_of_the_store_and_are_verified() {
    let sandbox = Sandbox::new();
    ship(&sandbox, None, "i-1", "web.log", "first\n");
    ship(&sandbox, None, "i-1", "web.log", "second\n");
    let stored: Vec<u8> = objects(&sandbox, "store").into_values().flatten().collect();
    let raw = output(sandbox.logferry().args(["cat", "web", "--raw"]));
    assert!(raw == stored && gunzip(&raw) == b"first\nsecond\n");
    let path = sandbox.files("store").into_iter().find(|path| path.to_string_lossy().ends_with(".log.gz"));
    let path = path.expect("an object");
    // Another object under its name: sound gzip, and not what was shipped.
    let mut other = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut other, b"forged\n").expect("memory");
    std::fs::write(&path, other.finish().expect("memory")).expect("an object");
    for args in [&["cat", "web", "--raw"][..], &["cat", "web"], &["cat", "web", "--label"]] {
        let ended = sandbox.run(args).expect(1);
        assert!(ended.stderr.contains("not those that its name says"), "{args:?}: {}", ended.stderr);
    }
    let conflict = sandbox.run(["cat", "web", "--raw", "--label"]).expect(2);
    assert!(conflict.stderr.contains("--label"), "{}", conflict.stderr);
}

#[test]
fn what_is_damaged_is_told_and_what_can_be_read_is_written() {
    let sandbox = Sandbox::new();
    for text in ["first\n", "second\n", "third\n"] {
        ship(&sandbox, None, "i-1", "web.log", text);
    }
    let paths: Vec<_> =
        sandbox.files("store").into_iter().filter(|path| path.to_string_lossy().ends_with(".log.gz")).collect();
    let cut = std::fs::read(&paths[1]).expect("an object");
    std::fs::write(&paths[1], &cut[..cut.len() - 4]).expect("an object");
    let ended = sandbox.run(["cat", "web"]).expect(1);
    assert_eq!(ended.text(), "first\nsecond\nthird\n", "what could be read of it is there");
    let name = paths[1].file_name().expect("a name").to_string_lossy().into_owned();
    assert!(ended.stderr.contains(&name) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
}
