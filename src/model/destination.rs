//! Where segments go: `s3://bucket/prefix` or `file:///dir`.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::path_text;

/// A store, as the user names it. A segment keeps the destination it was claimed for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    /// A bucket and a prefix in it (without slashes at its ends; may be empty).
    S3 {
        /// The bucket's name.
        bucket: Bucket,
        /// What every key begins with.
        prefix: String,
    },
    /// A directory, which must exist.
    Directory(PathBuf),
}

/// A bucket's name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bucket(String);

impl Bucket {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The longest prefix, in bytes: with it, the longest key stays within the 1,024 bytes of S3.
const LONGEST_PREFIX: usize = 512;

impl Destination {
    /// Reads what the user wrote.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return Self::parse_s3(rest);
        }
        if let Some(path) = text.strip_prefix("file://") {
            let directory = Self::parse_directory(path);
            return directory.ok_or_else(|| format!("{text:?} does not name a directory: write file:///absolute/path"));
        }
        Err(format!("{text:?} is not a destination: write s3://bucket/prefix or file:///absolute/path"))
    }

    /// Slashes at the end go only when `%2F` is one too, so that what is printed reads back as the same.
    fn parse_directory(text: &str) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt;
        let path = path_text::from_text(text);
        let bytes = path.as_os_str().as_bytes();
        let length = bytes.iter().rposition(|&byte| byte != b'/')? + 1;
        let sound = bytes.starts_with(b"/") && !bytes.contains(&0);
        sound.then(|| Self::Directory(std::ffi::OsStr::from_bytes(&bytes[..length]).into()))
    }

    fn parse_s3(rest: &str) -> Result<Self, String> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(fits) {
            return Err(format!(
                "{bucket:?} is not a bucket name: 3 to 63 of letters, digits, `.`, `-` and `_` (write s3://bucket/prefix)"
            ));
        }
        let prefix = prefix.trim_matches('/');
        if prefix.len() > LONGEST_PREFIX {
            return Err(format!("the prefix is longer than {LONGEST_PREFIX} bytes"));
        }
        if prefix.split('/').any(|part| part == "." || part == "..") || prefix.contains("//") {
            return Err(format!("the prefix {prefix:?} holds an empty, `.` or `..` part, which clients would fold"));
        }
        if prefix.chars().any(char::is_control) {
            return Err(format!("the prefix {prefix:?} holds a control character"));
        }
        Ok(Self::S3 { bucket: Bucket(bucket.to_owned()), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{}", bucket.0),
            Self::S3 { bucket, prefix } => write!(f, "s3://{}/{prefix}", bucket.0),
            Self::Directory(path) => write!(f, "file://{}", path_text::to_text(path)),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, printed) in [
            ("s3://logs", "s3://logs"),
            ("s3://logs/", "s3://logs"),
            ("s3://logs/a/b/", "s3://logs/a/b"),
            ("file:///var/archive/", "file:///var/archive"),
            ("file:///a%20b", "file:///a b"),
        ] {
            let read = Destination::parse(text).expect(text);
            assert_eq!(read.to_string(), printed);
            assert_eq!(Destination::parse(printed), Ok(read));
        }
    }

    #[test]
    fn refuses_with_a_reason() {
        for text in
            ["", "logs", "s3://", "s3://a", "s3://my bucket/x", "file://relative", "file:///", "s3://logs/a/../b"]
        {
            assert!(Destination::parse(text).is_err(), "{text}");
        }
    }
}
