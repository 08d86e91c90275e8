//! An archive as a fleet leaves it behind: 100 instances, 20 services, 30 days, a good 10,000 objects; and what is in it,
//! known by who made it.
//!
//! Promise: each segment was sealed by the spool's own code and put by the store's own, with the times of a virtual clock;
//! the same bytes and the same keys each time. It is made once for all tests of a process, in memory where there is such a
//! file system, and gone with that process, however that ends. Nobody changes it: who wants to break something takes a
//! copy ([`Archive::copy`]).
//!
//! ```text
//! fleet: who lives when, which service's log is taken when  ->  texts: the bytes  ->  making: spool, seal, put
//! ```

#[path = "archive/fleet.rs"]
pub(crate) mod fleet;
#[path = "archive/in_bucket.rs"]
mod in_bucket;
#[path = "archive/making.rs"]
mod making;
#[path = "archive/texts.rs"]
mod texts;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use logferry::model::key::ObjectKey;
use logferry::model::names::{Instance, Seq, Service, StreamId};
use logferry::model::time::Moment;

use super::memory;

/// A directory store, and what it holds.
pub(crate) struct Archive {
    root: PathBuf,
    streams: Vec<Stream>,
}

/// What is known of a stream.
pub(crate) struct Stream {
    pub(crate) service: Service,
    pub(crate) instance: Instance,
    pub(crate) host: String,
    pub(crate) id: StreamId,
    /// All that its log ever held.
    pub(crate) bytes: Vec<u8>,
    pub(crate) segments: Vec<Segment>,
}

/// What is known of a segment.
pub(crate) struct Segment {
    pub(crate) key: ObjectKey,
    pub(crate) seq: Seq,
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    /// Where its bytes are among those of its stream.
    pub(crate) range: std::ops::Range<usize>,
}

impl Stream {
    /// The bytes of a segment.
    pub(crate) fn of(&self, segment: &Segment) -> &[u8] {
        &self.bytes[segment.range.clone()]
    }
}

/// The archive of this process.
pub(crate) fn archive() -> &'static Archive {
    static ARCHIVE: OnceLock<(Archive, Remover)> = OnceLock::new();
    let (archive, _) = ARCHIVE.get_or_init(|| {
        let directory = memory().join(format!("logferry-archive-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("a directory of this process's own");
        let remover = Remover::of(&directory);
        (making::make(&directory), remover)
    });
    archive
}

/// A process that removes a directory when its stdin is closed: with the process that holds it. What is in a static is never
/// dropped.
struct Remover {
    _process: Child,
}

impl Remover {
    fn of(directory: &Path) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap '' INT TERM HUP; cat >/dev/null; rm -rf -- \"$1\"", "remover"]).arg(directory);
        let process = shell.stdin(Stdio::piped()).spawn().expect("a shell");
        Self { _process: process }
    }
}

impl Archive {
    /// The directory of the store.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// As `--to` and `LOGFERRY_TO` take it.
    pub(crate) fn to(&self) -> OsString {
        format!("file://{}", self.root.display()).into()
    }

    /// Services by name; in each, streams by the time of their first segment: the order in which `cat` has them.
    pub(crate) fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The streams of one service.
    pub(crate) fn of_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Stream> {
        self.streams.iter().filter(move |stream| stream.service.name() == service)
    }

    /// All segments, with the streams that they are of, in the order in which `cat` has them.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (&Stream, &Segment)> {
        self.streams.iter().flat_map(|stream| stream.segments.iter().map(move |segment| (stream, segment)))
    }

    /// A copy of what is wanted of it, objects and metadata, to do something bad to.
    pub(crate) fn copy(&self, into: &Path, wanted: impl Fn(&Stream, &Segment) -> bool) {
        for (_, segment) in self.segments().filter(|(stream, segment)| wanted(stream, segment)) {
            let (directory, leaf) = segment.key.split();
            let (from, to) = (self.root.join(directory), into.join(directory));
            std::fs::create_dir_all(&to).expect("a directory");
            for name in [leaf.to_owned(), metadata_file(leaf)] {
                std::fs::copy(from.join(&name), to.join(&name)).expect("a copy");
            }
        }
    }
}

/// Where a directory store has the metadata of an object.
fn metadata_file(leaf: &str) -> String {
    format!(".{leaf}.json")
}
