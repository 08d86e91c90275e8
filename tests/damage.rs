//! State that is damaged: each file of a state directory, spoiled in each way, is put aside and named or does no harm;
//! it never stops the other logs, and nothing that is still there is lost or shipped twice.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::support::proof::{self, Stored};
use crate::support::tally::{self, Group, Row};
use crate::support::{Ended, Sandbox};

/// A name, and what becomes of a file's bytes.
type Damage = (&'static str, fn(&[u8]) -> Vec<u8>);

/// How a file may be spoiled.
const DAMAGES: &[Damage] = &[
    ("empty", |_| Vec::new()),
    ("truncated", |bytes| bytes[..bytes.len() / 2].to_vec()),
    ("garbage", |_| b"\x00\xffgarbage{".repeat(30)),
    ("one bit wrong", |bytes| {
        let mut bytes = bytes.to_vec();
        if let Some(byte) = bytes.get_mut(12) {
            *byte ^= 1;
        }
        bytes
    }),
    ("of a later version", |bytes| replaced(bytes, "\"version\": 1", "\"version\": 99")),
    ("of another machine", |bytes| replaced(bytes, "\"instance\": \"this-one\"", "\"instance\": \"i-0other\"")),
];

fn replaced(bytes: &[u8], what: &str, by: &str) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace(what, by).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

fn run(sandbox: &Sandbox, logs: &[&str]) -> Ended {
    let mut args = vec!["run".to_owned(), "--instance".to_owned(), "this-one".to_owned()];
    args.extend(logs.iter().map(|log| sandbox.log(log).to_string_lossy().into_owned()));
    sandbox.run(args)
}

fn killed(sandbox: &Sandbox, log: &str, point: &str) {
    let mut run = sandbox.logferry();
    run.args(["run", "--instance", "this-one"]).arg(sandbox.log(log)).env("LOGFERRY_FAULT", format!("kill@{point}"));
    let status = run.stderr(Stdio::null()).status().expect("it starts");
    assert_eq!(status.code(), None, "it is killed at {point}");
}

/// A state directory with something in each state, whose logs are all written and in nobody's hands.
fn everything() -> Sandbox {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"20ms\"\n");
    for service in ["dropped", "sealed", "unlinked", "claimed", "shipped"] {
        sandbox.write_log(format!("{service}.log"), format!("first of {service}\n"));
    }
    run(&sandbox, &["dropped.log"]).quiet();
    std::fs::rename(sandbox.path("store"), sandbox.path("away")).expect("a rename");
    run(&sandbox, &["sealed.log"]).expect(75);
    std::fs::rename(sandbox.path("away"), sandbox.path("store")).expect("a rename");
    // Each of these runs would ship what waits: it waits elsewhere meanwhile.
    let aside = |from: &str, to: &str| {
        for file in sandbox.files(from).into_iter().filter(|file| holds(file, "sealed")) {
            std::fs::rename(&file, sandbox.path(to).join(file.file_name().expect("a name"))).expect("a rename");
        }
    };
    std::fs::create_dir(sandbox.path("hold")).expect("a directory");
    let name = sandbox.files("state/spool")[0].file_stem().expect("a name").to_owned();
    for end in ["gz", "json"] {
        let file = Path::new(&name).with_extension(end);
        std::fs::rename(sandbox.path("state/spool").join(&file), sandbox.path("hold").join(&file)).expect("a rename");
    }
    killed(&sandbox, "shipped.log", "marked-shipped");
    aside("state/spool", "hold");
    // The killed runs below would drop it.
    let shipped: Vec<PathBuf> = sandbox.files("state/spool");
    for file in &shipped {
        std::fs::rename(file, sandbox.path("hold").join(file.file_name().expect("a name"))).expect("a rename");
    }
    killed(&sandbox, "unlinked.log", "in-flight-read");
    for file in sandbox.files("state/spool") {
        std::fs::rename(&file, sandbox.path("hold").join(file.file_name().expect("a name"))).expect("a rename");
    }
    killed(&sandbox, "claimed.log", "part-made");
    for file in sandbox.files("hold") {
        let name = file.file_name().expect("a name").to_owned();
        std::fs::rename(&file, sandbox.path("state/spool").join(name)).expect("a rename");
    }
    sandbox
}

fn holds(file: &Path, word: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("{word}.log")))
}

/// The bytes of a service, in the order of their streams.
fn bytes_of(objects: &[Stored], service: &str) -> String {
    let mut of_service: Vec<_> = objects.iter().filter(|object| object.says("service") == service).collect();
    of_service.sort_by_key(|object| (object.says("first").to_owned(), object.number("seq")));
    let raw: Vec<u8> = of_service.iter().flat_map(|object| object.raw.clone()).collect();
    String::from_utf8(raw).expect("text")
}

const SERVICES: [&str; 6] = ["dropped", "sealed", "unlinked", "claimed", "shipped", "new"];

/// Spoils one file; returns how long the run took that found it.
fn spoil(index: usize, (damage, spoil): Damage) -> Option<(String, Duration)> {
    let sandbox = everything();
    // Streams have other names each time; so that each file has its turn, those of a kind stand together.
    let mut files = sandbox.files("state");
    files.sort_by_key(|file| (file.parent().map(Path::to_owned), file.extension().map(ToOwned::to_owned)));
    let file = files.get(index)?;
    let below = file.strip_prefix(sandbox.path("state")).expect("below").to_string_lossy().into_owned();
    let bytes = std::fs::read(file).expect("a file");
    let spoilt = spoil(&bytes);
    // What is not sealed has no checksum yet: a disk that changes bits goes unnoticed there.
    if spoilt == bytes || damage == "one bit wrong" && below.ends_with(".part") {
        return Some((below, Duration::ZERO));
    }
    std::fs::write(file, &spoilt).expect("a file");
    let what = format!("{below} is {damage}");
    sandbox.write_log("new.log", "first of new\n");
    let ended = run(&sandbox, &["*.log"]);
    assert!([0, 1, 75].contains(&ended.code), "{what}: {ended:?}");
    let objects = proof::of_directory(&sandbox.path("store"));
    let lacking: Vec<_> =
        SERVICES.iter().filter(|service| bytes_of(&objects, service) != format!("first of {service}\n")).collect();
    // At most the segment of the file that was spoilt, and then it is named: it waits, or it was put aside.
    assert!(lacking.len() <= 1, "{what}: {lacking:?} after {ended:?}");
    let name = below.split(['/', '.']).nth(1).expect("a name").to_owned();
    for service in &lacking {
        assert!(bytes_of(&objects, service).is_empty(), "{what}: it is shipped twice, or wrong");
        assert!(ended.code != 0 && ended.stderr.contains(&name), "{what}: {ended:?}");
    }
    // All goes on as if nothing had been, in the same stream or in a new one.
    for service in SERVICES {
        sandbox.write_log(format!("{service}.log"), format!("second of {service}\n"));
    }
    let again = run(&sandbox, &["*.log"]);
    let objects = proof::of_directory(&sandbox.path("store"));
    for service in SERVICES {
        let first = if lacking.contains(&&service) { String::new() } else { format!("first of {service}\n") };
        let newer = again.stderr.contains("a later version of logferry");
        let waits = (again.code == 75 || newer) && bytes_of(&objects, service) == first;
        let expected = format!("{first}second of {service}\n");
        assert!(waits || bytes_of(&objects, service) == expected, "{what}: {service} after {again:?}");
    }
    Some((below, ended.took))
}

#[test]
fn each_file_of_the_state_directory_damaged_in_each_way() {
    for &(damage, how) in DAMAGES {
        let (mut times, mut slowest) = (0, Duration::ZERO);
        for index in 0.. {
            let Some((file, took)) = spoil(index, (damage, how)) else { break };
            println!("tally: {file} is {damage}: {took:?}");
            times += u64::from(!took.is_zero());
            slowest = slowest.max(took);
        }
        assert!(times > 2, "hardly any file was spoilt: {damage}");
        tally::record(Group::State, &format!("a file of the state directory is {damage}"), Row::sound(times, slowest));
    }
}

#[test]
fn the_record_of_a_stream_that_a_later_version_wrote_stays_and_its_log_waits() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "one\n");
    sandbox.run_all().quiet();
    let record = sandbox.files("state/streams").remove(0);
    let sound = std::fs::read_to_string(&record).expect("a record");
    std::fs::write(&record, sound.replace("\"version\": 1", "\"version\": 99")).expect("a record");
    sandbox.write_log("web.log", "two\n");
    sandbox.write_log("other.log", "x\n");
    let ended = sandbox.run_all().expect(1);
    assert!(ended.stderr.contains("a later version of logferry wrote it (format 99)"), "{}", ended.stderr);
    assert!(record.exists() && sandbox.log("web.log").exists() && !sandbox.log("other.log").exists());
    std::fs::write(&record, sound).expect("a record");
    sandbox.run_all().quiet();
    let seqs: Vec<_> = proof::of_directory(&sandbox.path("store")).iter().map(|object| object.number("seq")).collect();
    assert_eq!(seqs.iter().sum::<u64>(), 4, "web has the numbers 1 and 2, the other 1: {seqs:?}");
}
