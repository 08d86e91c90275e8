//! Records of the spool.

use logferry::model::digest::Digest;
use logferry::model::key::KeyDirectory;
use logferry::model::segment::{ClaimedName, OwnerTag, Seal, Segment};
use logferry::spool::{Held, Record};

use super::choices::Choices;
use super::{deciding, garbled, holds, laws};

#[test]
fn every_segment_has_a_record_that_says_what_it_is() {
    holds(3000, deciding(900), |bytes| {
        let mut choices = Choices(&bytes);
        let (is_sealed, seal) = (choices.is(), choices.seal());
        laws::record(&choices.segment(), is_sealed.then_some(seal));
    });
}

#[test]
fn a_garbled_record_is_refused_or_can_be_used() {
    holds(2000, deciding(900), |bytes| {
        let mut choices = Choices(&bytes);
        let (places, seal) = (Choices(&bytes), choices.seal());
        let mut places = places;
        laws::garbled_record(&choices.segment(), seal, |length| {
            (0..4).map(|_| (places.below(length), places.byte())).collect()
        });
    });
}

fn sound() -> String {
    let mut choices = Choices(&[7; 400]);
    let (seal, segment) = (Seal { length: 10, ..choices.seal() }, choices.segment());
    let key_directory = KeyDirectory::parse("env=prod/web").ok();
    let segment = Segment { key_directory, offset: 7, ..segment };
    let sealed = logferry::model::segment::SealedSegment { segment, seal };
    Record::sealed(sealed).to_json().expect("it can be written")
}

#[test]
fn other_values_in_a_record_are_refused_or_can_be_used() {
    let json = sound();
    laws::record_text(&json);
    holds(3000, deciding(40), |bytes| laws::record_text(&garbled(&json, &mut Choices(&bytes))));
    let values = ["0", "-1", "1.5", "1e400", "18446744073709551615", "4294967295", "null", "\"\"", "\"x\"", "[]", "{}"];
    let lines: Vec<&str> = json.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(": ") else { continue };
        for value in values {
            let comma = if line.ends_with(',') { "," } else { "" };
            let line = format!("{key}: {value}{comma}");
            let other = [&lines[..number], &[line.as_str()], &lines[number + 1..]].concat().join("\n");
            laws::record_text(&other);
        }
    }
}

#[test]
fn a_record_whose_numbers_cannot_be_is_refused() {
    let json = sound();
    let with = |key: &str, value: &str| {
        let line = json.lines().find(|line| line.trim_start().starts_with(&format!("\"{key}\": "))).expect("a line");
        let comma = if line.ends_with(',') { "," } else { "" };
        Record::parse(&json.replace(line, &format!("\"{key}\": {value}{comma}")))
    };
    assert!(with("lines", "3").is_ok());
    for (key, value) in [
        ("seq", "0"),
        ("seq", "100000000"),
        ("seq", "4294967295"),
        ("offset", "18446744073709551615"),
        ("from", "18446744073709551615"),
        ("length", "18446744073709551615"),
        ("claimed", "\"../../elsewhere\""),
        ("key_directory", "\"a/../../elsewhere\""),
        ("key_directory", "\"/etc\""),
        ("key_directory", "\"\""),
        ("key_directory", "\"a//b\""),
        ("key_directory", "\".logferry\""),
        ("claimed", "\"web.log\""),
        ("claimed", "\"./web.log.20261121T005959Z-k3f9a2.claimed\""),
    ] {
        assert!(with(key, value).is_err(), "{key}: {value}");
    }
}

#[test]
fn names_of_one_thing_have_one_form() {
    let tag = "0123456789abcdef";
    for (form, is_one) in [
        (format!("{tag}-k3f9a2-00000017.1.2.x.3"), true),
        (format!("{tag}-k3f9a2-00000017.1.2.-5.3"), true),
        (format!("{tag}-k3f9a2-00000017.+1.2.x.3"), false),
        (format!("{tag}-k3f9a2-00000017.1.02.x.3"), false),
        (format!("{}-k3f9a2-00000017.1.2.x.3", tag.to_uppercase()), false),
    ] {
        assert_eq!(Held::parse(&form).is_some(), is_one, "{form}");
    }
    assert!(OwnerTag::parse(tag).is_some() && OwnerTag::parse(&tag.to_uppercase()).is_none());
    assert!(Digest::parse(&"+f".repeat(32)).is_none() && Digest::parse(&"AB".repeat(32)).is_none());
    for name in ["...20261121T005959Z-k3f9a2.claimed", "....20261121T005959Z-k3f9a2.claimed"] {
        assert_eq!(ClaimedName::parse(name.as_ref()), None, "{name} is of a directory");
    }
}
