//! Whether a process would hear a signal: one that it does not catch ends it, or passes it by.

use std::fs;
use std::path::Path;

use super::process;
use crate::model::way::SignalName;

/// What a signal does to a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hearing {
    /// It has a handler for it, or waits for it (`signalfd(2)`, `sigwait(3)`).
    Hears,
    /// It ignores it.
    Ignores,
    /// It does nothing for it, and would be ended by it.
    DiesOf,
    /// It has ended, or can't be looked at.
    Unknown,
}

/// What that signal would do to a process now, by `/proc/<pid>/status` (`SigCgt`, `SigIgn`, and `SigBlk` of each thread;
/// proc_pid_status(5)). A daemon that begins sets its handlers only after a moment.
pub fn hearing(pid: u32, signal: SignalName) -> Hearing {
    let process = Path::new("/proc").join(pid.to_string());
    let Ok(status) = fs::read_to_string(process.join("status")) else { return Hearing::Unknown };
    let bit = 1_u64 << (process::number(signal) - 1);
    let holds = |text: &str, key: &str| mask(text, key).map(|mask| mask & bit != 0);
    match (holds(&status, "SigCgt:"), holds(&status, "SigIgn:")) {
        (Some(true), _) => Hearing::Hears,
        (_, Some(true)) => Hearing::Ignores,
        (None, _) | (_, None) => Hearing::Unknown,
        // Left as it is, this one does nothing (signal(7)).
        _ if is_blocked(&process, |status| holds(status, "SigBlk:")) => Hearing::Hears,
        _ if signal == SignalName::Winch => Hearing::Ignores,
        _ => Hearing::DiesOf,
    }
}

/// Whether all threads of a process keep a signal from being delivered, as those do that fetch it.
fn is_blocked(process: &Path, blocks: impl Fn(&str) -> Option<bool>) -> bool {
    let Ok(threads) = fs::read_dir(process.join("task")) else { return false };
    let mut statuses = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.all(|status| blocks(&status) == Some(true))
}

fn mask(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    u64::from_str_radix(line.trim(), 16).ok()
}
