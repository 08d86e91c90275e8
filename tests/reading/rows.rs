//! The rows that engines see in objects, as who made them knows: an engine reads each object for itself, so that a line that
//! two of them share is two rows.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::support::archive::{Archive, Segment, Stream};

/// How many rows there are, and the digest of all, sorted, each with an LF behind it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct Rows {
    count: usize,
    digest: String,
}

impl Rows {
    pub(super) fn of<R: AsRef<[u8]> + Ord>(rows: impl Iterator<Item = R>) -> Self {
        let mut rows: Vec<R> = rows.collect();
        rows.sort_unstable();
        let mut sha = Sha256::new();
        for row in &rows {
            sha.update(row);
            sha.update(b"\n");
        }
        let digest = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { count: rows.len(), digest }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// What ends a row.
#[derive(Clone, Copy)]
pub(super) enum Ends {
    /// An LF; a CR before it is part of the row.
    Lf,
    /// An LF or CR LF, in objects where all lines end alike.
    LfOrCrLf,
    /// LF, CR, or both.
    LfOrCr,
}

/// The rows of an object.
pub(super) fn rows(bytes: &[u8], ends: Ends) -> Vec<&[u8]> {
    let mut rows: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    // What is behind the last end is a row only if there is something.
    if rows.last().is_some_and(|last| last.is_empty()) {
        rows.pop();
    }
    match ends {
        Ends::Lf => rows,
        Ends::LfOrCrLf => rows.into_iter().map(|row| row.strip_suffix(b"\r").unwrap_or(row)).collect(),
        Ends::LfOrCr => {
            let pieces = |row| {
                let mut pieces: Vec<&[u8]> = <[u8]>::split(row, |&byte| byte == b'\r').collect();
                if pieces.len() > 1 && pieces.last().is_some_and(|last| last.is_empty()) {
                    pieces.pop();
                }
                pieces
            };
            rows.into_iter().flat_map(pieces).collect()
        }
    }
}

/// The rows of each service in what is wanted of the archive.
pub(super) fn by_service(
    archive: &Archive,
    ends: Ends,
    wanted: impl Fn(&Stream, &Segment) -> bool,
) -> BTreeMap<String, Rows> {
    by_service_as(archive, wanted, |bytes| rows(bytes, ends).into_iter().map(<[u8]>::to_vec).collect())
}

/// The same, for an engine that sees other rows.
pub(super) fn by_service_as(
    archive: &Archive,
    wanted: impl Fn(&Stream, &Segment) -> bool,
    rows: impl Fn(&[u8]) -> Vec<Vec<u8>>,
) -> BTreeMap<String, Rows> {
    let mut found: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (stream, segment) in archive.segments().filter(|(stream, segment)| wanted(stream, segment)) {
        found.entry(name_of(stream)).or_default().extend(rows(stream.of(segment)));
    }
    found.into_iter().map(|(service, rows)| (service, Rows::of(rows.into_iter()))).collect()
}

/// How many rows each instance has in these.
pub(super) fn by_instance(
    archive: &Archive,
    wanted: impl Fn(&Stream, &Segment) -> bool,
    is_counted: impl Fn(&[u8]) -> bool,
) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (stream, segment) in archive.segments().filter(|(stream, segment)| wanted(stream, segment)) {
        let count = rows(stream.of(segment), Ends::Lf).into_iter().filter(|row| is_counted(row)).count();
        *counts.entry(stream.instance.to_string()).or_default() += count;
    }
    counts
}

/// A service's name, which is a text in the archive.
pub(super) fn name_of(stream: &Stream) -> String {
    stream.service.name().to_str().expect("a text").to_owned()
}

/// How many objects end inside of a line.
pub(super) fn torn(archive: &Archive, wanted: impl Fn(&Stream, &Segment) -> bool) -> usize {
    let segments = archive.segments().filter(|(stream, segment)| wanted(stream, segment));
    segments.filter(|(stream, segment)| stream.of(segment).last().is_some_and(|&byte| byte != b'\n')).count()
}
