//! One block of a member: compressed, hashed and counted by itself, on whatever thread.

use std::io;

use flate2::{Compress, Compression, FlushCompress};

use super::frame::Groups;
use super::{WINDOW, block_length};
use crate::model::format::Format;

/// The bytes of a block, with those before it, and what they are compressed to: room that is used again and again.
pub struct Block {
    format: Format,
    /// What stands before it, then the block.
    bytes: Vec<u8>,
    before: usize,
    filled: usize,
    packed: Packed,
}

impl Block {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        let bytes = vec![0; WINDOW + block_length(format)];
        Self { format, bytes, before: 0, filled: 0, packed: Packed::default() }
    }

    /// The same room for a block of that format.
    #[must_use]
    pub fn anew(mut self, format: Format) -> Self {
        self.format = format;
        self.bytes.resize(WINDOW + block_length(format), 0);
        self.begin(&[]);
        self
    }

    /// Begins it anew behind `before`, of which the last [`WINDOW`] bytes count.
    pub fn begin(&mut self, before: &[u8]) {
        let before = &before[before.len().saturating_sub(WINDOW)..];
        self.bytes[..before.len()].copy_from_slice(before);
        (self.before, self.filled) = (before.len(), 0);
    }

    /// How its bytes are compressed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where its bytes go.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.before..self.before + block_length(self.format)]
    }

    /// Takes note that so many of them are there.
    pub fn fill(&mut self, count: usize) {
        self.filled = count.min(block_length(self.format));
    }

    /// Its bytes.
    pub fn raw(&self) -> &[u8] {
        &self.bytes[self.before..self.before + self.filled]
    }

    /// The bytes that it ends in, with those before it, as far as they count for what follows.
    pub fn ending(&self) -> &[u8] {
        let end = self.before + self.filled;
        &self.bytes[end.saturating_sub(WINDOW)..end]
    }

    /// What it is compressed to.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// Compresses it.
    ///
    /// # Errors
    /// As [`Encoder::pack`].
    pub fn pack(&mut self, encoder: &mut Encoder) -> io::Result<()> {
        let (before, raw) = self.bytes[..self.before + self.filled].split_at(self.before);
        encoder.pack(self.format, before, raw, &mut self.packed)
    }
}

/// How hard to try, in each of the formats: a segment that was begun in the one is ended in it, whatever is wanted now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    gzip: u32,
    zstd: u32,
}

impl Levels {
    /// That level, one of the format's own, for segments of `format`; the default of the other one for others.
    pub fn of(format: Format, level: u32) -> Self {
        match format {
            Format::Gzip => Self { gzip: level, ..Self::default() },
            Format::Zstd => Self { zstd: level, ..Self::default() },
        }
    }

    /// The level for segments of a format.
    pub fn level(self, format: Format) -> u32 {
        match format {
            Format::Gzip => self.gzip,
            Format::Zstd => self.zstd,
        }
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self { gzip: Format::Gzip.default_level(), zstd: Format::Zstd.default_level() }
    }
}

/// What compresses one block after another, of any member. What comes out for a block does not depend on those before.
pub struct Encoder {
    levels: Levels,
    groups: Groups,
    /// Room for blocks, kept for who compresses with it alone.
    pub(super) spare: Vec<Block>,
}

/// A block that is compressed, with what a member is to know of it.
#[derive(Default)]
pub struct Packed {
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
    raw: u64,
    lines: u64,
}

impl Packed {
    /// Its bytes in the object: raw DEFLATE, ended by a sync flush, or a group of zstd's blocks.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many raw bytes it holds.
    pub fn raw(&self) -> u64 {
        self.raw
    }

    /// Line feeds among these.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// CRC-32 of the raw bytes, to be combined with that of the bytes before them.
    pub(super) fn crc(&self) -> &crc32fast::Hasher {
        &self.crc
    }
}

impl Encoder {
    /// A compressor of these levels.
    pub fn new(levels: Levels) -> Self {
        Self { levels, groups: Groups::new(levels.zstd), spare: Vec::new() }
    }

    /// Compresses one block into `packed`, whose room is used again; `before` is what stands before it in the object, of
    /// which the last [`WINDOW`] bytes count.
    ///
    /// # Errors
    /// Where the compressor refuses, which it has no reason to.
    pub fn pack(&mut self, format: Format, before: &[u8], raw: &[u8], packed: &mut Packed) -> io::Result<()> {
        packed.bytes.clear();
        packed.crc.reset();
        packed.crc.update(raw);
        (packed.raw, packed.lines) = (raw.len() as u64, lines(raw));
        if raw.is_empty() {
            return Ok(());
        }
        let (before, level) = (&before[before.len().saturating_sub(WINDOW)..], self.levels.level(format));
        match format {
            Format::Gzip => deflate(level, before, raw, &mut packed.bytes),
            Format::Zstd => {
                self.groups.pack(before, raw, &mut packed.bytes);
                Ok(())
            }
        }
    }
}

/// Raw DEFLATE blocks, ended by a sync flush.
///
/// A new compressor each time, which costs no more than to reset an old one: one that was used before has bytes of earlier
/// blocks in its window, right behind the dictionary, and hashes some of them with it. What comes out would be sound, but it
/// would depend on which blocks went through the same compressor (zlib-rs 0.6, `set_dictionary`).
fn deflate(level: u32, dictionary: &[u8], raw: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut deflate = Compress::new(Compression::new(level), false);
    if !dictionary.is_empty() {
        deflate.set_dictionary(dictionary).map_err(io::Error::other)?;
    }
    compress(&mut deflate, raw, bytes)
}

fn compress(deflate: &mut Compress, raw: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
    // Room for all of it at once, even where it does not compress: a sync flush that finds its room used up just at its end
    // is made a second time (zlib.h, "deflate": "avoid repeated flush markers"), and what comes out would depend on what
    // room a buffer had from earlier blocks. Memory is taken only as far as it is written to.
    bytes.reserve(raw.len() + raw.len() / 8 + 1024);
    let mut done = 0;
    loop {
        let before = deflate.total_in();
        deflate.compress_vec(&raw[done..], bytes, FlushCompress::Sync).map_err(io::Error::other)?;
        done += usize::try_from(deflate.total_in() - before).map_err(io::Error::other)?;
        // Room to spare after all input is taken means that the flush is complete.
        if done == raw.len() && bytes.len() < bytes.capacity() {
            return Ok(());
        }
        bytes.reserve((raw.len() - done) / 4 + 1024);
    }
}

/// How many line feeds there are.
pub(super) fn lines(raw: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', raw).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::BLOCK;

    #[test]
    fn the_bytes_of_a_block_do_not_depend_on_what_was_compressed_before() {
        let mut raw = Vec::new();
        for number in 0_u64..40_000 {
            let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            raw.extend(format!("INFO request {noise:016x} took {} ms\r\n", noise >> 57).bytes());
            if number % 10_000 > 7_000 {
                raw.extend(noise.wrapping_mul(noise).swap_bytes().to_le_bytes());
            }
        }
        let levels = Format::ALL.into_iter().flat_map(|format| format.levels().map(move |level| (format, level)));
        // What zstd takes its time for is the same as what is quick, but for its search.
        for (format, level) in levels.filter(|(_, level)| *level <= 9) {
            let levels = Levels::of(format, level);
            let (mut used, mut packed) = (Encoder::new(levels), Packed::default());
            for start in (0..raw.len()).step_by(BLOCK) {
                let block = &raw[start..raw.len().min(start + BLOCK)];
                used.pack(format, &raw[..start], block, &mut packed).expect("a block");
                let mut fresh = Packed::default();
                Encoder::new(levels).pack(format, &raw[..start], block, &mut fresh).expect("a block");
                assert!(packed.bytes() == fresh.bytes(), "{format:?}, level {level}, at byte {start}");
            }
        }
    }
}
