//! Reading ahead: while one segment is being taken, the next ones are fetched and decompressed beside it.
//!
//! Promise: segments come in the order in which they are asked for, each byte once; memory is bounded, however large the
//! segments are and however slow whoever takes them is: [`MOST_BYTES`] at the most. Whoever takes them may leave some out,
//! and may stop at any time.
//!
//! ```text
//!             ┌ reader ── segment 4 ──┐ a few pieces each
//! segments ──>├ reader ── segment 5 ──┤────> Taker: all of 4, then all of 5, ...
//!             └ reader ── segment 6 ──┘
//! ```
//!
//! How it fails: what is wrong with a segment is told at its end, behind what could be read of it. A reader that has
//! filled its pieces waits; where the store ends the connection meanwhile, the store's own reader goes on where it broke.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::segment::{self, Ended, Form, PIECE, Piece};
use super::{ReadError, Segments};

/// How many segments are read at once: enough to hide how long a store takes to begin an answer.
const AT_ONCE: usize = 8;

/// How many pieces of each wait to be taken.
const WAITING: usize = 6;

/// The most bytes that are under way: for each segment those that wait, one that is being filled, and what its
/// decompression and its body hold; and as many spare ones.
pub const MOST_BYTES: usize = AT_ONCE * ((WAITING + 1) * PIECE + 512 * 1024) + SPARE * PIECE;

/// How many pieces that were taken are kept to be filled again.
const SPARE: usize = 16;

/// How often it is asked whether someone still wants anything.
const ATTENTION: Duration = Duration::from_millis(100);

/// What comes next.
pub enum Next<'p> {
    /// Bytes of the segment.
    Bytes(&'p [u8]),
    /// The segment is over.
    Over(Result<Ended, ReadError>),
    /// Nobody wants anything any more.
    Abandoned,
}

enum Message {
    Piece(Piece),
    Over(Result<Ended, ReadError>),
}

/// Which segments are begun.
struct State {
    /// The place in the order of the segment that is begun next.
    next: usize,
    /// The place of the one that is being taken: what is before it is not wanted any more.
    taken: usize,
    /// Those that are begun and not being taken yet, by their places.
    begun: HashMap<usize, Receiver<Message>>,
    over: bool,
}

struct Shared<'s> {
    segments: &'s dyn Segments,
    order: &'s [usize],
    form: Form,
    state: Mutex<State>,
    changed: Condvar,
    spare: Mutex<Vec<Piece>>,
}

/// Reads segments in that order, and has `take` take them. `is_wanted` is asked now and then while nothing comes. Behind it
/// no more is read of these segments: requests that are still under way are ended.
pub fn read<T>(
    segments: &dyn Segments,
    order: &[usize],
    form: Form,
    is_wanted: &dyn Fn() -> bool,
    take: impl FnOnce(&mut Taker<'_>) -> T,
) -> T {
    let state = State { next: 0, taken: 0, begun: HashMap::new(), over: false };
    let (state, changed, spare) = (Mutex::new(state), Condvar::new(), Mutex::default());
    let shared = Shared { segments, order, form, state, changed, spare };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(order.len()) {
            scope.spawn(|| shared.read_ahead());
        }
        let taken = take(&mut Taker { shared: &shared, is_wanted, current: None, piece: None });
        segments.stop();
        taken
    })
}

impl Shared<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spare_piece(&self) -> Piece {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_else(Piece::new)
    }

    fn give_back(&self, piece: Piece) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(piece);
        }
    }

    /// Reads one segment after another, until there is none left or nothing is wanted any more.
    fn read_ahead(&self) {
        while let Some((place, to)) = self.begin_next() {
            let mut put = |piece| match to.send(Message::Piece(piece)) {
                Ok(()) => ControlFlow::Continue(self.spare_piece()),
                Err(_) => ControlFlow::Break(()),
            };
            let ended = segment::read(self.segments, self.order[place], self.form, &mut put, self.spare_piece());
            // Where it is not wanted any more, nobody is told.
            let _ = to.send(Message::Over(ended));
        }
    }

    fn begin_next(&self) -> Option<(usize, SyncSender<Message>)> {
        let mut state = self.lock();
        loop {
            state.next = state.next.max(state.taken);
            if state.over || state.next >= self.order.len() {
                return None;
            }
            if state.next < state.taken + AT_ONCE {
                let place = state.next;
                let (to, from) = sync_channel(WAITING);
                state.begun.insert(place, from);
                state.next += 1;
                self.changed.notify_all();
                return Some((place, to));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes segments that are read ahead.
pub struct Taker<'a> {
    shared: &'a Shared<'a>,
    is_wanted: &'a dyn Fn() -> bool,
    current: Option<Receiver<Message>>,
    piece: Option<Piece>,
}

impl Taker<'_> {
    /// Begins to take the segment at that place in the order, which is behind all that were taken. Those in between are left
    /// out.
    pub fn begin(&mut self, place: usize) {
        // The rest of the one before is not wanted; who reads it learns that.
        self.current = None;
        let mut state = self.shared.lock();
        state.taken = place;
        state.begun.retain(|begun, _| *begun >= place);
        self.shared.changed.notify_all();
        while self.current.is_none() && (self.is_wanted)() {
            self.current = state.begun.remove(&place);
            if self.current.is_none() {
                let woken = self.shared.changed.wait_timeout(state, ATTENTION);
                state = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// What comes next of the segment that was begun. After its end, or when nobody wants anything, it must not be asked
    /// again.
    pub fn piece(&mut self) -> Next<'_> {
        if let Some(piece) = self.piece.take() {
            self.shared.give_back(piece);
        }
        let Some(current) = &self.current else { return Next::Abandoned };
        loop {
            match current.recv_timeout(ATTENTION) {
                Ok(Message::Piece(piece)) => return Next::Bytes(self.piece.insert(piece).bytes()),
                Ok(Message::Over(ended)) => return Next::Over(ended),
                Err(RecvTimeoutError::Timeout) if (self.is_wanted)() => {}
                Err(RecvTimeoutError::Timeout) => return Next::Abandoned,
                Err(RecvTimeoutError::Disconnected) => {
                    let why = "reading it ended without a word; this is a fault of logferry's own";
                    return Next::Over(Err(ReadError::Store(why.to_owned())));
                }
            }
        }
    }

    /// Reads a segment out of its turn, here and now, instead of the one that was begun.
    pub(super) fn out_of_turn(
        &self,
        place: usize,
        put: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Ended, ReadError> {
        let Shared { segments, order, form, .. } = *self.shared;
        let mut put = |piece: Piece| match put(piece.bytes()) {
            ControlFlow::Continue(()) => ControlFlow::Continue(piece),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        };
        segment::read(segments, order[place], form, &mut put, Piece::new())
    }
}

impl Drop for Taker<'_> {
    /// Nothing more is begun, and who waits to put a piece learns that it is not wanted.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        state.begun.clear();
        self.current = None;
        self.shared.changed.notify_all();
    }
}
