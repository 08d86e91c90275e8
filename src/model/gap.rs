//! Zeros in a log that no writer wrote: what is left where taking its head away was cut short.
//!
//! `FALLOC_FL_COLLAPSE_RANGE` takes `length` bytes away and moves what is behind them to the front. Where that is cut short when
//! the head has gone, the file has its old length still, and as many zeros more as bytes have gone:
//!
//! ```text
//! all was moved up             | kept | new ...      | zeros |             the length is the old one
//! the same, and then written   | kept | new ...      | zeros | newer ...   others append at the end that there is
//! only a part was moved up     | kept | new | zeros | new ...              a power loss between two extents
//! ```
//!
//! On the disk these zeros are a hole, but for the rest of a block at either of its ends. A hole of another length, or at another
//! place, somebody else has made: what he made are bytes of the log.

use serde::{Deserialize, Serialize};

/// Where such zeros are in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// Where they begin.
    pub at: u64,
    /// How many there are.
    pub length: u64,
}

/// Where a hole is in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hole {
    /// Where it begins.
    pub begin: u64,
    /// Where it ends.
    pub end: u64,
}

impl Gap {
    /// Where what comes behind it begins.
    pub fn end(self) -> u64 {
        self.at.saturating_add(self.length)
    }

    /// The same when so many bytes before it have gone; `None` where there were not as many.
    #[must_use]
    pub fn moved_up(self, given: u64) -> Option<Self> {
        Some(Self { at: self.at.checked_sub(given)?, ..self })
    }

    /// The same with as many zeros more.
    #[must_use]
    pub fn longer(self, by: u64) -> Self {
        Self { length: self.length.saturating_add(by), ..self }
    }

    /// The gap of which a hole is what is not on the disk, if it can be one that taking `length` bytes away has left in a
    /// file of `size` bytes. Before the hole there are `tail` zeros in its last block of `block` bytes. Whoever asks looks
    /// whether the rest of the gap is zeros, too.
    pub fn around(hole: Hole, tail: u64, size: u64, length: u64, block: u64) -> Option<Self> {
        let hollow = hole.end.checked_sub(hole.begin)?;
        let at = if hole.end >= size {
            size.checked_sub(length).filter(|at| *at <= hole.begin && hole.begin - at < block)?
        } else if hollow == length {
            hole.begin
        } else if hollow.checked_add(block)? == length && (1..block).contains(&tail) {
            hole.begin.checked_sub(tail)?
        } else {
            return None;
        };
        Some(Self { at, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 4096;
    const LENGTH: u64 = 5 * BLOCK;

    fn around(begin: u64, end: u64, tail: u64, size: u64) -> Option<Gap> {
        Gap::around(Hole { begin, end }, tail, size, LENGTH, BLOCK)
    }

    #[test]
    fn at_the_end_it_is_as_long_as_what_went_wherever_in_a_block_it_begins() {
        for data in [2 * BLOCK, 2 * BLOCK - 1, BLOCK + 1] {
            let size = data + LENGTH;
            assert_eq!(around(2 * BLOCK, size, 2 * BLOCK - data, size), Some(Gap { at: data, length: LENGTH }));
            // Somebody else has made the file longer, or shorter.
            for other in [size + 1, size + BLOCK, size - BLOCK, size + LENGTH] {
                assert_eq!(
                    around(2 * BLOCK, other, 2 * BLOCK - data, other).filter(|gap| gap.at == data),
                    None,
                    "{other}"
                );
            }
        }
        assert_eq!(around(0, BLOCK, 0, BLOCK), None, "there is not as much");
    }

    #[test]
    fn between_what_is_written_it_is_as_long_as_what_went_with_the_rest_of_a_block_at_its_ends() {
        let size = 20 * BLOCK;
        assert_eq!(around(BLOCK, BLOCK + LENGTH, 0, size), Some(Gap { at: BLOCK, length: LENGTH }), "whole blocks");
        let shorter = around(2 * BLOCK, BLOCK + LENGTH, 100, size);
        assert_eq!(
            shorter,
            Some(Gap { at: 2 * BLOCK - 100, length: LENGTH }),
            "its ends are in blocks that are written"
        );
        assert_eq!(
            around(2 * BLOCK, BLOCK + LENGTH, 0, size),
            None,
            "a hole of someone else's: no zeros are before it"
        );
        assert_eq!(around(BLOCK, 3 * BLOCK, 0, size), None, "too short");
        assert_eq!(around(BLOCK, 2 * BLOCK + LENGTH, 0, size), None, "too long");
    }

    #[test]
    fn it_moves_up_with_what_is_behind_the_head() {
        let gap = Gap { at: 10, length: 5 };
        assert_eq!(gap.moved_up(4), Some(Gap { at: 6, length: 5 }));
        assert_eq!(gap.moved_up(11), None);
        assert_eq!((gap.end(), gap.longer(3).end()), (15, 18));
    }
}
