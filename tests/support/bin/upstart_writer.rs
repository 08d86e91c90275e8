//! Writes logs exactly as Upstart's init does, with content that a test can check to the byte.
//!
//! Promise (Upstart 1.13.2, `init/log.c`, seen with strace): one thread serves all logs in turn; before
//! **every** write it calls `fstat`, and only when `st_nlink` is 0 it closes and opens the path again, with
//! `O_WRONLY|O_CREAT|O_APPEND|O_NONBLOCK|O_NOFOLLOW|O_CLOEXEC`, 0740 under umask 0117. Nothing else makes it
//! let go, so a deleted log lives on until the next output, and between the two system calls a write can
//! land in an inode that was just deleted (`--pause-before-write` widens that gap).
//!
//! Flow: open all logs, then turn after turn, one write (or one `--burst`) to each log. `ready` on stdout
//! follows the first turn. Other writers are played on demand: `--never-reopens`, `--reopens-at-hup`. SIGUSR1 wakes an idle writer for one turn, SIGUSR2 writes the report, SIGTERM
//! and SIGINT end it after the write in hand; the report is written then.
//!
//! How it fails: a failed write (ENOSPC) drops its output and closes the log, as init does; the report
//! counts it. A log that can't be opened keeps its output in memory until it can.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

#[path = "../stream.rs"]
mod stream;

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat, umask};
use nix::unistd::write;
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

use stream::Stream;

/// How quickly a sleeping writer notices a signal.
const NAP: Duration = Duration::from_millis(2);

/// Writes logs as Upstart does.
#[derive(Parser)]
struct Arguments {
    /// Sizes of the writes, taken in turn.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "4096")]
    writes_of: Vec<usize>,
    /// Pause between turns.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    every: u64,
    /// Pause between fstat and write.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pause_before_write: u64,
    /// Only each Nth write pauses.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pause_each: u64,
    /// What one turn writes to one log, in writes of the given sizes [default: one write].
    #[arg(long, value_name = "BYTES")]
    burst: Option<usize>,
    /// After so many bytes to each log, keep it open and silent.
    #[arg(long, value_name = "BYTES")]
    idle_after: Option<u64>,
    /// After so many bytes to each log, exit.
    #[arg(long, value_name = "BYTES", conflicts_with = "idle_after")]
    limit: Option<u64>,
    /// Never look at the link count: what a plain `>>` redirect does.
    #[arg(long)]
    never_reopens: bool,
    /// Let go of the logs at SIGHUP only, and open them anew at the next output, as rsyslogd does.
    #[arg(long, conflicts_with = "never_reopens")]
    reopens_at_hup: bool,
    /// Bytes a second to all logs together.
    #[arg(long, value_name = "BYTES")]
    rate: Option<u64>,
    /// Names of the content, in the order of the logs [default: their file names].
    #[arg(long)]
    name: Vec<String>,
    /// Where the report goes.
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    report: Option<PathBuf>,
    /// Write nothing: compare stdin with so many bytes of the content of this name.
    #[arg(long, num_args = 2, value_names = ["NAME", "BYTES"], conflicts_with = "report")]
    check: Option<Vec<String>>,
    #[arg(required_unless_present = "check")]
    logs: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.check {
        Some(words) => compare(words),
        None => Writer::new(arguments).and_then(Writer::run),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("upstart-writer: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn compare(words: &[String]) -> Outcome<()> {
    let checked = stream::check(&words[0], std::io::stdin().lock(), words[1].parse()?)?;
    println!("{} bytes, {} lines", checked.bytes, checked.lines);
    Ok(())
}

/// What the report tells about one log.
#[derive(Default, Serialize)]
struct Tally {
    /// Lossy, for people to read.
    path: String,
    /// The name of its content.
    name: String,
    bytes: u64,
    /// Line ends among these bytes.
    lines: u64,
    reopened: u64,
    /// Writes behind which `st_nlink` was 0 though it wasn't before: they landed in a deleted inode, or
    /// the deletion followed so closely that it makes no difference.
    late_writes: u64,
    failed_writes: u64,
    dropped_bytes: u64,
    slowest_write_us: u64,
}

struct Log {
    path: PathBuf,
    stream: Stream,
    file: Option<OwnedFd>,
    /// Output that is not written yet.
    output: Vec<u8>,
    /// How much of the content was taken: written, dropped or still in `output`.
    produced: u64,
    reopens: Reopens,
    tally: Tally,
}

/// When a writer lets go of its log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reopens {
    AtLinkCountOf0,
    AtHup,
    Never,
}

impl Log {
    fn new(path: PathBuf, name: Option<String>, reopens: Reopens) -> Self {
        let file_name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        let name = name.unwrap_or_else(|| file_name.into_owned());
        let tally = Tally { path: path.to_string_lossy().into_owned(), name: name.clone(), ..Tally::default() };
        Self { path, stream: Stream::new(&name), file: None, output: Vec::new(), produced: 0, reopens, tally }
    }

    fn open(&mut self) -> nix::Result<()> {
        let flags = OFlag::O_WRONLY
            | OFlag::O_CREAT
            | OFlag::O_APPEND
            | OFlag::O_NONBLOCK
            | OFlag::O_NOFOLLOW
            | OFlag::O_CLOEXEC;
        self.file = Some(open(&self.path, flags, Mode::from_bits_truncate(0o740))?);
        Ok(())
    }

    fn produce(&mut self, bytes: usize) {
        let mut fresh = vec![0; bytes];
        self.stream.read_exact(&mut fresh).expect("the stream never ends");
        self.output.append(&mut fresh);
        self.produced += bytes as u64;
    }

    /// Writes all output, checking before each write, also before the rest of a partial one.
    fn flush(&mut self, gap: &mut Gap) {
        while !self.output.is_empty() {
            if self.reopens == Reopens::AtLinkCountOf0 && self.file.as_ref().is_some_and(is_unlinked) {
                self.file = None;
                self.tally.reopened += 1;
            }
            if self.file.is_none() && self.open().is_err() {
                return; // kept in memory: tried again in the next turn
            }
            gap.pause();
            self.write_once();
        }
    }

    fn write_once(&mut self) {
        let Some(file) = &self.file else { return };
        let start = Instant::now();
        let result = write(file, &self.output);
        let took = start.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
        self.tally.slowest_write_us = self.tally.slowest_write_us.max(took);
        match result {
            Ok(count) => {
                self.tally.late_writes += u64::from(is_unlinked(file));
                self.tally.bytes += count as u64;
                self.tally.lines += memchr::memchr_iter(b'\n', &self.output[..count]).count() as u64;
                self.output.drain(..count);
            }
            Err(_) => {
                self.tally.failed_writes += 1;
                self.tally.dropped_bytes += self.output.len() as u64;
                self.output.clear();
                self.file = None;
            }
        }
    }
}

fn is_unlinked(file: &OwnedFd) -> bool {
    fstat(file).is_ok_and(|status| status.st_nlink == 0)
}

/// The pause between fstat and write.
struct Gap {
    pause: Duration,
    each: u64,
    writes: u64,
}

impl Gap {
    fn pause(&mut self) {
        self.writes += 1;
        if !self.pause.is_zero() && self.writes.is_multiple_of(self.each) {
            std::thread::sleep(self.pause);
        }
    }
}

struct Signals {
    stop: Arc<AtomicBool>,
    wake: Arc<AtomicBool>,
    report: Arc<AtomicBool>,
    /// How often SIGHUP has come.
    hups: Arc<AtomicUsize>,
}

impl Signals {
    fn register() -> std::io::Result<Self> {
        let flag = |signals: &[i32]| {
            let flag = Arc::new(AtomicBool::new(false));
            for signal in signals {
                signal_hook::flag::register(*signal, Arc::clone(&flag))?;
            }
            Ok::<_, std::io::Error>(flag)
        };
        let hups = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&hups);
        let count = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        // SAFETY: adding to an atomic number is all that is done in the handler.
        #[expect(unsafe_code, reason = "flags forget how often a signal came")]
        unsafe {
            signal_hook::low_level::register(SIGHUP, count)?
        };
        Ok(Self { stop: flag(&[SIGTERM, SIGINT])?, wake: flag(&[SIGUSR1])?, report: flag(&[SIGUSR2])?, hups })
    }
}

struct Writer {
    logs: Vec<Log>,
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
    burst: Option<usize>,
    every: Duration,
    gap: Gap,
    /// How much each log gets before the writer falls silent or exits.
    goal: Option<u64>,
    at_goal: AtGoal,
    rate: Option<u64>,
    report: PathBuf,
    signals: Signals,
    /// How many of the SIGHUPs were heeded.
    heeded: usize,
}

#[derive(PartialEq, Eq)]
enum AtGoal {
    Idle,
    Exit,
}

impl Writer {
    fn new(arguments: Arguments) -> Outcome<Self> {
        if arguments.writes_of.contains(&0) || arguments.pause_each == 0 {
            return Err("sizes and counts must not be 0".into());
        }
        umask(Mode::from_bits_truncate(0o117));
        let mut names = arguments.name.into_iter();
        let reopens = match () {
            () if arguments.never_reopens => Reopens::Never,
            () if arguments.reopens_at_hup => Reopens::AtHup,
            () => Reopens::AtLinkCountOf0,
        };
        let log = |path| Log::new(path, names.next(), reopens);
        let mut logs: Vec<_> = arguments.logs.into_iter().map(log).collect();
        for log in &mut logs {
            match log.open() {
                // Somebody has a lease on it at this moment: it is tried again in the next turn.
                Ok(()) | Err(nix::errno::Errno::EAGAIN) => {}
                Err(error) => return Err(format!("can't open {}: {error}", log.path.display()).into()),
            }
        }
        let pause = Duration::from_millis(arguments.pause_before_write);
        Ok(Self {
            logs,
            sizes: arguments.writes_of.into_iter().cycle(),
            burst: arguments.burst,
            every: Duration::from_millis(arguments.every),
            gap: Gap { pause, each: arguments.pause_each, writes: 0 },
            goal: arguments.idle_after.or(arguments.limit),
            at_goal: if arguments.limit.is_some() { AtGoal::Exit } else { AtGoal::Idle },
            rate: arguments.rate,
            report: arguments.report.ok_or("--report is missing")?,
            signals: Signals::register()?,
            heeded: 0,
        })
    }

    fn run(mut self) -> Outcome<()> {
        let start = Instant::now();
        self.turn();
        writeln!(std::io::stdout(), "ready")?;
        while !self.stopped() {
            let done = self.logs.iter().all(|log| self.missing(log) == 0 && log.output.is_empty());
            if done && self.at_goal == AtGoal::Exit {
                break;
            }
            if done {
                self.idle()?;
            } else {
                self.wait(self.every.max(self.ahead(start)))?;
            }
            self.turn();
        }
        self.write_report()
    }

    /// Lets go of all logs, if SIGHUP has come; they are opened anew at their next output.
    fn heed_hups(&mut self) {
        let hups = self.signals.hups.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.heeded, hups) != hups {
            for log in self.logs.iter_mut().filter(|log| log.reopens == Reopens::AtHup) {
                log.file = None;
                log.tally.reopened += 1;
            }
        }
    }

    /// One write, or one burst, to each log.
    fn turn(&mut self) {
        for index in 0..self.logs.len() {
            let mut rest = self.missing(&self.logs[index]);
            rest = rest.min(self.burst.map_or(u64::MAX, |burst| burst as u64));
            loop {
                let size = self.sizes.next().expect("there is at least one size");
                let size = size.min(usize::try_from(rest).unwrap_or(usize::MAX));
                self.heed_hups();
                let log = &mut self.logs[index];
                log.produce(size);
                log.flush(&mut self.gap);
                rest -= size as u64;
                if self.burst.is_none() || rest == 0 || self.stopped() {
                    break;
                }
            }
        }
    }

    fn missing(&self, log: &Log) -> u64 {
        self.goal.map_or(u64::MAX, |goal| goal.saturating_sub(log.produced))
    }

    /// Silent until a signal; SIGUSR1 moves the goal by one turn.
    fn idle(&mut self) -> Outcome<()> {
        while !self.stopped() {
            if self.signals.wake.swap(false, Ordering::Relaxed) {
                let turn = self.burst.or_else(|| self.sizes.clone().next()).unwrap_or_default();
                self.goal = self.goal.map(|goal| goal + turn as u64);
                return Ok(());
            }
            self.wait(NAP)?;
        }
        Ok(())
    }

    fn wait(&mut self, time: Duration) -> Outcome<()> {
        let end = Instant::now() + time;
        while !self.stopped() {
            self.heed_hups();
            if self.signals.report.swap(false, Ordering::Relaxed) {
                self.write_report()?;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(NAP));
        }
        Ok(())
    }

    /// How far the writer is ahead of its rate.
    fn ahead(&self, start: Instant) -> Duration {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else {
            return Duration::ZERO;
        };
        let produced: u64 = self.logs.iter().map(|log| log.produced).sum();
        Duration::from_secs_f64(produced as f64 / rate as f64).saturating_sub(start.elapsed())
    }

    fn stopped(&self) -> bool {
        self.signals.stop.load(Ordering::Relaxed)
    }

    fn write_report(&self) -> Outcome<()> {
        let tallies: Vec<_> = self.logs.iter().map(|log| &log.tally).collect();
        let text = serde_json::to_vec_pretty(&serde_json::json!({ "logs": tallies, "hups": self.heeded }))?;
        replace(&self.report, &text).map_err(|error| format!("can't write {}: {error}", self.report.display()).into())
    }
}

fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    // What is no file is written to: as root, a rename would put a file in the place of /dev/null, for all programs to read.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, text);
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    fs::write(&temporary, text)?;
    fs::rename(&temporary, path)
}
