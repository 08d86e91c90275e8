//! A Swift of a test's own, by `scripts/lib/swift.sh`: fetched once, started, and stopped however the test ends.
//!
//! How it fails: with what the script says, which names what is missing and how to get it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::finish;

/// In seconds; a good network needs 15.
const LONGEST_INSTALL: &str = "900";

pub(crate) struct Swift {
    /// It stops when its stdin is closed: when this is dropped, and when this process is killed.
    script: Child,
    settings: BTreeMap<String, String>,
    _data: TempDir,
}

impl Swift {
    /// Returns when it answers.
    #[track_caller]
    pub(crate) fn start(options: &[&str]) -> Self {
        let tools = tools();
        let installed = finish(Command::new("timeout").arg(LONGEST_INSTALL).arg(script()).arg("install").arg(&tools));
        assert_eq!(installed.code, 0, "Swift is required: {}{}", installed.text(), installed.stderr);
        let data = tempfile::Builder::new().prefix("logferry-swift-").tempdir().expect("a temporary directory");
        let mut command = Command::new(script());
        command.arg("serve").arg(&tools).arg(data.path()).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = command.spawn().expect("the script starts");
        let lines = BufReader::new(script.stdout.take().expect("a pipe")).lines();
        let mut settings = BTreeMap::new();
        for line in lines {
            let line = line.expect("a line");
            let (name, value) = line.split_once('=').expect("a setting");
            settings.insert(name.to_owned(), value.to_owned());
            if name == "ca" {
                return Self { script, settings, _data: data };
            }
        }
        let mut why = String::new();
        script.stderr.take().expect("a pipe").read_to_string(&mut why).expect("a text");
        script.wait().expect("the script ends");
        panic!("Swift doesn't start: {why}");
    }

    /// What the suite must know of it.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["other".into()];
        for (name, value) in self.settings.iter().filter(|(_, value)| !value.is_empty()) {
            arguments.push(format!("--{}", name.replace('_', "-")).into());
            arguments.push(value.into());
        }
        arguments
    }
}

impl Drop for Swift {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // The script ends its servers in bounded time, by SIGKILL if need be.
        let _ = self.script.wait();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/swift.sh")
}

fn tools() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools");
    std::env::var_os("LOGFERRY_TEST_TOOLS").map_or_else(default, PathBuf::from).join("swift")
}
