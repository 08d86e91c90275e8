//! Which host a stream is of. Keys don't say it: one object of each stream is asked, the latest that is there and whose metadata
//! can be read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use super::details::is_of_object;
use super::{Filter, Selection, Shipped, StreamKey};
use crate::store::{Kind, Store, StoreError};

/// Leaves what is of the hosts asked for, and notes which hosts there are.
///
/// # Errors
/// What kept objects from being asked that is a matter of the store.
pub(super) fn ask(store: &dyn Store, filter: &Filter, selection: &mut Selection) -> Result<(), StoreError> {
    if filter.hosts.is_empty() {
        return Ok(());
    }
    let mut streams: BTreeMap<StreamKey, Vec<&Shipped>> = BTreeMap::new();
    for shipped in &selection.segments {
        streams.entry(StreamKey::of(&shipped.leaf)).or_default().push(shipped);
    }
    let (mut taken, mut troubles) = (BTreeSet::new(), Vec::new());
    for (stream, mut segments) in streams {
        segments.sort_by_key(|shipped| Reverse(shipped.leaf.seq));
        let host = match host(store, &segments) {
            Ok(Host::Named(host)) => host,
            Ok(Host::Gone) => continue,
            Ok(Host::Untold) => {
                selection.hostless += 1;
                continue;
            }
            Err(error) if is_of_object(error.kind) => {
                troubles.push(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        if filter.hosts.iter().any(|asked| asked.takes(&host)) {
            taken.insert(stream);
        }
        selection.hosts.insert(host);
    }
    troubles.into_iter().for_each(|error| selection.note(error));
    selection.segments.retain(|shipped| taken.contains(&StreamKey::of(&shipped.leaf)));
    Ok(())
}

/// What a stream says of its host.
enum Host {
    Named(String),
    /// None of its objects says anything: they lost their metadata.
    Untold,
    /// None of its objects is there any more.
    Gone,
}

/// The host that the first of these segments names which names any.
fn host(store: &dyn Store, segments: &[&Shipped]) -> Result<Host, StoreError> {
    let (mut found, mut unasked) = (Host::Gone, None);
    for shipped in segments {
        match store.describe(&shipped.key()) {
            Ok(description) => match description.metadata.get("host").filter(|host| !host.is_empty()) {
                Some(host) => return Ok(Host::Named(percent_decode_str(host).decode_utf8_lossy().into_owned())),
                None => found = Host::Untold,
            },
            // It has expired since it was listed.
            Err(error) if error.kind == Kind::NoObject => {}
            // Another one of the stream may know it.
            Err(error) if is_of_object(error.kind) => unasked = unasked.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    unasked.map_or(Ok(found), Err)
}
