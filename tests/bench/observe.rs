//! One command in a process of its own, and what it took: time, processor time and peak memory, with all that it started.
//!
//! The kernel adds up what ended children took (`RUSAGE_CHILDREN` of getrusage(2)), and of their memory it keeps the peak
//! of the largest. So each command has a parent that starts nothing else: this program again, as `bench observe`.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What a command took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Observed {
    code: i32,
    wall_micros: u64,
    cpu_micros: u64,
    peak_kib: u64,
}

impl Observed {
    pub(crate) fn wall(self) -> Duration {
        Duration::from_micros(self.wall_micros)
    }

    pub(crate) fn cpu(self) -> Duration {
        Duration::from_micros(self.cpu_micros)
    }

    /// In bytes.
    pub(crate) fn peak(self) -> u64 {
        self.peak_kib * 1024
    }

    /// One that says by itself how long it took.
    pub(crate) fn of_micros(wall_micros: u64) -> Self {
        Self { code: 0, wall_micros, cpu_micros: wall_micros, peak_kib: 0 }
    }
}

/// `bench observe`: its exit code is the command's.
pub(crate) fn observe(into: &Path, command: &[OsString]) -> Result<ExitCode> {
    let begun = Instant::now();
    let status = Command::new(&command[0]).args(&command[1..]).status();
    let status = status.with_context(|| format!("start {}", command[0].display()))?;
    let wall = begun.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("ask what the command took")?;
    let cpu = [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    let code = status.code().unwrap_or(-1);
    let observed = Observed {
        code,
        wall_micros: u64::try_from(wall.as_micros())?,
        cpu_micros: u64::try_from(cpu.iter().sum::<i64>())?,
        peak_kib: u64::try_from(usage.max_rss())?,
    };
    std::fs::write(into, serde_json::to_vec(&observed)?).with_context(|| format!("write {}", into.display()))?;
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Has a command observed; one that fails is an error with what it said. Its output goes nowhere.
pub(crate) fn run(command: &Command, scratch: &Path) -> Result<Observed> {
    let into = scratch.join("observed.json");
    let mut observer = Command::new(std::env::current_exe().context("find this program")?);
    observer.arg("observe").arg("--into").arg(&into).arg("--").arg(command.get_program()).args(command.get_args());
    // Without more than what the command was given: a proxy or a profile of whoever measures would count too.
    observer.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    observer.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| OsStr::new("/usr/bin:/bin").to_owned()));
    if let Some(directory) = command.get_current_dir() {
        observer.current_dir(directory);
    }
    let output = observer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed with {}: {said}", output.status);
    Ok(serde_json::from_slice(&std::fs::read(&into)?)?)
}
