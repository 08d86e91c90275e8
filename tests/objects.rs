//! What is in the store: names, metadata, one gzip member each.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use logferry::model::digest::Digest;
use logferry::model::key::Leaf;
use logferry::model::names::Seq;

use crate::support::{Bucket, Sandbox, finish};

/// The objects of the directory store, in order of their numbers, with what their keys and their metadata say.
fn objects(sandbox: &Sandbox) -> Vec<(Vec<u8>, Leaf, BTreeMap<String, String>)> {
    let files = sandbox.files("store").into_iter().filter(|file| file.extension().is_some_and(|end| end == "gz"));
    let mut objects: Vec<_> = files
        .map(|file| {
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            let metadata = std::fs::read(file.with_file_name(format!(".{name}.json"))).expect("its metadata");
            let leaf = Leaf::parse(&name).expect("a key of ours");
            let day = file.parent().and_then(Path::file_name).expect("a day").to_string_lossy().into_owned();
            assert_eq!(day, format!("dt={}", leaf.first.day()));
            let bytes = std::fs::read(&file).expect("an object");
            (bytes, leaf, serde_json::from_slice(&metadata).expect("JSON"))
        })
        .collect();
    objects.sort_by_key(|(_, leaf, _)| leaf.seq);
    objects
}

#[test]
fn each_object_is_one_member_and_says_where_it_belongs() {
    let sandbox = Sandbox::new();
    let texts = ["one\r\ntwo\r\nhal", "f a line\r", "\nand the rest\r\n"];
    for text in texts {
        sandbox.write_log("web.log", text);
        sandbox.run_all().quiet();
    }
    let (mut offset, mut previous) = (0, None);
    for (number, (bytes, leaf, metadata)) in objects(&sandbox).iter().enumerate() {
        let mut text = String::new();
        let mut member = flate2::read::GzDecoder::new(&bytes[..]);
        member.read_to_string(&mut text).expect("a sound member");
        assert!(member.into_inner().is_empty(), "nothing follows the one member");
        assert_eq!(text, texts[number]);
        let digest = Digest::of(bytes);
        assert_eq!((leaf.seq, &leaf.digest), (Seq(u32::try_from(number + 1).expect("small")), &digest.short()));
        let expected = [
            ("format", "1".to_owned()),
            ("path", sandbox.log("web.log").display().to_string()),
            ("service", "web".to_owned()),
            ("instance", leaf.instance.to_string()),
            ("stream", leaf.stream.to_string()),
            ("seq", (number + 1).to_string()),
            ("offset", offset.to_string()),
            ("length", text.len().to_string()),
            ("lines", text.matches('\n').count().to_string()),
            ("sha256", digest.to_string()),
            ("ended", "released".to_owned()),
        ];
        for (name, value) in expected {
            assert_eq!(metadata.get(name), Some(&value), "{name} of number {number}");
        }
        assert_eq!(metadata.get("previous").cloned(), previous);
        assert!(metadata["first"] <= metadata["last"] && !metadata["host"].is_empty());
        (offset, previous) = (offset + text.len(), Some(digest.to_string()));
    }
    // A reader that is not ours: the joined objects are the log.
    let mut gzip = Command::new("sh");
    let joined =
        finish(gzip.args(["-c", "cat store/service=web/*/*_*-*.log.gz | gzip -dc"]).current_dir(sandbox.path("")));
    assert_eq!(joined.expect(0).stdout.len(), texts.concat().len());
}

#[test]
fn what_is_made_is_private_to_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let nowhere = format!("file://{}", sandbox.path("nowhere").display());
    sandbox.run(["run".into(), sandbox.path("log").into_os_string(), "--to".into(), nowhere.into()]).expect(75);
    for entry in walkdir::WalkDir::new(sandbox.path("state")) {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("its mode").permissions().mode() & 0o7777;
        let expected = if entry.file_type().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{}", entry.path().display());
    }
}

#[test]
fn an_object_in_a_bucket_is_plain_gzip_with_its_metadata() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    sandbox.write_log("web.log", "x\n");
    bucket.run_all(&sandbox).quiet();
    let requests = bucket.server.requests();
    let headers = &requests[0].headers;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/gzip"));
    assert_eq!(header("content-encoding"), None);
    assert_eq!(header("if-none-match"), Some("*"));
    assert!(header("x-amz-checksum-sha256").is_some());
    assert_eq!(header("x-amz-meta-lines"), Some("1"));
    assert_eq!(header("x-amz-meta-path"), sandbox.log("web.log").to_str());
}

#[test]
fn cat_says_what_is_damaged_or_missing_and_shows_the_rest() {
    let sandbox = Sandbox::new();
    for text in ["one\n", "two\n", "three\n", "four\n"] {
        sandbox.write_log("web.log", text);
        sandbox.run_all().quiet();
    }
    let object = |number: u32| {
        let marked = format!("-{number:08}-");
        let files = sandbox.files("store").into_iter().filter(|file| file.extension().is_some_and(|end| end == "gz"));
        files.into_iter().find(|file| file.to_string_lossy().contains(&marked)).expect("an object")
    };
    // Another member in the place of one that was shipped; rubbish in that of another; one gone.
    let mut other = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    other.write_all(b"forged\n").expect("it fits");
    std::fs::write(object(1), other.finish().expect("it fits")).expect("a file");
    let ended = sandbox.run(["cat", "web"]).expect(1);
    assert_eq!(ended.text(), "forged\ntwo\nthree\nfour\n");
    assert!(ended.stderr.contains("not those that its name says"), "{}", ended.stderr);
    std::fs::write(object(1), "rubbish").expect("a file");
    std::fs::remove_file(object(3)).expect("a file");
    let ended = sandbox.run(["cat", "web"]).expect(1);
    assert_eq!(ended.text(), "two\nfour\n");
    let gap = ["nothing is there between number 2, which ends at", "and number 4, which begins at"];
    assert!(gap.iter().all(|words| ended.stderr.contains(words)), "{}", ended.stderr);
}
