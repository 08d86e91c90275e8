//! The exit codes, once.

use std::process::ExitCode;

/// How a command ended, for the program that called it. The order is that of gravity: of two, the larger one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Exit {
    /// All shipped, or nothing to do.
    Done = 0,
    /// Some log could not be taken or some object could not be verified; the rest was done.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Something waits and is tried again by the next run (`EX_TEMPFAIL` of `sysexits(3)`).
    Waits = 75,
    /// The configuration is wrong; nothing was touched (`EX_CONFIG`).
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
