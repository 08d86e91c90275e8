//! The arguments of `logferry fetch`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::read::{FilterArgs, ReadArgs};

const FETCH_HELP: &str = "\
Objects have the last part of their keys as names, and beside each is a hidden file with its metadata: the directory is a store \
of its own, which the reading commands read with --to file:///DIR. An object has its name only when all of it is there and \
verified. What was cut short goes on where it was the next time.

Exit codes:
   0  all that was asked for is there
   1  nothing is there to be fetched, or some object could not be fetched or verified; the message names it, the rest was done
   2  wrong usage
  78  the configuration is wrong";

/// `logferry fetch`.
#[derive(Debug, Args)]
#[command(after_help = FETCH_HELP)]
pub struct Fetch {
    /// The services
    #[arg(value_name = "SERVICE", required = true)]
    pub services: Vec<OsString>,
    /// The directory to copy into; it must be there
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// Which segments of the services.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Where from.
    #[command(flatten)]
    pub from: ReadArgs,
}
