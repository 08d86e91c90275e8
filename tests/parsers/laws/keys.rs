//! Object keys, and the names that they are made of.

use logferry::model::destination::Destination;
use logferry::model::digest::Digest;
use logferry::model::key::{Leaf, ObjectKey};
use logferry::model::names::{Instance, Seq, Service, StreamId};
use logferry::model::segment::{ClaimedName, OwnerTag, SealedSegment, SegmentName};
use logferry::model::time::Moment;
use logferry::spool::Held;

/// Whatever a segment is, its key is valid everywhere, and says again what it is.
pub fn key(leaf: &Leaf) {
    let text = leaf.to_string();
    let key = ObjectKey::render(leaf);
    assert_valid(&key);
    assert_eq!(key.split().1, text);
    let parsed = Leaf::parse(&text).unwrap_or_else(|| panic!("{text} does not parse"));
    assert_eq!(parsed.to_string(), text, "it renders to itself");
    assert_eq!(Leaf::parse(&parsed.to_string()).as_ref(), Some(&parsed), "once more, and nothing changes");
    assert_eq!((parsed.first.stamp(), parsed.last.stamp()), (leaf.first.stamp(), leaf.last.stamp()));
    let rest = |leaf: &Leaf| (leaf.instance.clone(), leaf.stream, leaf.seq, leaf.digest.clone(), leaf.format);
    assert_eq!(rest(&parsed), rest(leaf));
    let was_cut = Service::decode(&leaf.service.encoded()).is_some_and(|service| service != leaf.service);
    match was_cut {
        false => assert_eq!(parsed.service, leaf.service),
        true => assert!(leaf.service.name().len() * 3 > Service::LONGEST_ENCODED, "a name that fits is not cut"),
    }
}

/// Whatever directory a segment has, its key is valid, and says what it is.
pub fn key_of(sealed: &SealedSegment) {
    let key = sealed.key();
    assert_sound(&key);
    assert!(key.as_str().len() <= ObjectKey::LONGEST, "{key} is too long for a key");
    assert_eq!(key.split().1, sealed.leaf().to_string());
}

/// What S3, a file system, and a header take, with the longest prefix before it.
fn assert_valid(key: &ObjectKey) {
    assert_sound(key);
    let text = key.as_str();
    assert!(512 + 1 + text.len() <= ObjectKey::LONGEST, "{text} is too long for a key");
}

/// What a file system and a header take.
fn assert_sound(key: &ObjectKey) {
    let text = key.as_str();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}: printable ASCII without spaces");
    assert!(text.split('/').all(|part| !part.is_empty() && part != "." && part != ".."), "{text}");
    // The directory store puts a dot before, and `.json.tmp` behind a leaf.
    assert!(key.split().1.len() + 10 <= 255, "{text} is too long for a file name");
    assert_eq!(ObjectKey::listed(text).as_ref(), Some(key));
}

/// Of whatever a store lists, what is taken for a key of ours renders to that very text.
pub fn key_text(text: &str) {
    if let Some(listed) = ObjectKey::listed(text) {
        assert_eq!(listed.as_str(), text);
    }
    if let Some(leaf) = Leaf::parse(text) {
        assert_eq!(leaf.to_string(), text);
        key(&leaf);
    }
    if let Some(service) = Service::decode(text) {
        assert_eq!(service.encoded(), text);
    }
}

/// Each name that parses renders to the text that it was.
pub fn name_text(text: &str) {
    let renders = |name: Option<String>| name.is_none_or(|name| name == text);
    assert!(renders(Instance::parse(text).ok().map(|name| name.to_string())));
    assert!(renders(StreamId::parse(text).map(|name| name.to_string())));
    assert!(renders(Seq::parse(text).map(|name| name.to_string())));
    assert!(renders(SegmentName::parse(text).map(|name| name.to_string())));
    assert!(renders(Digest::parse(text).map(|name| name.to_string())));
    assert!(renders(OwnerTag::parse(text).map(|name| name.as_str().to_owned())));
    assert!(renders(Moment::parse_stamp(text).map(Moment::stamp)));
    if let Some(held) = Held::parse(text) {
        assert_held(&held, text);
    }
    if let Some((claimed, log)) = ClaimedName::parse(text.as_ref()) {
        assert_eq!(claimed.as_os_str(), text);
        let log = log.to_str().expect("a piece of a text");
        assert!(!log.is_empty() && log != "." && log != ".." && !log.contains('/') && text.contains(log));
    }
    if let Ok(to) = Destination::parse(text) {
        let again = Destination::parse(&to.to_string()).expect("what it prints, it reads");
        assert_eq!((&again, again.to_string()), (&to, to.to_string()));
    }
}

fn assert_held(held: &Held, text: &str) {
    let born = held.file.born.map_or("x".to_owned(), |born| born.nanos().to_string());
    let (dev, ino) = (held.file.dev, held.file.ino);
    let rendered = format!("{}-{}-{}.{dev}.{ino}.{born}.{}", held.tag.as_str(), held.stream, held.seq, held.taken);
    assert_eq!((rendered.as_str(), held.file_name()), (text, text));
}
