//! Records of the spool, and the names of its marks.

use logferry::model::metadata;
use logferry::model::segment::{ClaimedName, OwnerTag, Seal, SealedSegment, Segment, SegmentName, StreamOwner};
use logferry::spool::{Held, Record};

use super::{key, key_of};

/// Whatever a segment is, its record says again what it is.
pub fn record(segment: &Segment, seal: Option<Seal>) {
    let record = match seal {
        Some(seal) => Record::sealed(SealedSegment { segment: segment.clone(), seal }),
        None => Record::open(segment.clone()),
    };
    let json = record.to_json().expect("all of it can be written");
    assert_eq!(Record::newer_version(&json), None);
    not_for_older_programs(&json);
    let again = Record::parse(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!((&again.segment, again.seal), (segment, seal));
    assert_eq!(again.to_json().expect("JSON"), json);
    assert_eq!(SegmentName::parse(&segment.name.to_string()), Some(segment.name));
    if let Some(claimed) = &segment.claimed {
        let (again, _) = ClaimedName::parse(claimed.as_os_str()).expect("a claimed name");
        assert_eq!(again, *claimed);
    }
    used(&again);
}

/// What an older program would misread is in a version that it leaves alone.
fn not_for_older_programs(json: &str) {
    let record: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let seal = &record["seal"];
    let goes_on = seal["ended"] == "continued" || record["claimed"].is_string() && record["source"]["from"] != 0;
    let least = match () {
        () if !record["format"].is_null() => 4,
        () if goes_on || !record["way"].is_null() || !record["taken"].is_null() => 3,
        () if !record["key_directory"].is_null() => 2,
        () => 1,
    };
    assert_eq!(record["version"], least, "{json}");
}

/// What a run does with a record that it has read works with each that is taken for one.
fn used(record: &Record) {
    let segment = &record.segment;
    let tag = OwnerTag::of(&StreamOwner::of(segment));
    assert_eq!(OwnerTag::parse(tag.as_str()), Some(tag));
    assert_eq!(SegmentName::parse(&segment.name.to_string()), Some(segment.name));
    let Some(seal) = record.seal else { return };
    let sealed = SealedSegment { segment: segment.clone(), seal };
    key(&sealed.leaf());
    key_of(&sealed);
    let metadata = metadata::of(&sealed);
    assert!(metadata.values().flat_map(|value| value.bytes()).all(|byte| byte.is_ascii_graphic()));
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size <= metadata::LARGEST, "{size} bytes of metadata");
    assert!(sealed.taken() >= seal.length && segment.offset.checked_add(seal.length).is_some());
    let held = Held::of(&sealed);
    let again = Held::parse(held.file_name()).expect("its own name");
    assert_eq!(
        (again.tag, again.stream, again.seq, again.file, again.taken),
        (held.tag, held.stream, held.seq, held.file, held.taken)
    );
}

/// Of whatever stands in a file, what is taken for a record can be used and written again.
pub fn record_text(text: &str) {
    let _ = Record::newer_version(text);
    let Ok(record) = Record::parse(text) else { return };
    let json = record.to_json().expect("JSON");
    let again = Record::parse(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!((&again.segment, again.seal), (&record.segment, record.seal));
    used(&again);
}

/// A sound record of which some bytes were overwritten.
pub fn garbled_record(segment: &Segment, seal: Seal, mut at: impl FnMut(usize) -> Vec<(usize, u8)>) {
    let record = Record::sealed(SealedSegment { segment: segment.clone(), seal });
    let mut json = record.to_json().expect("all of it can be written").into_bytes();
    for (place, byte) in at(json.len()) {
        json[place] = byte;
    }
    record_text(&String::from_utf8_lossy(&json));
}
