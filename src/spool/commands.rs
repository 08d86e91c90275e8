//! Whose turn it is, and what commands came to: the state directory's lock, and the record of its runs.

use std::collections::BTreeMap;

use super::Spool;
use super::history;
use crate::model::history::{Amount, Command, History, Run};
use crate::model::lag::Lag;
use crate::model::names::Service;
use crate::sys::clock;
use crate::sys::failure::Result;
use crate::sys::lock::{self, Lock};

impl Spool {
    /// Takes the state directory's lock; `None` when another run has it.
    ///
    /// # Errors
    /// Where the file system has no locks.
    pub fn try_lock(&self) -> Result<Option<Lock>> {
        lock::try_lock(&self.root)
    }

    /// Takes note that a command begins its work. To be called by who holds the lock, and by nobody else.
    pub fn command_begins(&self, command: Command) {
        history::begin(&self.root, command, clock::now());
    }

    /// Takes note of how that command ended, of what it has shipped of each service, and of the logs that lag now. Gives what all
    /// commands came to; `None` where what is known of those before can't be read now.
    pub fn command_ended(&self, run: Run, shipped: &BTreeMap<Service, Amount>, lagging: Vec<Lag>) -> Option<History> {
        history::end(&self.root, run, shipped, lagging)
    }

    /// The logs that lagged behind their limits after the command before; none where that can't be read.
    pub fn lagged(&self) -> Vec<Lag> {
        history::lagged(&self.root)
    }

    /// Takes note that a command found another one at work.
    pub fn command_skipped(&self, command: Command) {
        history::skip(&self.root, command, clock::now());
    }
}
