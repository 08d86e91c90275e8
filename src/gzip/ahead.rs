//! Reading ahead in a file, for who must see a whole block before it knows where that ends.

use std::io::{self, Read};

/// A reader's next bytes: at least as many as were asked for, unless it ends before.
pub(super) struct Lookahead<'a, R> {
    reader: &'a mut R,
    bytes: Vec<u8>,
    /// Where the next ones begin. They are moved to the front only now and then: blocks may be many and small.
    start: usize,
    least: usize,
    ended: bool,
}

impl<'a, R: Read> Lookahead<'a, R> {
    pub(super) fn new(reader: &'a mut R, least: usize) -> Self {
        Self { reader, bytes: Vec::new(), start: 0, least, ended: false }
    }

    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        if !self.ended && self.bytes.len() - self.start < self.least {
            self.bytes.drain(..std::mem::take(&mut self.start));
            let missing = 2 * self.least - self.bytes.len();
            self.ended = self.reader.by_ref().take(missing as u64).read_to_end(&mut self.bytes)? < missing;
        }
        Ok(&self.bytes[self.start..])
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.start += count;
    }
}
