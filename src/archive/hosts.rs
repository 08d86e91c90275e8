//! Which host a stream is of. Keys don't say it: one object of each stream is asked, the latest that is there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use super::{Filter, Selection, Shipped};
use crate::model::names::StreamId;
use crate::store::{Kind, Store, StoreError};

/// Leaves what is of the hosts asked for, and notes which hosts there are.
///
/// # Errors
/// What kept an object from being asked.
pub(super) fn ask(store: &dyn Store, filter: &Filter, selection: &mut Selection) -> Result<(), StoreError> {
    if filter.hosts.is_empty() {
        return Ok(());
    }
    let mut streams: BTreeMap<StreamId, Vec<&Shipped>> = BTreeMap::new();
    for shipped in &selection.segments {
        streams.entry(shipped.leaf.stream).or_default().push(shipped);
    }
    let mut taken = BTreeSet::new();
    for (stream, mut segments) in streams {
        segments.sort_by_key(|shipped| Reverse(shipped.leaf.seq));
        let host = match host(store, &segments)? {
            Host::Named(host) => host,
            Host::Gone => continue,
            Host::Untold => {
                selection.hostless += 1;
                continue;
            }
        };
        if filter.hosts.iter().any(|asked| asked.takes(&host)) {
            taken.insert(stream);
        }
        selection.hosts.insert(host);
    }
    selection.segments.retain(|shipped| taken.contains(&shipped.leaf.stream));
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
    let mut found = Host::Gone;
    for shipped in segments {
        match store.describe(&shipped.key()) {
            Ok(description) => match description.metadata.get("host").filter(|host| !host.is_empty()) {
                Some(host) => return Ok(Host::Named(percent_decode_str(host).decode_utf8_lossy().into_owned())),
                None => found = Host::Untold,
            },
            // It has expired since it was listed.
            Err(error) if error.kind == Kind::NoObject => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
