//! One gzip member from independently compressed blocks.
//!
//! Promise: what was appended reads back as one member (RFC 1952) that every gzip reader takes; memory is bounded by
//! the block size, however long the log; and after each append the bytes written so far can be cut off anywhere and
//! still give back every whole block before the cut.
//!
//! ```text
//! header │ block │ block │ … │ block │ empty last block │ CRC-32 │ length
//!          └─ raw DEFLATE, primed with the 32 KiB before it, ended by a sync flush (00 00 ff ff, byte-aligned)
//! ```
//!
//! The state between two appends is a few counters ([`Member`]), not a compressor: hundreds of logs can be drained side
//! by side. Blocks know nothing of each other but the bytes before them, so that several are compressed at once
//! ([`pool`]) and appended in their order; what comes out is the same, however many threads there are. [`salvage`] finds
//! the blocks of a file that was cut short.

mod block;
pub mod pool;
pub mod press;
mod salvage;

use std::io::{self, Write};

use sha2::Digest as _;

pub use block::{Block, Encoder, Packed};
pub use pool::Pool;
pub use press::{Alone, Press, Together};
pub use salvage::{Salvaged, salvage};

use crate::model::digest::Digest;

/// How many raw bytes go into one block at the most.
pub const BLOCK: usize = 256 * 1024;

/// How far back DEFLATE can refer (RFC 1951, section 3).
pub const WINDOW: usize = 32 * 1024;

/// No flags, no time, so that the same bytes always give the same object; system: Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// How long a member's header is, in bytes.
pub const HEADER_LENGTH: u64 = HEADER.len() as u64;

/// What a sync flush ends in: an empty stored block's length and its complement (RFC 1951, section 3.2.4).
const SYNC: [u8; 4] = [0, 0, 0xff, 0xff];

/// A final block with fixed codes that holds nothing but its end.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// The default of zlib-rs that is smaller than `gzip -6` at the highest speed (measured: 191 MB/s against 70 at ratios
/// of 9.51 and 9.45).
pub const DEFAULT_LEVEL: u32 = 5;

/// A member that grows: what its trailer and its digest need.
#[derive(Clone)]
pub struct Member {
    crc: crc32fast::Hasher,
    sha: sha2::Sha256,
    raw: u64,
    lines: u64,
    packed: u64,
}

/// A member that is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Whole {
    /// Raw bytes.
    pub raw: u64,
    /// Line feeds among them.
    pub lines: u64,
    /// Bytes of the member.
    pub packed: u64,
    /// SHA-256 of the member.
    pub sha256: Digest,
}

impl Member {
    /// Begins a member: writes its header.
    ///
    /// # Errors
    /// What writing to `sink` answers.
    pub fn begin(sink: &mut impl Write) -> io::Result<Self> {
        let (crc, sha) = (crc32fast::Hasher::new(), sha2::Sha256::new());
        let mut member = Self { crc, sha, raw: 0, lines: 0, packed: 0 };
        member.write(sink, &HEADER)?;
        Ok(member)
    }

    /// CRC-32 of the raw bytes so far.
    pub fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }

    /// Raw bytes so far.
    pub fn raw(&self) -> u64 {
        self.raw
    }

    /// Appends `raw`, at most [`BLOCK`] bytes, as one block; `before` is what stands before it in the member.
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
        encoder.pack(before, raw, &mut packed)?;
        self.append_packed(sink, &packed)
    }

    /// Appends a block that was compressed before, with the same bytes before it.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_packed(&mut self, sink: &mut impl Write, packed: &Packed) -> io::Result<()> {
        if packed.raw() == 0 {
            return Ok(());
        }
        self.write(sink, packed.bytes())?;
        self.crc.combine(packed.crc());
        self.raw += packed.raw();
        self.lines += packed.lines();
        Ok(())
    }

    /// Bytes of the member so far, up to the end of its last whole block.
    pub fn packed(&self) -> u64 {
        self.packed
    }

    /// Ends the member: writes the last block and the trailer.
    ///
    /// # Errors
    /// What writing to `sink` answers.
    pub fn finish(mut self, sink: &mut impl Write) -> io::Result<Whole> {
        let mut end = LAST_BLOCK.to_vec();
        end.extend(self.crc().to_le_bytes());
        // RFC 1952: the length modulo 2^32.
        end.extend(&self.raw.to_le_bytes()[..4]);
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
        self.raw += raw.len() as u64;
        self.lines += block::lines(raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};

    /// Log-like text, then bytes that don't compress, so that stored blocks occur too.
    fn raw(length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut state = 7_u64;
        while bytes.len() < length / 2 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.extend(
                format!("2026-11-21T00:00:00Z INFO request {} took {} ms\r\n", state >> 40, state >> 57).bytes(),
            );
        }
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.extend((state >> 32).to_le_bytes());
        }
        bytes
    }

    fn compress(raw: &[u8], block: usize) -> (Vec<u8>, Whole) {
        let (mut encoder, mut sink) = (Encoder::new(DEFAULT_LEVEL), Vec::new());
        let mut member = Member::begin(&mut sink).expect("header");
        for start in (0..raw.len()).step_by(block) {
            let end = raw.len().min(start + block);
            member.append(&mut encoder, &mut sink, &raw[..start], &raw[start..end]).expect("block");
        }
        let whole = member.finish(&mut sink).expect("trailer");
        (sink, whole)
    }

    fn decompress(member: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(member).read_to_end(&mut out).expect("one sound member");
        out
    }

    #[test]
    fn reads_back_as_one_member() {
        for (length, block) in [(0, BLOCK), (1, BLOCK), (3 * BLOCK + 17, BLOCK), (50_000, 7), (300_000, 40_000)] {
            let raw = raw(length);
            let (packed, whole) = compress(&raw, block);
            assert_eq!(decompress(&packed), raw);
            assert_eq!(whole.raw, raw.len() as u64);
            assert_eq!(whole.lines, raw.iter().filter(|&&b| b == b'\n').count() as u64);
            assert_eq!(whole.packed, packed.len() as u64);
            assert_eq!(whole.sha256, Digest::of(&packed));
        }
    }

    #[test]
    fn blocks_are_primed_with_what_stands_before_them() {
        let raw = raw(32 * 1024)[..16 * 1024].to_vec();
        let twice = [raw.clone(), raw.clone()].concat();
        let (once, _) = compress(&raw, raw.len());
        let (both, _) = compress(&twice, raw.len());
        assert!(both.len() < once.len() + once.len() / 4, "{} then {}", once.len(), both.len());
    }

    #[test]
    fn a_member_cut_anywhere_gives_back_its_whole_blocks() {
        let raw = raw(6_000);
        let (packed, _) = compress(&raw, 1_000);
        let mut last = 0;
        for cut in 0..=packed.len() {
            let salvaged = salvage(&mut Cursor::new(&packed[..cut]));
            if cut < HEADER.len() {
                assert!(salvaged.is_err());
                continue;
            }
            let Salvaged { mut member, window } = salvaged.expect("a header is there");
            let end = member.raw() as usize;
            assert_eq!(window, raw[end - end.min(WINDOW)..end], "at {cut}");
            assert!(member.packed() as usize <= cut && member.raw() >= last, "at {cut}");
            last = member.raw();
            // It goes on from there as if nothing had happened.
            let (kept, mut on) = (member.raw() as usize, packed[..member.packed() as usize].to_vec());
            member.append(&mut Encoder::new(5), &mut on, &raw[..kept], &raw[kept..]).expect("block");
            let whole = member.finish(&mut on).expect("trailer");
            assert_eq!((decompress(&on), whole.sha256), (raw.clone(), Digest::of(&on)), "at {cut}");
        }
        assert_eq!(last, raw.len() as u64);
    }

    #[test]
    fn large_blocks_are_salvaged_too() {
        let raw = raw(5 * BLOCK);
        let (packed, _) = compress(&raw, BLOCK);
        let Salvaged { member, .. } =
            salvage(&mut Cursor::new(&packed[..packed.len() - 100])).expect("a header is there");
        assert_eq!(member.raw(), 4 * BLOCK as u64);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        assert!(salvage(&mut Cursor::new(b"not gzip at all")).is_err());
    }
}
