//! What an object must be: the bytes that its key and its metadata say.
//!
//! Three things are held against each other: the key, the metadata, and what was read. Where they differ, the sentence says
//! which one stands alone, since that tells what happened: changed bytes, a rewritten object, or lost metadata.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::super::digest::Digest;
use super::super::format::Format;
use super::super::key::Leaf;
use super::super::metadata::{self, NOTICE};
use super::super::names::Service;
use super::super::notice::{Noted, Notice};
use super::super::printable::printable;
use super::super::segment::FORMAT;
use super::super::time::Moment;
use super::chain::Link;
use super::sense::{self, nonsense};

/// What was read of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// The SHA-256 of all its bytes.
    pub sha256: Digest,
    /// How many they are.
    pub packed: u64,
    /// As what it was read.
    pub format: Format,
    /// How many bytes its first gzip member or zstd frame unpacks to, as far as it does.
    pub raw: u64,
    /// How many lines end in those.
    pub lines: u64,
    /// Whether it is what one member is, or one frame.
    pub shape: Shape,
}

/// How the bytes of an object read as gzip (RFC 1952), or as zstd (RFC 8878), whose frames stand for members here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One member, whose CRC-32 and length are right, or one frame, whose checksum is, and nothing behind it.
    OneMember,
    /// They end before the member does.
    CutShort,
    /// They are nothing of the kind, or the data, CRC-32, checksum or length are wrong.
    Corrupt(String),
    /// One member, and another one behind it.
    SecondMember,
    /// One member, and so many bytes behind it that are none.
    Followed(u64),
}

/// What came of holding an object's parts against each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judged {
    /// All of them say the same.
    Whole,
    /// Its bytes are those that its key names, and one sound member; it has no metadata of ours.
    Bare,
    /// A later version wrote it, in that format.
    Later(String),
    /// What is wrong, in sentences, and what to do.
    Wrong(Vec<String>, &'static str),
}

/// What to do about bytes that are not those that were shipped.
const CHANGED: &str = "it changed after it was shipped: restore it from another copy (an earlier version, if the bucket keeps \
                       them), or from its machine, if `keep` is set there (`logferry ls --local`)";

/// What to do about bytes that were not sound when they were shipped.
const SHIPPED_SO: &str = "it has the bytes that were shipped: look at the disk and the memory of its machine, and keep the object, \
                          of which most may still be readable (gzip -dc, zstd -dc)";

/// What to do about metadata that is not what was shipped.
const REWRITTEN: &str = "something else wrote it or its metadata: find out what (the store's access log), and restore it from \
                         another copy";

/// The metadata that every object has that this program shipped, in whatever version.
const NEEDED: [&str; 14] = [
    "format", "host", "instance", "path", "service", "stream", "seq", "offset", "length", "lines", "first", "last",
    "sha256", "ended",
];

/// How many characters of a text are shown: a notice is whole in that.
const LONGEST: usize = 200;

/// What an object says of itself.
pub struct Facts<'m>(pub &'m BTreeMap<String, String>);

impl<'m> Facts<'m> {
    fn get(&self, name: &str) -> Option<&'m str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        sense::number(self.get(name)?)
    }

    fn digest(&self, name: &str) -> Option<Digest> {
        Digest::parse(self.get(name)?)
    }

    /// The host name of its machine.
    pub fn host(&self) -> Option<&'m str> {
        self.get("host")
    }

    /// Whether nothing of what we say of an object is there, as after a copy by a tool that drops metadata.
    pub fn are_missing(&self) -> bool {
        NEEDED.iter().all(|name| !self.0.contains_key(*name))
    }

    /// What went wrong on its machine, as far as it tells: without what would move a terminal's cursor.
    pub fn notices(&self) -> Vec<String> {
        let cut = self
            .get("ended")
            .filter(|ended| *ended == "interrupted")
            .map(|_| "its run was cut short (interrupted): what was written in that instant may be missing".to_owned());
        let text = self.get(NOTICE).unwrap_or_default();
        let noted: Vec<String> = Notice::parse(text).iter().map(noted).collect();
        // What a later version may write is told as it is.
        let told = if noted.is_empty() && !text.is_empty() { vec![shown(text)] } else { noted };
        cut.into_iter().chain(told).collect()
    }

    /// The same as it stands there, on one line: `interrupted,truncated@20261121T005959Z`.
    pub fn notice(&self) -> Option<String> {
        let cut = self.get("ended").filter(|ended| *ended == "interrupted");
        let told: Vec<&str> = cut.into_iter().chain(self.get(NOTICE)).collect();
        (!told.is_empty()).then(|| shown(&told.join(",")))
    }

    /// What the chain needs of it. `body` is what was read, where anything was.
    pub fn link(&self, leaf: &Leaf, body: Option<&Body>) -> Link {
        Link {
            seq: leaf.seq,
            sha256: self.digest("sha256").or(body.map(|body| body.sha256)),
            offset: self.number("offset"),
            length: self.number("length").or(body.map(|body| body.raw)),
            previous: self.digest("previous"),
            is_told: !self.are_missing(),
        }
    }

    /// What the metadata says that the key doesn't, name by name.
    fn against(&self, leaf: &Leaf) -> Vec<String> {
        let stamp = |name: &str| self.get(name).and_then(moment).map(Moment::stamp);
        let said = [
            ("service", self.service(leaf), leaf.service.encoded()),
            ("instance", self.get("instance").map(str::to_owned), leaf.instance.to_string()),
            ("stream", self.get("stream").map(str::to_owned), leaf.stream.to_string()),
            ("seq", self.get("seq").map(str::to_owned), leaf.seq.0.to_string()),
            ("first", stamp("first"), leaf.first.stamp()),
            ("last", stamp("last"), leaf.last.stamp()),
        ];
        let differing = said.into_iter().filter(|(_, said, key)| said.as_ref() != Some(key));
        differing
            .map(|(name, said, key)| format!("{name} is {}, its key says {key}", or_missing(said.as_deref())))
            .collect()
    }

    /// The service as a key has it; one whose name was cut in the metadata, and so in the key, says nothing.
    fn service(&self, leaf: &Leaf) -> Option<String> {
        let text = self.get("service")?;
        if metadata::is_cut(text) && Service::may_be_cut(&leaf.service.encoded()) {
            return Some(leaf.service.encoded());
        }
        let name = OsString::from_vec(percent_decode_str(text).collect());
        Service::new(name).map(|service| service.encoded())
    }

    /// Holds an object's key, metadata and body against each other.
    pub fn judge(&self, leaf: &Leaf, body: &Body) -> Judged {
        if self.number("format").is_some_and(|format| format > u64::from(FORMAT)) {
            return Judged::Later(self.get("format").unwrap_or_default().to_owned());
        }
        if let Some((why, hint)) = self.bytes(leaf, body) {
            return Judged::Wrong(why, hint);
        }
        if self.are_missing() {
            return Judged::Bare;
        }
        let mut wrong = Vec::new();
        let missing: Vec<_> = NEEDED.into_iter().filter(|name| !self.0.contains_key(*name)).collect();
        match missing.is_empty() {
            true => wrong.extend(self.against(leaf)),
            false => wrong.push(format!("{} missing from its metadata", missing.join(", "))),
        }
        wrong.extend(nonsense(self.0));
        for (name, is) in [("length", body.raw), ("lines", body.lines)] {
            if let Some(said) = self.get(name).filter(|said| said.parse() != Ok(is)) {
                wrong.push(format!("it has {is} {}, its metadata says {}", unit(name), shown(said)));
            }
        }
        match wrong.is_empty() {
            true => Judged::Whole,
            false => Judged::Wrong(wrong, REWRITTEN),
        }
    }

    /// What is wrong with the bytes.
    fn bytes(&self, leaf: &Leaf, body: &Body) -> Option<(Vec<String>, &'static str)> {
        let shape = misshapen(body);
        let (is, told) = (body.sha256, self.digest("sha256"));
        let is_of_key = is.short() == leaf.digest;
        let digest = match told {
            Some(told) if told == is && is_of_key => None,
            // A digest that is good for itself: it was shipped like that, elsewhere.
            Some(told) if told == is => Some(format!(
                "another object is under this key: its SHA-256 begins with {}, the key says {}",
                is.short(),
                leaf.digest
            )),
            Some(_) if is_of_key => {
                Some("its metadata is of another object: the SHA-256 in it is not its own".to_owned())
            }
            None if is_of_key => None,
            _ => Some(format!(
                "its bytes are not those that were shipped (their SHA-256 begins with {}, the key says {})",
                is.short(),
                leaf.digest
            )),
        };
        let hint = match (&digest, told) {
            (None, _) => SHIPPED_SO,
            (Some(_), Some(told)) if told == is || is_of_key => REWRITTEN,
            (Some(_), _) => CHANGED,
        };
        let mut wrong: Vec<String> = digest.into_iter().chain(shape).collect();
        if hint == REWRITTEN {
            wrong.extend(self.against(leaf));
        }
        (!wrong.is_empty()).then_some((wrong, hint))
    }
}

/// What is wrong with an object's shape, if anything is.
fn misshapen(body: &Body) -> Option<String> {
    let (format, unit) = (body.format.name(), body.format.unit());
    match &body.shape {
        Shape::OneMember => None,
        Shape::CutShort => Some(format!("its {format} data ends too early, after {} bytes", body.packed)),
        Shape::Corrupt(why) => Some(format!("its {format} data is damaged ({why})")),
        Shape::SecondMember => Some(format!("a second {format} {unit} follows the first, which many readers skip")),
        Shape::Followed(bytes) => Some(format!("{bytes} bytes that are no {format} follow its {unit}")),
    }
}

/// What a machine tells its readers, for people.
fn noted(Noted { kind, at, bytes }: &Noted) -> String {
    let bytes = bytes.map_or(String::new(), |bytes| format!(", {bytes} bytes"));
    format!("{} ({}{bytes})", kind.meaning(), at.to_second())
}

/// What someone else may have written, for a terminal.
pub(super) fn shown(said: &str) -> String {
    printable(&said.chars().take(LONGEST).collect::<String>())
}

fn or_missing(said: Option<&str>) -> String {
    said.map_or("missing or no such thing".to_owned(), shown)
}

fn unit(name: &str) -> &str {
    if name == "length" { "bytes unpacked" } else { name }
}

/// A time as metadata has it.
fn moment(text: &str) -> Option<Moment> {
    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
    Moment::deserialize(text).ok()
}
