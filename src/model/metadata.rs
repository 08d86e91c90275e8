//! What an object says of itself: names and values, printable ASCII, within S3's 2 KB.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::segment::{FORMAT, SealedSegment};

/// The most bytes of all names and values together
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>).
pub const LARGEST: usize = 2048;

/// The most bytes of one value; a longer one keeps its end, after `...`. Swift answers 400 to more.
const LONGEST_VALUE: usize = 256;

/// The name of what a segment tells of what may be missing ([`super::notice`]).
pub const NOTICE: &str = "notice";

/// The name of the way in which the log was taken, as `writer` in a configuration has it: what `auto` has chosen.
pub const WRITER: &str = "writer";

/// Values are header values: no control characters, nothing beyond ASCII, no space at the ends.
const IN_HEADERS: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// Names and values of an object's metadata.
pub type Metadata = BTreeMap<&'static str, String>;

/// The metadata of a segment.
pub fn of(sealed: &SealedSegment) -> Metadata {
    let SealedSegment { segment, seal } = sealed;
    let path = header_text(segment.path.as_os_str().as_bytes());
    let service = header_text(segment.service.name().as_bytes());
    let mut metadata = BTreeMap::from([
        ("format", FORMAT.to_string()),
        ("host", header_text(segment.host.as_bytes())),
        ("instance", segment.instance.to_string()),
        ("path", path),
        ("service", service),
        ("stream", segment.name.stream.to_string()),
        ("seq", segment.name.seq.0.to_string()),
        ("offset", segment.offset.to_string()),
        ("length", seal.length.to_string()),
        ("lines", seal.lines.to_string()),
        ("first", segment.first.to_string()),
        ("last", seal.last.to_string()),
        ("sha256", seal.sha256.to_string()),
        ("ended", seal.ended.to_string()),
        (WRITER, segment.way.name().to_owned()),
    ]);
    if let Some(previous) = segment.previous {
        metadata.insert("previous", previous.to_string());
    }
    if !segment.notice.is_empty() {
        metadata.insert(NOTICE, segment.notice.to_string());
    }
    metadata
}

/// Whether a value may have been cut, so that its beginning is not there.
pub fn is_cut(value: &str) -> bool {
    value.len() == LONGEST_VALUE && value.starts_with("...")
}

/// Bytes as a header value.
fn header_text(bytes: &[u8]) -> String {
    let text = percent_encode(bytes, IN_HEADERS).to_string();
    match text.len() > LONGEST_VALUE {
        true => format!("...{}", &text[text.len() - (LONGEST_VALUE - 3)..]),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::destination::Destination;
    use crate::model::digest::Digest;
    use crate::model::format::Format;
    use crate::model::names::{Instance, Seq, Service, StreamId};
    use crate::model::notice::{Kind, Noted};
    use crate::model::segment::{Ended, Identity, Seal, Segment, SegmentName, Source, Taken};
    use crate::model::time::Moment;
    use crate::model::way::{DEFAULT_TIMEOUT, Way};

    fn sealed(path: &str, service: &str) -> SealedSegment {
        let first = Moment::from_nanos(1);
        let segment = Segment {
            name: SegmentName { stream: StreamId::from_random([1; 6]), seq: Seq(u32::MAX) },
            path: path.into(),
            claimed: None,
            service: Service::new(service).expect("not empty"),
            instance: Instance::from_host("h".repeat(99).as_ref()),
            host: "ä".repeat(255),
            to: Destination::parse("s3://bucket").expect("a destination"),
            key_directory: None,
            offset: u64::MAX,
            previous: Some(Digest::of(b"")),
            source: Source { file: Identity { dev: 1, ino: 2, born: None }, from: 0 },
            directory: Identity { dev: 1, ino: 1, born: None },
            claimed_at: first,
            first,
            way: Way::Reopens,
            taken: Taken::Away,
            format: Format::Gzip,
            notice: Kind::ALL.map(|kind| Noted { kind, at: first, bytes: Some(u64::MAX) }).to_vec().into(),
        };
        let (length, lines, packed) = (u64::MAX, u64::MAX, u64::MAX);
        let (sha256, ended) = (Digest::of(b""), Ended::Interrupted);
        let seal = Seal { length, lines, packed, sha256, last: first, ended, ending: None, in_place: None };
        SealedSegment { segment, seal }
    }

    #[test]
    fn the_largest_fits() {
        let metadata = of(&sealed(&"/ü".repeat(2000), &"ö x".repeat(100)));
        let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(size <= LARGEST, "{size}");
        assert!(metadata.values().flat_map(|value| value.bytes()).all(|b| b.is_ascii_graphic()));
    }

    #[test]
    fn ordinary_values_read_as_they_are() {
        let metadata = of(&sealed("/var/log/my web%.log", "web"));
        assert_eq!(metadata["path"], "/var/log/my%20web%25.log");
        assert_eq!(metadata["service"], "web");
        assert_eq!(metadata["ended"], "interrupted");
    }

    #[test]
    fn the_way_is_named_without_what_belongs_to_one_machine() {
        let command = vec!["/usr/sbin/nginx".to_owned(), "-s".to_owned(), "s3cret".to_owned()];
        let way = Way::Command { argv: command.try_into().expect("a command"), timeout: DEFAULT_TIMEOUT };
        let SealedSegment { segment, seal } = sealed("/var/log/web.log", "web");
        assert_eq!(of(&SealedSegment { segment: segment.clone(), seal })[WRITER], "reopens");
        assert_eq!(of(&SealedSegment { segment: Segment { way, ..segment }, seal })[WRITER], "command");
    }
}
