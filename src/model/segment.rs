//! What is known of a segment: from its claim on, and once it is sealed.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::digest::{Digest, is_hex};
use super::format::Format;
use super::in_place::InPlace;
use super::key::{KeyDirectory, Leaf, ObjectKey};
use super::names::{Instance, Seq, Service, StreamId};
use super::notice::{Kind, Noted, Notice};
use super::path_text::{self, serde_path};
use super::time::Moment;
use super::way::Way;

/// The version of the metadata that this program writes.
pub const FORMAT: u32 = 1;

/// What a segment is called in the spool: stream and number, `k3f9a2-00000017`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SegmentName {
    /// The stream.
    pub stream: StreamId,
    /// The number in it.
    pub seq: Seq,
}

impl SegmentName {
    /// Reads the name in front of a spool file's extension.
    pub fn parse(text: &str) -> Option<Self> {
        let (stream, seq) = text.split_once('-')?;
        Some(Self { stream: StreamId::parse(stream)?, seq: Seq::parse(seq)? })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.seq)
    }
}

/// Which file it is, whatever it is called: device, inode, and birth time, since inode numbers are used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// `st_dev`.
    pub dev: u64,
    /// `st_ino`.
    pub ino: u64,
    /// `stx_btime`, where the file system keeps one.
    pub born: Option<Moment>,
}

impl Identity {
    /// Whether it is the same file, even if its file system has another device number since a reboot.
    pub fn is_same_but_for_device(&self, other: &Self) -> bool {
        (self.ino, self.born) == (other.ino, other.born)
    }
}

/// The bytes that a segment holds: those of one inode from one offset on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The inode.
    pub file: Identity,
    /// How many of its bytes went into earlier segments.
    pub from: u64,
}

/// How a segment came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The last writer had let go of the inode: complete, proved by the kernel.
    Released,
    /// A writer still held the inode but wrote nothing for the settle time; what it writes later is the next segment.
    Settled,
    /// The run was cut short between unlink and release; what was on disk is here.
    Interrupted,
    /// The log goes on in the stream's next segment: its file is still in use, or more of it waits.
    Continued,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Released => "released",
            Self::Settled => "settled",
            Self::Interrupted => "interrupted",
            Self::Continued => "continued",
        })
    }
}

/// Where a log is while its bytes are taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// It is taken out of use: claimed, or it was unlinked before.
    #[default]
    Away,
    /// It stays under its name.
    InPlace,
}

impl Taken {
    /// Whether it is what a record that says nothing of it means.
    pub fn is_away(&self) -> bool {
        *self == Self::Away
    }
}

/// Whether it is the format of a record that says nothing of it.
fn is_gzip(format: &Format) -> bool {
    *format == Format::Gzip
}

/// What is fixed when a segment begins, durable before the log is touched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// Its name in the spool.
    #[serde(flatten)]
    pub name: SegmentName,
    /// The log's path.
    #[serde(with = "serde_path")]
    pub path: PathBuf,
    /// The name in the log's directory that the log is claimed under; none for the growth of an unlinked inode, and for a
    /// log that stays in its place.
    pub claimed: Option<ClaimedName>,
    /// What the log is about.
    pub service: Service,
    /// The machine.
    pub instance: Instance,
    /// Its host name.
    pub host: String,
    /// Where it goes.
    pub to: Destination,
    /// The directory part of its key; `None` for the default one. It stays what it was when the segment was begun, whatever
    /// the configuration says later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_directory: Option<KeyDirectory>,
    /// Raw bytes of the stream before this segment.
    pub offset: u64,
    /// Digest of the stream's previous segment.
    pub previous: Option<Digest>,
    /// The inode and where in it this segment begins.
    pub source: Source,
    /// The log's directory. Its device number may change with a reboot, so that only the rest tells it from the mount
    /// point that is left when its file system is not mounted.
    pub directory: Identity,
    /// When it was claimed.
    pub claimed_at: Moment,
    /// When its first byte can have been written: the inode's birth, else the previous claim, else this one; no earlier than a look
    /// at which it was not there.
    pub first: Moment,
    /// How its writer lets go of the log. Records of the first version don't say it: they knew one way only.
    #[serde(default, skip_serializing_if = "is_the_first_way")]
    pub way: Way,
    /// Where the log is while this segment is written.
    #[serde(default, skip_serializing_if = "Taken::is_away")]
    pub taken: Taken,
    /// How it is compressed, whatever the configuration says by the time that it is sealed.
    #[serde(default, skip_serializing_if = "is_gzip")]
    pub format: Format,
    /// What its readers are told of what may be missing before it, or comes later.
    #[serde(default, skip_serializing_if = "Notice::is_empty")]
    pub notice: Notice,
}

fn is_the_first_way(way: &Way) -> bool {
    *way == Way::Reopens
}

/// A claimed log's name in its directory: `.web.log.<stamp>.claimed`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimedName(PathBuf);

impl ClaimedName {
    const END: &'static [u8] = b".claimed";
    /// Dot, dot, stamp with its random part, and the end.
    const ADDED: usize = 1 + 1 + 16 + 1 + 6 + 8;

    /// The longest log name, in bytes, that still can be claimed: a file name has at most 255 (`NAME_MAX`).
    pub const LONGEST_LOG: usize = 255 - Self::ADDED;

    /// The name for a log claimed at `when`. `random` keeps others from guessing it.
    pub fn new(log: &std::ffi::OsStr, when: Moment, random: StreamId) -> Self {
        let mut name = std::ffi::OsString::from(".");
        name.push(log);
        name.push(format!(".{}-{random}.claimed", when.stamp()));
        Self(name.into())
    }

    /// Takes a file name for a claimed one if it has that form; gives the log's name too.
    pub fn parse(name: &std::ffi::OsStr) -> Option<(Self, std::ffi::OsString)> {
        use std::os::unix::ffi::{OsStrExt, OsStringExt};
        let inner = name.as_bytes().strip_prefix(b".")?.strip_suffix(Self::END)?;
        let dot = inner.iter().rposition(|&b| b == b'.')?;
        let stamp = std::str::from_utf8(&inner[dot + 1..]).ok()?;
        Moment::parse_stamp(stamp.split('-').next()?)?;
        let log = std::ffi::OsString::from_vec(inner[..dot].to_vec());
        let is_file_name = !["", ".", ".."].iter().any(|no| log == *no) && !inner.iter().any(|b| b"/\0".contains(b));
        is_file_name.then(|| (Self(name.into()), log))
    }

    /// The file name.
    pub fn as_os_str(&self) -> &std::ffi::OsStr {
        self.0.as_os_str()
    }
}

impl TryFrom<String> for ClaimedName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let claimed = Self::parse(path_text::from_text(&text).as_os_str());
        claimed.map(|(claimed, _)| claimed).ok_or_else(|| format!("{text:?} is not the name of a claimed log"))
    }
}

impl From<ClaimedName> for String {
    fn from(claimed: ClaimedName) -> Self {
        path_text::to_text(&claimed.0)
    }
}

/// What is known when a segment is sealed; none of it ever changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// Raw bytes.
    pub length: u64,
    /// Line feeds among them.
    pub lines: u64,
    /// Bytes of the object.
    pub packed: u64,
    /// SHA-256 of the object.
    pub sha256: Digest,
    /// The inode's mtime; never before `first`.
    pub last: Moment,
    /// How it ended.
    pub ended: Ended,
    /// Where the log goes on in its place: CRC-32 of the last bytes, at most 32 KiB, so that one can tell whether it is still
    /// the same there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<u32>,
    /// Of a log that stays in its place: how to know its file again, and what of it is to be given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<InPlace>,
}

/// A segment that is complete and immutable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedSegment {
    /// What was fixed at the claim.
    pub segment: Segment,
    /// What was fixed at the seal.
    pub seal: Seal,
}

impl Segment {
    /// With a word for its readers on how many bytes of the log wait for later runs, where limits leave some.
    #[must_use]
    pub fn limited(self, waits: Option<u64>) -> Self {
        let Some(bytes) = waits else { return self };
        let noted = Noted { kind: Kind::Limited, at: self.claimed_at, bytes: Some(bytes) };
        Self { notice: self.notice.with(noted), ..self }
    }

    /// The name that its file had in the log's directory before it was claimed: the log's own, but for one that was
    /// rotated.
    pub fn own_name(&self) -> std::ffi::OsString {
        let claimed = self.claimed.as_ref().and_then(|claimed| ClaimedName::parse(claimed.as_os_str()));
        claimed.map_or_else(|| self.path.file_name().unwrap_or_default().to_owned(), |(_, name)| name)
    }
}

impl SealedSegment {
    /// Its name in the store.
    pub fn key(&self) -> ObjectKey {
        match &self.segment.key_directory {
            Some(directory) => ObjectKey::within(directory, &self.leaf()),
            None => ObjectKey::render(&self.leaf()),
        }
    }

    /// What the last part of its key says.
    pub fn leaf(&self) -> Leaf {
        let Segment { name, service, instance, first, format, .. } = &self.segment;
        Leaf {
            service: service.clone(),
            first: *first,
            last: self.seal.last,
            instance: instance.clone(),
            stream: name.stream,
            seq: name.seq,
            digest: self.seal.sha256.short(),
            format: *format,
        }
    }

    /// How many bytes of the inode are in this and earlier segments.
    pub fn taken(&self) -> u64 {
        self.segment.source.from + self.seal.length
    }
}

/// What belongs to one stream and no other: if any of it changes, a new stream begins. A stream thus never leaves its
/// store, and an image baked with our state never shares a stream with the machines made from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamOwner {
    /// The log.
    pub path: PathBuf,
    /// What it is about.
    pub service: Service,
    /// The machine.
    pub instance: Instance,
    /// The store.
    pub to: Destination,
}

impl StreamOwner {
    /// The owner of the stream that `segment` is in.
    pub fn of(segment: &Segment) -> Self {
        Self {
            path: segment.path.clone(),
            service: segment.service.clone(),
            instance: segment.instance.clone(),
            to: segment.to.clone(),
        }
    }
}

/// Which of our state files are about that stream's owner: 16 hex digits of a SHA-256 over all that it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OwnerTag(String);

impl OwnerTag {
    /// The tag of an owner.
    pub fn of(owner: &StreamOwner) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let StreamOwner { path, service, instance, to } = owner;
        let (path, service, to) = (path.as_os_str().as_bytes(), service.name().as_bytes(), to.to_string());
        // No path, service or destination holds a NUL.
        let all = [path, service, instance.as_str().as_bytes(), to.as_bytes()].join(&0);
        Self(Digest::of(&all).to_string()[..16].to_owned())
    }

    /// Reads 16 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16 && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn claimed_names_give_back_the_log() {
        let when = Moment::parse_stamp("20261121T005959Z").expect("a stamp");
        let random = StreamId::parse("k3f9a2").expect("an id");
        for log in [&b"web.log"[..], b"a b'\".log", b"\xff\xfe", b".hidden", b"x.20261121T005959Z.claimed"] {
            let log = OsStr::from_bytes(log);
            let claimed = ClaimedName::new(log, when, random);
            let (again, name) = ClaimedName::parse(claimed.as_os_str()).expect("a claimed name");
            assert_eq!((again, name.as_os_str()), (claimed, log));
        }
        let web = ClaimedName::new(OsStr::new("web.log"), when, random);
        assert_eq!(web.as_os_str(), ".web.log.20261121T005959Z-k3f9a2.claimed");
        let longest = "x".repeat(ClaimedName::LONGEST_LOG);
        assert_eq!(ClaimedName::new(longest.as_ref(), when, random).as_os_str().len(), 255);
    }

    #[test]
    fn other_names_are_not_claimed_ones() {
        for name in [".claimed", "..claimed", "web.log", ".web.log.claimed", ".web.log.2026.claimed"] {
            assert_eq!(ClaimedName::parse(OsStr::new(name)), None, "{name}");
        }
    }
}
