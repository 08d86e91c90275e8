//! The engines that people query logs with, by `scripts/lib/engines.sh`: fetched once, used in place.
//!
//! Promise: a command gets an environment in which only these are there, and a home of its own; nothing reaches beyond the
//! loopback.
//!
//! How it fails: with what the script says, which names what is missing and how to get it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Sandbox, finish};

/// In seconds; a good network needs 60.
const LONGEST_INSTALL: &str = "900";

/// A program of `tests/`, run by the Python that has DuckDB, PySpark and sqlglot.
pub(crate) fn python(sandbox: &Sandbox, program: &str) -> Command {
    install();
    let mut command = in_sandbox(sandbox, tools().join("venv/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(program));
    command
}

/// A script as a guide has it, with `logferry` and `duckdb` in its path.
pub(crate) fn shell(sandbox: &Sandbox, script: &str) -> Command {
    let logferry = PathBuf::from(env!("CARGO_BIN_EXE_logferry"));
    let beside = |program: &Path| program.parent().expect("a directory").as_os_str().to_owned();
    let mut path = std::env::join_paths([beside(&logferry), beside(&duckdb())]).expect("no colon in them");
    path.push(":");
    path.push(system_path());
    let mut command = in_sandbox(sandbox, "/bin/sh");
    command.args(["-euc", script]).env("PATH", path);
    command.env("LOGFERRY_CONFIG", sandbox.path("logferry.toml")).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// DuckDB's command. Where the package has it depends on the version of Python.
pub(crate) fn duckdb() -> PathBuf {
    install();
    let lib = std::fs::read_dir(tools().join("venv/lib")).expect("it was installed");
    let programs = lib.map(|entry| entry.expect("an entry").path().join("site-packages/duckdb_cli/duckdb"));
    programs.into_iter().find(|program| program.is_file()).expect("duckdb-cli has its program there")
}

fn in_sandbox(sandbox: &Sandbox, program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new(program.into());
    command.env_clear().env("PATH", system_path()).env("HOME", sandbox.path("")).current_dir(sandbox.path(""));
    // Spark looks up the machine's name else, and listens where that leads to.
    command.env("SPARK_LOCAL_IP", "127.0.0.1").env("SPARK_LOCAL_DIRS", sandbox.path(""));
    command
}

fn system_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

#[track_caller]
fn install() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/engines.sh");
    let installed = finish(Command::new("timeout").arg(LONGEST_INSTALL).arg(script).arg("install").arg(tools()));
    assert_eq!(installed.code, 0, "the engines are required: {}{}", installed.text(), installed.stderr);
}

fn tools() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools");
    std::env::var_os("LOGFERRY_TEST_TOOLS").map_or_else(default, PathBuf::from).join("engines")
}
