//! A shipped segment, as a listing shows it. Listings are long: what many objects have in common is in memory once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::key::{Leaf, ObjectKey};
use crate::model::names::{Instance, Service};
use crate::store::Listed;

/// A shipped segment.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// What its key says.
    pub leaf: Leaf,
    /// The object's size in bytes.
    pub size: u64,
    /// The part of its key before the leaf.
    directory: Arc<str>,
}

impl Shipped {
    /// Its key, under the store's prefix.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::joined(&self.directory, &self.leaf)
    }

    /// The part of its key before the leaf.
    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// Whether it is the same object.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.leaf == other.leaf && self.directory == other.directory
    }
}

/// What was seen in a listing, each once.
#[derive(Default)]
pub(super) struct Known {
    directories: HashSet<Arc<str>>,
    services: HashSet<Service>,
    instances: HashSet<Instance>,
}

impl Known {
    /// The segment that a listing shows; none where the object is none of ours.
    pub(super) fn shipped(&mut self, listed: &Listed) -> Option<Shipped> {
        let key = listed.key.as_ref().ok()?;
        let (leaf, (directory, _)) = (key.leaf()?, key.split());
        let directory = match self.directories.get(directory) {
            Some(known) => Arc::clone(known),
            None => once(&mut self.directories, directory.into()),
        };
        let service = once(&mut self.services, leaf.service);
        let instance = once(&mut self.instances, leaf.instance);
        Some(Shipped { leaf: Leaf { service, instance, ..leaf }, size: listed.size, directory })
    }
}

/// The one that was there first of those that are equal.
fn once<T: Hash + Eq + Clone>(known: &mut HashSet<T>, one: T) -> T {
    match known.get(&one) {
        Some(known) => known.clone(),
        None => {
            known.insert(one.clone());
            one
        }
    }
}
