//! The program that the entry starts, as root, every hour: nobody else may be able to change it.

use std::io;
use std::path::{Path, PathBuf};

use super::host::Host;
use super::schedule::CommandPath;
use super::{Result, problem};
use crate::sys::walk;

/// Where packages and people put it.
const USUAL: [&str; 2] = ["/usr/bin/logferry", "/usr/local/bin/logferry"];

/// The path within the host of the program to start: the one that runs now, if it lies in the host; else the one that the
/// image holds.
///
/// # Errors
/// Where there is none, or others could change it.
pub(super) fn find(host: &Host) -> Result<CommandPath> {
    let running = std::env::current_exe()
        .map_err(|error| problem("/proc/self/exe", format!("which program runs can't be seen: {error}")))?;
    let within = match running.strip_prefix(host.root()) {
        Ok(within) => Path::new("/").join(within),
        Err(_) => usual(host)?,
    };
    let real = walk::trusted_program(host.root(), &within).map_err(|error| refused(host, &within, &error))?;
    let real = Path::new("/").join(real.strip_prefix(host.root()).unwrap_or(&real));
    CommandPath::new(&real)
}

fn usual(host: &Host) -> Result<PathBuf> {
    for path in USUAL {
        if walk::real_path_in(host.root(), Path::new(path)).is_ok() {
            return Ok(path.into());
        }
    }
    let missing = problem(host.shown(USUAL[0]), "the image holds no logferry that cron could start");
    Err(Box::new(missing.hint("put the program into the image first, as usr/bin/logferry or usr/local/bin/logferry")))
}

fn refused(host: &Host, path: &Path, error: &io::Error) -> Box<crate::model::problem::Problem> {
    let what = format!("cron is to start this program as root, but it is not safe: {error}");
    Box::new(problem(host.shown(path), what).hint(
        "put it where only root can write, into a directory that belongs to root: install -o root -g root -m 755 logferry \
         /usr/local/bin/",
    ))
}
