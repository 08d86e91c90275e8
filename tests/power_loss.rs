//! Power loss: the order of a run's system calls, and what the next run makes of any disk that a power loss may leave.
//!
//! Promise: real runs are traced. First, no step that can't be taken back begins before everything that it depends on is
//! durable ([`rules`]). Second, the disk is computed as a power loss would leave it after each step, with all, none or
//! some of what was not synced; on each such disk the real binary runs once more, and then every byte that had been durable
//! before is in the store exactly once.

mod disk;
mod rules;

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use disk::{Disk, Keeps};
use logferry::sys::fault::Point;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rules::{Rules, Store};

use crate::s3_server::Transport;
use crate::support::tally::{self, Group, Row};
use crate::support::trace::{Bytes, Phase, Trace};
use crate::support::{Bucket, Sandbox, proof, wait_until};

/// A log: its service, what must be kept of it, and what its writer wrote in all.
struct Log {
    service: &'static str,
    /// So many of its bytes were durable under a name before the traced run.
    durable: usize,
    written: Vec<u8>,
}

impl Log {
    fn new(service: &'static str, written: impl Into<Vec<u8>>) -> Self {
        let written = written.into();
        Self { service, durable: written.len(), written }
    }
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    sandbox
}

fn run(sandbox: &Sandbox) -> Command {
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log"));
    run
}

/// A traced run, judged by the rules; returns the disk after each of its steps.
struct Judged {
    disk: Disk,
    after_each_step: Vec<Disk>,
    rules: Rules,
}

impl Judged {
    fn new(sandbox: &Sandbox, store: Store, bytes: Bytes) -> Self {
        let disk = Disk::of(&sandbox.path(""));
        let rules = Rules::new(&sandbox.path(""), store, bytes);
        Self { after_each_step: vec![disk.clone()], disk, rules }
    }

    fn follow(&mut self, trace: &Trace, bytes: Bytes) {
        self.disk.next_run();
        for (phase, step) in trace.events() {
            match phase {
                Phase::Begins => self.rules.judge(&self.disk, step),
                Phase::Ends => self.rules.note(&self.disk, step),
            }
            self.disk.apply(phase, step);
            if phase == Phase::Ends && step.changes_the_disk() && matches!(bytes, Bytes::All) {
                self.after_each_step.push(self.disk.clone());
            }
        }
    }

    /// Fails the test unless each of these rules had something to judge.
    fn require(&self, rules: &[&str]) {
        for rule in rules {
            assert!(self.rules.asked.contains(rule), "the rule {rule:?} was never asked: {:?}", self.rules.asked);
        }
    }
}

/// Traces a run on the directory store.
fn trace(sandbox: &Sandbox) -> Judged {
    let mut judged = Judged::new(sandbox, Store::Directory, Bytes::All);
    let (ended, trace) = Trace::of(&run(sandbox), Bytes::All);
    ended.expect(0);
    judged.follow(&trace, Bytes::All);
    judged
}

/// On every disk that a power loss may leave, lets the next run bring all to its end.
fn recover_from_each(sandbox: &Sandbox, judged: &Judged, logs: &[Log]) -> (u64, Duration) {
    let by_chance = if std::env::var_os("LOGFERRY_EVERY").is_some_and(|every| every == "all") { 100 } else { 5 };
    let (mut seen, mut slowest) = (HashSet::new(), Duration::ZERO);
    for (moment, disk) in judged.after_each_step.iter().enumerate() {
        let seeds = (0..by_chance).map(|n| (moment * 1000 + n) as u64);
        let chances = seeds.flat_map(|seed| [Keeps::Beginning(seed), Keeps::Some(seed)]);
        for keeps in [Keeps::Nothing, Keeps::All].into_iter().chain(chances) {
            let wreck = disk.lose_power(keeps);
            if !seen.insert(wreck.clone()) {
                continue;
            }
            disk.restore(&wreck);
            let begun = Instant::now();
            let ended = crate::support::finish(&mut run(sandbox));
            slowest = slowest.max(begun.elapsed());
            let place =
                format!("after step {moment}, a power loss kept {keeps:?}; the next run said: {}", ended.stderr);
            assert_eq!(ended.code, 0, "{place}");
            check(sandbox, logs, &place);
        }
    }
    (seen.len() as u64, slowest)
}

fn check(sandbox: &Sandbox, logs: &[Log], place: &str) {
    let (random, hidden): (Vec<_>, Vec<_>) = hidden_files(sandbox).into_iter().partition(|path| has_random_name(path));
    assert!(hidden.is_empty(), "{hidden:?}; {place}");
    // After a kill and a power loss, one right after the other, a hidden file may stay in the store whose name has a
    // random part: the one that tells of it may be lost. It holds nothing, and a look for it at each put would cost more.
    random.iter().for_each(|path| std::fs::remove_file(path).expect("it is there"));
    let objects = proof::of_directory(&sandbox.path("store"));
    let streams = proof::streams(objects);
    for log in logs {
        let of_log = streams.values().flatten().filter(|segment| segment.says("service") == log.service);
        let stored: Vec<u8> = of_log.flat_map(|segment| segment.raw.clone()).collect();
        let count = streams.values().filter(|segments| segments[0].says("service") == log.service).count();
        assert!(count <= 1, "{}: {count} streams; {place}", log.service);
        assert!(stored.len() >= log.durable, "{}: {} bytes of {}; {place}", log.service, stored.len(), log.durable);
        assert!(log.written.starts_with(&stored), "{}: not what was written; {place}", log.service);
    }
    sandbox.nothing_left_behind();
    let put_aside = sandbox.files("state/damaged");
    assert!(put_aside.is_empty(), "{put_aside:?}; {place}");
    let logs = sandbox.files("log");
    assert!(logs.is_empty(), "{logs:?}; {place}");
}

fn hidden_files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = sandbox.files("store").into_iter();
    files.filter(|path| path.extension().is_some_and(|extension| extension == "tmp")).collect()
}

fn has_random_name(temporary: &Path) -> bool {
    let stem = temporary.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let random = stem.rsplit_once('.').map_or("", |(_, random)| random);
    random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn prove(sandbox: &Sandbox, judged: &Judged, logs: &[Log], what: &str) {
    let (times, slowest) = recover_from_each(sandbox, judged, logs);
    println!("{what}: {times} disks after a power loss, the slowest recovery took {slowest:?}");
    assert!(times > 0, "no disk was tried");
    tally::record(Group::Crashes, &format!("power loss, {what}"), Row::sound(times, slowest));
}

const WHOLE_WAY: &[&str] =
    &["claim", "unlink", "the unlink is durable", "put", "shipped", "object", "the record moves", "drop"];

#[test]
fn a_power_loss_while_a_log_that_nobody_holds_is_taken() {
    let sandbox = sandbox();
    sandbox.write_log("web.log", "one\ntwo\n");
    let judged = trace(&sandbox);
    judged.require(WHOLE_WAY);
    prove(&sandbox, &judged, &[Log::new("web", "one\ntwo\n")], "first run, one log");
}

#[test]
fn a_power_loss_while_a_stream_goes_on() {
    let sandbox = sandbox();
    sandbox.write_log("web.log", "one\n");
    run_quietly(&sandbox);
    sandbox.write_log("web.log", "two\n");
    let judged = trace(&sandbox);
    prove(&sandbox, &judged, &[Log::new("web", "one\ntwo\n")], "second segment of a stream");
}

#[test]
fn a_power_loss_while_a_log_is_taken_whose_writer_is_silent() {
    let sandbox = sandbox();
    let (_, writer) = open_log(&sandbox, "one\n");
    let judged = trace(&sandbox);
    judged.require(WHOLE_WAY);
    judged.require(&["held"]);
    drop(writer);
    prove(&sandbox, &judged, &[Log::new("web", "one\n")], "silent writer");
}

#[test]
fn a_power_loss_while_the_growth_of_an_unlinked_log_is_taken() {
    let sandbox = sandbox();
    let (_, mut writer) = open_log(&sandbox, "one\n");
    run_quietly(&sandbox);
    writer.write_all(b"two\n").expect("it grows");
    let judged = trace(&sandbox);
    judged.require(&["held", "shipped", "drop"]);
    drop(writer);
    // What was written to an inode without a name is gone with the power, unless it was copied.
    let log = Log { durable: 4, ..Log::new("web", "one\ntwo\n") };
    prove(&sandbox, &judged, &[log], "growth of an unlinked log");
}

#[test]
fn a_power_loss_while_several_logs_are_taken() {
    let sandbox = sandbox();
    for name in ["a.log", "b.log", "c.log"] {
        sandbox.write_log(name, format!("of {name}\n"));
    }
    let judged = trace(&sandbox);
    judged.require(WHOLE_WAY);
    let logs = [("a", "of a.log\n"), ("b", "of b.log\n"), ("c", "of c.log\n")];
    let logs = logs.map(|(service, written)| Log::new(service, written));
    prove(&sandbox, &judged, &logs, "three logs at once");
}

#[test]
fn a_power_loss_while_a_large_log_is_taken() {
    let sandbox = sandbox();
    let written = noise(700_000);
    sandbox.write_log("web.log", &written);
    let judged = trace(&sandbox);
    judged.require(WHOLE_WAY);
    prove(&sandbox, &judged, &[Log::new("web", written)], "a log of several blocks");
}

#[test]
fn a_power_loss_while_a_log_is_taken_that_its_writer_appends_to() {
    let sandbox = sandbox();
    // Its writer syncs what it writes: to the disk, all of the log was durable under its name from the start on.
    let log = sandbox.write_log("web.log", "one\ntwo\n");
    let mut judged = Judged::new(&sandbox, Store::Directory, Bytes::All);
    let mut writer = File::options().append(true).open(&log).expect("a log");
    writer.set_len(4).expect("its beginning");
    // It is copied; what comes now is in no part that is durable yet, and must be when the log is unlinked.
    let trace = trace_stopped_at(&sandbox, Point::CopiesDurable, || {
        writer.write_all(b"two\n").expect("it grows");
        drop(writer);
    });
    judged.follow(&trace, Bytes::All);
    judged.require(WHOLE_WAY);
    prove(&sandbox, &judged, &[Log::new("web", "one\ntwo\n")], "a log that grows between its copy and its unlink");
}

/// The trace of a run during which something is done at a point, while the run stands still.
fn trace_stopped_at(sandbox: &Sandbox, point: Point, act: impl FnOnce()) -> Trace {
    let reached = tempfile::NamedTempFile::new().expect("a file for the points");
    let mut run = run(sandbox);
    run.env("LOGFERRY_FAULT", format!("stop@{}", point.name())).env("LOGFERRY_FAULT_TRACE", reached.path());
    std::thread::scope(|scope| {
        let traced = scope.spawn(|| Trace::of(&run, Bytes::All));
        wait_until("the run comes to its point", || {
            let points = std::fs::read_to_string(reached.path()).expect("a file");
            assert!(!traced.is_finished(), "the run did not come to its point: {points}");
            points.lines().any(|line| line == point.name())
        });
        act();
        // It says that it has come to the point right before it stops itself there, and under strace its state doesn't
        // tell which of the two it is at: it is told to go on until it has gone on.
        wait_until("the run ends", || {
            if let Some(run) = process_of(sandbox) {
                // It may have ended meanwhile.
                let _ = kill(run, Signal::SIGCONT);
            }
            traced.is_finished()
        });
        let (ended, trace) = traced.join().expect("it is traced");
        ended.expect(0);
        trace
    })
}

/// The run of a sandbox: strace has the same directory, and is another program.
fn process_of(sandbox: &Sandbox) -> Option<Pid> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let is_it = |process: &PathBuf| {
        let leads_to = |name: &str, to: &Path| std::fs::read_link(process.join(name)).is_ok_and(|link| link == to);
        leads_to("cwd", &sandbox.path("")) && leads_to("exe", Path::new(env!("CARGO_BIN_EXE_logferry")))
    };
    let process = processes.map(|process| process.path()).find(is_it)?;
    process.file_name()?.to_str()?.parse().ok().map(Pid::from_raw)
}

#[test]
fn a_power_loss_while_a_killed_run_is_recovered_from() {
    for point in [
        "temporary-renamed",
        "claimed",
        "claims-durable",
        "copied",
        "copy-durable",
        "unlinked",
        "member-ended",
        "member-durable",
        "seal-recorded",
        "seal-renamed",
        "body-written",
        "metadata-put",
        "object-linked",
        "after-put",
        "marked-shipped",
        "record-kept",
        "dropped",
    ] {
        let sandbox = sandbox();
        sandbox.write_log("web.log", "one\n");
        let mut judged = Judged::new(&sandbox, Store::Directory, Bytes::All);
        let mut killed = run(&sandbox);
        let (ended, trace) = Trace::of(killed.env("LOGFERRY_FAULT", format!("kill@{point}")), Bytes::All);
        assert_ne!(ended.code, 0, "{point} was not reached");
        judged.follow(&trace, Bytes::All);
        // From the moment of the kill on.
        judged.after_each_step.drain(..judged.after_each_step.len() - 1);
        let (ended, trace) = Trace::of(&run(&sandbox), Bytes::All);
        ended.expect(0);
        judged.follow(&trace, Bytes::All);
        prove(&sandbox, &judged, &[Log::new("web", "one\n")], "recovery of a killed run");
    }
}

#[test]
fn a_run_that_was_killed_while_it_made_directories_leaves_none_that_is_taken_for_durable() {
    // The calls that make a directory, and what the killed run has not come to: the fsync of its parent.
    for made in ["state", "spool", "held", "streams", "service=web", "dt="] {
        let sandbox = sandbox();
        sandbox.write_log("web.log", "one\n");
        let mut judged = Judged::new(&sandbox, Store::Directory, Bytes::All);
        let (_, mut killed) = Trace::of(&run(&sandbox), Bytes::All);
        killed.cut_behind_the_making_of(made);
        judged.follow(&killed, Bytes::All);
        judged.disk.go_back_to_this();
        judged.after_each_step.clear();
        let (ended, trace) = Trace::of(&run(&sandbox), Bytes::All);
        ended.expect(0);
        judged.follow(&trace, Bytes::All);
        prove(&sandbox, &judged, &[Log::new("web", "one\n")], "after a run that was killed while it made directories");
    }
}

#[test]
fn the_order_of_steps_holds_for_a_bucket_too() {
    let sandbox = sandbox();
    let bucket = Bucket::with(&sandbox, Transport::Http, None);
    sandbox.write_log("web.log", "one\n");
    let (_, _writer) = open_log(&sandbox, "one\n");
    follow_bucket(&sandbox, &bucket, Bytes::All);
}

#[test]
fn the_order_of_steps_holds_for_an_upload_in_parts() {
    let sandbox = sandbox();
    let bucket = Bucket::with(&sandbox, Transport::Http, None);
    sandbox.write_log("web.log", noise(17_000_000));
    let judged = follow_bucket(&sandbox, &bucket, Bytes::Beginning);
    judged.require(&["a file gets its final name only when its bytes are durable"]);
}

fn follow_bucket(sandbox: &Sandbox, bucket: &Bucket, bytes: Bytes) -> Judged {
    let mut judged = Judged::new(sandbox, Store::Bucket, bytes);
    let (ended, trace) = Trace::of(run(sandbox).envs(bucket.env()), bytes);
    ended.expect(0);
    judged.follow(&trace, bytes);
    judged.require(&["claim", "unlink", "the unlink is durable", "put", "shipped", "the record moves", "drop"]);
    judged
}

fn run_quietly(sandbox: &Sandbox) {
    crate::support::finish(&mut run(sandbox)).quiet();
}

/// A log that a process holds open: this one.
fn open_log(sandbox: &Sandbox, text: &str) -> (PathBuf, File) {
    let path = sandbox.write_log("web.log", text);
    let file = File::options().append(true).open(&path).expect("a log");
    (path, file)
}

/// What hardly compresses.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33).to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
