//! Reading what is on this machine: kept segments, and those that wait in the spool. No store, no network, no lock.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use super::{Filter, ReadError, order, read_body};
use crate::model::key::Leaf;
use crate::model::names::StreamId;
use crate::model::problem;
use crate::spool::{Local, Locals};
use crate::sys::failure::Result;

/// The segments on this machine that are asked for, as [`super::select`] orders those in the store. All are of one host, so
/// that hosts are not looked at.
///
/// # Errors
/// Where the state directory isn't there or can't be read.
pub fn select(state_dir: &Path, filter: &Filter) -> Result<Locals> {
    let mut locals = Locals::list(state_dir)?;
    locals.found.retain(|local| filter.takes(&local.leaf));
    order(&mut locals.found, |local| &local.leaf);
    Ok(locals)
}

/// Reads local segments, one after another.
pub struct Reader<'l> {
    locals: &'l Locals,
    /// Streams of which something was written.
    begun: HashSet<StreamId>,
}

impl<'l> Reader<'l> {
    /// Of the segments of a listing.
    pub fn new(locals: &'l Locals) -> Self {
        Self { locals, begun: HashSet::new() }
    }

    /// Writes the bytes that the log had to `output`, as [`super::read`] does.
    ///
    /// A segment may be removed between the listing and now. That is no error where nothing of its stream was written
    /// yet: what is written then begins later.
    ///
    /// # Errors
    /// What kept the segment from being read or the output from being written, or that it is not the one that its name
    /// says; by then its bytes are written.
    pub fn read(&mut self, local: &Local, output: &mut dyn Write) -> std::result::Result<(), ReadError> {
        let Leaf { stream, .. } = local.leaf;
        let opened = self.locals.open(local).map_err(|failure| ReadError::Store(problem::chain(&failure)))?;
        match opened {
            Some(body) => {
                self.begun.insert(stream);
                read_body(body, &local.leaf, &local.leaf, output)
            }
            None if self.begun.contains(&stream) => {
                Err(ReadError::Store(format!("read {}: it was removed meanwhile; the store has it", local.leaf)))
            }
            None => {
                log::info!("{}: removed meanwhile; what follows begins later", local.leaf);
                Ok(())
            }
        }
    }
}
