//! The layout of the store, and the keys that it gives.

use logferry::config::{Layout, Values};
use logferry::model::destination::Destination;
use logferry::model::facts::Facts;
use logferry::model::key::{KeyDirectory, Leaf, ObjectKey};

use super::super::choices::Choices;

const FIELDS: [&str; 11] = [
    "{service}",
    "{date}",
    "{hour}",
    "{instance}",
    "{host}",
    "{region}",
    "{zone}",
    "{type}",
    "{group}",
    "{tag:team}",
    "{tag:a b/c}",
];

const TEXTS: [&str; 8] = ["dt=", "env=prod", "logs", "-", "=", "x.y", "a", "Z9_"];

/// A text that may well be a layout.
fn text(choices: &mut Choices<'_>) -> String {
    let part = |choices: &mut Choices<'_>| {
        let piece = |choices: &mut Choices<'_>| match choices.is() {
            true => choices.pick(&FIELDS),
            false => choices.pick(&TEXTS),
        };
        (0..=choices.below(3)).map(|_| piece(choices)).collect::<String>()
    };
    let parts: Vec<String> = (0..=choices.below(5)).map(|_| part(choices)).collect();
    parts.join("/")
}

/// What may be known of a machine: whatever is a text.
fn facts(choices: &mut Choices<'_>) -> Facts {
    let value = |choices: &mut Choices<'_>| choices.is().then(|| choices.text(150));
    let (kind, zone, region, group) = (value(choices), value(choices), value(choices), value(choices));
    let tags = ["team", "a b/c"].into_iter().filter_map(|key| Some((key.to_owned(), value(choices)?)));
    Facts { kind, zone, region, group, tags: tags.collect(), ..Facts::default() }
}

/// Whatever the values are: the key is valid, says again what the segment is, and is found where the layout looks for it.
pub fn layout(choices: &mut Choices<'_>) {
    let text = text(choices);
    let Ok(layout) = Layout::parse(&text) else { return };
    let (leaf, facts, host) = (choices.leaf(), facts(choices), choices.text(90));
    let to = choices.destination();
    let values =
        Values { service: &leaf.service, first: leaf.first, instance: &leaf.instance, host: &host, facts: &facts };
    let directory = layout.directory(&values);
    assert_eq!(directory, layout.directory(&values), "the same values give the same directory");
    let key =
        directory.as_ref().map_or_else(|| ObjectKey::render(&leaf), |directory| ObjectKey::within(directory, &leaf));
    assert_found(&key, &leaf, &layout, &text);
    let prefix = match &to {
        Destination::S3 { prefix, .. } => prefix.len() + 1,
        Destination::Directory(_) => 0,
    };
    let fits = layout.too_long_for(&to).is_none();
    assert!(!fits || prefix + key.as_str().len() <= ObjectKey::LONGEST, "{text}: {key} is too long for {to}");
}

fn assert_found(key: &ObjectKey, leaf: &Leaf, layout: &Layout, text: &str) {
    let (directory, last) = key.split();
    assert!(directory.bytes().all(|byte| byte.is_ascii_graphic()), "{text}: {key}");
    let is_shown =
        |part: &str| !part.is_empty() && !part.starts_with(['.', '_']) && part.len() <= KeyDirectory::LONGEST_PART;
    assert!(directory.split('/').all(is_shown), "{text}: {key}");
    assert!(key.as_str().len() <= ObjectKey::LONGEST, "{text}: {key} is too long");
    assert_eq!(ObjectKey::listed(key.as_str()).as_ref(), Some(key), "{text}");
    let parsed = Leaf::parse(last).unwrap_or_else(|| panic!("{text}: {key} does not parse"));
    assert_eq!(parsed.to_string(), leaf.to_string(), "{text}");
    for service in [Some(&leaf.service), Some(&parsed.service), None] {
        let prefix = layout.prefix(service);
        assert!(key.as_str().starts_with(&prefix), "{text}: {key} is not below {prefix}");
        assert!(!prefix.starts_with('/') && !prefix.contains("//"), "{text}: {prefix}");
    }
}

/// Of whatever is written for a layout, either it is one, or the reason is a sentence.
pub fn layout_text(text: &str) {
    match Layout::parse(text) {
        Ok(layout) => assert!(!text.is_empty() && !layout.prefix(None).contains('{')),
        Err(why) => assert!(!why.is_empty() && !why.contains(char::is_control), "{why:?}"),
    }
}
