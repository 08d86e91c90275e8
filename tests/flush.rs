//! `logferry flush`: exit code 0 means what it says, a deadline is kept, and what comes first is what matters most.

mod deadline;
mod guide;
mod killed;
mod last;
mod owed;
mod progress;
mod promise;
mod waiting;
mod ways;

use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use crate::support::{Bucket, Ended, Sandbox, finish};

/// A flush of the whole log directory.
fn flush(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.logferry();
    command.arg("flush").args(args).arg(sandbox.path("log"));
    command
}

/// A flush of the whole log directory into a bucket.
fn flush_to(bucket: &Bucket, sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = flush(sandbox, args);
    command.envs(bucket.env());
    command
}

/// Flushes the whole log directory.
fn flushed(sandbox: &Sandbox, args: &[&str]) -> Ended {
    finish(&mut flush(sandbox, args))
}

/// The report of a command that ended.
fn report(ended: &Ended) -> serde_json::Value {
    serde_json::from_slice(&ended.stdout).expect("JSON")
}

/// A command that goes on beside the test.
struct Beside {
    child: Child,
}

impl Beside {
    fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        Self { child: child.expect("it starts") }
    }

    /// Waits until it has said something; returns all that it said so far.
    #[track_caller]
    fn until_it_says(&mut self, part: &str) -> String {
        let mut said = Vec::new();
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        while !String::from_utf8_lossy(&said).contains(part) {
            let mut byte = [0];
            let count = stderr.read(&mut byte).expect("it can be read");
            assert_eq!(count, 1, "it ended without {part:?}: {}", String::from_utf8_lossy(&said));
            said.push(byte[0]);
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Its exit code, and the rest of what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("it ends").code(), said)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The services of a bucket's puts, in the order in which they were asked for.
fn services_put(bucket: &Bucket) -> Vec<String> {
    let puts = bucket.server.requests().into_iter().filter(|request| request.method == "PUT");
    let service = |path: String| Some(path.replace("%3D", "=").split_once("service=")?.1.split('/').next()?.to_owned());
    let mut services: Vec<String> = puts.filter_map(|request| service(request.path)).collect();
    services.dedup();
    services
}

/// A run of the whole log directory.
fn run_of(sandbox: &Sandbox) -> Command {
    let mut run = sandbox.logferry();
    run.args([OsString::from("run"), sandbox.path("log").into()]);
    run
}
