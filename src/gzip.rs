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
//! by side. [`salvage`] finds the blocks of a file that was cut short.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use sha2::Digest as _;
use zlib_rs::{Inflate, InflateFlush};

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

/// A compressor, to be used for one block after another of any member.
pub struct Encoder {
    deflate: Compress,
    packed: Vec<u8>,
}

impl Encoder {
    /// A compressor of that level, 1 to 9.
    pub fn new(level: u32) -> Self {
        Self { deflate: Compress::new(Compression::new(level), false), packed: Vec::new() }
    }

    /// Compresses one block; `before` is what stands before it in the member, of which the last [`WINDOW`] bytes count.
    fn block(&mut self, before: &[u8], raw: &[u8]) -> io::Result<&[u8]> {
        self.deflate.reset();
        let dictionary = &before[before.len().saturating_sub(WINDOW)..];
        if !dictionary.is_empty() {
            self.deflate.set_dictionary(dictionary).map_err(io::Error::other)?;
        }
        self.packed.clear();
        let mut done = 0;
        loop {
            self.packed.reserve((raw.len() - done) / 4 + 1024);
            let before = self.deflate.total_in();
            self.deflate.compress_vec(&raw[done..], &mut self.packed, FlushCompress::Sync).map_err(io::Error::other)?;
            done += usize::try_from(self.deflate.total_in() - before).map_err(io::Error::other)?;
            // Room to spare after all input is taken means that the flush is complete.
            if done == raw.len() && self.packed.len() < self.packed.capacity() {
                return Ok(&self.packed);
            }
        }
    }
}

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
        if raw.is_empty() {
            return Ok(());
        }
        self.write(sink, encoder.block(before, raw)?)?;
        self.count(raw);
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

    fn count(&mut self, raw: &[u8]) {
        self.crc.update(raw);
        self.raw += raw.len() as u64;
        self.lines += memchr::memchr_iter(b'\n', raw).count() as u64;
    }
}

/// What [`salvage`] has found.
pub struct Salvaged {
    /// The member up to its last whole block.
    pub member: Member,
    /// The raw bytes that it ends in, at most [`WINDOW`] of them.
    pub window: Vec<u8>,
}

/// Reads a member that was cut short, up to its last whole block. The file is then to be cut to [`Member::packed`]
/// bytes, and can go on from there or be finished.
///
/// A block's end is recognised by its sync flush, an empty stored block. Its bytes may stand inside of a block too, any
/// number of times; so they are not searched for, but the block is decoded once, with a stop at the end of each DEFLATE
/// block in it. As a proof, what was found, with an empty last block put behind it, must decode to a regular end.
///
/// # Errors
/// What reading answers; `InvalidData` where not even the header is there.
pub fn salvage(file: &mut (impl Read + Seek)) -> io::Result<Salvaged> {
    let mut header = [0; HEADER.len()];
    file.seek(SeekFrom::Start(0))?;
    match file.read_exact(&mut header) {
        // It may be sound: it can't be read now.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        Ok(()) if header == HEADER => {}
        _ => {
            let why = "it doesn't begin with the header of our gzip members";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
    }
    let mut member = Member::begin(&mut io::sink())?;
    let (mut decoder, mut scanner) = (BlockDecoder::new(), Scanner::new());
    // A block that doesn't compress grows by 5 bytes in 16 KiB or so, and the flush adds a few.
    let mut reader = Lookahead::new(file, 2 * BLOCK);
    loop {
        let ahead = reader.fill()?;
        let end = scanner.find_flush(decoder.window(), ahead);
        let Some(block) = end.map(|end| &ahead[..end]).filter(|block| decoder.decode(block)) else { break };
        let end = block.len();
        member.write(&mut io::sink(), block)?;
        member.count(decoder.block());
        decoder.keep_window();
        reader.skip(end);
    }
    Ok(Salvaged { member, window: decoder.window().to_vec() })
}

/// Finds the end of a block, in a time that grows with its length alone.
struct Scanner {
    inflate: Inflate,
    output: Vec<u8>,
}

impl Scanner {
    fn new() -> Self {
        Self { inflate: Inflate::new(false, 15), output: vec![0; BLOCK + 1] }
    }

    /// Where the first sync flush ends, if it is one and no more than a block stands before it.
    fn find_flush(&mut self, window: &[u8], ahead: &[u8]) -> Option<usize> {
        self.inflate.reset(false);
        if !window.is_empty() {
            self.inflate.set_dictionary(window).ok()?;
        }
        let (mut taken, mut made) = (0, 0);
        loop {
            let output = self.output.get_mut(made..)?;
            let status = self.inflate.decompress(&ahead[taken..], output, InflateFlush::Block).ok()?;
            let (begin, before) = (taken, made);
            taken = usize::try_from(self.inflate.total_in()).ok()?;
            made = usize::try_from(self.inflate.total_out()).ok()?;
            // Three bits of the empty block may share the byte that the one before it ends in.
            let (is_empty, length) = (made == before, taken - begin);
            if is_empty && (4..=5).contains(&length) && ahead[..taken].ends_with(&SYNC) {
                return Some(taken);
            }
            if status == zlib_rs::Status::StreamEnd || (is_empty && length == 0) {
                return None;
            }
        }
    }
}

/// Decodes one block after another, each primed with the output before it.
struct BlockDecoder {
    inflate: Decompress,
    /// The window, then the block that was decoded last.
    output: Vec<u8>,
    window: usize,
    /// Where the block ends in the output.
    made: usize,
}

impl BlockDecoder {
    fn new() -> Self {
        Self { inflate: Decompress::new(false), output: vec![0; WINDOW + BLOCK + 1], window: 0, made: 0 }
    }

    /// Whether `candidate` is whole blocks, at most [`BLOCK`] raw bytes; they are in [`Self::block`] then.
    fn decode(&mut self, candidate: &[u8]) -> bool {
        self.try_decode(candidate).unwrap_or(false)
    }

    fn try_decode(&mut self, candidate: &[u8]) -> Result<bool, flate2::DecompressError> {
        self.inflate.reset(false);
        if self.window > 0 {
            self.inflate.set_dictionary(&self.output[..self.window])?;
        }
        let mut pieces = [candidate, &LAST_BLOCK[..]].into_iter();
        let mut piece = pieces.next().unwrap_or_default();
        let mut made = self.window;
        loop {
            let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(piece, &mut self.output[made..], FlushDecompress::None)?;
            let taken = self.inflate.total_in() - taken;
            let given = self.inflate.total_out() - given;
            piece = &piece[usize::try_from(taken).unwrap_or(piece.len())..];
            made += usize::try_from(given).unwrap_or(usize::MAX);
            if status == Status::StreamEnd {
                self.made = made;
                return Ok(piece.is_empty() && pieces.next().is_none() && made <= self.window + BLOCK);
            }
            if piece.is_empty() {
                match pieces.next() {
                    Some(next) => piece = next,
                    None => return Ok(false),
                }
            } else if taken == 0 && given == 0 {
                return Ok(false);
            }
        }
    }

    /// The output before the next block, as far as that can refer to it.
    fn window(&self) -> &[u8] {
        &self.output[..self.window]
    }

    /// The raw bytes that were decoded last.
    fn block(&self) -> &[u8] {
        &self.output[self.window..self.made]
    }

    /// Keeps the end of the output as the window of the next block.
    fn keep_window(&mut self) {
        let start = self.made.saturating_sub(WINDOW);
        self.output.copy_within(start..self.made, 0);
        self.window = self.made - start;
    }
}

/// A reader's next bytes: at least as many as were asked for, unless it ends before.
struct Lookahead<'a, R> {
    reader: &'a mut R,
    bytes: Vec<u8>,
    /// Where the next ones begin. They are moved to the front only now and then: blocks may be many and small.
    start: usize,
    least: usize,
    ended: bool,
}

impl<'a, R: Read> Lookahead<'a, R> {
    fn new(reader: &'a mut R, least: usize) -> Self {
        Self { reader, bytes: Vec::new(), start: 0, least, ended: false }
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        if !self.ended && self.bytes.len() - self.start < self.least {
            self.bytes.drain(..std::mem::take(&mut self.start));
            let missing = 2 * self.least - self.bytes.len();
            self.ended = self.reader.by_ref().take(missing as u64).read_to_end(&mut self.bytes)? < missing;
        }
        Ok(&self.bytes[self.start..])
    }

    fn skip(&mut self, count: usize) {
        self.start += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

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
