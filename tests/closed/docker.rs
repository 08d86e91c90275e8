//! A directory as docker's `json-file` driver keeps it: it rotates the log itself and compresses what it rotated.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use logferry::sys::fault::Point;

use super::gzip;
use crate::support::{Sandbox, Stopped, wait_until};

/// How many rotations are waited for.
const ROTATIONS: usize = 100;

/// A writer with `max-file` and `compress`, with the calls of docker's `loggerutils.LogFile` in its order: each number one
/// up, the log to `.1`, a new log; then `.1` is opened, `.1.gz` made, and `.1` removed.
pub(crate) struct Driver {
    path: PathBuf,
    log: File,
    rotations: usize,
}

impl Driver {
    const MAX_FILE: usize = 400;
    const MAX_SIZE: u64 = 30_000;

    pub(crate) fn new(path: PathBuf) -> Self {
        let log = Self::open(&path);
        Self { path, log, rotations: 0 }
    }

    fn open(path: &PathBuf) -> File {
        File::options().append(true).create(true).open(path).expect("a log")
    }

    fn numbered(&self, number: usize, end: &str) -> PathBuf {
        self.path.with_extension(format!("log.{number}{end}"))
    }

    /// Writes lines, and rotates where that is due.
    pub(crate) fn write(&mut self, lines: &[u8]) {
        self.log.write_all(lines).expect("written");
        if self.log.metadata().expect("its length").len() > Self::MAX_SIZE {
            self.rotate();
        }
    }

    fn rotate(&mut self) {
        for number in (1..Self::MAX_FILE - 1).rev() {
            // Some of them are missing: they were taken.
            let _ = std::fs::rename(self.numbered(number, ".gz"), self.numbered(number + 1, ".gz"));
        }
        let first = self.numbered(1, "");
        std::fs::rename(&self.path, &first).expect("the log is never taken");
        self.log = Self::open(&self.path);
        self.rotations += 1;
        // Whoever takes it before it is opened has it.
        let Ok(mut source) = File::open(&first) else { return };
        let mut packed = File::create(self.numbered(1, ".gz")).expect("a compressed file");
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).expect("read");
        packed.write_all(&gzip(&bytes)).expect("written");
        drop((source, packed));
        let _ = std::fs::remove_file(first);
    }
}

/// Tells the writer that it is over, also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two rotations in the moment of the claim: another file was renamed to the claimed name, and its own name is taken again.
#[test]
fn what_is_renamed_in_the_moment_of_the_claim_waits_and_is_taken_by_the_next_run() {
    let sandbox = Sandbox::new();
    let logs = sandbox.log("*.log").display().to_string();
    sandbox.config_file(&format!("[[logs]]\npaths = {logs:?}\nwriter = \"closed\"\n"));
    for (name, line) in [("web.log.3", "one\n"), ("web.log.2", "two\n"), ("web.log.1", "three\n")] {
        sandbox.write_log(name, line);
    }
    let rename = |from: &str, to: &str| std::fs::rename(sandbox.log(from), sandbox.log(to)).expect("a rename");
    let mut run = sandbox.logferry();
    run.arg("run");
    let run = Stopped::at(Point::Renamed, 1, run);
    let claimed = sandbox.files("log").into_iter().find(|path| path.to_string_lossy().ends_with(".claimed"));
    let claimed = claimed.expect("it is claimed").file_name().expect("a name").to_string_lossy().into_owned();
    for (from, to) in [(claimed.as_str(), "web.log.4"), ("web.log.2", &claimed), ("web.log.1", "web.log.3")] {
        rename(from, to);
    }
    let ended = run.go_on().expect(75);
    assert!(ended.stderr.contains("it was renamed or removed just now; it waits"), "{}", ended.stderr);
    sandbox.run(["run"]).expect(0);
    let cat = sandbox.run(["cat", "web"]).expect(0).text();
    let mut lines: Vec<&str> = cat.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "three", "two"]);
    sandbox.nothing_left_behind();
}

#[test]
fn what_docker_rotates_and_compresses_is_taken_byte_by_byte_while_it_goes_on() {
    let sandbox = Sandbox::new();
    let id = "0f3c6a5be1d24b6f";
    let dir = sandbox.log(id);
    std::fs::create_dir(&dir).expect("a directory");
    let path = dir.join(format!("{id}-json.log"));
    let pattern = sandbox.log("*/*-json.log").display().to_string();
    sandbox.config_file(&format!("[[logs]]\npaths = {pattern:?}\nwriter = \"closed\"\nservice = \"{{parent}}\"\n"));
    let (enough, runs) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (written, in_use) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut driver, mut all) = (Driver::new(path.clone()), Vec::new());
            while !enough.load(Ordering::Relaxed) || driver.rotations < ROTATIONS {
                // On a busy machine runs are slow: what is written in all stays bounded.
                if driver.rotations > runs.load(Ordering::Relaxed) * 5 + 20 && !enough.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                    continue;
                }
                let lines: String = (0..100)
                    .map(|line| format!("{{\"log\":\"{} {line}\\r\\n\",\"stream\":\"stdout\"}}\n", all.len()))
                    .collect();
                driver.write(lines.as_bytes());
                all.extend(lines.into_bytes());
            }
            (all, std::fs::read(&driver.path).expect("the log in use"))
        });
        let over = Over(&enough);
        wait_until("runs have come between many rotations", || {
            // What is at work just then waits for the next run, and is told.
            let ended = sandbox.run(["run"]);
            assert!([0, 75].contains(&ended.code), "{ended:?}");
            runs.fetch_add(1, Ordering::Relaxed) >= 24
        });
        drop(over);
        writer.join().expect("no panic")
    });
    // The writer has ended, and no compressor is at work any more.
    sandbox.run(["run"]).quiet();
    let mut all = sandbox.run(["cat", id]).expect(0).stdout;
    all.extend(in_use);
    super::assert_same(&all, &written);
    assert_eq!(sandbox.files("log"), [path], "only the log in use is left");
    sandbox.nothing_left_behind();
}
