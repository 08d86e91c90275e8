//! What someone sees who watches: `status`, the probe of a monitor, metrics, and what is told on standard error.

mod metrics;
mod probe;
mod record;
mod told;

use serde_json::Value;

use crate::support::Sandbox;

/// `logferry status --json`.
fn status(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&sandbox.run(["status", "--json"]).expect(0).stdout).expect("JSON")
}

/// A store that is not there, so that segments wait.
fn away(sandbox: &Sandbox) -> String {
    format!("file://{}", sandbox.path("away").display())
}
