//! Finding the whole groups of a frame that was cut short.

use std::io::{self, Read};

use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer};

use super::super::ahead::Lookahead;
use super::super::frame::{GROUP, HEADER, LARGEST_BLOCK, ONE_BYTE, refused};
use super::super::{Member, WINDOW};
use super::Salvaged;
use crate::model::format::Format;

/// How many bytes a group can have: a block that doesn't compress stands as it is, behind a header of three bytes.
const LARGEST_GROUP: usize = GROUP + GROUP / LARGEST_BLOCK * 8 + 1024;

/// The whole groups of a frame.
///
/// Where a block ends stands in its header. A group ends with the raw block of one byte that follows its others; blocks of zstd
/// may look like that too, and what ends there is as good a place to be cut at. As a proof, each group is decoded.
pub(super) fn groups(file: &mut impl Read) -> io::Result<Salvaged> {
    let mut member = Member::begin(Format::Zstd, &mut io::sink())?;
    let mut decoder = GroupDecoder::new()?;
    let mut reader = Lookahead::new(file, LARGEST_GROUP);
    loop {
        let ahead = reader.fill()?;
        let Some(group) = end_of_group(ahead).map(|end| &ahead[..end]) else { break };
        let Ok(raw) = decoder.decode(group) else { break };
        member.write(&mut io::sink(), group)?;
        member.count(raw);
        decoder.keep_window();
        let length = group.len();
        reader.skip(length);
    }
    Ok(Salvaged { member, window: decoder.window })
}

/// Where the group ends that begins there; `None` where it is cut short, or is none of ours. A block that holds nothing is
/// none, for that is what zeros look like.
fn end_of_group(ahead: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < LARGEST_GROUP {
        let header = ahead.get(at..at + 3)?;
        let bits = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let (is_last, kind, size) = (bits & 1 == 1, bits >> 1 & 3, usize::try_from(bits >> 3).ok()?);
        if is_last || size == 0 || size > LARGEST_BLOCK {
            return None;
        }
        // Raw, one byte again and again, compressed (RFC 8878, section 3.1.1.2.2).
        at += 3 + match kind {
            0 | 2 => size,
            1 => 1,
            _ => return None,
        };
        if header == ONE_BYTE {
            return (at <= ahead.len()).then_some(at);
        }
    }
    None
}

/// Decodes one group after another.
struct GroupDecoder {
    context: DCtx<'static>,
    /// The group that was decoded last.
    raw: Vec<u8>,
    /// The bytes before the next one.
    window: Vec<u8>,
}

impl GroupDecoder {
    fn new() -> io::Result<Self> {
        let context = DCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let mut decoder = Self { context, raw: Vec::with_capacity(GROUP + 1), window: Vec::new() };
        decoder.decode(&HEADER).map(drop)?;
        Ok(decoder)
    }

    /// The bytes of whole blocks.
    fn decode(&mut self, blocks: &[u8]) -> io::Result<&[u8]> {
        self.raw.clear();
        let room = self.raw.capacity();
        let (mut input, mut output) = (InBuffer::around(blocks), OutBuffer::around(&mut self.raw));
        loop {
            let before = (input.pos(), output.pos());
            self.context.decompress_stream(&mut output, &mut input).map_err(refused)?;
            match () {
                () if output.pos() > GROUP || output.pos() == room => {
                    return Err(io::Error::other("it holds more than a group of ours"));
                }
                // It gives what it has as soon as there is room for it.
                () if (input.pos(), output.pos()) == before => break,
                () => {}
            }
        }
        match input.pos() == blocks.len() {
            true => Ok(&self.raw),
            false => Err(io::Error::other("something follows the frame")),
        }
    }

    /// Keeps the end of what was decoded as the bytes before the next group.
    fn keep_window(&mut self) {
        self.window.extend_from_slice(&self.raw[self.raw.len().saturating_sub(WINDOW)..]);
        self.window.drain(..self.window.len().saturating_sub(WINDOW));
    }
}
