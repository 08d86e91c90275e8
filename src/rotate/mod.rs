//! Taking logs out of use: from what was discovered to sealed segments in the spool.
//!
//! Promise: every byte that a writer wrote ends up in exactly one segment, in order; a log that can't be taken stays
//! where it is and is named; one bad log never stops the others.
//!
//! ```text
//! what earlier runs left ─┐
//! growth of held inodes ──┼─> items, a queue for each log ─> rounds: one item of each log ─> drain, side by side ─> seal
//! logs discovered ────────┘
//! ```
//!
//! A log has more than one item only after a crash (its claimed file, and the fresh one beside it). They go one after
//! another, since a segment begins with the offset and the digest of the one before it; all other logs go together, so
//! that the settle time is paid once.

mod claim;
mod copy;
pub mod discover;
mod drain;
mod growth;
mod leftovers;
mod reopens;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Settings;
use crate::gzip::Encoder;
use crate::model::names::{Instance, Seq, Service, StreamId};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{ClaimedName, Identity, SealedSegment, Segment, SegmentName, Source, StreamOwner};
use crate::spool::{Held, Recovered, Spool};
use crate::sys::failure::{Failure, Result};
use crate::sys::signals::Stop;
use crate::sys::{clock, host, random};
use discover::{Discovery, Found};

/// What taking the logs came to.
#[derive(Default)]
pub struct Outcome {
    /// Segments that were sealed.
    pub sealed: Vec<SealedSegment>,
    /// What could not be done.
    pub problems: Vec<Problem>,
}

/// One piece of a log's bytes that is to become a segment.
enum Item {
    /// A claimed file that an earlier run left; its segment was begun then.
    Claimed(Segment),
    /// A claimed file that no record speaks of.
    Adopted { dir: PathBuf, claimed: ClaimedName, log: OsString },
    /// What a writer wrote into an inode after its segment was sealed.
    Growth { path: PathBuf, held: Held, file: std::fs::File },
    /// A log in use.
    Fresh(Found),
}

/// Everything that taking logs needs.
pub struct Rotation<'a> {
    /// The spool.
    pub spool: &'a mut Spool,
    /// What the user wants.
    pub settings: &'a Settings,
    /// This machine.
    pub instance: Instance,
    /// Whether to stop at the next safe point.
    pub stop: &'a Stop,
    encoder: Encoder,
    buffer: copy::Buffer,
    outcome: Outcome,
}

impl<'a> Rotation<'a> {
    /// Gets ready.
    pub fn new(spool: &'a mut Spool, settings: &'a Settings, instance: Instance, stop: &'a Stop) -> Self {
        let encoder = Encoder::new(settings.level);
        let buffer = copy::Buffer::default();
        Self { spool, settings, instance, stop, encoder, buffer, outcome: Outcome::default() }
    }

    /// Brings to their end what earlier runs left, then takes the logs that were discovered.
    pub fn run(mut self, recovered: &mut Recovered, discovery: Discovery) -> Outcome {
        let mut queues = Queues::default();
        leftovers::sort_out(&mut self, std::mem::take(&mut recovered.unfinished), &mut queues);
        self.adopt(discovery.claimed, &mut queues);
        growth::find(&mut self, &mut queues);
        for found in discovery.found {
            queues.push(found.path.clone(), Item::Fresh(found));
        }
        while let Some(round) = queues.next_round() {
            if self.stop.requested() {
                self.note_stopped(round.len());
                break;
            }
            for path in reopens::take(&mut self, round) {
                // What could not be taken must come before whatever else there is of that log.
                queues.block(path);
            }
        }
        self.outcome
    }

    /// Claimed files that were found but that no unfinished segment speaks of: the state directory was lost or changed.
    fn adopt(&self, claimed: Vec<discover::ClaimedFile>, queues: &mut Queues) {
        for discover::ClaimedFile { dir, claimed, log } in claimed {
            let path = dir.join(&log);
            if !queues.knows(&path, &claimed) {
                queues.push(path, Item::Adopted { dir, claimed, log });
            }
        }
    }

    fn note_stopped(&mut self, left: usize) {
        let what = format!("stopped by a signal; {left} logs were left as they are");
        self.problem(Problem::new(Effect::Waits, &self.settings.state_dir, what));
    }

    fn problem(&mut self, problem: Problem) {
        self.outcome.problems.push(problem);
    }

    /// A failure that concerns a log: when the disk has no room the next run tries again; anything else is for a person.
    fn failed(&mut self, path: &std::path::Path, failure: &Failure) {
        self.outcome.problems.push(problem_of(path, failure));
    }

    /// The segment that comes next in the stream of a log.
    fn next_segment(&mut self, begin: Beginning) -> Result<Segment> {
        let Beginning { path, service, claimed, source } = begin;
        let (instance, to) = (self.instance.clone(), self.settings.to.clone());
        let owner = StreamOwner { path, service, instance, to };
        let head = self.spool.head(&owner)?;
        let now = clock::now();
        let name = match head {
            Some(head) => head.name,
            None => SegmentName { stream: StreamId::from_random(random::bytes()?), seq: Seq::FIRST },
        };
        let StreamOwner { path, service, instance, to } = owner;
        let first = source.file.born.or(head.map(|head| head.last_claim)).unwrap_or(now);
        Ok(Segment {
            name,
            path,
            claimed: Some(claimed),
            service,
            instance,
            host: host::name().to_string_lossy().into_owned(),
            to,
            offset: head.map_or(0, |head| head.offset),
            previous: head.and_then(|head| head.previous),
            source,
            claimed_at: now,
            first,
        })
    }
}

/// A failure as a problem of a log.
fn problem_of(path: &std::path::Path, failure: &Failure) -> Problem {
    let effect = if failure.no_room() { Effect::Waits } else { Effect::Failed };
    let problem = Problem::from_error(effect, path, failure);
    match failure.no_room() {
        true => problem.hint("the log's bytes stay where they are; make room, the next run goes on"),
        false => problem,
    }
}

/// What a segment begins with.
struct Beginning {
    path: PathBuf,
    service: Service,
    claimed: ClaimedName,
    source: Source,
}

impl Beginning {
    /// Of a whole file.
    fn of_file(path: PathBuf, service: Service, claimed: ClaimedName, file: Identity) -> Self {
        Self { path, service, claimed, source: Source { file, from: 0 } }
    }
}

/// What is to be done, a queue for each log.
#[derive(Default)]
struct Queues {
    order: Vec<PathBuf>,
    items: HashMap<PathBuf, VecDeque<Item>>,
    blocked: HashSet<PathBuf>,
}

impl Queues {
    fn push(&mut self, path: PathBuf, item: Item) {
        if !self.items.contains_key(&path) {
            self.order.push(path.clone());
        }
        self.items.entry(path).or_default().push_back(item);
    }

    /// Leaves a log alone for the rest of this run.
    fn block(&mut self, path: PathBuf) {
        self.blocked.insert(path);
    }

    /// Whether that claimed file is on the list, or must be left alone.
    fn knows(&self, path: &std::path::Path, claimed: &ClaimedName) -> bool {
        let same = |item: &Item| matches!(item, Item::Claimed(segment) if segment.claimed.as_ref() == Some(claimed));
        self.blocked.contains(path) || self.items.get(path).is_some_and(|items| items.iter().any(same))
    }

    /// The first item of each log that is left; `None` when none is.
    fn next_round(&mut self) -> Option<Vec<Item>> {
        let Self { order, items, blocked } = self;
        let open = order.iter().filter(|path| !blocked.contains(*path));
        let round: Vec<Item> = open.filter_map(|path| items.get_mut(path)?.pop_front()).collect();
        (!round.is_empty()).then_some(round)
    }
}
