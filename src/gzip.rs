//! One gzip member, or one zstd frame, from independently compressed blocks.
//!
//! Promise: what was appended reads back as one member (RFC 1952) that every gzip reader takes, or as one frame (RFC 8878)
//! that every zstd reader takes; memory is bounded by the block size, however long the log; and after each append the
//! bytes written so far can be cut off anywhere and still give back every whole block before the cut. A block of a frame
//! is a group of zstd's own (`frame`); of a member:
//!
//! ```text
//! header │ block │ block │ … │ block │ empty last block │ CRC-32 │ length
//!          └─ raw DEFLATE, primed with the 32 KiB before it, ended by a sync flush (00 00 ff ff, byte-aligned)
//! ```
//!
//! The state between two appends is a few counters ([`Member`]), not a compressor: hundreds of logs can be drained side
//! by side. Blocks know nothing of each other but the bytes before them, so that several are compressed at once
//! ([`pool`]) and appended in their order; what comes out is the same, however many threads there are. [`salvage`] finds
//! the blocks of a file that was cut short; `decoder` reads both formats.

mod ahead;
mod block;
mod decoder;
mod frame;
pub mod pool;
pub mod press;
mod salvage;
#[cfg(test)]
mod tests;

use std::hash::Hasher as _;
use std::io::{self, Write};

use sha2::Digest as _;
use twox_hash::XxHash64;

pub use block::{Block, Encoder, Levels, Packed};
pub use decoder::{Decoder, Extent, LARGEST_WINDOW};
pub use pool::Pool;
pub use press::{Alone, Press, Together};
pub use salvage::{Salvaged, salvage};

use crate::model::digest::Digest;
use crate::model::format::Format;

/// How many raw bytes go into one block of a member at the most.
pub const BLOCK: usize = 256 * 1024;

/// How many raw bytes go into one block at the most. What zstd finds alike is further apart.
pub const fn block_length(format: Format) -> usize {
    match format {
        Format::Gzip => BLOCK,
        Format::Zstd => frame::GROUP,
    }
}

/// How far back DEFLATE can refer (RFC 1951, section 3); and so, how many of the bytes before a block it is primed with.
pub const WINDOW: usize = 32 * 1024;

/// No flags, no time, so that the same bytes always give the same object; system: Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// What an object of a format begins with.
pub const fn header(format: Format) -> &'static [u8] {
    match format {
        Format::Gzip => &HEADER,
        Format::Zstd => &frame::HEADER,
    }
}

/// What a sync flush ends in: an empty stored block's length and its complement (RFC 1951, section 3.2.4).
const SYNC: [u8; 4] = [0, 0, 0xff, 0xff];

/// A final block with fixed codes that holds nothing but its end.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// A member or a frame that grows: what its end and its digest need.
#[derive(Clone)]
pub struct Member {
    crc: crc32fast::Hasher,
    /// Of a frame.
    checksum: Option<Box<XxHash64>>,
    sha: sha2::Sha256,
    raw: u64,
    lines: u64,
    packed: u64,
}

/// A member or a frame that is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Whole {
    /// Raw bytes.
    pub raw: u64,
    /// Line feeds among them.
    pub lines: u64,
    /// Bytes of it.
    pub packed: u64,
    /// SHA-256 of these.
    pub sha256: Digest,
}

impl Member {
    /// Begins a member or a frame: writes its header.
    ///
    /// # Errors
    /// What writing to `sink` answers.
    pub fn begin(format: Format, sink: &mut impl Write) -> io::Result<Self> {
        let (crc, sha) = (crc32fast::Hasher::new(), sha2::Sha256::new());
        let checksum = (format == Format::Zstd).then(|| Box::new(frame::checksum()));
        let mut member = Self { crc, checksum, sha, raw: 0, lines: 0, packed: 0 };
        member.write(sink, header(format))?;
        Ok(member)
    }

    /// What it is.
    pub fn format(&self) -> Format {
        if self.checksum.is_some() { Format::Zstd } else { Format::Gzip }
    }

    /// CRC-32 of the raw bytes so far.
    pub fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }

    /// Raw bytes so far.
    pub fn raw(&self) -> u64 {
        self.raw
    }

    /// Appends `raw`, at most [`block_length`] bytes, as one block; `before` is what stands before it in the member.
    ///
    /// # Errors
    /// What writing to `sink` answers. Part of the block may have been written then; [`Self::packed`] tells where the
    /// last whole block ends.
    pub fn append(
        &mut self,
        encoder: &mut Encoder,
        sink: &mut impl Write,
        before: &[u8],
        raw: &[u8],
    ) -> io::Result<()> {
        let mut packed = Packed::default();
        encoder.pack(self.format(), before, raw, &mut packed)?;
        self.append_packed(sink, raw, &packed)
    }

    /// Appends a block that was compressed before, with the same bytes before it; `raw` is what it holds.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_packed(&mut self, sink: &mut impl Write, raw: &[u8], packed: &Packed) -> io::Result<()> {
        if packed.raw() == 0 {
            return Ok(());
        }
        self.write(sink, packed.bytes())?;
        self.crc.combine(packed.crc());
        if let Some(checksum) = &mut self.checksum {
            checksum.write(raw);
        }
        self.raw += packed.raw();
        self.lines += packed.lines();
        Ok(())
    }

    /// Bytes of the member so far, up to the end of its last whole block.
    pub fn packed(&self) -> u64 {
        self.packed
    }

    /// Ends it: writes the last block and what comes behind that.
    ///
    /// # Errors
    /// What writing to `sink` answers.
    pub fn finish(mut self, sink: &mut impl Write) -> io::Result<Whole> {
        let mut end = Vec::new();
        match &self.checksum {
            Some(checksum) => frame::write_end(checksum.finish(), &mut end)?,
            None => {
                end.extend(LAST_BLOCK);
                end.extend(self.crc().to_le_bytes());
                // RFC 1952: the length modulo 2^32.
                end.extend(&self.raw.to_le_bytes()[..4]);
            }
        }
        self.write(sink, &end)?;
        let Self { raw, lines, packed, sha, .. } = self;
        Ok(Whole { raw, lines, packed, sha256: Digest(sha.finalize().into()) })
    }

    fn write(&mut self, sink: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        sink.write_all(bytes)?;
        self.sha.update(bytes);
        self.packed += bytes.len() as u64;
        Ok(())
    }

    /// Counts a block that is in the file already.
    fn count(&mut self, raw: &[u8]) {
        self.crc.update(raw);
        if let Some(checksum) = &mut self.checksum {
            checksum.write(raw);
        }
        self.raw += raw.len() as u64;
        self.lines += block::lines(raw);
    }
}
