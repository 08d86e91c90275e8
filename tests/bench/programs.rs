//! What is measured, what it is compared with, and what helps: where each program is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Where the programs are.
#[derive(clap::Args)]
pub(crate) struct Programs {
    /// The binary that is measured
    #[arg(long)]
    pub(crate) logferry: PathBuf,
    /// The tests' S3 server
    #[arg(long)]
    pub(crate) s3_server: PathBuf,
}

impl Programs {
    /// The same, whatever directory they are started in.
    pub(crate) fn absolute(&self) -> Result<Self> {
        let absolute = |path: &Path| {
            let hint = "  hint: scripts/bench builds it, and tells where";
            std::fs::canonicalize(path).with_context(|| format!("there is no program at {}\n{hint}", path.display()))
        };
        Ok(Self { logferry: absolute(&self.logferry)?, s3_server: absolute(&self.s3_server)? })
    }
}

/// A program of the system's, wherever it is.
///
/// # Errors
/// Where it is missing; the hint is the package to install.
pub(crate) fn find(name: &str, package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not in the PATH of everyone: logrotate.
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = places.map(|place| place.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is missing\n  hint: apt-get install {package}"))
}

/// A command of a shell, for pipelines; what it names comes as `$1`, `$2` and so on.
pub(crate) fn shell<'a>(script: &str, arguments: impl IntoIterator<Item = &'a Path>) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", script, "sh"]).args(arguments);
    command
}

/// This program itself, with one of its other commands.
pub(crate) fn ourselves(command: &str) -> Result<Command> {
    let mut ourselves = Command::new(std::env::current_exe().context("find this program")?);
    ourselves.arg(command);
    Ok(ourselves)
}
