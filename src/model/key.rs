//! The name of an object: rendered from what a segment is, and parsed back from the right.
//!
//! ```text
//! service=web/dt=2026-11-21/web_20261121T000003Z_20261121T005959Z_i-0abc12345678_k3f9a2-00000017-9f86d081.log.gz
//! └─────────directory──────┘└────────────────────────────────────leaf──────────────────────────────────────────┘
//! ```
//!
//! The leaf holds everything, the format of the object too (`.log.gz`, `.log.zst`); the directory is there for people and for engines that know Hive's layout. Reading
//! commands parse the leaf alone. The directory may be another one than this ([`KeyDirectory`]); a segment has one for
//! life.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::is_hex;
use super::format::Format;
use super::names::{Instance, Seq, Service, StreamId};
use super::time::Moment;

/// An object's name under the store's prefix: relative, its parts never empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The most bytes of a key with the prefix before it
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
    pub const LONGEST: usize = 1024;

    /// The key of a segment in the default directory.
    pub fn render(leaf: &Leaf) -> Self {
        Self(format!("service={}/dt={}/{leaf}", leaf.service.encoded(), leaf.first.day()))
    }

    /// The key of a segment in a directory of its own.
    pub fn within(directory: &KeyDirectory, leaf: &Leaf) -> Self {
        Self(format!("{}/{leaf}", directory.0))
    }

    /// The key of an object that was listed, of the parts that [`Self::split`] gave.
    pub fn joined(directory: &str, leaf: &Leaf) -> Self {
        match directory {
            "" => Self(leaf.to_string()),
            directory => Self(format!("{directory}/{leaf}")),
        }
    }

    /// The reserved key of a machine's check, which holds no log. Its first part begins with a dot: nothing of ours lists
    /// it, neither do engines that know Hive's layout.
    pub fn of_check(instance: &Instance) -> Self {
        Self(format!(".logferry/check-{instance}"))
    }

    /// A key that a store listed; `None` when it could not be one of ours.
    pub fn listed(key: &str) -> Option<Self> {
        let sound = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
        key.split('/').all(sound).then(|| Self(key.to_owned()))
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its last part says, where it is a key of ours. The directories of ours are printable ASCII ([`KeyDirectory`]): what
    /// else somebody has put there is none of ours, and its name could make a terminal do anything.
    pub fn leaf(&self) -> Option<Leaf> {
        let (directory, leaf) = self.split();
        let is_printable = directory.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        is_printable.then(|| Leaf::parse(leaf))?
    }

    /// What the last part of a name says that is the key of nothing of ours, as one of its parts is empty or a dot (`a//b`): consoles,
    /// and tools to which a directory was given with a slash too many, put copies there.
    pub fn misplaced(name: &str) -> Option<Leaf> {
        let (directory, leaf) = name.rsplit_once('/').filter(|_| Self::listed(name).is_none())?;
        let is_printable = directory.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        is_printable.then(|| Leaf::parse(leaf))?
    }

    /// The part before the last slash, and the part after it.
    pub fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({})", self.0)
    }
}

/// The directory part of a key, where it is not the default one: printable ASCII, relative, without a slash at its ends.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDirectory(String);

impl KeyDirectory {
    /// The most bytes of it, where the store has no prefix.
    pub const LONGEST: usize = ObjectKey::LONGEST - 1 - Leaf::LONGEST;
    /// The most bytes of one that an earlier version may have given to a segment, when all leaves were a byte shorter.
    const LONGEST_EVER: usize = Self::LONGEST + 1;

    /// The most bytes of one of its parts, since the directory store makes directories of them (`NAME_MAX`).
    pub const LONGEST_PART: usize = 255;

    /// Takes a directory as it is.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(directory: &str) -> Result<Self, String> {
        let is_sound = |part: &str| {
            // Hidden directories are not listed, and `..` would lead elsewhere.
            !part.is_empty() && !part.starts_with('.') && part.len() <= Self::LONGEST_PART
        };
        let is_plain = directory.bytes().all(|byte| byte.is_ascii_graphic());
        match is_plain && directory.len() <= Self::LONGEST_EVER && directory.split('/').all(is_sound) {
            true => Ok(Self(directory.to_owned())),
            false => Err(format!("{directory:?} is not the directory of an object's key")),
        }
    }
}

impl TryFrom<String> for KeyDirectory {
    type Error = String;
    fn try_from(directory: String) -> Result<Self, String> {
        Self::parse(&directory)
    }
}

impl From<KeyDirectory> for String {
    fn from(directory: KeyDirectory) -> Self {
        directory.0
    }
}

/// What the last part of a key says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// What the log is about; shortened if its name is long ([`Service::encoded`]).
    pub service: Service,
    /// When the first byte can have been written; keys hold whole seconds.
    pub first: Moment,
    /// When the last byte was written; keys hold whole seconds.
    pub last: Moment,
    /// The machine.
    pub instance: Instance,
    /// The stream.
    pub stream: StreamId,
    /// The number in the stream.
    pub seq: Seq,
    /// The first eight hex digits of the object's SHA-256.
    pub digest: String,
    /// How it is compressed.
    pub format: Format,
}

impl Leaf {
    /// The most bytes of a leaf: its parts, and what is between and behind them.
    pub const LONGEST: usize = Service::LONGEST_ENCODED + 2 * (1 + 16) + 1 + Instance::LONGEST + 1 + 6 + 9 + 9 + 8;

    /// Parses the last part of a key, from the right, since a service may hold `_`.
    pub fn parse(leaf: &str) -> Option<Self> {
        let of_format = |format: Format| Some((leaf.strip_suffix(format.extension())?, format));
        let (bare, format) = Format::ALL.into_iter().find_map(of_format)?;
        let mut parts = bare.rsplitn(5, '_');
        let tail = parts.next()?;
        let instance = Instance::parse(parts.next()?).ok()?;
        let last = Moment::parse_stamp(parts.next()?)?;
        let first = Moment::parse_stamp(parts.next()?)?;
        let service = Service::decode(parts.next()?)?;
        let mut tail = tail.split('-');
        let (stream, seq, digest) = (tail.next()?, tail.next()?, tail.next()?);
        if tail.next().is_some() || digest.len() != 8 || !digest.bytes().all(is_hex) {
            return None;
        }
        let (stream, seq) = (StreamId::parse(stream)?, Seq::parse(seq)?);
        Some(Self { service, first, last, instance, stream, seq, digest: digest.to_owned(), format })
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, first, last, instance, stream, seq, digest, format } = self;
        let (service, first, last) = (service.encoded(), first.stamp(), last.stamp());
        write!(f, "{service}_{first}_{last}_{instance}_{stream}-{seq}-{digest}{}", format.extension())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    const EXAMPLE: &str = "service=web/dt=2026-11-21/\
        web_20261121T000003Z_20261121T005959Z_i-0abc12345678_k3f9a2-00000017-9f86d081.log.gz";

    fn leaf(service: &[u8]) -> Leaf {
        Leaf {
            service: Service::new(std::ffi::OsString::from_vec(service.to_vec())).expect("not empty"),
            first: Moment::parse_stamp("20261121T000003Z").expect("a stamp"),
            last: Moment::parse_stamp("20261121T005959Z").expect("a stamp"),
            instance: Instance::parse("i-0abc12345678").expect("an instance"),
            stream: StreamId::parse("k3f9a2").expect("a stream"),
            seq: Seq(17),
            digest: "9f86d081".to_owned(),
            format: Format::Gzip,
        }
    }

    #[test]
    fn renders_the_documented_example() {
        assert_eq!(ObjectKey::render(&leaf(b"web")).as_str(), EXAMPLE);
    }

    #[test]
    fn parses_what_it_renders() {
        for service in [&b"web"[..], b"a_b_c", b"_", b"20261121T000003Z_x", b"web/1 \xff%41\n", &[0xfe; 33]] {
            for format in Format::ALL {
                let leaf = Leaf { format, ..leaf(service) };
                assert!(leaf.to_string().ends_with(format.extension()));
                assert_eq!(Leaf::parse(&leaf.to_string()), Some(leaf));
            }
        }
    }

    #[test]
    fn the_longest_names_fit_file_names_and_keys() {
        let mut long = leaf(&[0xff; 4000]);
        long.instance = Instance::from_host("h".repeat(300).as_ref());
        // The directory store puts a dot before, and `.json.tmp` behind a leaf.
        assert!(long.to_string().len() + 10 <= 255, "{}", long.to_string().len());
        assert!(ObjectKey::render(&long).as_str().len() + 513 <= 1024);
        // An escape of three characters is not cut in two.
        assert!(long.to_string().len() <= Leaf::LONGEST);
        long.service = leaf(&[b'x'; 4000]).service;
        long.format = Format::Zstd;
        assert_eq!(long.to_string().len(), Leaf::LONGEST);
    }

    #[test]
    fn a_directory_that_an_earlier_version_has_given_is_still_one() {
        let directory = |length: usize| format!("{}{}", "logs/".repeat(150), "x".repeat(length - 750));
        let leaf = Leaf { service: leaf(&[b'x'; 4000]).service, ..leaf(b"web") };
        let parsed = KeyDirectory::parse(&directory(792)).expect("it was one");
        assert!(ObjectKey::within(&parsed, &leaf).as_str().len() <= ObjectKey::LONGEST);
        assert!(KeyDirectory::parse(&directory(793)).is_err());
    }

    #[test]
    fn other_peoples_objects_are_not_ours() {
        for other in ["", "x.log.gz", "web_1_2_i-1_k3f9a2-00000017-9f86d081.log.gz", "a.json", "x.log.zst"] {
            assert_eq!(Leaf::parse(other), None, "{other}");
        }
        let longer = leaf(b"web").to_string().replace("-9f86d081", "-9f86d081-1");
        assert_eq!(Leaf::parse(&longer), None);
        assert!(ObjectKey::listed("a/../b").is_none());
        assert!(ObjectKey::listed("a//b").is_none());
        let leaf = EXAMPLE.rsplit_once('/').expect("a key").1;
        assert!(
            ObjectKey::misplaced(&format!("a//{leaf}")).is_some()
                && ObjectKey::misplaced(&format!("./{leaf}")).is_some()
        );
        assert_eq!(ObjectKey::misplaced(EXAMPLE), None);
        assert_eq!(ObjectKey::misplaced(&format!("a\u{1b}//{leaf}")), None);
        assert!(ObjectKey::listed(EXAMPLE).is_some_and(|key| key.leaf().is_some()));
        for directory in ["a\u{1b}[31mb", "a\nb", "a\u{9b}b", "\u{fc}", "a\tb", "a\u{7f}"] {
            let key = ObjectKey::listed(&format!("{directory}/{EXAMPLE}")).expect("a key");
            assert_eq!(key.leaf(), None, "{key:?}");
        }
        assert!(ObjectKey::listed(&format!("of an earlier time/{EXAMPLE}")).is_some_and(|key| key.leaf().is_some()));
    }
}
