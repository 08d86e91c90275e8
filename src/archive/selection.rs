//! What was found of what is asked for.

use std::collections::{BTreeSet, HashMap};

use super::{Filter, Looked, Shipped};
use crate::config::nearest;
use crate::model::names::{Instance, Seq, Service, StreamId};

/// What was found of what is asked for.
pub struct Selection {
    /// Services by name; in each, streams by the time of their first segment; in each, segments by number.
    pub segments: Vec<Shipped>,
    /// Where it was looked for.
    pub looked: Looked,
    /// How many objects were seen that are not ours.
    pub foreign: u64,
    /// Services that are asked for and there, be it with nothing of the time or the machines asked for; as keys name them.
    pub known: BTreeSet<Service>,
    /// Services that are there and not asked for, as far as they were seen: whoever asks for one that is not there is told.
    pub others: BTreeSet<Service>,
    /// Machines that have something of the services asked for, on the days that were looked at.
    pub instances: BTreeSet<Instance>,
    /// Their host names; known only where hosts are asked for.
    pub hosts: BTreeSet<String>,
    /// How many streams don't tell their host, where hosts are asked for: they are left out.
    pub hostless: usize,
}

impl Selection {
    pub(super) fn nothing(looked: Looked) -> Self {
        let (known, others, instances, hosts) = Default::default();
        Self { segments: Vec::new(), looked, foreign: 0, known, others, instances, hosts, hostless: 0 }
    }

    /// How many streams there are whose first segment was not found and may be where nobody looked.
    pub fn without_beginning(&self) -> usize {
        if self.looked == Looked::Everywhere {
            return 0;
        }
        let mut first: HashMap<StreamId, Seq> = HashMap::new();
        for Shipped { leaf, .. } in &self.segments {
            let seq = first.entry(leaf.stream).or_insert(leaf.seq);
            *seq = leaf.seq.min(*seq);
        }
        first.values().filter(|seq| **seq != Seq::FIRST).count()
    }

    /// Whether a service that is asked for is there.
    pub fn is_known(&self, service: &Service) -> bool {
        self.known.contains(service) || Service::decode(&service.encoded()).is_some_and(|cut| self.known.contains(&cut))
    }

    /// The service that is there and that this one may be a slip for.
    pub fn near(&self, service: &Service) -> Option<String> {
        nearest_name(&service.to_string(), self.others.iter().chain(&self.known))
    }

    pub(super) fn see(&mut self, filter: &Filter, shipped: Shipped) {
        self.see_service(filter, &shipped.leaf.service);
        if filter.takes_service(&shipped.leaf) {
            see_name(&mut self.instances, &shipped.leaf.instance);
            if filter.takes(&shipped.leaf) {
                self.segments.push(shipped);
            }
        }
    }

    pub(super) fn see_service(&mut self, filter: &Filter, service: &Service) {
        let names = if filter.asks_for(service) { &mut self.known } else { &mut self.others };
        see_name(names, service);
    }
}

/// The name that a slip may be meant for.
pub(super) fn nearest_name<T: ToString>(slip: &str, names: impl IntoIterator<Item = T>) -> Option<String> {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    nearest(slip, &names.iter().map(String::as_str).collect::<Vec<_>>()).map(str::to_owned)
}

fn see_name<T: Ord + Clone>(names: &mut BTreeSet<T>, name: &T) {
    if !names.contains(name) {
        names.insert(name.clone());
    }
}
