//! Keeping logrotate off our logs.

use super::host::Host;
use super::{Logs, Plan, Result};

/// What is to be changed so that logrotate leaves these logs alone.
///
/// # Errors
/// Where its configuration can't be read.
pub fn plan_install(_host: &Host, _logs: &Logs) -> Result<Plan> {
    Ok(Plan::default())
}

/// What is to be changed so that logrotate treats all logs as it did before.
///
/// # Errors
/// Where its configuration can't be read.
pub fn plan_uninstall(_host: &Host) -> Result<Plan> {
    Ok(Plan::default())
}
