//! What `ls --json` prints: one document, written as it comes, with a segment or a sum on each line. docs/reading.md describes it;
//! names are only ever added.

use std::io::{self, Write};

use serde::Serialize;

use super::{Broken, Entry, Source};
use crate::archive::sums::{By, Group, Sum, Sums};
use crate::archive::{Extent, Looked};
use crate::model::key::ObjectKey;
use crate::model::names::{Instance, Seq, Service, StreamId};
use crate::spool::Stays;

/// A document that was begun.
pub(super) struct Document {
    by: Option<By>,
    is_first: bool,
}

#[derive(Serialize)]
struct Segment<'e> {
    service: &'e Service,
    instance: &'e Instance,
    stream: StreamId,
    seq: Seq,
    first: String,
    last: String,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stays: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    details: Option<Said<'e>>,
}

/// What an object says of itself; null where it doesn't.
#[derive(Serialize)]
struct Said<'e> {
    raw_bytes: Option<u64>,
    lines: Option<u64>,
    ended: Option<&'e str>,
    host: Option<&'e str>,
    path: Option<&'e str>,
    notice: Option<&'e str>,
    writer: Option<&'e str>,
}

#[derive(Serialize)]
struct Summed {
    #[serde(flatten)]
    group: Named,
    #[serde(flatten)]
    sum: Numbers,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Named {
    Service(Service),
    Instance(Instance),
    Day(String),
    Hour(String),
}

#[derive(Serialize)]
struct Numbers {
    segments: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
    first: Option<String>,
    last: Option<String>,
}

#[derive(Serialize)]
struct Total {
    services: usize,
    instances: usize,
    #[serde(flatten)]
    sum: Numbers,
}

/// What comes behind the list.
#[derive(Serialize)]
struct Rest {
    total: Total,
    #[serde(skip_serializing_if = "Option::is_none")]
    looked: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    foreign: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubled: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notices_asked: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notices_unread: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_looked_at_before: Option<String>,
}

impl Document {
    pub(super) fn begin(by: Option<By>, to: &mut impl Write) -> io::Result<Self> {
        let list = if by.is_some() { "sums" } else { "segments" };
        write!(to, "{{\"{list}\":[")?;
        Ok(Self { by, is_first: true })
    }

    pub(super) fn entry(&mut self, entry: &Entry<'_>, to: &mut impl Write) -> io::Result<()> {
        if self.by.is_some() {
            return Ok(());
        }
        let Entry { leaf, bytes, key, stays, details, notice } = entry;
        let said = details.map(|details| Said {
            raw_bytes: details.raw,
            lines: details.lines,
            ended: details.ended.as_deref(),
            host: details.host.as_deref(),
            path: details.path.as_deref(),
            notice: details.notice.as_deref(),
            writer: details.writer.as_deref(),
        });
        let segment = Segment {
            service: &leaf.service,
            instance: &leaf.instance,
            stream: leaf.stream,
            seq: leaf.seq,
            first: leaf.first.to_second(),
            last: leaf.last.to_second(),
            bytes: *bytes,
            key: key.as_ref().map(ObjectKey::as_str),
            stays: stays.map(|stays| if stays == Stays::Waits { "waits" } else { "kept" }),
            notice: *notice,
            details: said,
        };
        self.line(&segment, to)
    }

    fn line(&mut self, line: &impl Serialize, to: &mut impl Write) -> io::Result<()> {
        to.write_all(if std::mem::take(&mut self.is_first) { b"\n" } else { b",\n" })?;
        Ok(serde_json::to_writer(to, line)?)
    }

    pub(super) fn end(
        mut self,
        sums: &Sums,
        asked: Option<(usize, usize)>,
        source: Option<&Source<'_>>,
        to: &mut impl Write,
    ) -> io::Result<()> {
        for (group, sum) in &sums.groups {
            self.line(&Summed { group: named(group), sum: numbers(sum) }, to)?;
        }
        let (selection, broken) = source.map(|source| (source.selection, source.broken)).unzip();
        let (gaps, doubled) = broken.map(|Broken { gaps, doubled }| (gaps, doubled)).unzip();
        let looked = selection.map(|selection| match selection.looked {
            Looked::InSome => "layouts",
            Looked::Everywhere => "everywhere",
        });
        let (services, instances) = sums.names();
        let total = Total { services, instances, sum: numbers(&sums.total) };
        let (foreign, copies) = selection.map(|selection| (selection.foreign, selection.copies)).unzip();
        let not_looked_at_before = selection.and_then(|selection| match selection.before {
            Extent::Whole => None,
            Extent::Since(since) => Some(since.to_second()),
        });
        let (notices_asked, unread) = asked.unzip();
        let notices_unread = unread.filter(|count| *count > 0);
        let rest =
            Rest { total, looked, foreign, copies, gaps, doubled, notices_asked, notices_unread, not_looked_at_before };
        let rest = serde_json::to_string(&rest)?;
        writeln!(to, "\n],{}", rest.strip_prefix('{').unwrap_or(&rest))
    }
}

fn named(group: &Group) -> Named {
    match group {
        Group::Service(service) => Named::Service(service.clone()),
        Group::Instance(instance) => Named::Instance(instance.clone()),
        Group::Day(begin) => Named::Day(begin.day()),
        Group::Hour(begin) => Named::Hour(begin.to_second()),
    }
}

fn numbers(sum: &Sum) -> Numbers {
    let (first, last) =
        sum.span.map_or((None, None), |(first, last)| (Some(first.to_second()), Some(last.to_second())));
    Numbers { segments: sum.segments, bytes: sum.bytes, raw_bytes: sum.raw, lines: sum.lines, first, last }
}
