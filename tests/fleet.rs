//! A fleet on EC2: the template that makes one, what its machines are started with, the permissions that they have, and
//! what docs/ec2.md says of all that.
//!
//! What stands in for AWS is the moto server (`scripts/lib/moto.sh`). What it doesn't do is said where it would be
//! tested.

mod guide;
mod policies;
mod stack;
mod user_data;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file of the sources.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(source(path)).expect(path)
}

/// A policy as it stands in `docs/iam`.
fn policy(name: &str) -> Value {
    serde_json::from_str(&text_of(&format!("docs/iam/{name}.json"))).expect("a policy is JSON")
}
