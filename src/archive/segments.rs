//! Where segments are read from: the store, or this machine.

use std::io::Read;

use super::{ReadError, Shipped};
use crate::model::key::Leaf;
use crate::model::problem;
use crate::spool::Locals;
use crate::store::Store;
use crate::sys::signals::Stop;

/// A body that is read.
pub(super) type Body<'s> = Box<dyn Read + Send + 's>;

/// Segments to be read, in the order in which they were listed. Several threads read at once.
pub trait Segments: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// What the name of one says.
    fn leaf(&self, index: usize) -> &Leaf;

    /// How large its object is, in bytes.
    fn size(&self, index: usize) -> u64;

    /// What messages call it.
    fn name(&self, index: usize) -> String;

    /// Opens one; `None` where it was removed since it was listed, and that is in order.
    ///
    /// # Errors
    /// What kept it from being opened.
    fn open(&self, index: usize) -> Result<Option<Body<'_>>, ReadError>;

    /// Nothing more is wanted of any of them: what is being asked for ends soon, in whatever way.
    fn stop(&self);
}

/// Those of a store.
pub struct InStore<'s> {
    /// The store.
    pub store: &'s dyn Store,
    /// What ends its requests.
    pub stop: &'s Stop,
    /// Its segments.
    pub shipped: &'s [Shipped],
}

impl Segments for InStore<'_> {
    fn count(&self) -> usize {
        self.shipped.len()
    }

    fn leaf(&self, index: usize) -> &Leaf {
        &self.shipped[index].leaf
    }

    fn size(&self, index: usize) -> u64 {
        self.shipped[index].size
    }

    fn name(&self, index: usize) -> String {
        self.shipped[index].key().to_string()
    }

    fn open(&self, index: usize) -> Result<Option<Body<'_>>, ReadError> {
        self.store.open(&self.shipped[index].key()).map(Some).map_err(|error| ReadError::refused(&error))
    }

    fn stop(&self) {
        self.stop.request();
    }
}

impl Segments for Locals {
    fn count(&self) -> usize {
        self.found.len()
    }

    fn leaf(&self, index: usize) -> &Leaf {
        &self.found[index].leaf
    }

    fn size(&self, index: usize) -> u64 {
        self.found[index].size
    }

    fn name(&self, index: usize) -> String {
        self.leaf(index).to_string()
    }

    fn open(&self, index: usize) -> Result<Option<Body<'_>>, ReadError> {
        let opened = Self::open(self, &self.found[index]);
        let opened = opened.map_err(|failure| ReadError::Store(problem::chain(&failure)))?;
        Ok(opened.map(|file| Box::new(file) as Body<'_>))
    }

    /// Files of this machine don't keep anyone waiting.
    fn stop(&self) {}
}
