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
            Ok(Some(host)) => host,
            Ok(None) => continue,
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

/// The host that the first of these segments which is still there names.
fn host(store: &dyn Store, segments: &[&Shipped]) -> Result<Option<String>, StoreError> {
    let mut unasked = None;
    for shipped in segments {
        match store.describe(&shipped.key()) {
            Ok(description) => {
                let text = description.metadata.get("host").map(String::as_str).unwrap_or_default();
                return Ok(Some(percent_decode_str(text).decode_utf8_lossy().into_owned()));
            }
            // It has expired since it was listed.
            Err(error) if error.kind == Kind::NoObject => {}
            // Another one of the stream may know it.
            Err(error) if is_of_object(error.kind) => unasked = unasked.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    unasked.map_or(Ok(None), Err)
}
