//! Whether a process has had its turn on a processor since it was first looked at.
//!
//! On a busy machine a process that does something all the time may stand still for longer than anybody looks at it: what it
//! was doing at that moment says little of what it does. One that sleeps has its reason, and need not be waited for.

use std::fs;
use std::time::Duration;

use super::procfs;

/// How long a process must have run to have had its turn: in that time it has gone through what it does over and over.
const TURN: Duration = Duration::from_millis(5);

/// A process, as it was when it was first looked at.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pid: u32,
    ran: Option<Duration>,
}

impl Turn {
    /// Of a process as it is now.
    pub fn of(pid: u32) -> Self {
        Self { pid, ran: time_run(pid) }
    }

    /// Whether the process would go on, and has not been let to since. Where the kernel doesn't count, it has.
    pub fn is_awaited(&self) -> bool {
        let Some((then, now)) = self.ran.zip(time_run(self.pid)) else { return false };
        now.saturating_sub(then) < TURN && procfs::is_runnable(self.pid)
    }
}

/// How long a process has been on a processor (`/proc/<pid>/schedstat`, the first number, in nanoseconds: Linux's
/// `Documentation/scheduler/sched-stats.rst`).
fn time_run(pid: u32) -> Option<Duration> {
    let counts = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    counts.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    #[test]
    fn who_sleeps_is_not_awaited_and_who_runs_only_until_he_has() {
        let mut sleeps = Command::new("sleep").arg("1000").spawn().expect("it starts");
        let mut runs = Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().expect("sh");
        for child in [&mut sleeps, &mut runs] {
            let (turn, begun) = (Turn::of(child.id()), Instant::now());
            while turn.is_awaited() {
                assert!(begun.elapsed() < Duration::from_secs(60), "it waits for ever");
                std::thread::sleep(Duration::from_millis(1));
            }
            child.kill().expect("it lives");
            child.wait().expect("it ends");
            assert!(!turn.is_awaited(), "it has ended");
        }
    }
}
