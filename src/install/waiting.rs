//! The entry that comes with the Debian package: it is cron's from the first, and waits for a destination.
//!
//! Promise: `install` never touches it, since dpkg asks about every file of a package that is not as the package brought it.
//! It gives way by itself to whatever `install` has set up: its command starts a run only where there is neither our entry
//! nor our timer, and only for a configuration that someone has written by hand. What is found here is what that command
//! asks for (`cron/waiting`).

use super::host::Host;
use super::signed::Signed;
use super::{Result, cron, systemd};
use crate::config::{self, File};

/// The entry.
pub const ENTRY: &str = "/etc/cron.d/logferry-waiting";

/// Whether it is what starts the runs now.
///
/// # Errors
/// Where the host can't be looked at.
pub fn starts_runs(host: &Host) -> Result<bool> {
    let gives_way = host.has(cron::ENTRY)? || host.has(systemd::TIMER)?;
    Ok(!gives_way && would_start_runs(host)?)
}

/// Whether it starts runs where nothing of `install`'s does.
///
/// # Errors
/// Where the host can't be looked at.
pub fn would_start_runs(host: &Host) -> Result<bool> {
    Ok(host.has(ENTRY)? && has_destination_by_hand(host)?)
}

/// Whether someone has written a configuration with a destination, who is not `install`. One that can't be read as such
/// starts nothing worth telling: a run fails with what is wrong with it.
fn has_destination_by_hand(host: &Host) -> Result<bool> {
    let Some(file) = host.read_through(config::DEFAULT_FILE)? else { return Ok(false) };
    if Signed::read(&file.bytes) != Signed::Foreign {
        return Ok(false);
    }
    let text = String::from_utf8(file.bytes).ok();
    let file = text.and_then(|text| File::parse(&host.shown(config::DEFAULT_FILE), text).ok());
    Ok(file.is_some_and(|file| file.to.is_some()))
}
