//! Whether what an object says of itself is anything that this program would have written: a field that is there and makes no
//! sense proves as little as one that is missing.

use std::collections::BTreeMap;

use super::super::digest::Digest;
use super::super::segment::Ended;
use super::object::shown;

/// Fields that are numbers; `seq` is held against the key as it is.
const NUMBERS: [&str; 4] = ["format", "offset", "length", "lines"];

/// Fields that are digests.
const DIGESTS: [&str; 2] = ["sha256", "previous"];

/// How a segment may have ended.
const ENDS: [Ended; 4] = [Ended::Released, Ended::Settled, Ended::Interrupted, Ended::Continued];

/// A number as it is written: its digits, and nothing else.
pub(super) fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// What of the metadata is there and makes no sense, field by field.
pub(super) fn nonsense(metadata: &BTreeMap<String, String>) -> Vec<String> {
    let there = |name: &'static str| Some((name, metadata.get(name)?.as_str()));
    let is_number = |name: &str, text: &str| number(text).is_some_and(|number| name != "format" || number > 0);
    let numbers = NUMBERS.into_iter().filter_map(there).filter(|(name, text)| !is_number(name, text));
    let digests = DIGESTS.into_iter().filter_map(there).filter(|(_, text)| Digest::parse(text).is_none());
    let is_end = |text: &str| ENDS.iter().any(|end| end.to_string() == text);
    let ended = there("ended").filter(|(_, text)| !is_end(text));
    let texts = ["host", "path"].into_iter().filter_map(there).filter(|(_, text)| text.is_empty());
    let told =
        |(name, text): (&str, &str)| format!("{name} is {:?} in its metadata, which makes no sense", shown(text));
    numbers.chain(digests).chain(ended).chain(texts).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_have_been_written_makes_sense() {
        let digest = "0".repeat(64);
        let fields = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
        for (name, text) in [
            ("format", "1"),
            ("offset", "0"),
            ("length", "18446744073709551615"),
            ("sha256", &digest),
            ("previous", &digest),
            ("ended", "continued"),
            ("host", "x"),
        ] {
            assert_eq!(nonsense(&fields(name, text)), [""; 0], "{name}");
        }
        for (name, text) in [
            ("format", "0"),
            ("format", "-1"),
            ("offset", "abc"),
            ("offset", ""),
            ("length", "+43"),
            ("length", "043"),
            ("lines", "18446744073709551616"),
            ("sha256", &digest[1..]),
            ("previous", "none"),
            ("ended", "Released"),
            ("host", ""),
        ] {
            let told = nonsense(&fields(name, text));
            assert!(told.len() == 1 && told[0].starts_with(name), "{name} {text}: {told:?}");
        }
    }
}
