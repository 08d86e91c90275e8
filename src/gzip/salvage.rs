//! Finding the whole blocks of a member that was cut short.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::{Decompress, FlushDecompress, Status};
use zlib_rs::{Inflate, InflateFlush};

use super::{BLOCK, HEADER, LAST_BLOCK, Member, SYNC, WINDOW};

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
