//! The names that make up an object key: service, instance, stream and number in the stream.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::digest::{Digest, is_hex};
use super::path_text::{self, escape};
use super::printable::printable;

/// What a log is about: by default the log's file name without `.log`. Any bytes, never empty. Clones share them: a listing
/// holds the same few names thousands of times.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(Arc<OsStr>);

impl Service {
    /// The most bytes that an encoded service takes in a key. A leaf name (see [`super::key`]) with a 64-byte instance
    /// must stay within the 255 bytes of a file name, since the directory store makes a file of it; and a key that
    /// holds the service twice must stay within S3's 1,024 bytes
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
    pub const LONGEST_ENCODED: usize = 100;

    /// A service of that name; `None` when it is empty.
    pub fn new(name: impl Into<OsString>) -> Option<Self> {
        let name = name.into();
        (!name.is_empty()).then(|| Self(name.into()))
    }

    /// The name as the user gave it.
    pub fn name(&self) -> &OsStr {
        &self.0
    }

    /// The name as it stands in a key: bytes outside `[A-Za-z0-9._-]` as `%XX`. A name that would be longer than
    /// [`Self::LONGEST_ENCODED`] is cut and ends in `..` and 16 hex digits of its SHA-256, so that it stays one
    /// service of its own; the full name stands in the object's metadata.
    pub fn encoded(&self) -> String {
        encoded(&self.0, Self::LONGEST_ENCODED)
    }

    /// The name as a person types it, on a terminal too: what can't be typed or shown stands as it does in keys.
    pub fn typed(&self) -> String {
        match self.0.to_str() {
            Some(text) if !text.contains(char::is_control) => text.to_owned(),
            _ => path_text::to_text(Path::new(&self.0)),
        }
    }

    /// The service that is meant by a name as a person types it, or copies it from what shows it: a name in which bytes are
    /// escaped that must be, as in keys and JSON, is that of the service that is shown so. `None` when it is empty.
    pub fn asked(name: OsString) -> Option<Self> {
        let meant = name.to_str().filter(|text| text.contains('%')).and_then(|text| {
            let meant = Self::new(path_text::from_text(text))?;
            let shown = meant.encoded() == text || path_text::to_text(Path::new(&meant.0)) == text;
            shown.then_some(meant)
        });
        meant.or_else(|| Self::new(name))
    }

    /// Whether a name as it stands in a key may have been cut: a whole name may look the same.
    pub fn may_be_cut(encoded: &str) -> bool {
        // An escape is never cut, so that up to two bytes are left.
        let is_long = (Self::LONGEST_ENCODED - 2..=Self::LONGEST_ENCODED).contains(&encoded.len());
        let mark = encoded.as_bytes().split_last_chunk::<18>().and_then(|(_, mark)| mark.strip_prefix(b".."));
        is_long && mark.is_some_and(|mark| mark.iter().copied().all(is_hex))
    }

    /// Reads what [`Self::encoded`] wrote, and nothing else: no two keys are of one segment. A name that was cut stays
    /// as it stands in the key.
    pub fn decode(encoded: &str) -> Option<Self> {
        let bytes: Vec<u8> = percent_decode_str(encoded).collect();
        Self::new(OsString::from_vec(bytes)).filter(|service| service.encoded() == encoded)
    }
}

/// For people: what isn't text, and what would move a terminal's cursor or hide what is near it, is replaced.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.to_string_lossy()))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({:?})", self.0)
    }
}

impl Serialize for Service {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&path_text::to_text(Path::new(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(path_text::from_text(&text)).ok_or_else(|| serde::de::Error::custom("a service has a name"))
    }
}

/// A name as it stands in a key, as [`Service::encoded`] tells, in at most that many bytes (which are 30 or more).
pub fn encoded(name: &OsStr, most: usize) -> String {
    let whole = escape(name, |b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if whole.len() <= most {
        return whole;
    }
    let mark = format!("..{}", &Digest::of(name.as_bytes()).to_string()[..16]);
    let mut end = most - mark.len();
    // Never cut inside of a `%XX`.
    if let Some(percent) = whole[..end].rfind('%').filter(|at| end - at < 3) {
        end = percent;
    }
    format!("{}{mark}", &whole[..end])
}

/// The machine that wrote the log: its EC2 instance id, else its host name. `[A-Za-z0-9.-]`, 1 to 64 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instance(Arc<str>);

impl Instance {
    /// The most bytes of an instance: the longest host name of Linux (`HOST_NAME_MAX`, `gethostname(2)`).
    pub const LONGEST: usize = 64;

    /// Takes a name as it is.
    ///
    /// # Errors
    /// When it is empty, too long, or holds a character outside `[A-Za-z0-9.-]`.
    pub fn parse(name: &str) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        if name.is_empty() || name.len() > Self::LONGEST {
            return Err(format!("an instance name has 1 to {} characters", Self::LONGEST));
        }
        match name.bytes().all(fits) {
            true => Ok(Self(name.into())),
            false => Err(format!(
                "instance name {name:?} holds a character outside [A-Za-z0-9.-] (keys are parsed at each `_`)"
            )),
        }
    }

    /// The nearest valid name for a host name that may hold anything.
    pub fn from_host(host: &OsStr) -> Self {
        let text: String = host
            .as_bytes()
            .iter()
            .map(|&b| if b.is_ascii_alphanumeric() || b == b'.' { char::from(b) } else { '-' })
            .take(Self::LONGEST)
            .collect();
        Self(if text.is_empty() { "localhost".into() } else { text.into() })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Instance {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name)
    }
}

impl From<Instance> for String {
    fn from(instance: Instance) -> Self {
        instance.0.as_ref().to_owned()
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({})", self.0)
    }
}

/// The name of a stream: six characters of `[0-9a-z]`, random when the stream begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId([u8; 6]);

impl StreamId {
    /// A stream name made of random bytes (only their value modulo 36 counts).
    pub fn from_random(random: [u8; 6]) -> Self {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        Self(random.map(|byte| DIGITS[usize::from(byte) % 36]))
    }

    /// Reads a stream name.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 6] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()).then_some(Self(bytes))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&b| write!(f, "{}", char::from(b)))
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({self})")
    }
}

impl TryFrom<String> for StreamId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a stream name (six of [0-9a-z])"))
    }
}

impl From<StreamId> for String {
    fn from(id: StreamId) -> Self {
        id.to_string()
    }
}

/// A segment's number in its stream: 1 to 99,999,999, without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct Seq(pub u32);

impl Seq {
    /// The number of a stream's first segment.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Reads the eight digits of a key or file name.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
        Self::try_from(text.parse::<u32>().ok().filter(|_| digits)?).ok()
    }
}

impl TryFrom<u32> for Seq {
    type Error = String;
    fn try_from(number: u32) -> Result<Self, String> {
        match (1..=99_999_999).contains(&number) {
            true => Ok(Self(number)),
            false => Err(format!("{number} is not a segment's number (1 to 99999999)")),
        }
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(bytes: &[u8]) -> Service {
        Service::new(OsString::from_vec(bytes.to_vec())).expect("not empty")
    }

    #[test]
    fn plain_services_stand_as_they_are() {
        assert_eq!(service(b"web-1.prod_x").encoded(), "web-1.prod_x");
    }

    #[test]
    fn every_byte_comes_back_from_an_encoded_service() {
        for byte in 1..=255u8 {
            let one = service(&[b'a', byte, b'z']);
            assert_eq!(Service::decode(&one.encoded()), Some(one));
        }
    }

    #[test]
    fn long_services_are_cut_whole_and_stay_apart() {
        for length in 90..400 {
            let long = service(&"ü".repeat(length).into_bytes()).encoded();
            assert!(long.len() <= Service::LONGEST_ENCODED);
            let cut = long.split("..").next().expect("a first part");
            assert_eq!(cut.len() % 3, 0, "cut inside of an escape: {long}");
        }
        let (one, two) = (service(&[b'a'; 300]), service(&[b'a'; 301]));
        assert_ne!(one.encoded(), two.encoded());
    }

    #[test]
    fn instances_never_hold_an_underscore() {
        assert!(Instance::parse("i-0abc.d").is_ok());
        assert!(Instance::parse("my_host").is_err());
        assert!(Instance::parse("").is_err());
        assert_eq!(Instance::from_host("my_host é".as_ref()).as_str(), "my-host---");
        assert_eq!(Instance::from_host("".as_ref()).as_str(), "localhost");
    }

    #[test]
    fn stream_names_and_numbers() {
        let id = StreamId::from_random([0, 35, 36, 71, 255, 10]);
        assert_eq!(id.to_string(), "0z0z3a");
        assert_eq!(StreamId::parse("0z0z3a"), Some(id));
        assert_eq!(StreamId::parse("0Z0z3a"), None);
        assert_eq!(Seq(17).to_string(), "00000017");
        assert_eq!(Seq::parse("00000017"), Some(Seq(17)));
        assert_eq!(Seq::parse("17"), None);
        assert_eq!(Seq::parse("+0000017"), None);
    }
}
