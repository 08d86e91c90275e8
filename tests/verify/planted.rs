//! Objects of a test's own, in the directory store of its sandbox: as logferry ships them, but at whatever time and with
//! whatever number.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use logferry::model::destination::Destination;
use logferry::model::digest::Digest;
use logferry::model::format::Format;
use logferry::model::key::ObjectKey;
use logferry::model::metadata;
use logferry::model::names::{Instance, Seq, Service, StreamId};
use logferry::model::notice::Notice;
use logferry::model::segment::{Ended, Identity, Seal, SealedSegment, Segment, SegmentName, Source, Taken};
use logferry::model::time::Moment;
use logferry::model::way::Way;

use crate::support::{self, Sandbox};

/// One gzip member.
pub(super) fn member(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A day in November 2026 and an hour of it.
pub(super) fn at(day: u32, hour: u32) -> Moment {
    Moment::parse_stamp(&format!("202611{day:02}T{hour:02}0000Z")).expect("a stamp")
}

/// A stream that is being planted.
pub(super) struct Stream {
    service: Service,
    instance: Instance,
    host: String,
    id: StreamId,
    seq: u32,
    offset: u64,
    previous: Option<Digest>,
}

impl Stream {
    /// A stream that begins; each service on each instance has one of its own.
    pub(super) fn new(service: &str, instance: &str) -> Self {
        let name = Digest::of(format!("{service}/{instance}").as_bytes());
        let random = <[u8; 6]>::try_from(&name.0[..6]).expect("six bytes");
        Self {
            service: Service::new(service).expect("a name"),
            instance: Instance::parse(instance).expect("an instance"),
            host: format!("host-of-{instance}"),
            id: StreamId::from_random(random),
            seq: 0,
            offset: 0,
            previous: None,
        }
    }

    /// The next segment.
    pub(super) fn next(&mut self, first: Moment, last: Moment, text: &str) -> Planted {
        self.seq += 1;
        let packed = member(text.as_bytes());
        let (length, lines) = (text.len() as u64, text.matches('\n').count() as u64);
        let segment = Segment {
            name: SegmentName { stream: self.id, seq: Seq(self.seq) },
            path: format!("/var/log/{}.log", self.service).into(),
            claimed: None,
            service: self.service.clone(),
            instance: self.instance.clone(),
            host: self.host.clone(),
            to: Destination::parse("s3://bucket").expect("a destination"),
            key_directory: None,
            offset: self.offset,
            previous: self.previous,
            source: Source { file: Identity { dev: 1, ino: 2, born: None }, from: 0 },
            directory: Identity { dev: 1, ino: 1, born: None },
            claimed_at: last,
            first,
            way: Way::Reopens,
            taken: Taken::Away,
            format: Format::Gzip,
            notice: Notice::default(),
        };
        let sha256 = Digest::of(&packed);
        let ended = Ended::Released;
        let seal =
            Seal { length, lines, packed: packed.len() as u64, sha256, last, ended, ending: None, in_place: None };
        (self.offset, self.previous) = (self.offset + length, Some(sha256));
        let sealed = SealedSegment { segment, seal };
        let metadata = metadata::of(&sealed).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Planted { key: sealed.key(), metadata, body: packed }
    }

    /// Plants a segment for each of these hours of a day.
    pub(super) fn plant(&mut self, sandbox: &Sandbox, day: u32, hours: impl IntoIterator<Item = u32>) -> Vec<PathBuf> {
        let planted = hours.into_iter().map(|hour| {
            let (first, last) = (at(day, hour), Moment::from_nanos(at(day, hour).nanos() + 3_599_000_000_000));
            self.next(first, last, &format!("of hour {hour}\nand the rest of it\n")).put(sandbox)
        });
        planted.collect()
    }
}

/// An object.
#[derive(Clone)]
pub(super) struct Planted {
    pub(super) key: ObjectKey,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Planted {
    /// Puts it into the directory store.
    pub(super) fn put(&self, sandbox: &Sandbox) -> PathBuf {
        let path = sandbox.path("store").join(self.key.as_str());
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        std::fs::write(&path, &self.body).expect("an object");
        std::fs::write(metadata_of(&path), serde_json::to_vec(&self.metadata).expect("JSON")).expect("its metadata");
        path
    }
}

/// The file that the directory store keeps an object's metadata in.
pub(super) fn metadata_of(object: &std::path::Path) -> PathBuf {
    let name = object.file_name().expect("a name").to_string_lossy();
    object.with_file_name(format!(".{name}.json"))
}

/// Changes an object's metadata.
pub(super) fn edit(object: &std::path::Path, change: impl FnOnce(&mut BTreeMap<String, String>)) {
    let file = metadata_of(object);
    let mut metadata = serde_json::from_slice(&std::fs::read(&file).expect("its metadata")).expect("JSON");
    change(&mut metadata);
    std::fs::write(file, serde_json::to_vec(&metadata).expect("JSON")).expect("its metadata");
}

/// What `verify --json` says.
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) json: serde_json::Value,
}

impl Said {
    /// The kinds that were found, each with its numbers.
    pub(super) fn found(&self) -> Vec<(&str, Option<(u64, u64)>)> {
        let findings = self.json["findings"].as_array().expect("findings");
        let number = |finding: &serde_json::Value, at: usize| finding["numbers"][at].as_u64();
        let found = findings
            .iter()
            .map(|finding| (finding["kind"].as_str().expect("a kind"), number(finding, 0).zip(number(finding, 1))));
        found.collect()
    }

    /// The sentences about all findings of a kind.
    pub(super) fn what(&self, kind: &str) -> String {
        let findings = self.json["findings"].as_array().expect("findings");
        let of_kind = findings.iter().filter(|finding| finding["kind"] == kind);
        of_kind.map(|finding| finding["what"].as_str().expect("a sentence")).collect::<Vec<_>>().join("\n")
    }
}

/// Runs `logferry verify --json` with more arguments.
pub(super) fn verify(sandbox: &Sandbox, args: &[&str]) -> Said {
    said(&sandbox.run([&["verify", "--json"], args].concat()))
}

/// What a run with `--json` said.
#[track_caller]
pub(super) fn said(ended: &support::Ended) -> Said {
    let json: serde_json::Value =
        serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(json["exit_code"], ended.code);
    assert_eq!(json["proved"], ended.code == 0);
    Said { code: ended.code, json }
}
