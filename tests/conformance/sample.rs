//! Segments to put: made up, of any size, the same bytes for the same name and size.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;

use anyhow::{Context as _, ensure};
use logferry::model::destination::Destination;
use logferry::model::digest::Digest;
use logferry::model::format::Format;
use logferry::model::key::ObjectKey;
use logferry::model::metadata::{self, Metadata};
use logferry::model::names::{Instance, Seq, Service, StreamId};
use logferry::model::notice::Notice;
use logferry::model::segment::{Ended, Identity, Seal, SealedSegment, Segment, SegmentName, Source, Taken};
use logferry::model::time::Moment;
use logferry::model::way::Way;
use logferry::store::{Kind, Object, Put, Store, StoreError, Uploads};

use crate::scene::Outcome;

pub(crate) const MIB: usize = 1024 * 1024;

/// What goes up in one request at most.
pub(crate) const PART: usize = 8 * MIB;

/// A size that goes up in two parts.
pub(crate) const TWO_PARTS: usize = PART + MIB;

/// A segment and its bytes.
pub(crate) struct Sample {
    pub(crate) key: ObjectKey,
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: Metadata,
    pub(crate) service: Service,
    sha256: Digest,
    body: File,
}

impl Sample {
    /// A segment of a service.
    pub(crate) fn new(service: impl Into<Vec<u8>>, size: usize) -> Outcome<Self> {
        Self::of_format(Format::Gzip, service, size)
    }

    /// A segment of a service, in that format.
    pub(crate) fn of_format(format: Format, service: impl Into<Vec<u8>>, size: usize) -> Outcome<Self> {
        Self::of(format, service, "/var/log/upstart/web.log", "ip-10-0-0-1", size)
    }

    /// One whose metadata is as long as it gets.
    pub(crate) fn with_longest_metadata(size: usize) -> Outcome<Self> {
        let (service, path) = ("ö x".repeat(100), "/ü".repeat(2000));
        Self::of(Format::Gzip, service, &path, &"ä".repeat(255), size)
    }

    fn of(format: Format, service: impl Into<Vec<u8>>, path: &str, host: &str, size: usize) -> Outcome<Self> {
        let service = Service::new(OsString::from_vec(service.into())).context("a service has a name")?;
        let bytes = made_up(service.encoded().len() as u64, size);
        let first = Moment::parse_stamp("20261121T000003Z").context("a stamp")?;
        let last = Moment::parse_stamp("20261121T005959Z").context("a stamp")?;
        let segment = Segment {
            name: SegmentName { stream: StreamId::from_random([1; 6]), seq: Seq(17) },
            path: path.into(),
            claimed: None,
            service: service.clone(),
            instance: Instance::parse("i-0abc12345678").map_err(anyhow::Error::msg)?,
            host: host.to_owned(),
            to: Destination::parse("s3://not-this-one").map_err(anyhow::Error::msg)?,
            key_directory: None,
            offset: u64::MAX,
            previous: Some(Digest::of(b"before")),
            source: Source { file: Identity { dev: 1, ino: 2, born: None }, from: 0 },
            directory: Identity { dev: 1, ino: 1, born: None },
            claimed_at: first,
            first,
            way: Way::Reopens,
            taken: Taken::Away,
            format,
            notice: Notice::default(),
        };
        let (packed, sha256) = (size as u64, Digest::of(&bytes));
        let (length, lines, ended) = (10 * packed, packed, Ended::Released);
        let seal = Seal { length, lines, packed, sha256, last, ended, ending: None, in_place: None };
        let sealed = SealedSegment { segment, seal };
        let mut body = tempfile::tempfile().context("make a body")?;
        body.write_all(&bytes).context("write a body")?;
        Ok(Self { key: sealed.key(), metadata: metadata::of(&sealed), bytes, service, sha256, body })
    }

    pub(crate) fn object(&self) -> Object<'_> {
        let length = self.bytes.len() as u64;
        Object { key: &self.key, body: &self.body, length, sha256: self.sha256, metadata: &self.metadata }
    }

    pub(crate) fn sha256(&self) -> Digest {
        self.sha256
    }

    /// Changes the last byte of the body; the digest stays.
    pub(crate) fn damage(self) -> Outcome<Self> {
        let last = self.bytes.len() - 1;
        self.body.write_all_at(&[!self.bytes[last]], last as u64).context("damage the body")?;
        Ok(self)
    }

    /// Cuts the last byte off the body; length and digest stay.
    pub(crate) fn shorten(self) -> Outcome<Self> {
        self.body.set_len(self.bytes.len() as u64 - 1).context("shorten the body")?;
        Ok(self)
    }
}

/// Bytes that no compression and no repetition make equal (xorshift, <https://www.jstatsoft.org/article/view/v008i14>).
fn made_up(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15 ^ (size as u64) << 20;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// What a store told of its upload in parts.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) begun: RefCell<Vec<String>>,
    pub(crate) ended: Cell<u32>,
    /// Whether noting fails.
    pub(crate) fails: Cell<bool>,
}

impl Uploads for Noted {
    fn begun(&self, upload: &str) -> io::Result<()> {
        self.begun.borrow_mut().push(upload.to_owned());
        if self.fails.get() { Err(io::Error::other("no room, as the test asked")) } else { Ok(()) }
    }

    fn ended(&self) {
        self.ended.set(self.ended.get() + 1);
    }
}

/// Puts a sample.
pub(crate) fn put(store: &dyn Store, sample: &Sample) -> Result<Put, StoreError> {
    store.put(&sample.object(), &Noted::default())
}

/// Puts a sample that isn't there yet.
pub(crate) fn create(store: &dyn Store, sample: &Sample) -> Outcome {
    let put = put(store, sample)?;
    ensure!(put == Put::Created, "the put of a new object answered {put:?}");
    Ok(())
}

/// Fails unless the object is there, to the byte.
pub(crate) fn is_whole(store: &dyn Store, sample: &Sample) -> Outcome {
    let mut bytes = Vec::with_capacity(sample.bytes.len());
    store.open(&sample.key)?.read_to_end(&mut bytes).context("read an object")?;
    ensure!(bytes.len() == sample.bytes.len(), "{} bytes came back of {}", bytes.len(), sample.bytes.len());
    ensure!(bytes == sample.bytes, "other bytes came back");
    Ok(())
}

/// Fails unless there is no such object, however one looks for it.
pub(crate) fn is_absent(store: &dyn Store, sample: &Sample) -> Outcome {
    fails_with(Kind::NoObject, "open", store.open(&sample.key).map(drop))?;
    fails_with(Kind::NoObject, "describe", store.describe(&sample.key).map(drop))?;
    let keys = keys(store, "")?;
    ensure!(!keys.contains(&sample.key), "the listing shows it");
    Ok(())
}

/// All keys below a prefix.
pub(crate) fn keys(store: &dyn Store, prefix: &str) -> Outcome<Vec<ObjectKey>> {
    let mut keys = Vec::new();
    store.list(prefix, &mut |listed| {
        keys.extend(listed.key);
        ControlFlow::Continue(())
    })?;
    Ok(keys)
}

/// Fails unless a call failed in that way.
pub(crate) fn fails_with<T: std::fmt::Debug>(kind: Kind, call: &str, result: Result<T, StoreError>) -> Outcome {
    match result {
        Err(error) if error.kind == kind => Ok(()),
        Err(error) => {
            let found = error.kind;
            Err(anyhow::Error::new(error).context(format!("{call} failed as {found:?} instead of {kind:?}")))
        }
        Ok(answer) => anyhow::bail!("{call} answered {answer:?} instead of failing as {kind:?}"),
    }
}
