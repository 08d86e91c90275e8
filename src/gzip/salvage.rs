//! Finding the whole blocks of a member or a frame that was cut short.

mod groups;

use std::io::{self, Read, Seek, SeekFrom};

use flate2::{Decompress, FlushDecompress, Status};
use zlib_rs::{Inflate, InflateFlush};

use super::ahead::Lookahead;
use super::{BLOCK, LAST_BLOCK, Member, SYNC, WINDOW, header};
use crate::model::format::Format;

/// What [`salvage`] has found.
pub struct Salvaged {
    /// The member or frame up to its last whole block.
    pub member: Member,
    /// The raw bytes that it ends in, at most [`WINDOW`] of them.
    pub window: Vec<u8>,
}

/// Reads a member or a frame that was cut short, up to its last whole block. The file is then to be cut to
/// [`Member::packed`] bytes, and can go on from there or be finished.
///
/// # Errors
/// What reading answers; `InvalidData` where not even the header is there.
pub fn salvage(format: Format, file: &mut (impl Read + Seek)) -> io::Result<Salvaged> {
    let mut begin = vec![0; header(format).len()];
    file.seek(SeekFrom::Start(0))?;
    match file.read_exact(&mut begin) {
        // It may be sound: it can't be read now.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        Ok(()) if begin == header(format) => {}
        _ => {
            let why = format!("it doesn't begin with the header of our {} {}s", format.name(), format.unit());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
    }
    match format {
        Format::Gzip => blocks(file),
        Format::Zstd => groups::groups(file),
    }
}

/// The whole blocks of a member.
///
/// A block's end is recognised by its sync flush, an empty stored block. Its bytes may stand inside of a block too, any
/// number of times; so they are not searched for, but the block is decoded once, with a stop at the end of each DEFLATE
/// block in it. As a proof, what was found, with an empty last block put behind it, must decode to a regular end.
fn blocks(file: &mut impl Read) -> io::Result<Salvaged> {
    let mut member = Member::begin(Format::Gzip, &mut io::sink())?;
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
