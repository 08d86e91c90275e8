//! Reading what is on this machine: kept segments, and those that wait in the spool. No store, no network, no lock.

use std::path::Path;

use super::Filter;
use super::order::order;
use crate::spool::Locals;
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
