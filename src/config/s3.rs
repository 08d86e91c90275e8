//! The `[s3]` table: how objects are stored in a bucket.

use std::time::Duration;

use super::ConfigError;
use super::section::{Mistakes, Section, nearest};
use crate::model::s3_options::{Checksum, Encryption, S3Options};

/// The canned ACLs of S3 (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>).
const ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

pub(super) fn read(mut section: Section<'_>, mistakes: &mut Mistakes) -> S3Options {
    let encryption = encryption(&mut section);
    let checksums = Checksum::ALL.map(|(word, _)| word);
    let checksum = mistakes.or_default(section.parsed("checksum", |text| one_of(text, &checksums)));
    let checksum = Checksum::ALL.into_iter().find(|(word, _)| Some(*word) == checksum);
    let options = S3Options {
        encryption: mistakes.or_default(encryption),
        storage_class: mistakes.or_default(section.parsed("storage_class", storage_class)),
        acl: mistakes.or_default(section.parsed("acl", |text| one_of(text, &ACLS).map(str::to_owned))),
        expected_bucket_owner: mistakes.or_default(section.parsed("expected_bucket_owner", account)),
        checksum: checksum.map_or_else(Checksum::default, |(_, checksum)| checksum),
        tags: mistakes.or_default(tags(&mut section)),
        timeout: mistakes.or_default(section.parsed("timeout", timeout)),
    };
    section.finish(mistakes);
    options
}

fn encryption(section: &mut Section<'_>) -> Result<Option<Encryption>, ConfigError> {
    // Both are asked for, whatever is wrong with one: else the other would be unknown.
    let sse = section.parsed("sse", |text| one_of(text, &["AES256", "aws:kms"]));
    let key = section.string("kms_key_id");
    match (sse?, key?) {
        (Some("aws:kms"), key) => Ok(Some(Encryption::Kms { key })),
        (_, Some(_)) => Err(section.error("`kms_key_id` goes with sse = \"aws:kms\"".to_owned())),
        (Some(_), None) => Ok(Some(Encryption::S3)),
        (None, None) => Ok(None),
    }
}

fn one_of<'w>(text: &str, words: &[&'w str]) -> Result<&'w str, String> {
    words.iter().find(|word| **word == text).copied().ok_or_else(|| {
        let meant = nearest(text, words).map_or(String::new(), |meant| format!("did you mean {meant:?}? "));
        format!("{text:?} is not known; {meant}there are {}", words.join(", "))
    })
}

/// Stores other than S3 have classes of their own; all are written in capitals.
fn storage_class(text: &str) -> Result<String, String> {
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is not a storage class such as STANDARD_IA")),
    }
}

fn account(text: &str) -> Result<String, String> {
    match text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is not an account: it has 12 digits")),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let [least, most] = S3Options::TIMEOUTS;
    let timeout = super::parse_duration(text)?;
    match (least..=most).contains(&timeout) {
        true => Ok(timeout),
        false => Err(format!("{text:?} is not from {} s to {} min", least.as_secs(), most.as_secs() / 60)),
    }
}

fn tags(section: &mut Section<'_>) -> Result<Vec<(String, String)>, ConfigError> {
    let tags = section.table("tags")?.map_or(Ok(Vec::new()), Section::into_strings)?;
    match tags.len() <= 10 {
        true => Ok(tags),
        false => Err(section.error(format!("`tags` has {} entries; an object has at most 10", tags.len()))),
    }
}
