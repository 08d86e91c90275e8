//! What was found of what is asked for.

use std::collections::{BTreeSet, HashMap};

use super::breaks::breaks_of;
use super::edges::Edges;
use super::{Break, Extent, Filter, Looked, Shipped, StreamKey, meant};
use crate::model::key::{Leaf, ObjectKey};
use crate::model::names::{Instance, Seq, Service};
use crate::model::problem;
use crate::model::proof::laws::Window;
use crate::model::time::Moment;
use crate::store::{Kind, Listed, StoreError};

/// How many objects in places where none can be read are remembered.
const MISPLACED: usize = 1_000;

/// What to do where not all that is before the days asked for was looked at.
pub const LOOK_FURTHER: &str = "--any-day looks at all; or say how long a segment lasts at the most (--longest 31d)";

/// What is left out where only what began since then was looked at.
pub fn not_looked_at(since: Moment) -> String {
    let day = since.day();
    format!(
        "what began before {day} was not all looked at, there is so much of it: a segment that lasted so long may be left out"
    )
}

/// What may be unseen where only what began before then was looked at, of what is behind the time asked for.
pub fn not_looked_behind(from: Moment) -> String {
    let day = from.day();
    format!(
        "what began on {day} or later was not all looked at, there is so much of it: numbers that are missing up to the next \
         segment of a stream may be unseen"
    )
}

/// What was found of what is asked for.
pub struct Selection {
    /// Services by name; in each, streams by the time of their first segment; in each, segments by number.
    pub segments: Vec<Shipped>,
    /// Where it was looked for.
    pub looked: Looked,
    /// How much of the days before those asked for was looked at. What began there may reach into them.
    pub before: Extent,
    /// From when on not all was looked at of what is behind the days asked for, where that is so.
    pub unseen_from: Option<Moment>,
    /// What is next to the time asked for, of streams that can have something of it: the last segment before it, the first one
    /// behind it.
    pub around: Vec<Shipped>,
    /// The time asked for.
    pub(super) window: Window,
    /// As [`Self::around`], of all streams, while there is more to be listed.
    pub(super) edges: Edges,
    /// How many objects were seen that are not ours.
    pub foreign: u64,
    /// The first of those that have the name of a segment asked for and are where none can be read (`a//b`), with their names. They are
    /// counted with those that are not ours.
    pub misplaced: Vec<(Leaf, String)>,
    /// How many objects were left out that are copies of others.
    pub copies: usize,
    /// What could not be looked at, while all else was: an unreadable directory.
    pub troubles: Vec<StoreError>,
    /// Why streams don't tell their host, where hosts are asked for and their objects can't be asked: they are left out.
    pub untold: Vec<StoreError>,
    /// Services that are asked for and there, be it with nothing of the time or the machines asked for; as keys name them.
    pub known: BTreeSet<Service>,
    /// Services that are there and not asked for, as far as they were seen: whoever asks for one that is not there is told.
    pub others: BTreeSet<Service>,
    /// Machines that have something of the services asked for, on the days that were looked at.
    pub instances: BTreeSet<Instance>,
    /// Their host names; known only where hosts are asked for.
    pub hosts: BTreeSet<String>,
    /// How many streams don't tell their host, where hosts are asked for: they are left out, and what is there is not known to be all.
    pub hostless: usize,
}

impl Selection {
    pub(super) fn nothing(looked: Looked) -> Self {
        let (known, others, instances, hosts) = Default::default();
        let (troubles, untold) = Default::default();
        Self {
            segments: Vec::new(),
            looked,
            before: Extent::Whole,
            unseen_from: None,
            around: Vec::new(),
            window: Window::default(),
            edges: Edges::default(),
            foreign: 0,
            misplaced: Vec::new(),
            copies: 0,
            troubles,
            untold,
            known,
            others,
            instances,
            hosts,
            hostless: 0,
        }
    }

    /// How many streams there are of which nobody knows what was before the first segment that was found: it may be where nobody
    /// looked. What is before the time asked for is of no interest.
    pub fn without_beginning(&self) -> usize {
        if self.looked == Looked::Everywhere {
            return 0;
        }
        let mut first: HashMap<StreamKey, &Leaf> = HashMap::new();
        for Shipped { leaf, .. } in self.segments.iter().chain(&self.around) {
            let known = first.entry(StreamKey::of(leaf)).or_insert(leaf);
            if leaf.seq < known.seq {
                *known = leaf;
            }
        }
        let reaches_back = |leaf: &Leaf| self.window.since.is_some_and(|since| leaf.first <= since);
        first.values().filter(|leaf| leaf.seq != Seq::FIRST && !reaches_back(leaf)).count()
    }

    /// Where streams are not whole, as far as that is of the time asked for.
    pub fn breaks(&self) -> Vec<Break> {
        breaks_of(
            self.segments.iter().map(|shipped| &shipped.leaf),
            self.around.iter().map(|shipped| &shipped.leaf),
            &self.window,
        )
    }

    /// Whether a service that is asked for is there.
    pub fn is_known(&self, service: &Service) -> bool {
        self.known.contains(service) || Service::decode(&service.encoded()).is_some_and(|cut| self.known.contains(&cut))
    }

    /// The service that is there and that this one may be a slip for.
    pub fn near(&self, service: &Service) -> Option<String> {
        let names: Vec<String> = self.others.iter().chain(&self.known).map(Service::typed).collect();
        meant::nearest(&service.typed(), &names)
    }

    /// Notes what could not be looked at, once: several listings may come to it.
    pub(super) fn note(&mut self, trouble: StoreError) {
        let text = problem::chain(&trouble);
        if !self.troubles.iter().any(|known| problem::chain(known) == text) {
            self.troubles.push(trouble);
        }
    }

    /// Goes on behind a listing that showed all but what can't be read of a directory, and notes that.
    ///
    /// # Errors
    /// What kept all of it from being listed.
    pub(super) fn listed(&mut self, listed: Result<(), StoreError>) -> Result<(), StoreError> {
        match listed {
            Err(error) if error.kind == Kind::Local => {
                self.note(error);
                Ok(())
            }
            listed => listed,
        }
    }

    pub(super) fn see(&mut self, filter: &Filter, shipped: Shipped) {
        self.see_service(filter, &shipped.leaf.service);
        if filter.takes_service(&shipped.leaf) {
            see_name(&mut self.instances, &shipped.leaf.instance);
            if filter.takes(&shipped.leaf) {
                self.segments.push(shipped);
            } else if filter.takes_machine(&shipped.leaf) {
                self.edges.see(filter, shipped);
            }
        }
    }

    /// Counts an object that is not ours.
    pub(super) fn see_other(&mut self, filter: &Filter, Listed { key, .. }: &Listed) {
        self.foreign += 1;
        let Err(name) = key else { return };
        if self.misplaced.len() < MISPLACED
            && let Some(leaf) = ObjectKey::misplaced(name).filter(|leaf| filter.takes(leaf))
        {
            self.misplaced.push((leaf, name.clone()));
        }
    }

    pub(super) fn see_service(&mut self, filter: &Filter, service: &Service) {
        let names = if filter.asks_for(service) { &mut self.known } else { &mut self.others };
        see_name(names, service);
    }
}

fn see_name<T: Ord + Clone>(names: &mut BTreeSet<T>, name: &T) {
    if !names.contains(name) {
        names.insert(name.clone());
    }
}
