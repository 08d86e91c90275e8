//! A moto server of a test's own, by `scripts/lib/moto.sh`: fetched once, started, and gone however the test ends.
//!
//! Promise: it begins with nothing, on a port of its own on the loopback, and takes any credentials until it is told
//! to mind its IAM (`fleet/account.py`).
//!
//! How it fails: with what the script says, which names what is missing and how to get it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::finish;

/// In seconds; a good network needs 30.
const LONGEST_INSTALL: &str = "900";

pub(crate) struct Moto {
    /// It ends when its stdin is closed: when this is dropped, and when this process is killed.
    server: Child,
    endpoint: String,
}

impl Moto {
    /// Returns when it listens.
    #[track_caller]
    pub(crate) fn start() -> Self {
        install();
        let mut command = Command::new(script());
        command.arg("serve").arg(tools()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = command.spawn().expect("the script starts");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut line).expect("it speaks");
        let Some(endpoint) = line.trim().strip_prefix("endpoint=").map(str::to_owned) else {
            let mut why = String::new();
            server.stderr.take().expect("a pipe").read_to_string(&mut why).expect("a text");
            server.wait().expect("the script ends");
            panic!("moto doesn't start: {why}");
        };
        // What it may say from now on must not fill a pipe that nobody reads.
        let mut said = server.stderr.take().expect("a pipe");
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { server, endpoint }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// One of the tests' own programs in Python, with boto3 at hand and an environment in which only this server is
    /// AWS.
    pub(crate) fn python(&self, program: &str) -> Command {
        let mut command = python(program);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", REGION)
            // What moto doesn't know it answers with 500, each time.
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command
    }
}

/// The region of all that the tests deploy.
pub(crate) const REGION: &str = "eu-west-1";

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        // Its thread for requests is a daemon: the process ends with its main thread.
        let _ = self.server.wait();
    }
}

/// A program of `tests/`, run by the Python that has moto, boto3 and cfn-lint.
fn python(program: &str) -> Command {
    install();
    let mut command = Command::new(programs().join("python"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(program));
    command
}

#[track_caller]
fn install() {
    let installed = finish(Command::new("timeout").arg(LONGEST_INSTALL).arg(script()).arg("install").arg(tools()));
    assert_eq!(installed.code, 0, "moto is required: {}{}", installed.text(), installed.stderr);
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/moto.sh")
}

/// A program that comes with moto. It is the argument of the Python beside it: by itself it would ask for the Python of the
/// directory that it was installed into, which may have been moved since.
#[track_caller]
pub(crate) fn tool(name: &str) -> Command {
    install();
    let mut command = Command::new(programs().join("python"));
    command.arg(programs().join(name));
    command
}

fn programs() -> PathBuf {
    tools().join("venv/bin")
}

fn tools() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools");
    std::env::var_os("LOGFERRY_TEST_TOOLS").map_or_else(default, PathBuf::from).join("moto")
}
