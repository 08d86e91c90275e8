//! The arguments of `logferry verify`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::read::{FilterArgs, ReadArgs, parse_span};
use crate::model::proof::sample::Amount;

/// `logferry verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Services; all where none is given
    #[arg(value_name = "SERVICE")]
    pub services: Vec<OsString>,
    /// Which of their segments.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// How much is read.
    #[command(flatten)]
    pub depth: Depth,
    /// Fail where a host or instance that FILE names (one a line, # begins a comment) has shipped nothing of what is asked
    /// for; with --max-age, nothing lately
    #[arg(long, value_name = "FILE")]
    pub expect_hosts: Option<PathBuf>,
    /// Fail where the newest segment ended longer ago than this, 2h or 1d: that of each expected host (--expect-hosts), else
    /// that of each SERVICE, of whatever instance; else that of all
    #[arg(long, value_name = "DURATION", value_parser = parse_span, conflicts_with = "until")]
    pub max_age: Option<Duration>,
    /// How long the store keeps segments, 90d, where a lifecycle rule removes them: what is missing at the beginning of a
    /// stream is then no failure where it may have expired
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    pub kept_for: Option<Duration>,
    /// Print one machine-readable report on standard output
    #[arg(long)]
    pub json: bool,
    /// Write a page with all of it, for a browser: services and instances against time, and what was found
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Where from.
    #[command(flatten)]
    pub from: ReadArgs,
}

/// How much is read, besides the listing.
#[derive(Debug, Args)]
pub struct Depth {
    /// Read objects back whole too, and hold digest, checksum, length, lines, and the chain of digests and offsets
    /// against what their keys and metadata say: all objects, or as many as --sample says
    #[arg(long)]
    pub deep: bool,
    /// Read so many objects back, chosen at random: a fire drill that is cheap enough for every week; implies --deep
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub sample: Option<NonZeroUsize>,
    /// Read all objects back; implies --deep
    #[arg(long)]
    pub all: bool,
}

impl Depth {
    /// How many objects are read.
    pub fn amount(&self) -> Amount {
        match self.sample {
            Some(count) => Amount::Some(count.get()),
            None if self.deep || self.all => Amount::All,
            None => Amount::None,
        }
    }
}
