//! Which host a stream is of. Keys don't say it: one object of each stream is asked, the latest one. Where that says nothing, a few
//! more of it are ([`MOST`] in all), from the latest to the first; several streams are asked side by side.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use super::at_fault::AtFault;
use super::details::is_of_object;
use super::{Filter, Selection, Shipped, StreamKey, side_by_side};
use crate::model::key::ObjectKey;
use crate::store::{Kind, Store, StoreError};

/// How many objects are asked at the most for the host of one stream: one that lost the metadata of all its objects is found out
/// in so many requests, be it as long as it may.
const MOST: usize = 8;

/// Leaves what is of the hosts asked for, and notes which hosts there are.
///
/// # Errors
/// What kept objects from being asked, where it must be the store that is at fault.
pub(super) fn ask(store: &dyn Store, filter: &Filter, selection: &mut Selection) -> Result<(), StoreError> {
    if filter.hosts.is_empty() {
        return Ok(());
    }
    let mut streams: BTreeMap<StreamKey, Vec<&Shipped>> = BTreeMap::new();
    for shipped in &selection.segments {
        streams.entry(StreamKey::of(&shipped.leaf)).or_default().push(shipped);
    }
    streams.values_mut().for_each(|segments| segments.sort_by_key(|shipped| Reverse(shipped.leaf.seq)));
    let (streams, fault): (Vec<_>, _) = (streams.into_iter().collect(), AtFault::default());
    let hosts = side_by_side::each(&streams, |(_, segments)| {
        host(store, spread(segments).into_iter().map(|shipped| shipped.key()), &fault)
    });
    let (mut taken, mut untold) = (BTreeSet::new(), Vec::new());
    for ((stream, _), host) in streams.into_iter().zip(hosts) {
        match host {
            Ok(Host::Named(host)) => {
                if filter.hosts.iter().any(|asked| asked.takes(&host)) {
                    taken.insert(stream);
                }
                selection.hosts.insert(host);
            }
            Ok(Host::Untold) => selection.hostless += 1,
            Ok(Host::Gone | Host::Unasked) => {}
            Err(error) if fault.is_proved() && !is_of_object(error.kind) => return Err(error),
            Err(error) => untold.push(error),
        }
    }
    selection.untold.extend(untold);
    selection.segments.retain(|shipped| taken.contains(&StreamKey::of(&shipped.leaf)));
    Ok(())
}

/// What a stream, or a machine, says of its host.
pub(super) enum Host {
    Named(String),
    /// None of its objects that were asked says anything: they lost their metadata.
    Untold,
    /// None of its objects is there any more.
    Gone,
    /// None was asked: the store is at fault.
    Unasked,
}

/// Those that are asked of so many, which are the latest first: the latest, the first one, and a few between.
pub(super) fn spread<T: Copy>(all: &[T]) -> Vec<T> {
    match all.len() {
        0..=MOST => all.to_vec(),
        count => (0..MOST).map(|number| all[number * (count - 1) / (MOST - 1)]).collect(),
    }
}

/// The host that the first of these objects names which names any.
///
/// # Errors
/// What kept one of them from being asked, where none tells: what is a matter of the store, if there is such.
pub(super) fn host(
    store: &dyn Store,
    keys: impl Iterator<Item = ObjectKey>,
    fault: &AtFault,
) -> Result<Host, StoreError> {
    let (mut found, mut unasked): (_, Option<StoreError>) = (None, None);
    for key in keys {
        if fault.is_proved() {
            break;
        }
        let answer = store.describe(&key);
        fault.hear(&answer);
        match answer {
            Ok(description) => match description.metadata.get("host").filter(|host| !host.is_empty()) {
                Some(host) => return Ok(Host::Named(percent_decode_str(host).decode_utf8_lossy().into_owned())),
                None => found = Some(Host::Untold),
            },
            // It has expired since it was listed.
            Err(error) if error.kind == Kind::NoObject => found = found.or(Some(Host::Gone)),
            // Another one may know it.
            Err(error) => unasked = Some(unasked.filter(|known| !is_of_object(known.kind)).unwrap_or(error)),
        }
    }
    unasked.map_or(Ok(found.unwrap_or(Host::Unasked)), Err)
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn of_many_the_latest_and_the_first_are_asked_and_a_few_between() {
        let (few, many): (Vec<_>, Vec<_>) = ((0..8).collect(), (0..800).collect());
        assert_eq!(spread(&few), few);
        assert_eq!(spread(&many), [0, 114, 228, 342, 456, 570, 684, 799]);
    }
}
