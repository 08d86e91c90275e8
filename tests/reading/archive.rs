//! The archive itself is what it is said to be.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::archive::{archive, fleet};
use crate::support::{Sandbox, proof};

#[test]
fn the_archive_is_that_of_a_fleet_as_the_real_code_leaves_it() {
    let archive = archive();
    let count = archive.segments().count();
    assert!((10_000..10_500).contains(&count), "{count} objects");
    let of_streams = |what: fn(&crate::support::archive::Stream) -> String| -> BTreeSet<String> {
        archive.streams().iter().map(what).collect()
    };
    assert_eq!(of_streams(|stream| stream.instance.to_string()).len(), 100);
    assert_eq!(of_streams(|stream| stream.service.to_string()).len(), 20);
    let days: BTreeSet<String> = archive.segments().map(|(_, segment)| segment.first.day()).collect();
    assert_eq!(days.len() as u64, fleet::DAYS);
    // Numbers, offsets, digests, lengths and lines join, as another reader of gzip sees them; and give what was meant.
    let proved = proof::streams(proof::of_directory(archive.root()));
    let proved: BTreeMap<String, Vec<u8>> = proved
        .into_iter()
        .map(|(id, segments)| (id, segments.into_iter().flat_map(|segment| segment.raw).collect()))
        .collect();
    let meant: BTreeMap<String, Vec<u8>> =
        archive.streams().iter().map(|stream| (stream.id.to_string(), stream.bytes.clone())).collect();
    assert!(proved == meant);
}

#[test]
fn the_archive_is_proved_whole_and_one_object_less_is_a_gap() {
    let sandbox = Sandbox::new();
    super::over_archive(&sandbox, &["verify"]).expect(0);
    super::over_archive(&sandbox, &["verify", "--sample", "20"]).expect(0);
    let is_there = |service: &str| ["cron", "a b/ü%"].contains(&service);
    let name = |stream: &crate::support::archive::Stream| stream.service.name().to_string_lossy().into_owned();
    let is_long = |stream: &&crate::support::archive::Stream| stream.segments.len() > 2;
    let stream = archive().of_service("cron").find(is_long).expect("a stream of some segments");
    let gone = &stream.segments[1];
    archive().copy(&sandbox.path("store"), |stream, segment| is_there(&name(stream)) && segment.key != gone.key);
    let verified = sandbox.run(["verify"]).expect(1);
    let says = verified.text() + &verified.stderr;
    assert!(says.contains(stream.instance.as_str()), "{says}");
}
