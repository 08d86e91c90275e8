//! A shipped segment, as a listing shows it. Listings are long: what many objects have in common is in memory once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::key::{Leaf, ObjectKey};
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
}

/// Directories that were seen, each once.
#[derive(Default)]
pub(super) struct Known {
    directories: HashSet<Arc<str>>,
}

impl Known {
    /// The segment that a listing shows; none where the object is none of ours.
    pub(super) fn shipped(&mut self, listed: &Listed) -> Option<Shipped> {
        let (directory, leaf) = listed.key.split();
        let leaf = Leaf::parse(leaf)?;
        let directory = match self.directories.get(directory) {
            Some(known) => Arc::clone(known),
            None => {
                let new: Arc<str> = directory.into();
                self.directories.insert(Arc::clone(&new));
                new
            }
        };
        Some(Shipped { leaf, size: listed.size, directory })
    }
}
