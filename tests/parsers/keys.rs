//! Object keys and the names in them.

use std::os::unix::ffi::OsStringExt;

use logferry::model::key::{Leaf, ObjectKey};
use logferry::model::names::{Seq, Service};
use logferry::model::time::Moment;
use proptest::prelude::*;

use super::choices::Choices;
use super::{deciding, garbled, holds, laws};

#[test]
fn every_segment_has_a_valid_key_that_says_what_it_is() {
    holds(3000, deciding(300), |bytes| laws::key(&Choices(&bytes).leaf()));
}

#[test]
fn every_byte_sequence_may_be_a_service() {
    let lengths = prop_oneof![1..40_usize, 30..110_usize, 95..105_usize, 200..5000_usize];
    let names = lengths.prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length));
    holds(1500, names, |name| {
        let service = Service::new(std::ffi::OsString::from_vec(name)).expect("it is not empty");
        laws::key(&Leaf { service, ..Choices(&[]).leaf() });
    });
}

#[test]
fn a_garbled_key_is_refused_or_is_a_key() {
    holds(3000, deciding(300), |bytes| {
        let mut choices = Choices(&bytes);
        let text = choices.leaf().to_string();
        laws::key_text(&garbled(&text, &mut choices));
    });
    holds(1000, ".*", |text| laws::key_text(&text));
}

#[test]
fn a_name_that_parses_renders_to_itself() {
    holds(2000, deciding(300), |bytes| {
        let mut choices = Choices(&bytes);
        let (segment, leaf) = (choices.segment(), choices.leaf());
        let seal = choices.seal();
        let held = logferry::spool::Held::of(&logferry::model::segment::SealedSegment { segment, seal });
        let names = [
            choices.claimed().as_os_str().to_string_lossy().into_owned(),
            leaf.instance.to_string(),
            leaf.first.stamp(),
            format!("{}-{}", leaf.stream, leaf.seq),
            leaf.seq.to_string(),
            choices.digest().to_string(),
            choices.destination().to_string(),
            held.file_name().to_owned(),
        ];
        for name in names {
            laws::name_text(&name);
            laws::name_text(&garbled(&name, &mut choices));
        }
    });
    holds(1000, "[0-9a-f+-]{6,64}", |text| laws::name_text(&text));
    holds(1000, "(s3://|file:///)[a-z/.%0-9 ]{0,20}", |text| laws::name_text(&text));
}

#[test]
fn times_stand_in_keys_from_the_first_to_the_last_that_there_are() {
    for nanos in [i64::MIN, i64::MIN + 999_999_999, -1, 0, 1, i64::MAX - 999_999_999, i64::MAX] {
        let moment = Moment::from_nanos(nanos);
        let read = Moment::parse_stamp(&moment.stamp()).unwrap_or_else(|| panic!("{moment} does not come back"));
        assert_eq!(read.stamp(), moment.stamp());
        assert!((moment.nanos() - read.nanos()).abs() < 1_000_000_000);
    }
}

#[test]
fn what_only_resembles_a_key_is_not_taken_for_one() {
    let key = "web_20261121T000003Z_20261121T005959Z_i-0abc_k3f9a2-00000017-9f86d081.log.gz";
    assert!(Leaf::parse(key).is_some());
    for (sound, other) in [
        ("web", "w%65b"),         // what need not be escaped
        ("web", "%c3%bc"),        // not as it is escaped here
        ("web", "w b"),           // what would be escaped
        ("web", "ü"),             // not ASCII
        ("web", "%4"),            // half of an escape
        ("T000003Z", "T000060Z"), // a leap second
        ("20261121T000003Z", "2026 121T000003Z"),
        ("20261121T000003Z", "+2026121T000003Z"),
        ("00000017", "00000000"), // numbers begin with 1
    ] {
        let other = key.replacen(sound, other, 1);
        assert_eq!(Leaf::parse(&other), None, "{other}");
    }
    let too_long = key.replacen("web", &"w".repeat(Service::LONGEST_ENCODED + 1), 1);
    assert_eq!(Leaf::parse(&too_long), None);
    assert!(ObjectKey::listed(key).is_some());
    assert_eq!(Seq::parse("00000000"), None);
}
