//! What the user asked for on the command line or in the environment.

use std::path::PathBuf;
use std::time::Duration;

use super::{Backlog, Threads, Writer};
use crate::model::destination::Destination;
use crate::model::names::Instance;

/// What the user asked for on the command line or in the environment.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The logs; those of the configuration where empty.
    pub logs: Vec<PathBuf>,
    /// `--to`.
    pub to: Option<Destination>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--instance`.
    pub instance: Option<Instance>,
    /// `--splay`.
    pub splay: Option<Duration>,
    /// `--writer`.
    pub writer: Option<Writer>,
    /// `--backlog`.
    pub backlog: Backlog,
    /// `--threads`.
    pub threads: Option<Threads>,
    /// `--state-dir`.
    pub state_dir: PathBuf,
}
