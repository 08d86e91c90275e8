//! Reading a whole fleet's archive back: 10,000 objects of 100 instances, 20 services and 30 days, in a directory and in a
//! bucket; by our own commands, and by the engines that people have (docs/query.md).

mod archive;
mod athena;
mod duckdb;
mod faults;
mod filters;
mod foreign;
mod guide;
mod memory;
mod rows;
mod spark;

use crate::support::archive::archive;
use crate::support::{Ended, Sandbox, finish};

/// A reading command over the archive's directory.
fn over_archive(sandbox: &Sandbox, args: &[&str]) -> Ended {
    finish(sandbox.logferry().env("LOGFERRY_TO", archive().to()).args(args))
}
