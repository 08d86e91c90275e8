//! The archive itself is what it is said to be.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::archive::{archive, fleet};
use crate::support::proof;

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
