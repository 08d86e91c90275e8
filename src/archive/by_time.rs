//! Segments of several streams by time, without ever breaking a line: what a segment leaves of a line that goes on in the
//! stream's next one is held back until that one comes.
//!
//! Bytes that are held back are bounded (`LONGEST`); where a line is longer, the rest of it must follow at once, before
//! anything of another stream: its next segment comes early then.

use std::collections::HashMap;
use std::io;

use super::StreamKey;
use super::joined::{Stream, Take, Wants};
use crate::model::key::Leaf;

/// How much of a line is held back, in bytes, for each stream.
const LONGEST: usize = 64 * 1024;

/// Holds back what doesn't end a line.
pub struct ByTime<'t> {
    inner: &'t mut dyn Take,
    /// The beginnings of lines, for streams that go on.
    held: HashMap<StreamKey, Vec<u8>>,
    /// The stream of the segment that is being taken.
    current: Option<StreamKey>,
    /// Whether a line of it has begun in the output, as it was too long to be held back.
    is_within_line: bool,
}

impl<'t> ByTime<'t> {
    /// In front of what takes whole lines.
    pub fn before(inner: &'t mut dyn Take) -> Self {
        Self { inner, held: HashMap::new(), current: None, is_within_line: false }
    }

    fn hold(&mut self, stream: StreamKey, rest: &[u8]) -> io::Result<()> {
        let held = self.held.entry(stream).or_default();
        if self.is_within_line || held.len() + rest.len() > LONGEST {
            let held = std::mem::take(held);
            self.inner.bytes(&held)?;
            self.is_within_line = true;
            return self.inner.bytes(rest);
        }
        held.extend_from_slice(rest);
        Ok(())
    }
}

impl Take for ByTime<'_> {
    fn begin(&mut self, leaf: &Leaf) -> io::Result<()> {
        self.current = Some(StreamKey::of(leaf));
        self.inner.begin(leaf)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(stream) = self.current.clone() else { return self.inner.bytes(bytes) };
        let (lines, rest) = match memchr::memrchr(b'\n', bytes) {
            Some(end) => bytes.split_at(end + 1),
            None => (&[][..], bytes),
        };
        if !lines.is_empty() {
            if let Some(held) = self.held.remove(&stream) {
                self.inner.bytes(&held)?;
            }
            self.is_within_line = false;
            self.inner.bytes(lines)?;
        }
        if rest.is_empty() { Ok(()) } else { self.hold(stream, rest) }
    }

    fn end(&mut self, stream: Stream) -> io::Result<Wants> {
        if stream == Stream::Ends
            && let Some(current) = &self.current
            && let Some(held) = self.held.remove(current)
        {
            self.inner.bytes(&held)?;
        }
        self.inner.end(stream)?;
        let goes_on = self.is_within_line && stream == Stream::GoesOn;
        self.is_within_line = goes_on;
        Ok(if goes_on { Wants::NextOfStream } else { Wants::AnyNext })
    }
}
