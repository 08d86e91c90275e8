//! Filters against what who made the archive knows.

use std::collections::BTreeSet;

use logferry::model::time::Moment;

use super::over_archive;
use crate::support::archive::{Segment, Stream, archive};
use crate::support::{Bucket, Ended, Sandbox};

/// The segments that a listing names.
pub(super) fn listed(ended: &Ended) -> BTreeSet<String> {
    let text = ended.text();
    let is_segment = |word: &&str| {
        let parts = word.split_once('-');
        parts.is_some_and(|(stream, seq)| {
            stream.len() == 6 && seq.len() == 8 && seq.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    text.split_whitespace().filter(is_segment).map(str::to_owned).collect()
}

/// The segments that are wanted.
fn known(wanted: impl Fn(&Stream, &Segment) -> bool) -> BTreeSet<String> {
    let segments = archive().segments().filter(|(stream, segment)| wanted(stream, segment));
    segments.map(|(stream, segment)| format!("{}-{}", stream.id, segment.seq)).collect()
}

fn at(stamp: &str) -> Moment {
    Moment::parse_stamp(stamp).expect("a stamp")
}

fn touches(segment: &Segment, since: &str, until: &str) -> bool {
    // A key holds whole seconds: the last one counts to its end.
    segment.last >= at(since) && segment.first <= at(until)
}

fn check(args: &[&str], expected: BTreeSet<String>) {
    let sandbox = Sandbox::new();
    let seen = listed(&over_archive(&sandbox, &[&["ls"], args].concat()).expect(0));
    assert!(!expected.is_empty(), "{args:?}: nothing is expected");
    assert!(seen == expected, "{args:?}: {} seen, {} expected", seen.len(), expected.len());
}

#[test]
fn a_listing_without_a_filter_has_every_segment() {
    check(&[], known(|_, _| true));
}

#[test]
fn a_filter_by_time_has_what_touches_it_and_nothing_else() {
    check(
        &["web", "--since", "2026-10-10T11:30:00Z", "--until", "2026-10-10T13:10:00Z"],
        known(|stream, segment| {
            stream.service.name() == "web" && touches(segment, "20261010T113000Z", "20261010T131000Z")
        }),
    );
    // A few minutes after midnight: what is there began the day before.
    check(
        &["worker", "--since", "2026-10-12T00:00:00Z", "--until", "2026-10-12T00:05:00Z"],
        known(|stream, segment| {
            stream.service.name() == "worker" && touches(segment, "20261012T000000Z", "20261012T000500Z")
        }),
    );
}

#[test]
fn a_segment_that_spans_days_is_found_by_any_time_in_it() {
    for service in ["report", "backup"] {
        let is_long = |segment: &Segment| segment.last.nanos() - segment.first.nanos() > 2 * 24 * 3600 * 1_000_000_000;
        let (stream, segment) = archive()
            .segments()
            .find(|(stream, segment)| stream.service.name() == service && is_long(segment))
            .expect("one");
        let middle = Moment::from_nanos((segment.first.nanos() + segment.last.nanos()) / 2).to_second();
        let sandbox = Sandbox::new();
        let seen = listed(&over_archive(&sandbox, &["ls", service, "--since", &middle, "--until", &middle]).expect(0));
        assert!(seen.contains(&format!("{}-{}", stream.id, segment.seq)), "{service} {middle}: {seen:?}");
    }
}

#[test]
fn a_filter_by_day_means_that_day_in_utc() {
    check(
        &["--since", "2026-10-20", "--until", "2026-10-20"],
        known(|_, segment| touches(segment, "20261020T000000Z", "20261020T235959Z")),
    );
}

#[test]
fn filters_by_machine_and_host_go_together_with_services() {
    let instance = archive().streams()[0].instance.clone();
    check(&["--instance", instance.as_str()], known(|stream, _| stream.instance == instance));
    check(
        &["cron", "auth", "--host", "node-07"],
        known(|stream, _| {
            stream.host == "node-07" && ["cron", "auth"].iter().any(|name| stream.service.name() == *name)
        }),
    );
    // A host name is used again: three instances have had this one.
    let of_host: BTreeSet<_> =
        archive().streams().iter().filter(|stream| stream.host == "node-07").map(|stream| &stream.instance).collect();
    assert_eq!(of_host.len(), 3);
}

#[test]
fn a_bucket_gives_the_same_answers_as_a_directory() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let is_there = |stream: &Stream| ["a b/ü%", "img_resize", "cron"].iter().any(|name| stream.service.name() == *name);
    let bucket = archive.bucket(&sandbox, None, |stream, _| is_there(stream));
    for args in [
        &["ls"][..],
        &["ls", "a b/ü%"],
        &["ls", "cron", "--since", "2026-10-10T11:30:00Z", "--until", "2026-10-12"],
        &["ls", "img_resize", "--instance", "i-00*"],
    ] {
        let in_directory = listed(&over_archive(&sandbox, args).expect(0));
        let shown = known(|stream, _| is_there(stream));
        let in_directory: BTreeSet<_> = in_directory.intersection(&shown).cloned().collect();
        let in_bucket = listed(&bucket.run(&sandbox, args).expect(0));
        assert!(!in_bucket.is_empty() && in_bucket == in_directory, "{args:?}");
    }
}

#[test]
fn cat_gives_each_stream_whole_and_in_order() {
    let sandbox = Sandbox::new();
    for service in ["web", "queue", "firmware", "legacy", "dumps", "a b/ü%"] {
        let cat = over_archive(&sandbox, &["cat", service]).expect(0);
        let expected: Vec<u8> = archive().of_service(service).flat_map(|stream| stream.bytes.clone()).collect();
        assert!(cat.stdout == expected, "{service}: {} bytes, not {}", cat.stdout.len(), expected.len());
    }
}

#[test]
fn what_is_taken_into_a_bucket_is_as_if_it_had_been_put_there() {
    let sandbox = Sandbox::new();
    let one = &archive().streams()[0].segments[0].key;
    let bucket: Bucket = archive().bucket(&sandbox, None, |_, segment| segment.key == *one);
    sandbox.write_log("put.log", "a line\n");
    bucket.run_all(&sandbox).quiet();
    let records: Vec<serde_json::Value> = sandbox
        .files("s3/logs/objects")
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| serde_json::from_slice(&std::fs::read(path).expect("a record")).expect("JSON"))
        .collect();
    let [one, other] = &records[..] else { panic!("two objects: {records:?}") };
    let kind = |record: &serde_json::Value| {
        let mut attributes = record["attributes"].clone();
        let metadata = attributes["metadata"].take();
        let names: BTreeSet<String> = metadata.as_object().expect("metadata").keys().cloned().collect();
        (attributes, record["checksum"]["algorithm"].clone(), record["checksum"]["form"].clone(), names)
    };
    assert_eq!(kind(one), kind(other));
}
