//! When each machine has shipped last, by the names that it has: its instance, and its host name, which only metadata hold.

use std::collections::HashMap;

use super::super::side_by_side;
use crate::model::key::ObjectKey;
use crate::model::names::Instance;
use crate::model::proof::expected::{Newest, folded};
use crate::model::proof::laws::{Stream, Window};
use crate::model::proof::news;
use crate::model::time::Moment;
use crate::store::{Kind, Store, StoreError};

/// When what each instance and each host shipped last ended, by their folded names. Hosts are asked for only where one of these names is no
/// instance's: an object of each instance, its newest.
///
/// # Errors
/// What kept an object from being looked at.
pub fn newest(
    store: &dyn Store,
    streams: &[Stream<'_>],
    window: &Window,
    names: &[String],
    now: Moment,
) -> Result<Newest<String>, StoreError> {
    let mut instances: HashMap<&Instance, (Option<Moment>, ObjectKey)> = HashMap::new();
    for stream in streams {
        let seen = stream.within(window).map(|(_, seen)| seen);
        let newest = seen.max_by_key(|seen| (news::end(seen.leaf(), now), seen.leaf().seq));
        let Some(newest) = newest else { continue };
        let end = news::end(newest.leaf(), now);
        if instances.get(stream.instance).is_none_or(|(known, _)| *known < end) {
            instances.insert(stream.instance, (end, newest.key()));
        }
    }
    let mut by_name: Newest<String> =
        instances.iter().map(|(instance, (end, _))| (folded(instance.as_str()), *end)).collect();
    if names.iter().all(|name| by_name.contains_key(&folded(name))) {
        return Ok(by_name);
    }
    let asked: Vec<_> = instances.into_values().collect();
    for (host, (end, _)) in side_by_side::each(&asked, |(_, key)| host(store, key)).into_iter().zip(&asked) {
        if let Some(host) = host? {
            let known = by_name.entry(folded(&host)).or_insert(*end);
            *known = (*end).max(*known);
        }
    }
    Ok(by_name)
}

/// The host name that an object has in its metadata.
fn host(store: &dyn Store, key: &ObjectKey) -> Result<Option<String>, StoreError> {
    match store.describe(key) {
        Ok(description) => Ok(description
            .metadata
            .get("host")
            .map(|host| percent_encoding::percent_decode_str(host).decode_utf8_lossy().into_owned())),
        Err(error) if error.kind == Kind::NoObject => Ok(None),
        Err(error) => Err(error),
    }
}
