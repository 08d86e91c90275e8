//! Segments of several streams by time, without ever breaking a line: what a segment leaves of a line that goes on in the
//! stream's next one is held back until that one comes.
//!
//! Bytes that are held back are bounded, for each stream (`LONGEST`) and in all (`MOST`); what would be more is not held, and the
//! rest of its line must follow at once, before anything of another stream: its next segment comes early then.

use std::collections::HashMap;
use std::io;

use super::StreamKey;
use super::joined::{Joint, Stream, Take, Wants};
use crate::model::key::Leaf;

/// How much of a line is held back, in bytes, for each stream.
const LONGEST: usize = 64 * 1024;

/// How much of lines is held back of all streams together, in bytes.
const MOST: usize = 8 * 1024 * 1024;

/// Holds back what doesn't end a line.
pub struct ByTime<'t> {
    inner: &'t mut dyn Take,
    /// The beginnings of lines, for streams that go on.
    held: HashMap<StreamKey, Vec<u8>>,
    /// How many bytes these are.
    total: usize,
    /// The stream of the segment that is being taken.
    current: Option<StreamKey>,
    /// Whether a line of it has begun in the output, as it was too long to be held back.
    is_within_line: bool,
}

impl<'t> ByTime<'t> {
    /// In front of what takes whole lines.
    pub fn before(inner: &'t mut dyn Take) -> Self {
        Self { inner, held: HashMap::new(), total: 0, current: None, is_within_line: false }
    }

    fn hold(&mut self, stream: StreamKey, rest: &[u8]) -> io::Result<()> {
        let of_stream = self.held.get(&stream).map_or(0, Vec::len);
        if self.is_within_line || of_stream + rest.len() > LONGEST || self.total + rest.len() > MOST {
            self.let_go(&stream)?;
            self.is_within_line = true;
            return self.inner.bytes(rest);
        }
        let held = self.held.entry(stream).or_default();
        // Nothing more: thousands of streams may have something here.
        held.reserve_exact(rest.len());
        held.extend_from_slice(rest);
        self.total += rest.len();
        Ok(())
    }

    /// Writes what is held back of a stream.
    fn let_go(&mut self, stream: &StreamKey) -> io::Result<()> {
        let Some(held) = self.held.remove(stream) else { return Ok(()) };
        self.total -= held.len();
        self.inner.bytes(&held)
    }
}

impl Take for ByTime<'_> {
    fn begin(&mut self, leaf: &Leaf, joint: Joint) -> io::Result<()> {
        let stream = StreamKey::of(leaf);
        if joint == Joint::Broken {
            // What would have ended its line is missing.
            self.inner.begin(leaf, Joint::Seamless)?;
            self.let_go(&stream)?;
            self.is_within_line = false;
        }
        self.current = Some(stream);
        self.inner.begin(leaf, joint)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(stream) = self.current.clone() else { return self.inner.bytes(bytes) };
        let (lines, rest) = match memchr::memrchr(b'\n', bytes) {
            Some(end) => bytes.split_at(end + 1),
            None => (&[][..], bytes),
        };
        if !lines.is_empty() {
            self.let_go(&stream)?;
            self.is_within_line = false;
            self.inner.bytes(lines)?;
        }
        if rest.is_empty() { Ok(()) } else { self.hold(stream, rest) }
    }

    fn end(&mut self, stream: Stream) -> io::Result<Wants> {
        if let Some(current) = self.current.take().filter(|_| stream == Stream::Ends) {
            self.let_go(&current)?;
        }
        self.inner.end(stream)?;
        let goes_on = self.is_within_line && stream == Stream::GoesOn;
        self.is_within_line = goes_on;
        Ok(if goes_on { Wants::NextOfStream } else { Wants::AnyNext })
    }
}
