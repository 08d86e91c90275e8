//! The exit codes, once: what `--help`, the man pages and the README say of them comes from here.

use std::fmt::Write;
use std::process::ExitCode;

/// How a command ended, for the program that called it. The order is that of gravity: of two, the larger one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Exit {
    /// See [`Exit::meaning`].
    Done = 0,
    /// See [`Exit::meaning`].
    Failed = 1,
    /// See [`Exit::meaning`].
    Usage = 2,
    /// See [`Exit::meaning`]; `EX_TEMPFAIL` of `sysexits(3)`.
    Waits = 75,
    /// See [`Exit::meaning`]; `EX_CONFIG`.
    Config = 78,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Done, Self::Failed, Self::Usage, Self::Waits, Self::Config];

    /// What it tells.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "all shipped, or nothing to do; also when another run is at work",
            Self::Failed => {
                "some log could not be taken, or some object not be stored or verified; the message names it, the rest \
                 was done"
            }
            Self::Usage => "wrong usage",
            Self::Waits => "something waits, in the spool or for room there; the next run tries again",
            Self::Config => "the configuration is wrong, or the state directory of no use; nothing was touched",
        }
    }

    /// A table for the end of `--help`.
    pub fn table() -> String {
        Self::ALL.iter().fold("Exit codes:".to_owned(), |mut table, exit| {
            let _ = write!(table, "\n  {:2}  {}", *exit as u8, exit.meaning());
            table
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
