//! From the plan to the store, through the spool and the store as they are.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use logferry::gzip::{Block, Encoder, Levels, block_length};
use logferry::model::destination::Destination;
use logferry::model::format::Format;
use logferry::model::metadata;
use logferry::model::names::{Instance, Seq, Service, StreamId};
use logferry::model::s3_options::S3Options;
use logferry::model::segment::{self, Ended, Identity, SealedSegment, SegmentName, Source, Taken};
use logferry::model::time::Moment;
use logferry::model::way::Way;
use logferry::spool::{Head, Spool};
use logferry::store::{self, Object, Put, Store, Uploads};
use logferry::sys::signals::Stop;

use super::fleet::{self, Planned, mixed};
use super::{Archive, Segment, Stream, texts};

/// How many make it side by side.
const HANDS: usize = 4;

/// Makes the archive in a directory.
pub(super) fn make(directory: &Path) -> Archive {
    let root = directory.join("store");
    std::fs::create_dir(&root).expect("a directory");
    let planned = fleet::plan();
    let share = planned.len().div_ceil(HANDS);
    let mut streams: Vec<Stream> = std::thread::scope(|scope| {
        let shares = planned.chunks(share).enumerate();
        let hands: Vec<_> = shares
            .map(|(number, planned)| {
                let (spool, root) = (directory.join(format!("spool-{number}")), &root);
                scope.spawn(move || {
                    let mut hand = Hand::new(&spool, root);
                    planned.iter().map(|planned| hand.stream(planned)).collect::<Vec<_>>()
                })
            })
            .collect();
        hands.into_iter().flat_map(|hand| hand.join().expect("nothing fails")).collect()
    });
    // Keys hold whole seconds.
    let begin = |stream: &Stream| stream.segments.first().map(|segment| segment.first.stamp());
    streams.sort_by_cached_key(|stream| (stream.service.clone(), begin(stream), stream.instance.clone(), stream.id));
    Archive { root, streams }
}

/// One spool, from which segments go to the store.
struct Hand {
    spool: Spool,
    to: Destination,
    store: Box<dyn Store>,
    encoder: Encoder,
}

impl Hand {
    fn new(state: &Path, root: &Path) -> Self {
        std::fs::DirBuilder::new().mode(0o700).create(state).expect("a state directory");
        let to = Destination::parse(&format!("file://{}", root.display())).expect("a destination");
        let store = store::open(&to, &S3Options::default(), &Stop::default()).expect("a store");
        Self {
            spool: Spool::open(state).expect("a spool"),
            to,
            store,
            encoder: Encoder::new(Levels::of(Format::Gzip, 1)),
        }
    }

    /// Ships all segments of a stream, one after the other, as its instance would have.
    fn stream(&mut self, planned: &Planned) -> Stream {
        let (mut bytes, mut segments) = (Vec::new(), Vec::new());
        let mut shipped: Vec<SealedSegment> = Vec::new();
        for (span, raw) in planned.spans.iter().zip(texts::of_stream(planned)) {
            let head = shipped.last().map(|last| self.spool.after(last));
            let sealed = self.seal(self.begun(planned, *span, head), &raw, span.1);
            self.ship(&sealed);
            let range = bytes.len()..bytes.len() + raw.len();
            let (seq, (first, last_byte)) = (sealed.segment.name.seq, *span);
            segments.push(Segment { key: sealed.key(), seq, first, last: last_byte, range });
            bytes.extend(raw);
            shipped.push(sealed);
        }
        self.spool.drop_shipped(&shipped).expect("they are dropped");
        let id = stream_of(planned);
        let (service, instance) = names_of(planned);
        Stream { service, instance, host: planned.host.clone(), id, bytes, segments }
    }

    fn begun(&self, planned: &Planned, (first, last): (Moment, Moment), head: Option<Head>) -> segment::Segment {
        let (service, instance) = names_of(planned);
        let (name, offset, previous) = match head {
            Some(head) => (head.name, head.offset, head.previous),
            None => (SegmentName { stream: stream_of(planned), seq: Seq::FIRST }, 0, None),
        };
        let file = Identity { dev: 1, ino: mixed(&[planned.number, offset]), born: Some(first) };
        segment::Segment {
            name,
            path: PathBuf::from(format!("/var/log/upstart/{}.log", planned.kind.name.replace('/', "_"))),
            claimed: None,
            service,
            instance,
            host: planned.host.clone(),
            to: self.to.clone(),
            key_directory: None,
            offset,
            previous,
            source: Source { file, from: 0 },
            directory: Identity { dev: 1, ino: 2, born: None },
            claimed_at: last,
            first,
            way: Way::Reopens,
            taken: Taken::Away,
            format: Format::Gzip,
            notice: Default::default(),
        }
    }

    fn seal(&mut self, segment: segment::Segment, raw: &[u8], last: Moment) -> SealedSegment {
        self.spool.begin(&segment).expect("a record");
        let mut part = self.spool.start_part(segment).expect("a part");
        let format = part.segment().format;
        let mut block = Block::new(format);
        for raw in raw.chunks(block_length(format)) {
            let mut next = Block::new(format);
            next.begin(block.ending());
            block = next;
            block.room()[..raw.len()].copy_from_slice(raw);
            block.fill(raw.len());
            block.pack(&mut self.encoder).expect("memory");
            part.append(&block).expect("room");
        }
        self.spool.seal(part, last, Ended::Released).expect("a sealed segment")
    }

    fn ship(&self, sealed: &SealedSegment) {
        let (shelf, key, metadata) = (self.spool.shelf(), sealed.key(), metadata::of(sealed));
        let body = shelf.open_sealed(sealed.segment.name).expect("it was sealed");
        let (length, sha256) = (sealed.seal.packed, sealed.seal.sha256);
        let object = Object { key: &key, body: &body, length, sha256, metadata: &metadata };
        assert_eq!(self.store.put(&object, &Nobody).expect("room"), Put::Created, "{key}");
        shelf.mark_shipped(sealed.segment.name).expect("a mark");
    }
}

fn names_of(planned: &Planned) -> (Service, Instance) {
    let service = Service::new(planned.kind.name).expect("a name");
    (service, Instance::parse(&planned.instance).expect("an instance"))
}

fn stream_of(planned: &Planned) -> StreamId {
    let index = fleet::SERVICES.iter().position(|kind| kind.name == planned.kind.name).expect("one of them");
    let random = mixed(&[planned.number, index as u64, 4]).to_le_bytes();
    StreamId::from_random([random[0], random[1], random[2], random[3], random[4], random[5]])
}

/// Nobody notes uploads in parts: a directory has none.
struct Nobody;

impl Uploads for Nobody {
    fn begun(&self, _upload: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn ended(&self) {}
}
