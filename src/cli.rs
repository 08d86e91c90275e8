//! The command line: types only. Man pages and completions are made from these definitions.

pub mod cat;
pub mod fetch;
pub mod grep;
pub mod ls;
pub mod read;
mod see;
mod status;
pub mod verify;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config;
use crate::exit::Exit;
use crate::install::schedule::Minute;
use crate::model::destination::Destination;
use crate::model::group::{Group, HookName};
use crate::model::keep::KeepWish;
use crate::model::names::Instance;
pub use cat::Cat;
pub use fetch::Fetch;
pub use grep::Grep;
pub use ls::Ls;
pub use see::{LogFormat, LogFormatArgs, MetricsArgs};
pub use status::Status;

/// Moves service logs from this machine to S3 without losing or doubling a byte.
#[derive(Debug, Parser)]
#[command(name = "logferry", version, max_term_width = 100, after_help = Exit::table())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take the logs out of use, compress them and put them into the store (the hourly job)
    Run(Run),
    /// Ship everything now, and wait until it is in the store: before a machine goes, or before a deployment
    Flush(Flush),
    /// Look once whether this EC2 instance is about to end; if so, ship everything and tell its lifecycle hook
    Lifecycle(Lifecycle),
    /// Find everything that would keep the next run from working, and say for each what to do
    Check(Check),
    /// Tell what the last run came to, what waits, and what may be missing; also for a monitor
    Status(Status),
    /// Have cron start it every hour: configuration, entry, logrotate's exclusion
    Install(Install),
    /// Take all of that away again
    Uninstall(Uninstall),
    /// List what was shipped
    Ls(Ls),
    /// Write what services have logged, decompressed and in order, to standard output
    Cat(Cat),
    /// Print the lines that match a pattern, each with its instance and its time
    Grep(Grep),
    /// Copy objects as they are into a directory, verified; what is there already is not fetched again
    Fetch(Fetch),
    /// Prove that nothing of what was shipped is missing or there twice, and that it reads back whole
    Verify(verify::Verify),
}

/// Where to ship to and read from.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// The store: s3://bucket/prefix or file:///dir. Credentials, region and endpoint come from the AWS SDK's own
    /// chain (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, instance role, ...)
    #[arg(long, value_name = "URL", env = "LOGFERRY_TO", value_parser = Destination::parse)]
    pub to: Option<Destination>,
    /// The configuration file [default: /etc/logferry.toml]
    #[arg(long, value_name = "FILE", env = "LOGFERRY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Tell each step on standard error; twice for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Which logs are taken, how, and where to: what all commands that ship have in common.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Logs: files, directories or patterns in quotes; those of the configuration where none are given
    #[arg(value_name = "LOG")]
    pub logs: Vec<PathBuf>,
    /// Where to.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Where logferry keeps its spool; private to it
    #[arg(long, value_name = "DIR", env = "LOGFERRY_STATE_DIR", default_value = config::DEFAULT_STATE_DIR)]
    pub state_dir: PathBuf,
    /// How the logs' writers let go of them: auto, reopens, closed or holds; over all that the configuration says
    /// [default: as configured, else auto]
    #[arg(long, value_name = "WAY", value_parser = config::Writer::parse)]
    pub writer: Option<config::Writer>,
    /// This machine's name in object keys [default: the EC2 instance id, else the host name]
    #[arg(long, value_name = "NAME", value_parser = Instance::parse)]
    pub instance: Option<Instance>,
    /// On how many threads to compress; what comes out is the same [default: as configured, else one for each core]
    #[arg(long, value_name = "N", value_parser = config::Threads::parse)]
    pub threads: Option<config::Threads>,
    /// Print one machine-readable report on standard output
    #[arg(long)]
    pub json: bool,
    /// How it logs.
    #[command(flatten)]
    pub log: LogFormatArgs,
}

/// `logferry run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Which logs, and where to.
    #[command(flatten)]
    pub logs: LogArgs,
    /// Which metrics it writes.
    #[command(flatten)]
    pub metrics: MetricsArgs,
    /// Take the files too that logrotate left of the logs (web.log.1, web.log.2.gz), the oldest first
    #[arg(long)]
    pub backlog: bool,
    /// Wait up to this long before starting: each instance a time of its own, always the same
    #[arg(long, value_name = "DURATION", value_parser = config::parse_duration)]
    pub splay: Option<Duration>,
    /// Leave processor and disk to others first, as nice(1) and ionice(1) would
    #[arg(long)]
    pub low_priority: bool,
    /// Print what would be done, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
}

// Each paragraph is one line here, whatever the source looks like: clap breaks it to fit the terminal.

const FLUSH_HELP: &str = "\
Exit code 0 means that every byte that was written to these logs before it started is in the store, and all that was in \
the spool. It waits for a run at work, and takes the logs again as long as something new arrives.

Exit codes:
   0  all is shipped
   1  some log could not be taken or stored, or bytes may be missing; the message names it
   2  wrong usage
  75  something waits: the deadline came, a signal, or the store is away; what stays is listed
  78  the configuration is wrong, or the state directory of no use; nothing was touched";

/// `logferry flush`.
#[derive(Debug, Args)]
#[command(after_help = FLUSH_HELP)]
pub struct Flush {
    /// Which logs, and where to.
    #[command(flatten)]
    pub logs: LogArgs,
    /// End before this time is over, whatever has not been shipped by then: as a time from now, such as 90s. Until then
    /// a store that is away is tried again
    #[arg(long, value_name = "DURATION", value_parser = config::parse_deadline)]
    pub deadline: Option<Duration>,
    /// The machine is about to disappear: also wait for writers that still hold their log, and leave nothing for the next
    /// run that can be shipped now
    #[arg(long = "final")]
    pub last: bool,
    /// Which metrics it writes.
    #[command(flatten)]
    pub metrics: MetricsArgs,
}

const LIFECYCLE_HELP: &str = "\
It asks the instance metadata service what becomes of this instance, and ends at once where nothing is up. Where its \
Auto Scaling group ends it, or a spot notice announces its end: the command `before`, a last flush, heartbeats meanwhile, \
and then the lifecycle hook is told CONTINUE, when all is in the store. It is made to be started each minute or more \
often: one that is at work is not disturbed by a second, which does nothing.

Exit codes:
   0  nothing is up, or all is shipped; also when another lifecycle is at work
   1  some log could not be taken, the command `before` failed or is not run, or the API refuses; the message says what is missing
   2  wrong usage
  75  something waits, or the API is out of reach; the next call tries again
  78  the configuration is wrong, or the state directory of no use; it is looked at only when something is up";

/// `logferry lifecycle`.
#[derive(Debug, Args)]
#[command(after_help = LIFECYCLE_HELP)]
pub struct Lifecycle {
    /// Which logs, and where to.
    #[command(flatten)]
    pub logs: LogArgs,
    /// The lifecycle hook that waits for the last flush [default: as configured, else the only one of the group]
    #[arg(long, value_name = "NAME", value_parser = HookName::parse)]
    pub hook: Option<HookName>,
    /// The Auto Scaling group [default: as configured, else it is asked for]
    #[arg(long, value_name = "NAME", value_parser = Group::parse)]
    pub group: Option<Group>,
}

const CHECK_HELP: &str = "\
It looks at the configuration, the logs and their directories, who writes the logs, the spool, logrotate, the schedule, \
this machine and the store; for the user that it is run as, and with that user's credentials and environment. Nothing is \
changed but for one small object in the store, .logferry/check-INSTANCE, which is put once and stays. Where the configuration is of \
no use, what can be looked at without it is looked at all the same.

Exit codes:
   0  nothing is in the way of the next run; there may be warnings
   1  some log could not be taken, or no run would be started
   2  wrong usage
  75  the next run could not ship: the store is in the way, or the spool has no room
  78  the configuration is wrong, or the state directory is of no use: no run would touch anything";

/// `logferry check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub struct Check {
    /// Logs: files, directories or patterns in quotes; those of the configuration where none are given
    #[arg(value_name = "LOG")]
    pub logs: Vec<PathBuf>,
    /// Where to.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Where logferry keeps its spool; private to it
    #[arg(long, value_name = "DIR", env = "LOGFERRY_STATE_DIR", default_value = "/var/lib/logferry")]
    pub state_dir: PathBuf,
    /// How the logs' writers let go of them, as for run
    #[arg(long, value_name = "WAY", value_parser = config::Writer::parse)]
    pub writer: Option<config::Writer>,
    /// Take the files too that logrotate left of the logs (web.log.1, web.log.2.gz), the oldest first
    #[arg(long)]
    pub backlog: bool,
    /// This machine's name in object keys [default: the EC2 instance id, else the host name]
    #[arg(long, value_name = "NAME", value_parser = Instance::parse)]
    pub instance: Option<Instance>,
    /// Print it for a program
    #[arg(long)]
    pub json: bool,
}

/// `logferry install`.
#[derive(Debug, Args)]
pub struct Install {
    /// Logs: files, directories or patterns in quotes; not needed where /etc/logferry.toml names them
    #[arg(value_name = "LOG")]
    pub logs: Vec<PathBuf>,
    /// The store: s3://bucket/prefix or file:///dir; not needed where /etc/logferry.toml names it
    #[arg(long, value_name = "URL", env = "LOGFERRY_TO", value_parser = Destination::parse)]
    pub to: Option<Destination>,
    /// Have runs take the files too that logrotate left of these logs (web.log.1, web.log.2.gz), the oldest first
    #[arg(long)]
    pub backlog: bool,
    /// The minute of the hour at which a run starts [default: as installed, else 7]
    #[arg(long, value_name = "MINUTE", value_parser = Minute::parse)]
    pub at: Option<Minute>,
    /// Each instance waits up to this long before it starts, always the same time [default: as installed, else 10m]
    #[arg(long, value_name = "DURATION", value_parser = config::parse_duration)]
    pub splay: Option<Duration>,
    /// On EC2, also look each minute (systemd: every 5 seconds) whether the instance is about to end [default: as
    /// installed, else no]
    #[arg(long, value_enum, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    pub lifecycle: Option<Choice>,
    /// What starts the runs [default: as installed, else cron where there is one, else systemd]
    #[arg(long, value_enum)]
    pub scheduler: Option<Scheduler>,
    /// This machine's name in object keys [default: the EC2 instance id, else the host name]
    #[arg(long, value_name = "NAME", value_parser = Instance::parse)]
    pub instance: Option<Instance>,
    /// Leave shipped segments on this machine until they are that old, for `logferry cat --local`, and so many bytes of
    /// them at the most: 24h, 7d,5GiB [default: as configured, else nothing stays]
    #[arg(long, value_name = "DURATION[,SIZE]", value_parser = KeepWish::parse)]
    pub keep: Option<KeepWish>,
    /// Where the runs keep their spool [default: as installed, else /var/lib/logferry]
    #[arg(long, value_name = "DIR", env = "LOGFERRY_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// What is common to install and uninstall.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Which host, and how it is told.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// The root of the system to change, for images; paths in the configuration are those within it
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Print the exact difference, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one machine-readable report on standard output
    #[arg(long)]
    pub json: bool,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Choice {
    /// Yes
    Yes,
    /// No
    No,
}

/// What starts the runs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Scheduler {
    /// An entry in /etc/cron.d
    Cron,
    /// A timer of systemd
    Systemd,
}

/// `logferry uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Remove the spool too, and the configuration even if it was edited; twice to remove segments that were not shipped
    #[arg(long, action = clap::ArgAction::Count)]
    pub purge: u8,
    /// Where the runs keep their spool [default: as installed, else /var/lib/logferry]
    #[arg(long, value_name = "DIR", env = "LOGFERRY_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// What is common to install and uninstall.
    #[command(flatten)]
    pub host: HostArgs,
}
