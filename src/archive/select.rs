//! Which shipped segments there are of what is asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::shipped::Known;
use super::{Filter, Looked, Places, Shipped, order};
use crate::model::key::Leaf;
use crate::model::names::{Instance, Seq, Service, StreamId};
use crate::store::{Kind, Store, StoreError};

/// What was found of what is asked for.
pub struct Selection {
    /// Services by name; in each, streams by the time of their first segment; in each, segments by number.
    pub segments: Vec<Shipped>,
    /// Where it was looked for.
    pub looked: Looked,
    /// How many objects were seen that are not ours.
    pub foreign: u64,
    /// Services that are asked for and there, be it with nothing of the time or the machines asked for.
    pub known: BTreeSet<Service>,
    /// Services that are there and not asked for, as far as they were seen: whoever asks for one that is not there is told.
    pub others: BTreeSet<Service>,
    /// Machines that have something of the services asked for.
    pub instances: BTreeSet<Instance>,
    /// Their host names; known only where hosts are asked for.
    pub hosts: BTreeSet<String>,
}

impl Selection {
    fn nothing(looked: Looked) -> Self {
        let (known, others, instances, hosts) = Default::default();
        Self { segments: Vec::new(), looked, foreign: 0, known, others, instances, hosts }
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

    fn see(&mut self, filter: &Filter, shipped: Shipped) {
        let leaf = &shipped.leaf;
        if !filter.takes_service(leaf) {
            see_name(&mut self.others, &leaf.service);
            return;
        }
        see_name(&mut self.known, &leaf.service);
        see_name(&mut self.instances, &leaf.instance);
        if filter.takes(leaf) {
            self.segments.push(shipped);
        }
    }
}

fn see_name<T: Ord + Clone>(names: &mut BTreeSet<T>, name: &T) {
    if !names.contains(name) {
        names.insert(name.clone());
    }
}

/// The shipped segments that are asked for.
///
/// # Errors
/// What kept the store from being listed, or from telling the hosts of what it holds.
pub fn select(store: &dyn Store, places: &Places, filter: &Filter) -> Result<Selection, StoreError> {
    let services = filter.distinct_services();
    let mut prefixes = places.prefixes(&services);
    let mut selection = list_below(store, filter, &prefixes)?;
    if selection.known.is_empty() && prefixes != [""] {
        log::info!("nothing is below {}; looking everywhere", prefixes.join(", "));
        prefixes = Places::Everywhere.prefixes(&services);
        selection = list_below(store, filter, &prefixes)?;
    }
    ask_hosts(store, filter, &mut selection)?;
    order(&mut selection.segments, |shipped| &shipped.leaf);
    Ok(selection)
}

fn list_below(store: &dyn Store, filter: &Filter, prefixes: &[String]) -> Result<Selection, StoreError> {
    let looked = if prefixes == [""] { Looked::Everywhere } else { Looked::InSome };
    let (mut selection, mut known) = (Selection::nothing(looked), Known::default());
    for prefix in prefixes {
        store.list(prefix, &mut |listed| {
            match known.shipped(&listed) {
                Some(shipped) => selection.see(filter, shipped),
                None => selection.foreign += 1,
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(selection)
}

/// Leaves what is of the hosts asked for. Keys don't name hosts: one object of each stream is asked, the latest that is there.
fn ask_hosts(store: &dyn Store, filter: &Filter, selection: &mut Selection) -> Result<(), StoreError> {
    if filter.hosts.is_empty() {
        return Ok(());
    }
    let mut streams: BTreeMap<StreamId, Vec<&Shipped>> = BTreeMap::new();
    for shipped in &selection.segments {
        streams.entry(shipped.leaf.stream).or_default().push(shipped);
    }
    let mut taken = BTreeSet::new();
    for (stream, mut segments) in streams {
        segments.sort_by_key(|shipped| std::cmp::Reverse(shipped.leaf.seq));
        let Some(host) = host(store, &segments)? else { continue };
        if filter.hosts.iter().any(|asked| asked.takes(&host)) {
            taken.insert(stream);
        }
        selection.hosts.insert(host);
    }
    selection.segments.retain(|Shipped { leaf: Leaf { stream, .. }, .. }| taken.contains(stream));
    Ok(())
}

/// The host that the first of these segments which is still there names.
fn host(store: &dyn Store, segments: &[&Shipped]) -> Result<Option<String>, StoreError> {
    for shipped in segments {
        match store.describe(&shipped.key()) {
            Ok(description) => {
                let text = description.metadata.get("host").map(String::as_str).unwrap_or_default();
                return Ok(Some(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()));
            }
            // It has expired since it was listed.
            Err(error) if error.kind == Kind::NoObject => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
