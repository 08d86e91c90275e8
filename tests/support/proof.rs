//! Proof, without logferry, that a store holds what writers wrote: each byte once and in order.
//!
//! Promise: objects are read from the store's disk, decompressed by another gzip reader, and held against what the key
//! and the metadata say; a stream's numbers, offsets and digests must join; and joined, its bytes must be those that the
//! writer made. What is missing or there twice is told with its place.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use sha2::Digest as _;

use super::Written;
use crate::stream::Stream;

/// An object as it lies in a store.
pub(crate) struct Stored {
    pub(crate) key: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) raw: Vec<u8>,
    pub(crate) sha256: String,
}

impl Stored {
    fn read(key: String, metadata: BTreeMap<String, String>, packed: &[u8]) -> Self {
        let raw = if key.ends_with(".zst") { of_frame(&key, packed) } else { of_member(&key, packed) };
        let sha256 = sha2::Sha256::digest(packed).iter().map(|byte| format!("{byte:02x}")).collect();
        let stored = Self { key, metadata, raw, sha256 };
        stored.check();
        stored
    }

    pub(crate) fn says(&self, name: &str) -> &str {
        self.metadata.get(name).map_or("", String::as_str)
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.says(name).parse().unwrap_or_else(|_| panic!("{}: {name} is {:?}", self.key, self.says(name)))
    }

    /// The key, the metadata and the bytes tell the same.
    fn check(&self) {
        let key = &self.key;
        assert_eq!(self.says("sha256"), self.sha256, "{key}: its digest");
        assert_eq!(self.number("length"), self.raw.len() as u64, "{key}: its length");
        let lines = self.raw.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(self.number("lines"), lines as u64, "{key}: its lines");
        let end = format!("_{}-{:08}-{}.log.", self.says("stream"), self.number("seq"), &self.sha256[..8]);
        let is_so = ["gz", "zst"].iter().any(|format| key.ends_with(&format!("{end}{format}")));
        assert!(is_so, "{key} doesn't end in {end}gz or {end}zst");
    }
}

/// What one gzip member holds.
fn of_member(key: &str, packed: &[u8]) -> Vec<u8> {
    let (mut raw, mut member) = (Vec::new(), flate2::bufread::GzDecoder::new(packed));
    member.read_to_end(&mut raw).unwrap_or_else(|error| panic!("{key}: {error}"));
    assert!(member.into_inner().is_empty(), "{key}: something follows its one gzip member");
    raw
}

/// What one zstd frame holds.
fn of_frame(key: &str, packed: &[u8]) -> Vec<u8> {
    let mut frame = zstd::stream::read::Decoder::with_buffer(packed).expect("memory").single_frame();
    let mut raw = Vec::new();
    frame.read_to_end(&mut raw).unwrap_or_else(|error| panic!("{key}: {error}"));
    assert!(frame.finish().is_empty(), "{key}: something follows its one zstd frame");
    raw
}

/// All objects of a directory store.
pub(crate) fn of_directory(root: &Path) -> Vec<Stored> {
    let files = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.expect("an entry"));
    let mut objects = Vec::new();
    for file in files.filter(|entry| entry.file_type().is_file()) {
        let (path, name) = (file.path(), file.file_name().to_string_lossy().into_owned());
        // A hidden JSON file goes with its object; of any other hidden file nothing may be left.
        let stripped = name.strip_prefix('.').and_then(|name| name.strip_suffix(".json"));
        if stripped.is_some_and(|object| path.with_file_name(object).exists()) {
            continue;
        }
        let metadata = std::fs::read(path.with_file_name(format!(".{name}.json"))).unwrap_or_else(|error| {
            panic!("{} has no metadata: {error}", path.display());
        });
        let metadata = serde_json::from_slice(&metadata).expect("metadata are JSON");
        let key = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        objects.push(Stored::read(key, metadata, &std::fs::read(path).expect("an object")));
    }
    objects
}

/// All objects of the embedded S3 server's bucket, which lies at `root`.
pub(crate) fn of_bucket(root: &Path) -> Vec<Stored> {
    let entries = std::fs::read_dir(root.join("objects")).into_iter().flatten();
    let records = entries.map(|entry| entry.expect("an entry").path());
    let mut objects = Vec::new();
    for path in records.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("JSON");
        let metadata = record["attributes"]["metadata"].clone();
        let metadata = serde_json::from_value(metadata).expect("metadata are texts");
        let key = record["key"].as_str().expect("a key").to_owned();
        objects.push(Stored::read(key, metadata, &std::fs::read(path.with_extension("data")).expect("an object")));
    }
    objects
}

/// Segments of one stream, in order.
pub(crate) type Segments = Vec<Stored>;

/// The streams of all objects: numbered from 1 without gap or doubling, each segment beginning where the one before it
/// ended and naming its digest.
pub(crate) fn streams(objects: Vec<Stored>) -> BTreeMap<String, Segments> {
    let mut streams: BTreeMap<String, Segments> = BTreeMap::new();
    for object in objects {
        streams.entry(object.says("stream").to_owned()).or_default().push(object);
    }
    for segments in streams.values_mut() {
        segments.sort_by_key(|segment| segment.number("seq"));
        let mut offset = 0;
        for (index, segment) in segments.iter().enumerate() {
            let key = &segment.key;
            assert_eq!(segment.number("seq"), index as u64 + 1, "{key}: a number is missing or there twice");
            assert_eq!(segment.number("offset"), offset, "{key}: the bytes before it");
            let previous = index.checked_sub(1).map_or("", |before| &segments[before].sha256);
            assert_eq!(segment.says("previous"), previous, "{key}: the digest of the segment before it");
            offset += segment.raw.len() as u64;
        }
    }
    streams
}

/// Bytes of a log that no segment has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Where they begin.
    pub(crate) at: u64,
    /// How many they are.
    pub(crate) lost: u64,
    /// The segment before them, `STREAM-SEQ`; empty where there is none.
    pub(crate) segment: String,
    /// How that ended.
    pub(crate) ended: String,
}

impl Gap {
    /// Whether runs have said that bytes may be missing there: behind just that segment.
    pub(crate) fn is_told_in(&self, said: &str) -> bool {
        let behind = format!("missing behind segment {}", self.segment);
        let is_it = |line: &str| line.contains("not known to be complete between") && line.contains(&behind);
        !self.segment.is_empty() && said.lines().any(is_it)
    }
}

/// How a log's segments compare with what its writer wrote.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Bytes that are missing.
    pub(crate) lost: u64,
    /// Bytes that are there again.
    pub(crate) doubled: u64,
    /// Where bytes are missing.
    pub(crate) gaps: Vec<Gap>,
}

impl Comparison {
    fn missing(&mut self, at: usize, lost: usize, before: Option<&Stored>) {
        let (at, lost) = (at as u64, lost as u64);
        let segment = before.map_or(String::new(), |before| {
            let (stream, seq) = (before.says("stream"), before.number("seq"));
            format!("{stream}-{seq:08}")
        });
        let ended = before.map_or("the start", |before| before.says("ended")).to_owned();
        self.lost += lost;
        self.gaps.push(Gap { at, lost, segment, ended });
    }
}

/// Compares the segments of a log with what was written to it.
pub(crate) fn compare(segments: &[Stored], content: &[u8]) -> Comparison {
    let (mut comparison, mut at, mut before) = (Comparison::default(), 0, None);
    for segment in segments {
        let raw = &segment.raw;
        // The whole of it: a piece may stand in several places, as lines are long and alike.
        let next = memchr::memmem::find(&content[at..], raw).map(|behind| at + behind);
        let found = next.or_else(|| memchr::memmem::find(content, raw));
        let found = found.unwrap_or_else(|| nobody_wrote(segment, content));
        if found > at {
            comparison.missing(at, found - at, before);
        }
        comparison.doubled += at.saturating_sub(found) as u64;
        at = at.max(found + raw.len());
        before = Some(segment);
    }
    if at < content.len() {
        comparison.missing(at, content.len() - at, before);
    }
    comparison
}

/// Fails the test, and shows where a segment stops being something that was written.
fn nobody_wrote(Stored { key, raw, .. }: &Stored, content: &[u8]) -> ! {
    let is_there = |length: &usize| memchr::memmem::find(content, &raw[..*length]).is_some();
    let lengths: Vec<usize> = (0..=raw.len()).collect();
    let good = lengths.partition_point(is_there) - 1;
    let at = memchr::memmem::find(content, &raw[..good]).map_or(0, |begin| begin + good);
    let shown = |bytes: &[u8], at: usize| {
        String::from_utf8_lossy(&bytes[at.saturating_sub(100)..bytes.len().min(at + 100)]).into_owned()
    };
    let (read, written) = (shown(raw, good), shown(content, at));
    panic!(
        "{key}: nobody wrote these bytes in this order; from its byte {good} on:\n{read}\n--- written, at {at}:\n{written}"
    );
}

/// What was written to the log of a service.
pub(crate) struct Content {
    pub(crate) service: String,
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    pub(crate) fn new(service: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { service: service.to_owned(), bytes: bytes.into() }
    }
}

impl From<&Written> for Content {
    fn from(log: &Written) -> Self {
        let mut bytes = Vec::new();
        let length = usize::try_from(log.bytes).expect("it fits in memory");
        Stream::new(&log.name).fill(&mut bytes, length);
        bytes.truncate(length);
        Self::new(log.name.strip_suffix(".log").unwrap_or(&log.name), bytes)
    }
}

/// Compares all logs with the objects of a store. A log has one stream; a stream whose log nobody wrote fails the test.
pub(crate) fn compare_all(objects: Vec<Stored>, written: &[Content]) -> Comparison {
    let mut streams = streams(objects);
    let mut all = Comparison::default();
    for Content { service, bytes } in written {
        let of_log = |segments: &Segments| segments[0].says("service") == service;
        let ids = streams.iter().filter(|(_, segments)| of_log(segments)).map(|(id, _)| id.clone());
        let ids: Vec<String> = ids.collect();
        assert!(ids.len() <= 1, "{service} has several streams: {ids:?}");
        let segments = ids.first().and_then(|id| streams.remove(id)).unwrap_or_default();
        let Comparison { lost, doubled, gaps } = compare(&segments, bytes);
        all.lost += lost;
        all.doubled += doubled;
        all.gaps.extend(gaps);
    }
    let of_nobody: Vec<_> =
        streams.iter().map(|(id, segments)| (id, segments[0].says("path"), segments.len())).collect();
    assert!(of_nobody.is_empty(), "streams of nobody's: {of_nobody:?}");
    all
}
