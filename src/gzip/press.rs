//! Blocks on their way through compression: put in, and taken out in the same order.
//!
//! Promise: what comes out does not depend on how many threads there are, nor on which of them is the faster; and no more
//! blocks are under way than the threads need to be kept busy, so that memory is bounded by their number, however long
//! the log.

use std::collections::VecDeque;
use std::io;

use super::pool::{Pool, Ticket};
use super::{Block, Encoder};

/// Whatever compresses blocks.
pub trait Press {
    /// An empty block, whose room may have been used before.
    fn block(&mut self) -> Block;

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
    fn block(&mut self) -> Block {
        let mut block = self.spare.pop().unwrap_or_default();
        block.begin(&[]);
        block
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
    fn block(&mut self) -> Block {
        let mut block = self.encoder.spare.pop().unwrap_or_default();
        block.begin(&[]);
        block
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
