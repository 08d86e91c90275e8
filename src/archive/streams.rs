//! A stream as one reader, for whoever looks for something in it: its segments joined, and which byte is of which segment.
//! Where something is missing between two of them, a line that was torn there is ended: nobody wrote the two ends as one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::{ControlFlow, Range};

use super::ahead::{Next, Taker};
use super::joined::{Joint, Remembered, Told};
use super::{ReadError, Segments, StreamKey};

/// Where segments begin in a stream that is being read: offset, and index.
#[derive(Default)]
pub struct Marks(RefCell<VecDeque<(u64, usize)>>);

impl Marks {
    /// The segment that the byte at that offset is of. Offsets are asked for in order: what is before is forgotten.
    pub fn at(&self, offset: u64) -> Option<usize> {
        let mut marks = self.0.borrow_mut();
        while marks.get(1).is_some_and(|(begin, _)| *begin <= offset) {
            marks.pop_front();
        }
        marks.front().map(|(_, index)| *index)
    }

    fn push(&self, offset: u64, index: usize) {
        self.0.borrow_mut().push_back((offset, index));
    }
}

/// A stream's bytes.
pub struct StreamReader<'r, 'a, 't> {
    segments: &'r dyn Segments,
    order: &'r [usize],
    taker: &'r mut Taker<'a>,
    marks: &'r Marks,
    told: &'r mut Told<'t>,
    remembered: Remembered,
    /// The places that are still to be taken.
    places: Range<usize>,
    /// What was taken and not read yet.
    rest: Vec<u8>,
    read: usize,
    offset: u64,
    is_within: bool,
    /// Whether reading was broken off: nothing more is wanted, of this stream or another.
    pub is_over: bool,
}

impl<'r, 'a, 't> StreamReader<'r, 'a, 't> {
    /// The stream whose segments are at these places of the order.
    pub fn new(
        segments: &'r dyn Segments,
        order: &'r [usize],
        places: Range<usize>,
        taker: &'r mut Taker<'a>,
        marks: &'r Marks,
        told: &'r mut Told<'t>,
    ) -> Self {
        let remembered = Remembered::of(segments, &order[places.clone()]);
        let (rest, read, offset, is_within, is_over) = (Vec::new(), 0, 0, false, false);
        Self { segments, order, taker, marks, told, remembered, places, rest, read, offset, is_within, is_over }
    }

    /// Takes the next bytes; whether there are any.
    fn take(&mut self) -> bool {
        while !self.is_over && !self.places.is_empty() {
            let (place, index) = (self.places.start, self.order[self.places.start]);
            if !self.is_within {
                let is_torn = self.rest.last().is_some_and(|last| *last != b'\n');
                if is_torn && self.remembered.joint(self.segments.leaf(index)) == Joint::Broken {
                    (self.rest, self.read, self.offset) = (vec![b'\n'], 0, self.offset + 1);
                    return true;
                }
                self.taker.begin(place);
                self.marks.push(self.offset, index);
                self.is_within = true;
            }
            match self.taker.piece() {
                Next::Bytes(bytes) => {
                    self.rest.clear();
                    self.rest.extend_from_slice(bytes);
                    (self.read, self.offset) = (0, self.offset + bytes.len() as u64);
                    return true;
                }
                Next::Over(ended) => {
                    self.is_within = false;
                    self.places.start += 1;
                    let judged: Result<(), ReadError> = self.remembered.judge(self.segments, index, ended);
                    self.is_over = (self.told)(index, judged) == ControlFlow::Break(());
                }
                Next::Abandoned => self.is_over = true,
            }
        }
        false
    }
}

impl Read for StreamReader<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.rest.len() && !self.take() {
            return Ok(0);
        }
        let rest = &self.rest[self.read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}

/// The places of each stream in the order of a listing, in which a stream's segments follow one another.
pub fn streams(segments: &dyn Segments, order: &[usize]) -> Vec<Range<usize>> {
    let leaf = |place: usize| segments.leaf(order[place]);
    let mut streams: Vec<Range<usize>> = Vec::new();
    for place in 0..order.len() {
        match streams.last_mut() {
            Some(last) if StreamKey::is_one(leaf(last.start), leaf(place)) => last.end = place + 1,
            _ => streams.push(place..place + 1),
        }
    }
    streams
}
