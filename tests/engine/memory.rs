//! Memory is bounded by the number of threads, not by the size of a log.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Command;

use crate::support::{Sandbox, finish};

/// The most that a run on two threads may take, in bytes.
const MOST: u64 = 64 << 20;

/// How far one run's memory may be from the next one's, in bytes: the kernel counts how much of the binary it had to read.
const SCATTER: u64 = 6 << 20;

/// Runs a command for its memory at the most, as the kernel counts it (`ru_maxrss` of getrusage(2)); in KiB.
const MEASURE: &str = "\
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)";

/// The most memory that a run takes for one log of so many megabytes, in bytes.
fn peak(format: &str, megabytes: u64) -> u64 {
    let sandbox = Sandbox::reopening();
    sandbox.config_file(&format!("format = \"{format}\"\n"));
    let mut log = BufWriter::new(File::create(sandbox.log("web.log")).expect("a log"));
    let line = "2026-11-21T00:00:00Z INFO a request took its time, as they all do, and was answered in the end\r\n";
    for _ in 0..megabytes * 1_000_000 / line.len() as u64 {
        log.write_all(line.as_bytes()).expect("a line");
    }
    drop(log.into_inner().expect("a log"));
    let binary = sandbox.logferry();
    let mut command = Command::new("python3");
    command.args(["-c", MEASURE]).arg(binary.get_program()).args(["run", "--threads", "2"]).arg(sandbox.path("log"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let text = finish(&mut command).expect(0).text();
    let (code, kib) = text.trim().split_once(' ').expect("two numbers");
    assert_eq!(code, "0");
    kib.parse::<u64>().expect("KiB") * 1024
}

#[test]
fn a_log_of_any_size_takes_the_same_memory() {
    for format in ["gzip", "zstd"] {
        let (small, large) = (peak(format, 10), peak(format, 200));
        println!("{format}: {small} bytes for 10 MB, {large} for 200 MB");
        let is_bounded = large <= small + SCATTER && large <= MOST;
        assert!(is_bounded, "{format}: {small} bytes for 10 MB, {large} for 200 MB");
    }
}
