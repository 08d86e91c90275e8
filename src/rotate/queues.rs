//! What is to be taken, a queue for each log.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::discover::Found;
use super::families::Family;
use super::moved::Renamed;
use crate::model::segment::{ClaimedName, Identity, Segment};
use crate::model::way::Way;
use crate::spool::Held;

/// One piece of a log's bytes that is to become a segment.
pub(super) enum Item {
    /// A claimed file that an earlier run left; its segment was begun then.
    Claimed(Box<Segment>),
    /// A claimed file that no record speaks of.
    Adopted { dir: PathBuf, claimed: ClaimedName, log: OsString, way: Way },
    /// What a writer wrote into an inode after its segment was sealed. It is open from the first look on: the writer may
    /// end meanwhile.
    Growth { path: PathBuf, held: Held, log: File },
    /// Rotated files of a log, the oldest first.
    Rotated(Family),
    /// A file that a log was.
    Renamed(Renamed),
    /// A log in use, and how it is taken.
    Fresh(Found, Way),
}

impl Item {
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Claimed(segment) => segment.path.clone(),
            Self::Adopted { dir, log, .. } => dir.join(log),
            Self::Growth { path, .. } => path.clone(),
            Self::Rotated(family) => family.path.clone(),
            Self::Renamed(renamed) => renamed.log.clone(),
            Self::Fresh(found, _) => found.path.clone(),
        }
    }

    pub(super) fn way(&self) -> &Way {
        match self {
            Self::Claimed(segment) => &segment.way,
            Self::Adopted { way, .. } | Self::Fresh(_, way) => way,
            Self::Rotated(_) | Self::Renamed(_) => &Way::Closed,
            // It is deleted: there is nothing left but to read it.
            Self::Growth { .. } => &Way::Reopens,
        }
    }
}

/// What is to be done, a queue for each log.
#[derive(Default)]
pub(super) struct Queues {
    order: Vec<PathBuf>,
    pub(super) items: HashMap<PathBuf, VecDeque<Item>>,
    pub(super) blocked: HashSet<PathBuf>,
    /// Claimed files that a record of the spool speaks of. Their names are random, so that the same one by another path
    /// (a link to its directory) is known too.
    recorded: HashSet<ClaimedName>,
}

impl Queues {
    pub(super) fn push(&mut self, path: PathBuf, item: Item) {
        if !self.items.contains_key(&path) {
            self.order.push(path.clone());
        }
        self.items.entry(path).or_default().push_back(item);
    }

    /// Leaves a log alone for the rest of this run.
    pub(super) fn block(&mut self, path: PathBuf) {
        self.blocked.insert(path);
    }

    /// Whether a log is left alone for the rest of this run.
    pub(super) fn is_blocked(&self, path: &Path) -> bool {
        self.blocked.contains(path)
    }

    /// Claimed files whose writers may have to be asked.
    pub(super) fn asked(&self) -> Vec<(PathBuf, Identity)> {
        let asked = self.items.values().flatten().filter_map(|item| match item {
            Item::Claimed(segment) if segment.way.asks() => {
                let claimed = segment.claimed.as_ref()?;
                Some((segment.path.with_file_name(claimed.as_os_str()), segment.source.file))
            }
            _ => None,
        });
        asked.collect()
    }

    /// The segments of claimed files that earlier runs began.
    pub(super) fn claimed(&self) -> impl Iterator<Item = &Segment> {
        self.items.values().flatten().filter_map(|item| match item {
            Item::Claimed(segment) => Some(&**segment),
            _ => None,
        })
    }

    /// Takes note that a record speaks of a claimed file.
    pub(super) fn record(&mut self, segment: &Segment) {
        self.recorded.extend(segment.claimed.clone());
    }

    /// Whether a record speaks of that claimed file.
    pub(super) fn knows(&self, claimed: &ClaimedName) -> bool {
        self.recorded.contains(claimed)
    }

    /// The first item of each log that is left; `None` when none is.
    pub(super) fn next_round(&mut self) -> Option<Vec<Item>> {
        let Self { order, items, blocked, .. } = self;
        let open = order.iter().filter(|path| !blocked.contains(*path));
        let round: Vec<Item> = open.filter_map(|path| items.get_mut(path)?.pop_front()).collect();
        (!round.is_empty()).then_some(round)
    }
}
