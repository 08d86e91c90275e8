//! Shells that write a log with `>>`, and the proof that each of their lines is there once and in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::wait_until;

/// Bursts at full speed, one write a line; in between the machine belongs to the run.
const SCRIPT: &str = "
    exec >> \"$LOG\"
    n=0
    while [ -e go ]; do
        i=0
        while [ $i -lt $BURST ]; do echo \"$NAME $n what a service says at full speed\"; n=$((n+1)); i=$((i+1)); done
        sleep 0.05
    done
    echo $n > \"$NAME.count\"";

/// What follows name and number in each line.
const REST: &str = "what a service says at full speed\n";

/// Shells that write until they are told to end.
pub(crate) struct Shells {
    /// Where they look whether to go on, and leave how much they wrote.
    directory: PathBuf,
    /// Lines that each writes in a row.
    burst: u32,
    running: Vec<Child>,
}

impl Shells {
    /// None yet; `directory` is made.
    pub(crate) fn new(directory: PathBuf, burst: u32) -> Self {
        std::fs::create_dir(&directory).expect("a directory");
        std::fs::write(directory.join("go"), "").expect("a file");
        Self { directory, burst, running: Vec::new() }
    }

    /// Starts one; returns when there is something in the log.
    pub(crate) fn start(&mut self, name: &str, log: &Path) {
        let mut sh = Command::new("sh");
        sh.args(["-c", SCRIPT]).env("NAME", name).env("LOG", log).env("BURST", self.burst.to_string());
        sh.current_dir(&self.directory).stdin(Stdio::null());
        self.running.push(sh.spawn().expect("sh"));
        wait_until("a shell writes", || std::fs::metadata(log).is_ok_and(|log| log.len() > 0));
    }

    /// Ends them after the burst in hand.
    pub(crate) fn stop(&mut self) {
        std::fs::remove_file(self.directory.join("go")).expect("a file");
        for mut shell in self.running.drain(..) {
            assert!(shell.wait().expect("it ends").success());
        }
    }

    /// Fails the test unless a log has the lines of just these shells, when they have ended: none torn, each once, those of
    /// one shell in their order. How many lines they are.
    #[track_caller]
    pub(crate) fn assert_all(&self, names: &[&str], log: &[u8]) -> u64 {
        let written = lines_of_each(log);
        assert_eq!(written.keys().map(String::as_str).collect::<Vec<_>>(), names, "whose lines there are");
        for (name, lines) in &written {
            let count = std::fs::read_to_string(self.directory.join(format!("{name}.count"))).expect("a count");
            assert_eq!(*lines, count.trim().parse::<u64>().expect("a number"), "lines of {name}");
        }
        written.values().sum()
    }
}

impl Drop for Shells {
    fn drop(&mut self) {
        for shell in &mut self.running {
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}

fn lines_of_each(log: &[u8]) -> BTreeMap<String, u64> {
    let mut written: BTreeMap<String, u64> = BTreeMap::new();
    for line in log.split_inclusive(|&byte| byte == b'\n') {
        let text = std::str::from_utf8(line).expect("text");
        let mut words = text.splitn(3, ' ');
        let (name, number, rest) = (words.next(), words.next(), words.next());
        let (Some(name), Some(Ok(number)), Some(REST)) = (name, number.map(str::parse::<u64>), rest) else {
            panic!("torn: {text:?}");
        };
        let next = written.entry(name.to_owned()).or_default();
        assert_eq!(number, *next, "of {name}");
        *next += 1;
    }
    written
}
