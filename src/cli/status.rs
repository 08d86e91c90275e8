//! `logferry status`: for people, for programs, and as the probe of a monitor.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config;
use crate::model::probe::State;
use crate::model::size;

const HELP: &str = "\
With --max-age or --max-spool it is a probe: one line on standard output, in the form of the Monitoring Plugins, and their \
exit codes. It changes nothing, needs no lock, and asks neither the store nor the configuration.

Exit codes:
   0  it was told
   1  the state directory can't be read
   2  wrong usage

Exit codes as a probe:";

/// The end of its help; what a monitor's exit codes mean stands in one place.
fn help() -> String {
    State::ALL.iter().fold(HELP.to_owned(), |mut help, state| {
        let _ = write!(help, "\n  {:2}  {state}: {}", *state as u8, state.meaning());
        help
    })
}

/// `logferry status`.
#[derive(Debug, Args)]
#[command(after_help = help())]
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
