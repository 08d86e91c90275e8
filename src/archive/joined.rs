//! Joining segments to what the logs were: one stream after another, or by time.
//!
//! Promise: a stream's bytes come in order, each once, with nothing between them. What is put between streams, or before
//! lines, is up to whoever takes them ([`Take`]); it is told where something is missing ([`Joint`]).
//!
//! By time, segments of different streams alternate, in the order in which they begin; a segment is never divided. A line
//! that goes on in the stream's next segment is held back until then ([`super::by_time`]).

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;

use super::ahead::{self, Next, Taker};
use super::segment::{Ended, Form};
use super::{ReadError, Segments, StreamKey};
use crate::model::key::Leaf;
use crate::model::names::Seq;

/// What takes segments.
pub trait Take {
    /// A segment begins, and is joined so to what came of its stream before.
    ///
    /// # Errors
    /// Where the output can't be written.
    fn begin(&mut self, leaf: &Leaf, joint: Joint) -> io::Result<()>;

    /// Bytes of it.
    ///
    /// # Errors
    /// Where the output can't be written.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// It is over. Tells which segment must be next.
    ///
    /// # Errors
    /// Where the output can't be written.
    fn end(&mut self, stream: Stream) -> io::Result<Wants>;
}

/// How a segment is joined to what came of its stream before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Joint {
    /// Its bytes follow those, to the byte; or nothing came before.
    Seamless,
    /// Something is missing between them, or may be: a line that was torn there does not go on here.
    Broken,
}

/// Whether a stream goes on behind one of its segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Another one of its segments follows, at once or later.
    GoesOn,
    /// It was the last one that is read.
    Ends,
}

/// Which segment must be next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// The next one in the order.
    AnyNext,
    /// The next one of the same stream.
    NextOfStream,
}

/// In which order streams are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// As they are listed: one stream after another.
    StreamByStream,
    /// Segments by the time of their first byte; those of a stream by number.
    ByTime,
}

impl Order {
    /// The segments in this order, by their indices.
    pub fn of(self, segments: &dyn Segments) -> Vec<usize> {
        let mut order: Vec<usize> = (0..segments.count()).collect();
        if self == Self::ByTime {
            // A clock that was set back must not bring a stream out of order.
            let mut latest = HashMap::new();
            let times: Vec<_> = order
                .iter()
                .map(|&index| {
                    let leaf = segments.leaf(index);
                    let latest = latest.entry(StreamKey::of(leaf)).or_insert(leaf.first);
                    *latest = leaf.first.max(*latest);
                    *latest
                })
                .collect();
            order.sort_by_key(|&index| (times[index], index));
        }
        order
    }
}

/// What was learned of a segment when it was over: its index, and whether it could be read.
pub type Told<'t> = dyn FnMut(usize, Result<(), ReadError>) -> ControlFlow<()> + 't;

/// Joins segments in that order. `told` hears how each was read and may break off; `is_wanted` is asked now and then.
///
/// # Errors
/// Where what takes them fails.
pub fn join(
    segments: &dyn Segments,
    order: &[usize],
    form: Form,
    is_wanted: &dyn Fn() -> bool,
    take: &mut dyn Take,
    told: &mut Told<'_>,
) -> io::Result<()> {
    ahead::read(segments, order, form, is_wanted, |taker| {
        let mut joining = Joining { segments, order, taker, take, told, remembered: Remembered::of(segments, order) };
        for place in 0..order.len() {
            if joining.remembered.done.contains(&place) {
                continue;
            }
            if joining.one(place)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// What is known of the streams on the way.
pub(super) struct Remembered {
    /// How many segments of each are still to come.
    left: HashMap<StreamKey, usize>,
    /// Streams of which something was read, each with the number that follows it to the byte; none behind a segment that
    /// could not be read whole.
    begun: HashMap<StreamKey, Option<Seq>>,
    /// Places that were read out of their turn.
    done: HashSet<usize>,
}

impl Remembered {
    pub(super) fn of(segments: &dyn Segments, order: &[usize]) -> Self {
        let mut left = HashMap::new();
        for &index in order {
            *left.entry(StreamKey::of(segments.leaf(index))).or_insert(0) += 1;
        }
        Self { left, begun: HashMap::new(), done: HashSet::new() }
    }

    /// A segment was read: whether its stream goes on.
    fn over(&mut self, leaf: &Leaf) -> Stream {
        let left = self.left.entry(StreamKey::of(leaf)).or_insert(1);
        *left = left.saturating_sub(1);
        if *left > 0 { Stream::GoesOn } else { Stream::Ends }
    }

    /// How a segment that begins is joined to what was read of its stream.
    pub(super) fn joint(&self, leaf: &Leaf) -> Joint {
        match self.begun.get(&StreamKey::of(leaf)) {
            Some(next) if *next != Some(leaf.seq) => Joint::Broken,
            _ => Joint::Seamless,
        }
    }

    /// What a segment's end means. That one is gone is no error where nothing of its stream was read yet: what is read then
    /// begins later.
    pub(super) fn judge(
        &mut self,
        segments: &dyn Segments,
        index: usize,
        ended: Result<Ended, ReadError>,
    ) -> Result<(), ReadError> {
        let (leaf, name) = (segments.leaf(index), segments.name(index));
        let stream = StreamKey::of(leaf);
        match ended {
            Ok(Ended::Gone) if self.begun.contains_key(&stream) => {
                Err(ReadError::Store(format!("read {name}: it was removed meanwhile; the store has it")))
            }
            Ok(Ended::Gone) => {
                log::info!("{name}: removed meanwhile; what follows begins later");
                Ok(())
            }
            Ok(Ended::Whole | Ended::Unwanted) => {
                self.begun.insert(stream, Some(leaf.seq.next()));
                Ok(())
            }
            Err(error) => {
                self.begun.insert(stream, None);
                Err(error)
            }
        }
    }
}

struct Joining<'j, 'a, 't> {
    segments: &'j dyn Segments,
    order: &'j [usize],
    taker: &'j mut Taker<'a>,
    take: &'j mut dyn Take,
    told: &'j mut Told<'t>,
    remembered: Remembered,
}

impl Joining<'_, '_, '_> {
    /// Takes the segment at that place, and those of its stream that must follow it at once.
    fn one(&mut self, place: usize) -> io::Result<ControlFlow<()>> {
        self.taker.begin(place);
        self.begin(place)?;
        let ended = loop {
            match self.taker.piece() {
                Next::Bytes(bytes) => self.take.bytes(bytes)?,
                Next::Over(ended) => break ended,
                Next::Abandoned => return Ok(ControlFlow::Break(())),
            }
        };
        let (mut place, mut ended) = (place, ended);
        loop {
            let wants = match self.over(place, ended)? {
                ControlFlow::Continue(wants) => wants,
                ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
            };
            match (wants, self.next_of_stream(place)) {
                (Wants::NextOfStream, Some(next)) => (place, ended) = (next, self.out_of_turn(next)?),
                _ => return Ok(ControlFlow::Continue(())),
            }
        }
    }

    fn begin(&mut self, place: usize) -> io::Result<()> {
        let leaf = self.segments.leaf(self.order[place]);
        self.take.begin(leaf, self.remembered.joint(leaf))
    }

    fn over(&mut self, place: usize, ended: Result<Ended, ReadError>) -> io::Result<ControlFlow<(), Wants>> {
        let index = self.order[place];
        self.remembered.done.insert(place);
        let stream = self.remembered.over(self.segments.leaf(index));
        let wants = self.take.end(stream)?;
        let judged = self.remembered.judge(self.segments, index, ended);
        Ok(match (self.told)(index, judged) {
            ControlFlow::Continue(()) => ControlFlow::Continue(wants),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        })
    }

    fn next_of_stream(&self, place: usize) -> Option<usize> {
        let leaf = |place: usize| self.segments.leaf(self.order[place]);
        (place + 1..self.order.len()).find(|&next| StreamKey::is_one(leaf(next), leaf(place)))
    }

    fn out_of_turn(&mut self, place: usize) -> io::Result<Result<Ended, ReadError>> {
        self.begin(place)?;
        let mut written = Ok(());
        let ended = self.taker.out_of_turn(place, &mut |bytes| {
            written = self.take.bytes(bytes);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written.map(|()| ended)
    }
}
