//! `logferry status`: for people, for programs, and as the probe of a monitor.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config;
use crate::model::size;

const HELP: &str = "\
With --max-age or --max-spool it is a probe: one line on standard output, in the form of the Monitoring Plugins, and their \
exit codes. It changes nothing, needs no lock, and asks neither the store nor the configuration.

Exit codes:
   0  it was told
   1  the state directory can't be read
   2  wrong usage

Exit codes as a probe:
   0  OK: within the limits, and the last run ended well
   1  WARNING: within the limits, but the last run did not ship all, was cut short, or something is damaged
   2  CRITICAL: a limit is passed; also wrong usage
   3  UNKNOWN: nothing has run yet, or the state directory can't be read";

/// `logferry status`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Status {
    /// Where logferry keeps its spool
    #[arg(long, value_name = "DIR", env = "LOGFERRY_STATE_DIR", default_value = config::DEFAULT_STATE_DIR)]
    pub state_dir: PathBuf,
    /// Print it for a program
    #[arg(long, conflicts_with_all = ["max_age", "max_spool"])]
    pub json: bool,
    /// Critical where the last run that shipped all ended longer ago than this: 2h
    #[arg(long, value_name = "DURATION", value_parser = config::parse_duration)]
    pub max_age: Option<Duration>,
    /// Critical where the spool holds more than this: 1GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub max_spool: Option<u64>,
}
