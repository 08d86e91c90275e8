//! Reading one segment: its bytes in pieces, and whether they are those that its name says.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use sha2::Digest as _;

use super::{ReadError, Segments};
use crate::gzip::{Decoder, Extent};
use crate::model::digest::Digest;
use crate::model::key::Leaf;

/// In which form a segment is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The bytes that the log had.
    Text,
    /// The object's bytes as they are: one gzip member or zstd frame.
    Packed,
}

/// How reading a segment ended, if not with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// All of it was read, and it is the one that its name says.
    Whole,
    /// It was removed since it was listed.
    Gone,
    /// Nobody wanted the rest.
    Unwanted,
}

/// How many bytes a piece has, at the most.
pub(super) const PIECE: usize = 256 * 1024;

/// How many bytes of a body are read at once.
const BUFFER: usize = 128 * 1024;

/// A piece waits no longer than this for more to fill it: a store may be slow, and someone may be watching.
const PATIENCE: Duration = Duration::from_millis(200);

/// Bytes of a segment.
pub(super) struct Piece {
    bytes: Vec<u8>,
    length: usize,
}

impl Piece {
    /// A piece to be filled, of [`PIECE`] bytes.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; PIECE], length: 0 }
    }

    /// What is in it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Fills it; it is empty only at the end, or where nothing came before an error.
    fn fill(&mut self, from: &mut dyn Read) -> io::Result<()> {
        let begin = Instant::now();
        self.length = 0;
        while self.length < self.bytes.len() {
            match from.read(&mut self.bytes[self.length..]) {
                Ok(0) => break,
                Ok(count) => self.length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if begin.elapsed() >= PATIENCE {
                break;
            }
        }
        Ok(())
    }
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

/// A body as it is, or decompressed.
enum Unpacking<R: BufRead> {
    Text(Decoder<R>),
    Packed(R),
}

impl<R: BufRead> Unpacking<R> {
    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Self::Text(decoder) => decoder,
            Self::Packed(body) => body,
        }
    }

    fn into_inner(self) -> R {
        match self {
            Self::Text(decoder) => decoder.into_inner(),
            Self::Packed(body) => body,
        }
    }
}

/// Reads a segment: `put` gets piece after piece and gives one back to be filled, until it breaks off.
///
/// # Errors
/// What kept the segment from being read, or that it is another one than its name says; by then its bytes were put.
pub(super) fn read(
    segments: &dyn Segments,
    index: usize,
    form: Form,
    put: &mut dyn FnMut(Piece) -> ControlFlow<(), Piece>,
    first: Piece,
) -> Result<Ended, ReadError> {
    let Some(body) = segments.open(index)? else { return Ok(Ended::Gone) };
    let body = BufReader::with_capacity(BUFFER, Hashed { body, sha: sha2::Sha256::new() });
    let broken = |error| ReadError::of_body(&segments.name(index), error);
    let mut unpacking = match form {
        Form::Text => Unpacking::Text(Decoder::of(segments.leaf(index).format, Extent::All, body).map_err(broken)?),
        Form::Packed => Unpacking::Packed(body),
    };
    let mut piece = first;
    loop {
        let filled = piece.fill(unpacking.reader());
        let is_last = filled.is_err() || piece.bytes().is_empty();
        // What came before an error comes before it here too.
        if !piece.bytes().is_empty() {
            piece = match put(piece) {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(()) => return Ok(Ended::Unwanted),
            };
        }
        filled.map_err(broken)?;
        if is_last {
            break;
        }
    }
    let Hashed { sha, .. } = unpacking.into_inner().into_inner();
    verify(segments.leaf(index), Digest(sha.finalize().into()), &segments.name(index)).map(|()| Ended::Whole)
}

/// Whether an object of that digest is the one that its leaf names.
pub(super) fn verify(leaf: &Leaf, digest: Digest, name: &str) -> Result<(), ReadError> {
    match digest.short() == leaf.digest {
        true => Ok(()),
        false => Err(ReadError::Store(format!("verify {name}: its bytes are not those that its name says"))),
    }
}
