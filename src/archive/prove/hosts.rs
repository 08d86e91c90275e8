//! When each machine has shipped last, by the names that it has: its instance, and its host name, which only metadata hold.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::super::at_fault::AtFault;
use super::super::hosts::{Host, host, spread};
use super::super::side_by_side;
use crate::model::names::Instance;
use crate::model::problem;
use crate::model::proof::expected::{self, Age, Newest, folded};
use crate::model::proof::laws::{Seen, Stream, Window};
use crate::model::proof::verdict::many;
use crate::model::proof::{Finding, Kind, news};
use crate::model::time::Moment;
use crate::store::{Store, StoreError};

/// The segments of an instance, each with the moment at which it ended.
type Segments<'s> = Vec<(Option<Moment>, &'s dyn Seen)>;

/// Whether each of these names has shipped. Hosts are asked for only where one of them is no instance's: an object of each instance, its
/// newest; an older one where that one doesn't tell. What could not be asked is found beside those that are absent.
pub fn absent(store: &dyn Store, streams: &[Stream<'_>], window: &Window, names: &[String], age: Age) -> Vec<Finding> {
    let instances = instances(streams, window, age.now);
    let newest = |segments: &Segments<'_>| segments.first().and_then(|(end, _)| *end);
    let mut by_name: Newest<String> =
        instances.iter().map(|(instance, segments)| (folded(instance.as_str()), newest(segments))).collect();
    if names.iter().all(|name| by_name.contains_key(&folded(name))) {
        return expected::absent(names, &by_name, age);
    }
    let fault = AtFault::default();
    let hosts = side_by_side::each(&instances, |(_, segments)| {
        host(store, spread(segments).into_iter().map(|(_, seen)| seen.key()), &fault)
    });
    let mut findings = Vec::new();
    let mut unasked = 0;
    for ((instance, segments), host) in instances.iter().zip(hosts) {
        match host {
            Ok(Host::Named(host)) => {
                let end = newest(segments);
                let known = by_name.entry(folded(&host)).or_insert(end);
                *known = end.max(*known);
            }
            Ok(Host::Untold | Host::Gone) => {}
            Ok(Host::Unasked) => unasked += 1,
            Err(error) => findings.push(untold(instance, &error)),
        }
    }
    if unasked > 0 {
        let what = format!("the store is at fault: {} more not asked for their host", many(unasked, "instance"));
        findings.push(Finding::new(Kind::Unread, what));
    }
    // Where the store tells of no host, that a name is not among those that are known says nothing of it.
    let judged = names.iter().filter(|name| !fault.is_proved() || by_name.contains_key(&folded(name)));
    findings.extend(expected::absent(&judged.cloned().collect::<Vec<_>>(), &by_name, age));
    findings
}

/// The segments of each instance, the newest first.
fn instances<'s>(streams: &'s [Stream<'_>], window: &Window, now: Moment) -> Vec<(&'s Instance, Segments<'s>)> {
    let mut instances: HashMap<&Instance, Segments<'_>> = HashMap::new();
    for stream in streams {
        let segments = stream.within(window).map(|(_, seen)| (news::end(seen.leaf(), now), seen));
        instances.entry(stream.instance).or_default().extend(segments);
    }
    let mut instances: Vec<_> = instances.into_iter().filter(|(_, segments)| !segments.is_empty()).collect();
    instances.iter_mut().for_each(|(_, segments)| segments.sort_by_key(|(end, seen)| Reverse((*end, seen.leaf().seq))));
    instances.sort_by_key(|(instance, _)| *instance);
    instances
}

/// An instance whose host nobody knows.
fn untold(instance: &Instance, error: &StoreError) -> Finding {
    let what = format!("the host of {instance} is not known: {}", problem::chain(error));
    let found = Finding { instance: Some(instance.clone()), ..Finding::new(Kind::Unread, what) };
    found.hint(error.kind.hint().unwrap_or("see what that object holds; `logferry verify --deep` judges each"))
}
