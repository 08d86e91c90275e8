//! The arguments of `logferry cat`.

use std::ffi::OsString;

use clap::Args;

use super::read::{FilterArgs, LocalArgs, ReadArgs};

const CAT_HELP: &str = "\
Each instance's stream comes in order, and its segments are joined to the byte: a line that is split between two of them is \
whole again. Streams come one after another, services by name; see --by-time.

Exit codes:
   0  all of it was written, and each object is the one that its key names; or the reader of the output had enough
   1  nothing is there, a segment is missing, or some object could not be read or verified; the message names it, the rest \
was written
   2  wrong usage
  78  the configuration is wrong";

/// `logferry cat`.
#[derive(Debug, Args)]
#[command(after_help = CAT_HELP)]
pub struct Cat {
    /// The services
    #[arg(value_name = "SERVICE", required = true)]
    pub services: Vec<OsString>,
    /// Which of their segments.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Put the instance before each line, as in 'i-0abc: text'; where several services are asked for, the service before that
    #[arg(long)]
    pub label: bool,
    /// Alternate between streams: segments come in the order in which they begin. They are not divided, so that this is as
    /// fine as runs are frequent; no line is broken
    #[arg(long)]
    pub by_time: bool,
    /// Write the objects as they are, one gzip member or zstd frame behind another, verified
    #[arg(long, conflicts_with_all = ["label", "by_time"])]
    pub raw: bool,
    /// Whether from this machine.
    #[command(flatten)]
    pub local: LocalArgs,
    /// Where from.
    #[command(flatten)]
    pub from: ReadArgs,
}
