//! Reading back what was shipped: which objects there are, and their bytes in order; from the store, or from what is
//! still on this machine ([`local`]).
//!
//! An object is known by the last part of its key, in whatever directory it is. Directories only make the listing short:
//! what is listed is what the layouts that are known begin with ([`Places`]).

pub mod local;

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use flate2::read::MultiGzDecoder;
use sha2::Digest as _;

use crate::config::Layout;
use crate::model::digest::Digest;
use crate::model::key::{Leaf, ObjectKey};
use crate::model::names::{Seq, Service, StreamId};
use crate::model::problem;
use crate::store::{Store, StoreError};

/// A shipped segment.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// Its key, under the store's prefix.
    pub key: ObjectKey,
    /// What its key says.
    pub leaf: Leaf,
    /// The object's size in bytes.
    pub size: u64,
}

/// Where objects are looked for.
#[derive(Clone, Debug)]
pub enum Places {
    /// In the directories of these layouts; and where nothing is there, everywhere.
    Known(Vec<Layout>),
    /// In all directories: a request for each 1,000 objects that there are.
    Everywhere,
}

impl Places {
    /// What the keys begin with that are listed, none of them twice.
    fn prefixes(&self, service: Option<&Service>) -> Vec<String> {
        let Self::Known(layouts) = self else { return vec![String::new()] };
        let mut prefixes: Vec<String> = layouts.iter().map(|layout| layout.prefix(service)).collect();
        prefixes.sort();
        prefixes.dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
        prefixes
    }
}

/// What was found.
pub struct Listing {
    /// Streams in the order of their beginnings, each in order.
    pub shipped: Vec<Shipped>,
    /// Where it was looked for.
    pub looked: Looked,
}

/// Where was looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Looked {
    /// In the directories of layouts that are known.
    InSome,
    /// In all: what was not found is not there.
    Everywhere,
}

impl Listing {
    /// How many streams there are whose first segment was not found and may be where nobody looked.
    pub fn without_beginning(&self) -> usize {
        if self.looked == Looked::Everywhere {
            return 0;
        }
        let mut first: HashMap<StreamId, Seq> = HashMap::new();
        for Shipped { leaf, .. } in &self.shipped {
            let seq = first.entry(leaf.stream).or_insert(leaf.seq);
            *seq = leaf.seq.min(*seq);
        }
        first.values().filter(|seq| **seq != Seq::FIRST).count()
    }
}

/// The shipped segments of a service, or of all.
///
/// # Errors
/// What kept the store from being listed.
pub fn list(store: &dyn Store, service: Option<&Service>, places: &Places) -> Result<Listing, StoreError> {
    let mut prefixes = places.prefixes(service);
    let mut shipped = list_below(store, service, &prefixes)?;
    if shipped.is_empty() && prefixes != [""] {
        log::info!("nothing is below {}; looking everywhere", prefixes.join(", "));
        prefixes = Places::Everywhere.prefixes(service);
        shipped = list_below(store, service, &prefixes)?;
    }
    order(&mut shipped, |shipped| &shipped.leaf);
    let looked = if prefixes == [""] { Looked::Everywhere } else { Looked::InSome };
    Ok(Listing { shipped, looked })
}

fn list_below(store: &dyn Store, service: Option<&Service>, prefixes: &[String]) -> Result<Vec<Shipped>, StoreError> {
    // As keys have it: a long name was cut.
    let wanted = service.map(Service::encoded);
    let mut shipped = Vec::new();
    for prefix in prefixes {
        store.list(prefix, &mut |listed| {
            // Objects that something else has put there are no business of ours.
            let leaf = Leaf::parse(listed.key.split().1);
            let is_wanted = |leaf: &Leaf| wanted.as_ref().is_none_or(|wanted| leaf.service.encoded() == *wanted);
            if let Some(leaf) = leaf.filter(is_wanted) {
                shipped.push(Shipped { key: listed.key, leaf, size: listed.size });
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(shipped)
}

/// Services by name; in each, streams by the time of their first segment; in each, segments by number.
fn order<T>(segments: &mut [T], leaf: impl Fn(&T) -> &Leaf) {
    let mut begins = HashMap::new();
    for leaf in segments.iter().map(&leaf) {
        let begin = begins.entry(leaf.stream).or_insert(leaf.first);
        *begin = leaf.first.min(*begin);
    }
    segments.sort_by_cached_key(|segment| {
        let Leaf { service, instance, stream, seq, .. } = leaf(segment).clone();
        (service, begins.get(&stream).copied(), instance, stream, seq)
    });
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
    let body = store.open(&shipped.key).map_err(|error| ReadError::refused(&error))?;
    read_body(body, &shipped.key, &shipped.leaf, output)
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
