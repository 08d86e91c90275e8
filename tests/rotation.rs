//! Logs are taken from under writers that keep Upstart's contract; every byte comes back, once and in order.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::proof::{self, Comparison, Content};
use crate::support::{Bucket, Sandbox, Writer, Written, assert_whole, noise, wait_until};

fn cat(sandbox: &Sandbox, service: &str) -> Command {
    let mut cat = sandbox.logferry();
    cat.args(["cat", service]);
    cat
}

fn cat_from(bucket: &Bucket, sandbox: &Sandbox, service: &str) -> Command {
    let mut cat = cat(sandbox, service);
    cat.envs(bucket.env());
    cat
}

/// For the table of what was tried.
fn tally(what: &str, rotations: usize, written: &[Written]) {
    let (bytes, lines): (u64, u64) = written.iter().fold((0, 0), |(b, l), log| (b + log.bytes, l + log.lines));
    let late: u64 = written.iter().map(|log| log.late_writes).sum();
    println!(
        "tally: {what}: {rotations} rotations, {bytes} bytes, {lines} lines, {late} late writes, 0 lost, 0 doubled"
    );
}

#[test]
fn a_hundred_rotations_under_a_writer_at_full_speed() {
    let sandbox = Sandbox::reopening_on_disk();
    let bucket = Bucket::new(&sandbox);
    // Writes of many sizes, in bursts as fast as the disk takes them; between two bursts a moment of silence, so that
    // the volume stays bounded where the machine is busy with other things.
    let args = ["--writes-of", "80,4096,70000,400000", "--burst", "500000", "--every", "40"];
    let writer = Writer::start(&sandbox, &args, &[sandbox.log("web.log")]);
    for _ in 0..100 {
        bucket.run_all(&sandbox).quiet();
    }
    let written = writer.stop();
    bucket.run_all(&sandbox).quiet();
    assert_whole(cat_from(&bucket, &sandbox, "web"), &written[0]);
    sandbox.nothing_left_behind();
    assert!(written[0].reopened >= 90, "the log was hardly ever taken: {written:?}");
    tally("full speed", 100, &written);
}

#[test]
fn a_write_that_lands_after_the_unlink_is_drained() {
    let sandbox = Sandbox::reopening_on_disk();
    // Between the writer's look at the link count and its write lie 30 ms: often the unlink falls into them.
    let args = ["--writes-of", "20000", "--every", "5", "--pause-before-write", "30"];
    let writer = Writer::start(&sandbox, &args, &[sandbox.log("web.log")]);
    let (begin, mut runs) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_secs(5) {
        sandbox.run_all().quiet();
        runs += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    let written = writer.stop();
    sandbox.run_all().quiet();
    assert_whole(cat(&sandbox, "web"), &written[0]);
    sandbox.nothing_left_behind();
    assert!(written[0].late_writes > 0, "no write landed late, so nothing was tried: {written:?}");
    tally("delayed writes", runs, &written);
}

#[test]
fn huge_buffered_writes_come_back_whole() {
    let sandbox = Sandbox::reopening_on_disk();
    let args = ["--writes-of", "16777216,300", "--every", "400", "--pause-before-write", "3"];
    let writer = Writer::start(&sandbox, &args, &[sandbox.log("web.log")]);
    for _ in 0..10 {
        sandbox.run_all().quiet();
    }
    let written = writer.stop();
    sandbox.run_all().quiet();
    assert_whole(cat(&sandbox, "web"), &written[0]);
    tally("writes of 16 MiB", 10, &written);
}

#[test]
fn a_silent_writer_is_not_waited_for_and_goes_on_later() {
    let sandbox = Sandbox::reopening();
    let writer = Writer::start(&sandbox, &["--idle-after", "50000"], &[sandbox.log("quiet.log")]);
    let begin = Instant::now();
    sandbox.run_all().quiet();
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(6), "settled after {took:?}");
    assert_eq!(sandbox.files("state/held").len(), 1, "the inode is remembered");

    // It holds the unlinked inode still, and has written nothing: nothing to do, nothing to say.
    sandbox.run_all().quiet();
    // At its next output it reopens, as Upstart does; the inode is let go.
    writer.signal(Signal::SIGUSR1);
    wait_until("the log is there again", || sandbox.log("quiet.log").exists());
    sandbox.run_all().quiet();
    let written = writer.stop();
    sandbox.run_all().quiet();
    assert_whole(cat(&sandbox, "quiet"), &written[0]);
    sandbox.nothing_left_behind();
    assert_eq!(sandbox.files("state/held").len(), 0, "no writer is left that could hold it");
}

#[test]
fn growth_of_an_inode_that_its_writer_never_reopens_is_shipped_by_the_next_run() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.log("stubborn.log");
    // A plain `>>` redirect: it opens once and never looks at the link count.
    let script = format!("exec >> '{}'; echo one; read go; echo two; read go; echo three; read go", log.display());
    let mut child = Command::new("sh").args(["-c", &script]).stdin(std::process::Stdio::piped()).spawn().expect("sh");
    let mut go = child.stdin.take().expect("a pipe");
    wait_until("it has written", || std::fs::metadata(&log).is_ok_and(|log| log.len() == 4));
    sandbox.run_all().quiet();
    let mut say_on = |expected: &str| {
        use std::io::Write;
        writeln!(go, "go").expect("sh reads");
        // No path leads there any more: the next run must find it by itself.
        std::thread::sleep(Duration::from_millis(300));
        let ended = sandbox.run_all().expect(0);
        assert!(ended.stderr.contains("stubborn.log: sh (pid"), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
        assert_eq!(sandbox.run(["cat", "stubborn"]).expect(0).text(), expected);
    };
    say_on("one\ntwo\n");
    say_on("one\ntwo\nthree\n");
    drop(go);
    child.wait().expect("sh ends");
    // Nobody can say what it wrote last.
    let ended = sandbox.run_all().expect(0);
    assert!(ended.stderr.contains("stubborn.log: not known to be complete"), "{}", ended.stderr);
    sandbox.run_all().quiet();
    assert_eq!(sandbox.run(["cat", "stubborn"]).expect(0).text(), "one\ntwo\nthree\n");
    sandbox.nothing_left_behind();
    assert_eq!(sandbox.files("state/held").len(), 0);
}

#[test]
fn two_hundred_logs_settle_side_by_side() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    let logs: Vec<_> = (0..200).map(|n| sandbox.log(format!("job-{n:03}.log"))).collect();
    let writer = Writer::start(&sandbox, &["--idle-after", "30000"], &logs);
    let begin = Instant::now();
    bucket.run_all(&sandbox).quiet();
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(20), "the settle time was paid more than once: {took:?}");
    let written = writer.stop();
    for log in &written {
        let service = log.name.strip_suffix(".log").expect("a log");
        assert_whole(cat_from(&bucket, &sandbox, service), log);
    }
    sandbox.nothing_left_behind();
    tally("200 logs", 1, &written);
}

#[test]
fn few_open_files_are_enough_for_many_logs() {
    let sandbox = Sandbox::reopening();
    for n in 0..300 {
        sandbox.write_log(format!("job-{n:03}.log"), format!("line of {n}\n"));
    }
    let mut command = Command::new("sh");
    let run = "ulimit -n 64; exec \"$0\" \"$@\"";
    command.args(["-c", run, env!("CARGO_BIN_EXE_logferry"), "run"]).arg(sandbox.path("log"));
    command.envs([("LOGFERRY_TO", sandbox.directory()), ("AWS_EC2_METADATA_DISABLED", "true".to_owned())]);
    command.env("LOGFERRY_STATE_DIR", sandbox.path("state")).env("LOGFERRY_CONFIG", sandbox.path("logferry.toml"));
    crate::support::finish(&mut command).quiet();
    assert_eq!(sandbox.run(["ls"]).expect(0).text().lines().count(), 300);
}

#[test]
fn an_empty_directory_and_empty_logs_are_nothing_to_do_without_any_request() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    bucket.run_all(&sandbox).quiet();
    for n in 0..1000 {
        sandbox.write_log(format!("{n}.log"), "");
    }
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.server.requests().len(), 0);
    assert_eq!(sandbox.files("log").len(), 1000, "empty logs stay");
}

#[test]
fn shipping_takes_one_request_for_a_segment() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    for n in 0..5 {
        sandbox.write_log(format!("{n}.log"), "a line\n");
    }
    bucket.run_all(&sandbox).quiet();
    let requests = bucket.server.requests();
    let lines: Vec<_> = requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("PUT /logs/fleet/service")), "{lines:?}");
}

#[test]
fn a_bucket_behind_https_with_a_certificate_of_its_own_authority() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::with(&sandbox, crate::s3_server::Transport::Https(sandbox.path("")), None);
    sandbox.write_log("web.log", "over https\n");
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.run(&sandbox, ["cat", "web"]).expect(0).text(), "over https\n");
}

#[test]
fn the_same_log_by_two_names_is_taken_once() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "once\n");
    let (path, pattern) = (sandbox.log("web.log"), sandbox.log("*.log"));
    let args: [OsString; 4] = ["run".into(), path.into(), pattern.into(), sandbox.path("log").into()];
    sandbox.run(args).quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "once\n");
}

/// Appends a piece whenever as much was copied since the last one, until its log is unlinked: as a writer does that is as
/// fast as the compressor. Returns how many pieces those were.
fn keep_up_with(part: impl Fn() -> Option<PathBuf>, mut log: File, piece: &[u8], most: usize) -> usize {
    let (mut appended, mut copied_before) = (0, 0);
    let copied = || part().and_then(|part| Some(part.metadata().ok()?.len())).unwrap_or_default();
    while appended < most && log.metadata().expect("it is open").nlink() > 0 {
        let now = copied();
        if now >= copied_before + piece.len() as u64 {
            log.write_all(piece).expect("room for it");
            (appended, copied_before) = (appended + 1, now);
        }
        std::thread::yield_now();
    }
    appended
}

/// Seen on a busy machine: a copy went on to what was the end of the log by then, and so on, and the log grew by gigabytes
/// before it was unlinked, which alone makes its writer turn to a new file.
#[test]
fn a_writer_that_is_as_fast_as_the_compressor_does_not_keep_a_run_at_one_log() {
    const PIECE: usize = 1 << 20;
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\nwriter = \"reopens\"\n");
    let first = noise(4 * PIECE);
    let path = sandbox.write_log("web.log", &first);
    let log = File::options().append(true).open(path).expect("the log");
    let spool = sandbox.path("state/spool");
    let part = || {
        let names = std::fs::read_dir(&spool).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        names.into_iter().find(|path| path.extension().is_some_and(|end| end == "part"))
    };
    let piece = noise(PIECE);
    let (run, appended) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| keep_up_with(part, log, &piece, 64));
        let run = sandbox.run_all();
        (run, writer.join().expect("it does not fail"))
    });
    run.expect(0);
    // As many as there were at first, and as many again while these were copied.
    assert!((1..=12).contains(&appended), "{appended} pieces were appended before the log was unlinked");
    let content = Content::new("web", [first, piece.repeat(appended)].concat());
    let Comparison { lost, doubled, gaps } =
        proof::compare_all(proof::of_directory(&sandbox.path("store")), &[content]);
    assert_eq!((lost, doubled), (0, 0), "{gaps:?}");
}
