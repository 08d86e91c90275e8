//! What the metadata service is asked, and which answers are taken for one.
//!
//! What stands in keys for ever must not come from whatever happens to answer at the service's address: each value has the
//! form that EC2 gives it, or counts as not known.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::facts::Facts;
use crate::model::names::Instance;

/// Answers by their path below `/latest/meta-data/`: `None` where there is no such thing.
pub(super) type Answers = BTreeMap<String, Option<String>>;

/// The instance id.
pub(super) const ID: &str = "instance-id";

/// Where tags are, if the instance's metadata options let them be seen.
const TAGS: &str = "tags/instance/";

/// What is not a tag is asked by these paths
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories>).
pub(super) const KIND: &str = "instance-type";
pub(super) const ZONE: &str = "placement/availability-zone";
pub(super) const REGION: &str = "placement/region";
const IMAGE: &str = "ami-id";
const ADDRESS: &str = "local-ipv4";
/// The tag that Auto Scaling gives its instances.
pub(super) const GROUP: &str = "tags/instance/aws:autoscaling:groupName";

/// What each instance has, but for its id.
pub(super) const COMMON: [&str; 6] = [KIND, ZONE, REGION, IMAGE, ADDRESS, GROUP];

/// Those of the answers that may change while a machine is shut down.
pub(super) const CHANGEABLE: [&str; 2] = [KIND, GROUP];

/// The path of a tag; `None` for a key that no instance can have in its metadata: it holds letters, digits and
/// `+-=.,_:@` only, and is none of `.`, `..` and `_index`
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html>).
pub(super) fn path_of_tag(key: &str) -> Option<String> {
    let fits = |c: char| c.is_alphanumeric() || "+-=.,_:@".contains(c);
    let may_be = key.chars().all(fits) && ![".", "..", "_index", ""].contains(&key);
    may_be.then(|| format!("{TAGS}{key}"))
}

/// Whether an answer has the form of what was asked for.
pub(super) fn fits(path: &str, value: &str) -> bool {
    let word = |most: usize| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        (1..=most).contains(&value.len()) && value.bytes().all(plain)
    };
    match path {
        ID => is_instance_id(value),
        KIND => word(64) && value.contains('.'),
        ZONE | REGION => word(64) && value.contains('-'),
        IMAGE => value.strip_prefix("ami-").is_some_and(|_| word(64)),
        ADDRESS => value.parse::<IpAddr>().is_ok(),
        // A tag's value has at most 256 characters, a group's name 255.
        _ => !value.is_empty() && value.chars().count() <= 256 && !value.contains(char::is_control),
    }
}

/// `i-` and 8 or, since 2016, 17 hex digits; some tests of other programs have other lengths.
pub(super) fn is_instance_id(value: &str) -> bool {
    let digits = value.strip_prefix("i-").unwrap_or_default();
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (8..=32).contains(&digits.len()) && digits.bytes().all(is_hex)
}

/// The facts that are in answers.
pub(super) fn facts(instance: Option<&Instance>, answers: &Answers) -> Facts {
    let of = |path: &str| answers.get(path).cloned().flatten();
    let tags = answers.iter().filter_map(|(path, value)| Some((path.strip_prefix(TAGS)?.to_owned(), value.clone()?)));
    Facts {
        instance: instance.cloned(),
        kind: of(KIND),
        zone: of(ZONE),
        region: of(REGION),
        image: of(IMAGE),
        address: of(ADDRESS),
        group: of(GROUP),
        tags: tags.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ec2_says_fits() {
        for (path, value) in [
            (ID, "i-0af01c0123456789a"),
            (ID, "i-1234abcd"),
            (KIND, "m5.large"),
            (KIND, "u-6tb1.112xlarge"),
            (KIND, "mac2-m2pro.metal"),
            (ZONE, "us-east-1-wl1-bos-wlz-1"),
            (REGION, "us-gov-west-1"),
            (IMAGE, "ami-0abcdef1234567890"),
            (ADDRESS, "10.0.0.7"),
            (ADDRESS, "fd00:ec2::7"),
            (GROUP, "web tier/größe: 1"),
        ] {
            assert!(fits(path, value), "{path}: {value}");
        }
    }

    #[test]
    fn what_something_else_says_does_not() {
        let page = "<html><body>Log in</body></html>";
        for path in [ID, KIND, ZONE, REGION, IMAGE, ADDRESS] {
            for value in ["", page, "ok", "OK", "404 - Not Found", "a\nb", "ü", "../x", &"x".repeat(65)] {
                assert!(!fits(path, value), "{path}: {value:?}");
            }
        }
        assert!(!fits(GROUP, "a\nb") && !fits(GROUP, &"g".repeat(257)) && !fits(GROUP, ""));
        assert!(!fits(ID, "i-0AF01C0123456789A") && !fits(ID, "i-forged") && !fits(ID, "i-"));
    }

    #[test]
    fn only_tags_that_may_be_there_are_asked_for() {
        assert_eq!(path_of_tag("aws:autoscaling:groupName").as_deref(), Some(GROUP));
        for key in ["", ".", "..", "_index", "a b", "a/b", "a?b"] {
            assert_eq!(path_of_tag(key), None, "{key}");
        }
    }
}
