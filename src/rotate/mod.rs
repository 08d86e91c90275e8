//! Taking logs out of use: from what was discovered to sealed segments in the spool.
//!
//! Promise: every byte that a writer wrote ends up in exactly one segment, in order; a log that can't be taken stays
//! where it is and is named; one bad log never stops the others.
//!
//! ```text
//! what earlier runs left ─┐
//! growth of held inodes ──┼─> items, a queue for each log ─> rounds: one item of each log ─> drain, side by side ─> seal
//! logs discovered ────────┘   each with the way in which it is taken (choose.rs)
//!
//! of a large log, or one with limits, a slice in each run or pass (share.rs, slices.rs)
//!
//! in each round, by way:   reopens   rename, copy, unlink, drain, seal      (reopens.rs, drain.rs)
//!                          asks      rename, signal or command, copy, seal, unlink        (asks.rs)
//!                          closed    what nobody writes any more                        (closed.rs)
//!                          holds     copied in place, its head given back                (holds.rs)
//! ```
//!
//! A log has more than one item only after a crash (its claimed file, and the fresh one beside it). They go one after
//! another, since a segment begins with the offset and the digest of the one before it; all other logs go together, so
//! that the settle time is paid once.

mod adopt;
pub mod askable;
mod asking;
mod asks;
mod at_rest;
mod batch;
mod begin;
mod budget;
pub mod choose;
mod claim;
mod closed;
mod copy;
pub mod discover;
mod drain;
pub mod families;
pub mod growth;
mod holds;
mod known;
pub mod known_writers;
mod leftovers;
mod loggers;
pub mod moved;
mod next;
pub mod outlook;
mod packed;
mod queues;
mod reopens;
mod repack;
mod replaced;
pub mod room;
pub mod rounds;
mod share;
mod side_by_side;
mod slices;
pub mod stopped;
mod taken;
mod trail;
mod undecided;
pub mod untaken;
pub mod watch;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::config::Settings;
use crate::gzip::{Levels, Pool, Together};
use crate::model::facts::Facts;
use crate::model::in_place::Reach;
use crate::model::looks::Silent;
use crate::model::meter::Meter;
use crate::model::names::Instance;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Identity, SealedSegment, SegmentName};
use crate::model::way::Way;
use crate::spool::{Continued, Recovered, Spool};
use crate::sys::failure::Failure;
use crate::sys::host;
use crate::sys::lease::Leased;
use crate::sys::procfs::Holders;
use crate::sys::signals::Stop;
use choose::Chosen;
use discover::{Discovery, Found};
use queues::{Item, Queues};
use stopped::Stopped;
use watch::Watch;

/// What taking the logs came to.
#[derive(Default)]
pub struct Outcome {
    /// Segments that were sealed.
    pub sealed: Vec<SealedSegment>,
    /// What could not be done.
    pub problems: Vec<Problem>,
    /// What could not be done for want of room in the spool.
    pub no_room: Vec<Problem>,
    /// What was left since we were to stop.
    pub stopped: Stopped,
    /// Logs of which something is left that must come before whatever else there is of them.
    pub blocked: HashSet<PathBuf>,
    /// Logs that were left to their writers, since these go on with them.
    pub current: Vec<PathBuf>,
    /// Logs in which there was nothing that is in no segment yet.
    pub nothing_new: Vec<Identity>,
    /// The same, where the whole file is known to be in segments: what comes behind that is written later.
    pub silent: Vec<Silent>,
    /// Logs of which a slice was taken, and that go on when the others, and shipping, have had their turn.
    pub more: Vec<PathBuf>,
    /// Logs of which their limits leave so many bytes for later runs.
    pub limited: BTreeMap<PathBuf, u64>,
}

impl Outcome {
    /// The files that segments were made of.
    pub fn files(&self) -> impl Iterator<Item = &Identity> {
        self.sealed.iter().map(|sealed| &sealed.segment.source.file)
    }
}

/// How many items of one log a run takes, one after another. Each may take the settle time and more, and nothing is
/// shipped before all are sealed: who could fill a directory with files by claimed names must not hold up all other
/// logs for hours.
const ROUNDS: usize = 16;

/// Logs up to this many bytes are taken in the order of their paths, larger ones after them, by size.
const SMALL: u64 = 64 * 1024 * 1024;

/// Everything that taking logs needs.
pub struct Rotation<'a> {
    /// The spool.
    pub spool: &'a mut Spool,
    /// What the user wants.
    pub settings: &'a Settings,
    /// This machine.
    pub machine: Facts,
    /// What it goes by.
    pub instance: Instance,
    /// Whether to stop at the next safe point.
    pub stop: &'a Stop,
    /// What counts the bytes that are read.
    meter: Arc<Meter>,
    /// When drains end, whatever a writer still holds or writes; where none is set, they take the time that they need.
    drained_by: Option<Instant>,
    /// Where logs that a writer still holds are kept open, where someone goes on looking after them.
    watch: Option<&'a mut Watch>,
    /// Who takes what is sealed while others are taken.
    hand_over: Option<&'a mut dyn FnMut(Vec<SealedSegment>)>,
    /// How many of the sealed segments were handed over.
    handed_over: usize,
    /// What compresses: one for all logs.
    press: Together,
    outcome: Outcome,
    /// Who was seen to have logs open for writing, where it matters.
    holders: Holders,
    /// The logs that go on in files of which segments were made; read when it is asked for first.
    continued: Option<Continued>,
    /// Files that were changed by others since a part of them was taken; it was said.
    changed: HashSet<Identity>,
    /// Logs whose writers are not to be asked to let go of them.
    asked: HashSet<PathBuf>,
    /// Logs that were emptied and begin as they did before.
    rewritten: HashSet<Identity>,
    /// The files for which records stand that say how much of a file is in segments.
    of_copies: HashMap<SegmentName, Identity>,
    /// The files by which those of segments were found to be replaced.
    replaced: HashMap<SegmentName, Identity>,
    /// Files that stand for others, with the last segments of those.
    stand_ins: HashMap<Identity, SealedSegment>,
    /// How far logs are taken that stay in their place while their writers go on.
    reach: Reach,
}

impl<'a> Rotation<'a> {
    /// Gets ready.
    pub fn new(spool: &'a mut Spool, settings: &'a Settings, machine: Facts, stop: &'a Stop) -> Self {
        let instance = machine.name(&host::name());
        let levels = Levels::of(settings.format, settings.level);
        let press = Together::new(Pool::new(levels, settings.threads.count()));
        let (meter, outcome, holders, drained_by, watch) = Default::default();
        let (continued, reach, hand_over, handed_over) = Default::default();
        Self {
            spool,
            settings,
            machine,
            instance,
            stop,
            meter,
            drained_by,
            watch,
            hand_over,
            handed_over,
            press,
            outcome,
            holders,
            continued,
            changed: HashSet::new(),
            asked: HashSet::new(),
            rewritten: HashSet::new(),
            of_copies: HashMap::new(),
            replaced: HashMap::new(),
            stand_ins: HashMap::new(),
            reach,
        }
    }

    /// Takes the line that is being written too: what was written is to be in the store, whole lines or not.
    #[must_use]
    pub fn to_the_end(self) -> Self {
        Self { reach: Reach::End, ..self }
    }

    /// Asks no writer of these logs to let go of them, since it was asked a moment ago: what they hold is taken in their place.
    #[must_use]
    pub fn not_asking_again(self, asked: HashSet<PathBuf>) -> Self {
        Self { asked, ..self }
    }

    /// Counts what is read.
    #[must_use]
    pub fn counting(self, meter: &Arc<Meter>) -> Self {
        Self { meter: Arc::clone(meter), ..self }
    }

    /// Ends the drains at that time: what a writer still holds then is sealed as settled, and looked for by the next run.
    #[must_use]
    pub fn drained_by(self, time: Option<Instant>) -> Self {
        Self { drained_by: time, ..self }
    }

    /// Keeps logs open that a writer still holds when their segment is sealed.
    #[must_use]
    pub fn watched_by(self, watch: &'a mut Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Hands segments over as soon as nothing more is to be done about them, while other logs are taken. They are in the
    /// outcome too.
    #[must_use]
    pub fn handing_over(self, to: &'a mut dyn FnMut(Vec<SealedSegment>)) -> Self {
        Self { hand_over: Some(to), ..self }
    }

    /// Brings to their end what earlier runs left, then takes the logs that were discovered.
    pub fn run(mut self, recovered: &mut Recovered, discovery: Discovery) -> Outcome {
        let mut queues = Queues::default();
        leftovers::sort_out(&mut self, std::mem::take(&mut recovered.unfinished), &mut queues);
        std::mem::take(&mut recovered.blocked).into_iter().for_each(|path| queues.block(path));
        let adopted = self.adoptable(discovery.claimed, &mut queues);
        let as_found: Vec<Found> = adopted.iter().map(|file| self.as_found(file)).collect();
        let looked_for = discovery.found.iter().chain(&as_found);
        self.holders = choose::look(looked_for, &queues.asked());
        self.adopt(adopted, as_found, &mut queues);
        let families = discovery.families.iter().map(|family| family.path.clone()).collect();
        moved::find(&mut self, &families, &mut queues);
        growth::find(&mut self, &mut queues);
        for family in discovery.families {
            queues.push(family.path.clone(), Item::Rotated(family));
        }
        let mut found = discovery.found;
        // A large one must not hold up the others.
        found.sort_by_key(|found| found.size.max(SMALL));
        self.add_found(found, &mut queues);
        for failure in std::mem::take(&mut recovered.failed) {
            let problem = Problem::from_error(Effect::Waits, &failure.path, &failure);
            self.problem(problem.hint("this segment waits in the spool; the others are not held up by it"));
        }
        for _ in 0..ROUNDS {
            let Some(round) = queues.next_round() else { break };
            for path in self.take(round) {
                // What could not be taken must come before whatever else there is of that log.
                queues.block(path);
            }
        }
        self.outcome.blocked = queues.blocked.clone();
        self.note_left(queues);
        self.hand_over();
        self.outcome
    }

    /// Hands over what was sealed since the last time. To be called where nothing more is to be done about it.
    fn hand_over(&mut self) {
        let Some(hand_over) = &mut self.hand_over else { return };
        let sealed = &self.outcome.sealed[self.handed_over..];
        if !sealed.is_empty() {
            hand_over(sealed.to_vec());
            self.handed_over = self.outcome.sealed.len();
        }
    }

    /// Takes one item of each log, each in its way. Returns the logs of which something is left that must come first.
    fn take(&mut self, round: Vec<Item>) -> Vec<PathBuf> {
        type Take = fn(&mut Rotation<'_>, Vec<Item>) -> Vec<PathBuf>;
        let (mut reopens, mut asks, mut closed, mut holds) = <(Vec<Item>, Vec<Item>, Vec<Item>, Vec<Item>)>::default();
        let (round, slices, mut left) = self.in_shares(round);
        for item in round {
            match item.way() {
                Way::Reopens => reopens.push(item),
                Way::Signal { .. } | Way::Command { .. } => asks.push(item),
                Way::Closed => closed.push(item),
                Way::Holds { .. } => holds.push(item),
            }
        }
        let ways: [(Vec<Item>, Take); 4] =
            [(reopens, reopens::take), (asks, asks::take), (closed, closed::take), (holds, holds::take)];
        let some = ways.into_iter().filter(|(items, _)| !items.is_empty());
        left.extend(some.flat_map(|(items, take)| take(self, items)));
        // The small ones first.
        left.extend(slices::take(self, slices));
        left
    }

    /// Puts the logs that were discovered on the list, each with the way in which it is taken.
    fn add_found(&mut self, found: Vec<Found>, queues: &mut Queues) {
        for found in found {
            // What comes before it is not taken now; the reason was told.
            if queues.is_blocked(&found.path) {
                continue;
            }
            match choose::choose(&found, &self.holders) {
                Ok(Chosen { way, why }) => {
                    log::info!("{}: taken as {way}, since {why}", found.path.display());
                    queues.push(found.path.clone(), Item::Fresh(found, way));
                }
                Err(undecided) => self.problem(undecided.problem(&found.path)),
            }
        }
    }

    fn note_left(&mut self, mut queues: Queues) {
        for item in queues.next_round().unwrap_or_default() {
            let path = item.path();
            let count = 1 + queues.items.get(&path).map_or(0, VecDeque::len);
            let what = format!("there are more claimed files of it than one run takes; {count} wait for the next run");
            self.problem(Problem::new(Effect::Waits, path, what));
        }
    }

    fn nothing_new(&mut self, path: &Path, file: Identity) {
        log::debug!("{}: nothing to take", path.display());
        self.outcome.nothing_new.push(file);
    }

    /// Takes note that a file of `size` bytes holds nothing behind those `taken` of it.
    fn silent(&mut self, file: Identity, size: u64, taken: u64) {
        if size == taken {
            self.outcome.silent.push(Silent { file, taken });
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.spool.note(&problem, &self.settings.to);
        self.outcome.problems.push(problem);
    }

    /// A failure that concerns a log: when the disk has no room the next run tries again; anything else is for a person.
    fn failed(&mut self, path: &Path, failure: &Failure) {
        match failure.no_room() {
            true => self.outcome.no_room.push(problem_of(path, failure)),
            false => self.outcome.problems.push(problem_of(path, failure)),
        }
    }
}

/// A failure, before the unlink, as a problem of a log.
fn problem_of(path: &Path, failure: &Failure) -> Problem {
    let waits = failure.no_room() || failure.is(std::io::ErrorKind::WouldBlock);
    let effect = if waits { Effect::Waits } else { Effect::Failed };
    let problem = Problem::from_error(effect, path, failure);
    match failure.no_room() {
        true => problem
            .because(Cause::NoRoom)
            .hint("its bytes stay in the log's directory; make room, the next run goes on"),
        false if Leased::is_why(&failure.source) => problem.hint(Leased::HINT),
        false => problem,
    }
}
