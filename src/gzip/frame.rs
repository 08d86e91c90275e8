//! One zstd frame (RFC 8878) from groups of blocks that are compressed independently of one another.
//!
//! Promise: the same as that of a gzip member's blocks. What comes out for a group depends on nothing but its own bytes and
//! the [`WINDOW`] bytes before it; and after each group the frame can be cut off anywhere and still gives back every whole
//! group before the cut ([`super::salvage`]).
//!
//! ```text
//! header │ block … block, its last byte │ block … block, its last byte │ … │ empty last block │ XXH64
//!          └─ a group: zstd's blocks, then a raw block of one byte
//! ```
//!
//! A block of zstd may refer to more than bytes before it: to the offsets and the tables that the blocks before it have used
//! last. Blocks that are compressed by themselves must not. That is just what holds for the jobs of zstd's own
//! multithreading, which are compressed at the same time and stand in one frame (zstd.h, `ZSTD_c_nbWorkers`): a job knows
//! nothing of the one before it but its bytes. So a group is the second of two jobs, of which the first holds the bytes before
//! the group, and is thrown away. One worker is enough for that; how many threads there are is the matter of [`super::pool`].
//!
//! The byte at the end of a group says that the group is whole. Where a power loss leaves a file its length and takes its
//! last bytes, there are zeros in their place; a raw block would take them for its content, and no block begins so.
//!
//! How it fails: where zstd has no memory or no thread, a group is stored as it is. By then its log may be unlinked, and to
//! be large is no harm.

use std::io::{self, Write};

use twox_hash::XxHash64;
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush;
use zstd::zstd_safe::{self, CCtx, CParameter, InBuffer, OutBuffer, ResetDirective};

use super::WINDOW;

/// How many raw bytes go into one group at the most: with those before it they are the frame's window, so that nothing
/// beyond it is referred to.
pub(super) const GROUP: usize = (1 << WINDOW_LOG) - WINDOW;

/// The window of a frame, as a power of two: 1 MiB, which readers need memory for. RFC 8878 (section 3.1.1.1.2) has all of
/// them take 8 MiB.
const WINDOW_LOG: u32 = 20;

/// Magic number; a frame header with a checksum and without a size, which nobody knows when it is written; the window
/// (RFC 8878, section 3.1.1.1).
pub(super) const HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x04, ((WINDOW_LOG - 10) << 3) as u8];

/// The header of a raw block of one byte, not the last one (RFC 8878, section 3.1.1.2).
pub(super) const ONE_BYTE: [u8; 3] = [1 << 3, 0, 0];

/// A raw block that is empty, and the last one.
pub(super) const LAST_BLOCK: [u8; 3] = [1, 0, 0];

/// The most bytes that a block holds and unpacks to (RFC 8878, section 3.1.1.2.4).
pub(super) const LARGEST_BLOCK: usize = 128 * 1024;

/// What compresses one group after another, of any frame. It has a thread of its own, that works while it is waited for.
pub(super) struct Groups {
    level: i32,
    /// Made when the first group is to be compressed, and made anew where it has failed.
    context: Option<CCtx<'static>>,
    thrown_away: Vec<u8>,
}

impl Groups {
    /// A compressor of that level, 1 to 19.
    pub(super) fn new(level: u32) -> Self {
        Self { level: i32::try_from(level).unwrap_or_default(), context: None, thrown_away: Vec::new() }
    }

    /// Compresses a group behind `before` into `bytes`. `raw` is not empty.
    pub(super) fn pack(&mut self, before: &[u8], raw: &[u8], bytes: &mut Vec<u8>) {
        let Some((last, most)) = raw.split_last() else { return };
        if let Err(error) = self.blocks(before, most, bytes) {
            log::info!("{} bytes are stored as they are, since zstd refuses them: {error}", most.len());
            self.context = None;
            store(most, bytes);
        }
        bytes.extend(ONE_BYTE);
        bytes.push(*last);
    }

    fn blocks(&mut self, before: &[u8], raw: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
        if raw.is_empty() {
            return Ok(());
        }
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(context(self.level)?),
        };
        context.reset(ResetDirective::SessionOnly).map_err(refused)?;
        // Also where nothing stands before it: the first job has the header of a frame before it. zstd doesn't look for matches in
        // fewer than 8 bytes before a job (ZSTD_compress_insertDictionary), so that none begins before the frame.
        let before = if before.is_empty() { &[0] } else { before };
        job(context, before, &mut self.thrown_away)?;
        job(context, raw, bytes)
    }
}

fn context(level: i32) -> io::Result<CCtx<'static>> {
    let mut context = CCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
    for parameter in [
        CParameter::CompressionLevel(level),
        CParameter::WindowLog(WINDOW_LOG),
        CParameter::NbWorkers(1),
        // A job sees all that the one before it holds, and a group is one job.
        CParameter::OverlapSizeLog(9),
        CParameter::JobSize(1 << WINDOW_LOG),
        // It is that of the frame, and the frame's header is ours too.
        CParameter::ChecksumFlag(false),
    ] {
        context.set_parameter(parameter).map_err(refused)?;
    }
    Ok(context)
}

/// Has all of `raw` compressed as one job.
fn job(context: &mut CCtx<'_>, raw: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    // Memory is taken only as far as it is written to.
    bytes.reserve(zstd_safe::compress_bound(raw.len()) + HEADER.len());
    let room = bytes.capacity();
    let (mut input, mut output) = (InBuffer::around(raw), OutBuffer::around(bytes));
    loop {
        let left = context.compress_stream2(&mut output, &mut input, ZSTD_e_flush).map_err(refused)?;
        match (left, input.pos() == raw.len()) {
            (0, true) => return Ok(()),
            _ if output.pos() == room => return Err(io::Error::other("it needs more room than it said")),
            _ => {}
        }
    }
}

/// Raw blocks.
fn store(raw: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    for block in raw.chunks(LARGEST_BLOCK) {
        // RFC 8878, section 3.1.1.2: not the last one, raw, and its length; it fits.
        let header = u32::try_from(block.len() << 3).unwrap_or_default().to_le_bytes();
        bytes.extend(&header[..3]);
        bytes.extend(block);
    }
}

/// What zstd answers with a code.
pub(super) fn refused(code: usize) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}

/// What a frame ends in, for bytes of that digest.
pub(super) fn write_end(checksum: u64, end: &mut impl Write) -> io::Result<()> {
    end.write_all(&LAST_BLOCK)?;
    // RFC 8878, section 3.1.1: its low four bytes.
    end.write_all(&checksum.to_le_bytes()[..4])
}

/// The checksum of a frame that grows.
pub(super) fn checksum() -> XxHash64 {
    XxHash64::with_seed(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_refers_to_what_would_be_before_the_first_byte() {
        for level in 1..=19 {
            // What stands at the beginning comes again, each time behind a byte that is the one of the job before.
            let line = b"a line that is there at the very beginning and comes again\n";
            let raw: Vec<u8> = (0..40_u8).flat_map(|number| [&line[..], &[number, 200, 0]].concat()).collect();
            let (mut frame, mut group) = (HEADER.to_vec(), Vec::new());
            Groups::new(level).pack(&[], &raw, &mut group);
            frame.extend(&group);
            let mut checksum = checksum();
            std::hash::Hasher::write(&mut checksum, &raw);
            write_end(std::hash::Hasher::finish(&checksum), &mut frame).expect("memory");
            assert!(zstd::decode_all(&frame[..]).expect("it is sound") == raw, "level {level}");
            assert!(frame.len() < raw.len() / 4, "level {level}: {} bytes", frame.len());
        }
    }

    #[test]
    fn what_zstd_refuses_is_stored_and_is_sound() {
        let raw: Vec<u8> = (0..300_000_u32).flat_map(|number| [number.to_le_bytes()[0], 7]).collect();
        let (most, last) = raw.split_at(raw.len() - 1);
        let (mut frame, mut group) = (HEADER.to_vec(), Vec::new());
        store(most, &mut group);
        frame.extend(&group);
        frame.extend(ONE_BYTE);
        frame.extend(last);
        // Compressed ones go on behind it.
        Groups::new(3).pack(&raw[raw.len() - WINDOW..], &raw, &mut group);
        frame.extend(&group);
        let mut checksum = checksum();
        std::hash::Hasher::write(&mut checksum, &[&raw[..], &raw].concat());
        write_end(std::hash::Hasher::finish(&checksum), &mut frame).expect("memory");
        assert!(zstd::decode_all(&frame[..]).expect("it is sound") == [&raw[..], &raw].concat());
    }
}
