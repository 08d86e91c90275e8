//! Blocks on their way through compression: put in, and taken out in the same order.
//!
//! Promise: what comes out does not depend on how many threads there are, nor on which of them is the faster; and no more
//! blocks are under way than the threads need to be kept busy, so that memory is bounded by their number, however long
//! the log.

use std::collections::VecDeque;
use std::io;

use super::pool::{Pool, Ticket};
use super::{Block, Encoder};
use crate::model::format::Format;

/// Whatever compresses blocks.
pub trait Press {
    /// An empty block of that format, whose room may have been used before.
    fn block(&mut self, format: Format) -> Block;

    /// Gives the room of a block back.
    fn reuse(&mut self, block: Block);

    /// Whether the oldest block must be taken out before another one is put in.
    fn is_full(&self) -> bool;

    /// Puts a block in.
    fn put(&mut self, block: Block);

    /// Takes the oldest block out, once it is compressed; `None` where none is under way.
    fn take(&mut self) -> Option<io::Result<Block>>;

    /// Forgets all that are under way.
    fn clear(&mut self);
}

/// Compression by all the threads of a pool.
pub struct Together {
    pool: Pool,
    under_way: VecDeque<Ticket<io::Result<Block>>>,
    spare: Vec<Block>,
}

impl Together {
    /// Compression by that pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool, under_way: VecDeque::new(), spare: Vec::new() }
    }

    /// The pool, for other jobs.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }
}

impl Press for Together {
    fn block(&mut self, format: Format) -> Block {
        self.spare.pop().map_or_else(|| Block::new(format), |block| block.anew(format))
    }

    fn reuse(&mut self, block: Block) {
        self.spare.push(block);
    }

    fn is_full(&self) -> bool {
        self.under_way.len() >= self.pool.ahead()
    }

    fn put(&mut self, mut block: Block) {
        let ticket = self.pool.submit(move |encoder| block.pack(encoder).map(|()| block));
        self.under_way.push_back(ticket);
    }

    fn take(&mut self) -> Option<io::Result<Block>> {
        let oldest = self.under_way.pop_front()?;
        Some(self.pool.wait(oldest).flatten())
    }

    fn clear(&mut self) {
        self.under_way.clear();
    }
}

/// Compression by the thread that asks for it.
pub struct Alone<'e> {
    encoder: &'e mut Encoder,
    under_way: Option<Block>,
}

impl<'e> Alone<'e> {
    /// Compression by that compressor, which keeps the room of blocks.
    pub fn new(encoder: &'e mut Encoder) -> Self {
        Self { encoder, under_way: None }
    }
}

impl Press for Alone<'_> {
    fn block(&mut self, format: Format) -> Block {
        self.encoder.spare.pop().map_or_else(|| Block::new(format), |block| block.anew(format))
    }

    fn reuse(&mut self, block: Block) {
        self.encoder.spare.push(block);
    }

    fn is_full(&self) -> bool {
        self.under_way.is_some()
    }

    fn put(&mut self, block: Block) {
        self.under_way = Some(block);
    }

    fn take(&mut self) -> Option<io::Result<Block>> {
        let mut block = self.under_way.take()?;
        Some(block.pack(self.encoder).map(|()| block))
    }

    fn clear(&mut self) {
        if let Some(block) = self.under_way.take() {
            self.reuse(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::num::NonZeroUsize;

    use super::*;
    use crate::gzip::{Decoder, Extent, Levels, Member, block_length};

    /// What a press makes of bytes that come in pieces of that size.
    fn pressed(press: &mut dyn Press, format: Format, raw: &[u8], piece: usize) -> Vec<u8> {
        let mut sink = Vec::new();
        let mut member = Member::begin(format, &mut sink).expect("memory");
        let mut write = |press: &mut dyn Press| {
            let block = press.take()?.expect("a block");
            member.append_packed(&mut sink, block.raw(), block.packed()).expect("memory");
            press.reuse(block);
            Some(())
        };
        let mut following = press.block(format);
        for piece in raw.chunks(piece) {
            if press.is_full() {
                write(press);
            }
            following.room()[..piece.len()].copy_from_slice(piece);
            following.fill(piece.len());
            let mut next = press.block(format);
            next.begin(following.ending());
            press.put(std::mem::replace(&mut following, next));
        }
        while write(press).is_some() {}
        member.finish(&mut sink).expect("memory");
        sink
    }

    #[test]
    fn what_comes_out_is_the_same_however_many_threads_there_are() {
        let mut raw = Vec::new();
        for number in 0_u64..60_000 {
            let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            raw.extend(format!("{number} took {} ms\n", noise >> 54).bytes());
            // What does not compress takes more room than it has bytes.
            if number % 20_000 > 5_000 {
                raw.extend(noise.wrapping_mul(noise).swap_bytes().to_le_bytes());
            }
        }
        let pieces = |format| [block_length(format), 100_000, 31].map(|piece| (format, piece));
        for (format, piece) in Format::ALL.into_iter().flat_map(pieces) {
            let raw = &raw[..raw.len().min(piece * 1_000)];
            let levels = Levels::default();
            let alone = pressed(&mut Alone::new(&mut Encoder::new(levels)), format, raw, piece);
            for threads in [1, 2, 8] {
                let pool = Pool::new(levels, NonZeroUsize::new(threads).expect("some"));
                let together = pressed(&mut Together::new(pool), format, raw, piece);
                assert!(together == alone, "{format:?}: pieces of {piece}, {threads} threads");
            }
            let mut read = Vec::new();
            let mut decoder = Decoder::of(format, Extent::First, &alone[..]).expect("a decoder");
            decoder.read_to_end(&mut read).expect("one sound member");
            assert!(read == raw, "{format:?}: pieces of {piece}");
        }
    }

    #[test]
    fn no_more_blocks_are_under_way_than_keep_the_threads_busy() {
        for (threads, most) in [(1, 1), (2, 4), (8, 16)] {
            let pool = Pool::new(Levels::default(), NonZeroUsize::new(threads).expect("some"));
            let mut press = Together::new(pool);
            let mut count = 0;
            while !press.is_full() {
                let block = press.block(Format::Gzip);
                press.put(block);
                count += 1;
            }
            assert_eq!(count, most);
            press.clear();
            assert!(press.take().is_none() && !press.is_full());
        }
    }
}
