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

mod begin;
mod claim;
mod copy;
pub mod discover;
mod drain;
pub mod growth;
mod leftovers;
mod reopens;
pub mod room;
pub mod rounds;
pub mod stopped;
pub mod watch;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::config::{Settings, Values};
use crate::gzip::Encoder;
use crate::model::facts::Facts;
use crate::model::key::KeyDirectory;
use crate::model::meter::Meter;
use crate::model::names::{Instance, Seq, Service, StreamId};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{ClaimedName, Identity, SealedSegment, Segment, SegmentName, Source, StreamOwner};
use crate::model::time::Moment;
use crate::spool::{Held, Recovered, Spool};
use crate::sys::failure::{Failure, Result};
use crate::sys::signals::Stop;
use crate::sys::{clock, host, random};
use discover::{Discovery, Found};
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
}

/// One piece of a log's bytes that is to become a segment.
enum Item {
    /// A claimed file that an earlier run left; its segment was begun then.
    Claimed(Box<Segment>),
    /// A claimed file that no record speaks of.
    Adopted { dir: PathBuf, claimed: ClaimedName, log: OsString },
    /// What a writer wrote into an inode after its segment was sealed. It is open from the first look on: the writer may
    /// end meanwhile.
    Growth { path: PathBuf, held: Held, log: File },
    /// A log in use.
    Fresh(Found),
}

impl Item {
    fn path(&self) -> PathBuf {
        match self {
            Self::Claimed(segment) => segment.path.clone(),
            Self::Adopted { dir, log, .. } => dir.join(log),
            Self::Growth { path, .. } => path.clone(),
            Self::Fresh(found) => found.path.clone(),
        }
    }
}

/// How many items of one log a run takes, one after another. Each may take the settle time and more, and nothing is
/// shipped before all are sealed: who could fill a directory with files by claimed names must not hold up all other
/// logs for hours.
const ROUNDS: usize = 16;

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
    encoder: Encoder,
    buffer: copy::Buffer,
    outcome: Outcome,
}

impl<'a> Rotation<'a> {
    /// Gets ready.
    pub fn new(spool: &'a mut Spool, settings: &'a Settings, machine: Facts, stop: &'a Stop) -> Self {
        let instance = machine.name(&host::name());
        let encoder = Encoder::new(settings.level);
        let buffer = copy::Buffer::default();
        let (meter, drained_by, watch, outcome) = (Arc::default(), None, None, Outcome::default());
        Self { spool, settings, machine, instance, stop, meter, drained_by, watch, encoder, buffer, outcome }
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

    /// Brings to their end what earlier runs left, then takes the logs that were discovered.
    pub fn run(mut self, recovered: &mut Recovered, discovery: Discovery) -> Outcome {
        let mut queues = Queues::default();
        leftovers::sort_out(&mut self, std::mem::take(&mut recovered.unfinished), &mut queues);
        std::mem::take(&mut recovered.blocked).into_iter().for_each(|path| queues.block(path));
        self.adopt(discovery.claimed, &mut queues);
        growth::find(&mut self, &mut queues);
        for found in discovery.found {
            queues.push(found.path.clone(), Item::Fresh(found));
        }
        for failure in std::mem::take(&mut recovered.failed) {
            let problem = Problem::from_error(Effect::Waits, &failure.path, &failure);
            self.problem(problem.hint("this segment waits in the spool; the others are not held up by it"));
        }
        for _ in 0..ROUNDS {
            let Some(round) = queues.next_round() else { break };
            for path in reopens::take(&mut self, round) {
                // What could not be taken must come before whatever else there is of that log.
                queues.block(path);
            }
        }
        self.outcome.blocked = queues.blocked.clone();
        self.note_left(queues);
        self.outcome
    }

    /// Claimed files that were found but that no unfinished segment speaks of: the state directory was lost or changed.
    fn adopt(&mut self, claimed: Vec<discover::ClaimedFile>, queues: &mut Queues) {
        for discover::ClaimedFile { dir, claimed, log, foreign } in claimed {
            match () {
                () if queues.knows(&claimed) => {}
                () if foreign => {
                    let what = "refused: it has the name of a claimed log, but belongs to another user than that log";
                    let problem = Problem::new(Effect::Failed, dir.join(claimed.as_os_str()), what);
                    self.problem(problem.hint("its owner has put it there: remove it"));
                }
                () => queues.push(dir.join(&log), Item::Adopted { dir, claimed, log }),
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

    fn problem(&mut self, problem: Problem) {
        self.outcome.problems.push(problem);
    }

    /// A failure that concerns a log: when the disk has no room the next run tries again; anything else is for a person.
    fn failed(&mut self, path: &std::path::Path, failure: &Failure) {
        match failure.no_room() {
            true => self.outcome.no_room.push(problem_of(path, failure)),
            false => self.outcome.problems.push(problem_of(path, failure)),
        }
    }

    /// The segment that comes next in the stream of a log.
    fn next_segment(&mut self, begin: Beginning) -> Result<Segment> {
        let Beginning { path, service, claimed, source, directory } = begin;
        let (instance, to) = (self.instance.clone(), self.settings.to.clone());
        let owner = StreamOwner { path, service, instance, to };
        let head = self.spool.head(&owner)?;
        let now = clock::now();
        let name = match head {
            Some(head) => head.name,
            None => self.new_stream()?,
        };
        let StreamOwner { path, service, instance, to } = owner;
        let first = source.file.born.or(head.map(|head| head.last_claim)).unwrap_or(now);
        let host = host::name().to_string_lossy().into_owned();
        let key_directory = self.key_directory(&service, &instance, &host, first);
        Ok(Segment {
            name,
            path,
            claimed: Some(claimed),
            service,
            instance,
            host,
            to,
            key_directory,
            offset: head.map_or(0, |head| head.offset),
            previous: head.and_then(|head| head.previous),
            source,
            directory,
            claimed_at: now,
            first,
        })
    }

    /// The directory part of a segment's key, as the layout has it now.
    fn key_directory(&self, service: &Service, instance: &Instance, host: &str, first: Moment) -> Option<KeyDirectory> {
        // What is known of this machine says nothing of another one, whose log this was before an image was made of it.
        let nothing = Facts::default();
        let facts = if *instance == self.instance { &self.machine } else { &nothing };
        self.settings.layout.directory(&Values { service, first, instance, host, facts })
    }

    /// The first segment of a stream that no other log has: among thousands of logs two may well draw the same name.
    fn new_stream(&self) -> Result<SegmentName> {
        loop {
            let name = SegmentName { stream: StreamId::from_random(random::bytes()?), seq: Seq::FIRST };
            if self.spool.is_free(name)? {
                return Ok(name);
            }
        }
    }
}

/// A failure, before the unlink, as a problem of a log.
fn problem_of(path: &std::path::Path, failure: &Failure) -> Problem {
    let waits = failure.no_room() || failure.is(std::io::ErrorKind::WouldBlock);
    let effect = if waits { Effect::Waits } else { Effect::Failed };
    let problem = Problem::from_error(effect, path, failure);
    match failure.no_room() {
        true => problem.hint("its bytes stay in the log's directory; make room, the next run goes on"),
        false => problem,
    }
}

/// What a segment begins with.
struct Beginning {
    path: PathBuf,
    service: Service,
    claimed: ClaimedName,
    source: Source,
    directory: Identity,
}

/// What is to be done, a queue for each log.
#[derive(Default)]
struct Queues {
    order: Vec<PathBuf>,
    items: HashMap<PathBuf, VecDeque<Item>>,
    blocked: HashSet<PathBuf>,
    /// Claimed files that a record of the spool speaks of. Their names are random, so that the same one by another path
    /// (a link to its directory) is known too.
    recorded: HashSet<ClaimedName>,
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

    /// Takes note that a record speaks of a claimed file.
    fn record(&mut self, segment: &Segment) {
        self.recorded.extend(segment.claimed.clone());
    }

    /// Whether a record speaks of that claimed file.
    fn knows(&self, claimed: &ClaimedName) -> bool {
        self.recorded.contains(claimed)
    }

    /// The first item of each log that is left; `None` when none is.
    fn next_round(&mut self) -> Option<Vec<Item>> {
        let Self { order, items, blocked, .. } = self;
        let open = order.iter().filter(|path| !blocked.contains(*path));
        let round: Vec<Item> = open.filter_map(|path| items.get_mut(path)?.pop_front()).collect();
        (!round.is_empty()).then_some(round)
    }
}
