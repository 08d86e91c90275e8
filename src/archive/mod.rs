//! Reading back what was shipped: which objects there are, and their bytes in order; from the store, or from what is
//! still on this machine ([`local`]).
//!
//! An object is known by the last part of its key, in whatever directory it is. Directories only make the listing short:
//! what is listed is what the layouts that are known begin with ([`Places`]).

mod days;
pub mod filter;
mod hosts;
pub mod local;
mod missing;
mod pattern;
mod places;
pub mod prove;
mod select;
mod selection;
mod shipped;

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, Read, Write};

pub use filter::{Days, Filter};
pub use missing::{Missing, missing};
pub use pattern::NamePattern;
pub use places::{Looked, Places};
pub use select::select;
pub use selection::Selection;
pub use shipped::Shipped;

use flate2::read::MultiGzDecoder;
use sha2::Digest as _;

use crate::model::digest::Digest;
use crate::model::key::Leaf;
use crate::model::problem;
use crate::store::{Store, StoreError};

/// Services by name; in each, streams by the time of their first segment; in each, segments by number.
fn order<T>(segments: &mut [T], leaf: impl Fn(&T) -> &Leaf) {
    let mut begins = HashMap::new();
    for leaf in segments.iter().map(&leaf) {
        let begin = begins.entry(leaf.stream).or_insert(leaf.first);
        *begin = leaf.first.min(*begin);
    }
    segments.sort_by(|a, b| {
        let (a, b) = (leaf(a), leaf(b));
        let streams =
            || (begins.get(&a.stream), &a.instance, a.stream).cmp(&(begins.get(&b.stream), &b.instance, b.stream));
        let by_stream = a.service.cmp(&b.service).then_with(streams);
        by_stream.then_with(|| (a.seq, &a.digest).cmp(&(b.seq, &b.digest)))
    });
}

/// As [`order`]; an object that several listings showed is left once.
fn order_and_dedup(segments: &mut Vec<Shipped>) {
    segments.sort_by(|a, b| a.directory().cmp(b.directory()));
    order(segments, |shipped| &shipped.leaf);
    segments.dedup_by(|later, earlier| later.is(earlier));
    segments.shrink_to_fit();
}

/// Why an object's bytes did not all arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store did not give it out.
    #[error("{why}")]
    Refused {
        /// What the store said.
        why: String,
        /// What a person can do about it.
        hint: Option<&'static str>,
    },
    /// The object could not be read, or is damaged.
    #[error("{0}")]
    Store(String),
    /// The output could not be written.
    #[error("write the output")]
    Output(#[source] io::Error),
}

impl ReadError {
    fn refused(error: &StoreError) -> Self {
        Self::Refused { why: problem::chain(error), hint: error.kind.hint() }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { hint, .. } => *hint,
            Self::Store(_) | Self::Output(_) => None,
        }
    }
}

/// Numbers that are missing between two segments of a stream. What is missing before the first may have expired.
pub fn gaps<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Vec<String> {
    let leaves: Vec<_> = leaves.collect();
    let pairs = leaves.windows(2).map(|pair| (pair[0], pair[1]));
    let gap = pairs.filter(|(a, b)| a.stream == b.stream && b.seq > a.seq.next());
    gap.map(|(a, b)| format!("stream {}: nothing is there between number {} and {}", a.stream, a.seq.0, b.seq.0))
        .collect()
}

/// A body, and the digest of what was read of it.
struct Hashed<R> {
    body: R,
    sha: sha2::Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer)?;
        self.sha.update(&buffer[..count]);
        Ok(count)
    }
}

/// Writes the bytes that the log had to `output`, and verifies that the object is the one that its key names.
///
/// # Errors
/// What kept the object from being read or the output from being written, or that it is another object; by then its
/// bytes are written.
pub fn read(store: &dyn Store, shipped: &Shipped, output: &mut dyn Write) -> Result<(), ReadError> {
    let key = shipped.key();
    let body = store.open(&key).map_err(|error| ReadError::refused(&error))?;
    read_body(body, &key, &shipped.leaf, output)
}

/// Writes what a body decompresses to, and verifies that it is the one that its leaf names.
fn read_body(body: impl Read, name: &dyn Display, leaf: &Leaf, output: &mut dyn Write) -> Result<(), ReadError> {
    let body = Hashed { body, sha: sha2::Sha256::new() };
    let mut decoder = MultiGzDecoder::new(io::BufReader::with_capacity(128 * 1024, body));
    copy(&mut decoder, name, output)?;
    let Hashed { sha, .. } = decoder.into_inner().into_inner();
    match Digest(sha.finalize().into()).short() == leaf.digest {
        true => Ok(()),
        false => Err(ReadError::Store(format!("verify {name}: its bytes are not those that its name says"))),
    }
}

fn copy(decoder: &mut impl Read, name: &dyn Display, output: &mut dyn Write) -> Result<(), ReadError> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => output.write_all(&buffer[..count]).map_err(ReadError::Output)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::Store(format!("read {name}: {error}"))),
        }
    }
}
