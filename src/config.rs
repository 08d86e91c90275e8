//! From the raw file and flags to checked settings: everything after this trusts them.
//!
//! Flags win over the environment (clap sees to that), both win over the file. Nothing is touched before all of it was
//! read and checked; a mistake names file, line and key.

mod backlog;
mod bandwidth;
mod file;
mod flags;
mod format;
mod instance;
mod keep;
mod layout;
mod lifecycle;
mod limits;
mod log_set;
mod metrics;
mod mistake;
mod pattern;
mod priority;
mod s3;
mod section;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod threads;
mod times;
mod trust;
mod writer;

pub use backlog::Backlog;
pub use file::File;
pub use flags::Flags;
pub use layout::{Field, Layout, Route, ServiceDirectories, Step, Values};
pub use lifecycle::Lifecycle;
pub use limits::LogLimits;
pub use log_set::LogSet;
pub use metrics::parse_file as parse_metrics_file;
pub use mistake::ConfigError;
pub use pattern::{Exclude, Pattern};
pub use section::nearest;
pub use service::ServiceTemplate;
pub use settings::{NamedBy, Settings};
pub use threads::Threads;
pub use times::{parse_deadline, parse_duration};
pub use trust::Distrust;
pub use writer::Writer;

/// Where the configuration is read from unless the user says otherwise.
pub const DEFAULT_FILE: &str = "/etc/logferry.toml";

/// Where the spool is unless the user says otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/logferry";
