//! `logferry ls`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::read::{FilterArgs, LocalArgs, ReadArgs};

// Each paragraph is one line here: clap breaks it to fit the terminal.

const HELP: &str = "\
A line is: service, when its first byte can have been written and its last one was, instance, stream and number, compressed \
bytes. A segment is listed if that span touches the time asked for. What names and a listing tell costs a request for each \
1,000 objects; raw bytes, lines and the rest that --long shows stand in each object's metadata, which is a request for each.

Exit codes:
   0  what there is was listed, be it nothing
   1  a service, instance or host that was asked for by name is not there, or the store could not be read
   2  wrong usage
  78  the configuration is wrong";

/// `logferry ls`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Ls {
    /// Services; all where none is given
    #[arg(value_name = "SERVICE")]
    pub services: Vec<OsString>,
    /// Which of their segments.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Sum up instead: segments, compressed bytes and span of each. A segment counts where its span begins
    #[arg(long, value_enum)]
    pub by: Option<By>,
    /// Show raw bytes and lines too, how each segment ended, its host and log, and what its notice says may be missing: a
    /// request for each object
    #[arg(short, long, conflicts_with = "local")]
    pub long: bool,
    /// End with the totals, as on a terminal
    #[arg(long)]
    pub total: bool,
    /// Print one JSON document, with a segment or a sum on each line
    #[arg(long)]
    pub json: bool,
    /// Whether from this machine.
    #[command(flatten)]
    pub local: LocalArgs,
    /// Where from.
    #[command(flatten)]
    pub from: ReadArgs,
}

/// What is summed up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum By {
    /// What is of one service
    Service,
    /// What one machine shipped
    Instance,
    /// What begins on one day (UTC)
    Day,
    /// What begins in one hour (UTC)
    Hour,
}
