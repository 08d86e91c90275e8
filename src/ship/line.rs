//! The segments that wait for one store, and which of them may be put next.
//!
//! Promise: the oldest goes first, or the most urgent ([`Order`]), and a stream's segments go one after another, by their
//! numbers. More may come while others are under way, until the line is closed.
//!
//! - While a segment is being put, those behind it in its stream wait. They stay for the next run when it failed in a
//!   way that passes ([`Behind`]); so what a reader finds of a stream is its beginning, without a hole. When it can't be read or the
//!   store refuses it, someone has to look, perhaps for days: then those behind it go on, for their numbers tell of the
//!   hole, and a spool that fills up would lose more than the order.
//! - A failure that may be one object's own leaves the other streams alone. So many of them without a success in
//!   between that it must be the store ([`Kind::objects_in_doubt`]) end the shipping to it for this run. While a
//!   failure puts the store in doubt, nothing is begun before all that is under way has been answered, or has taken its
//!   time: then one goes at a time. So a store in trouble sees few requests, a run that can't succeed ends soon, and a
//!   large upload doesn't hold up the small ones.

use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use std::time::{Duration, Instant};

use super::order::Order;
use crate::model::names::StreamId;
use crate::model::segment::SealedSegment;
use crate::store::{Kind, StoreError};
use crate::sys::failure::Failure;
use crate::sys::signals::Stop;

/// How long a failure keeps anything from being begun while something is under way.
const PAUSE: Duration = Duration::from_secs(5);

/// What becomes of the segments behind one that failed in a way that passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behind {
    /// They wait, so that what a reader finds of a stream is its beginning, without a hole.
    Waits,
    /// They go on: nobody comes after us to ship them. Their numbers tell of the hole.
    GoesOn,
}

/// What came of one segment.
pub(super) enum Answer {
    Confirmed,
    Failed(StoreError),
    /// The spool failed, not the store.
    Unread(Failure),
}

impl Answer {
    /// Whether what is behind the segment in its stream must wait for it.
    fn holds_back(&self) -> bool {
        match self {
            Self::Confirmed | Self::Unread(_) => false,
            Self::Failed(error) => !matches!(error.kind, Kind::Rejected | Kind::Damaged | Kind::Unread),
        }
    }
}

/// What became of all segments.
pub(super) struct Ended {
    /// Those that were tried.
    pub(super) answers: Vec<(SealedSegment, Answer)>,
    /// Those that were not.
    pub(super) left: Vec<SealedSegment>,
    /// What the failures had in common that ended it before all were tried.
    pub(super) broken: Option<Kind>,
}

struct State {
    behind: Behind,
    segments: VecDeque<SealedSegment>,
    /// Whether more may come.
    is_open: bool,
    under_way: HashSet<StreamId>,
    held_back: HashSet<StreamId>,
    answers: Vec<(SealedSegment, Answer)>,
    /// Failures since the last success that may be the store's.
    doubts: u32,
    /// When the last of them came.
    doubted: Instant,
    /// Whether a put is under way that was begun in doubt although others were.
    is_probed: bool,
    broken: Option<Kind>,
}

/// What the threads that put share.
pub(super) struct Line {
    state: Mutex<State>,
    /// Something was answered, added or closed.
    changed: Condvar,
}

/// The right to put a segment; when it is given back, the next of its stream may follow.
pub(super) struct Turn<'l> {
    line: &'l Line,
    stream: StreamId,
    is_probe: bool,
}

impl Line {
    /// A line to which nothing was added yet.
    pub(super) fn open(behind: Behind) -> Self {
        let (under_way, held_back, answers) = (HashSet::new(), HashSet::new(), Vec::new());
        let (segments, is_open) = (VecDeque::new(), true);
        let (doubted, is_probed, broken) = (Instant::now(), false, None);
        let state =
            State { behind, segments, is_open, under_way, held_back, answers, doubts: 0, doubted, is_probed, broken };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds segments; with those that wait they are put in order.
    pub(super) fn add(&self, segments: Vec<SealedSegment>, order: &Order<'_>) {
        let mut state = self.lock();
        let waiting = std::mem::take(&mut state.segments);
        state.segments = order.sort(waiting.into_iter().chain(segments).collect()).into();
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing is added any more.
    pub(super) fn close(&self) {
        self.lock().is_open = false;
        self.changed.notify_all();
    }

    /// What was confirmed since this was asked last.
    pub(super) fn take_confirmed(&self) -> Vec<SealedSegment> {
        let mut state = self.lock();
        let is_confirmed = |(_, answer): &mut (_, Answer)| matches!(answer, Answer::Confirmed);
        state.answers.extract_if(.., is_confirmed).map(|(sealed, _)| sealed).collect()
    }

    /// The next segment to put; waits for what is under way where that decides which it is, and for what may still be
    /// added. `None`: there will be none.
    pub(super) fn next(&self, stop: &Stop) -> Option<(Turn<'_>, SealedSegment)> {
        let mut state = self.lock();
        loop {
            if state.broken.is_some() || stop.requested() {
                return None;
            }
            let is_probe = state.doubts > 0 && !state.under_way.is_empty();
            let may_begin = !is_probe || (!state.is_probed && state.doubted.elapsed() >= PAUSE);
            if may_begin && let Some(sealed) = state.take_first() {
                state.is_probed |= is_probe;
                let stream = sealed.segment.name.stream;
                return Some((Turn { line: self, stream, is_probe }, sealed));
            }
            if state.under_way.is_empty() && !state.is_open {
                return None;
            }
            // Each answer and each addition wakes us; after a pause without one it may be time for a probe.
            let waited = self.changed.wait_timeout(state, PAUSE).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
        }
    }

    /// Takes the answer to a segment, and gives the turn back.
    pub(super) fn settle(&self, turn: Turn<'_>, sealed: SealedSegment, answer: Answer) {
        self.lock().settle(sealed, answer);
        drop(turn);
    }

    /// What became of all that was added and not told by [`Self::take_confirmed`], once nobody puts any more.
    pub(super) fn end(&self) -> Ended {
        let mut state = self.lock();
        let (answers, segments) = (std::mem::take(&mut state.answers), std::mem::take(&mut state.segments));
        Ended { answers, left: segments.into(), broken: state.broken }
    }

    /// A thread that panicked has left a sound state: none of the changes can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Even where a put panicked: the other threads must not wait for it.
        let mut state = self.line.lock();
        state.under_way.remove(&self.stream);
        state.is_probed &= !self.is_probe;
        drop(state);
        self.line.changed.notify_all();
    }
}

impl State {
    fn take_first(&mut self) -> Option<SealedSegment> {
        let waits = |stream: &StreamId| self.under_way.contains(stream) || self.held_back.contains(stream);
        let first = self.segments.iter().position(|sealed| !waits(&sealed.segment.name.stream))?;
        let sealed = self.segments.remove(first)?;
        self.under_way.insert(sealed.segment.name.stream);
        Some(sealed)
    }

    fn settle(&mut self, sealed: SealedSegment, answer: Answer) {
        if self.behind == Behind::Waits && answer.holds_back() {
            self.held_back.insert(sealed.segment.name.stream);
        }
        match &answer {
            Answer::Confirmed => self.doubts = 0,
            Answer::Unread(_) => {}
            Answer::Failed(error) => {
                if let Some(most) = error.kind.objects_in_doubt() {
                    self.doubts += 1;
                    self.doubted = Instant::now();
                    if self.doubts >= most {
                        self.broken.get_or_insert(error.kind);
                    }
                }
            }
        }
        self.answers.push((sealed, answer));
    }
}
