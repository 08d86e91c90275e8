//! A place of its own for each test: directories, the binary, a bucket, writers.

pub(crate) mod archive;
pub(crate) mod autoscaling;
pub(crate) mod clock;
pub(crate) mod engines;
pub(crate) mod imds;
pub(crate) mod moto;
pub(crate) mod mount;
pub(crate) mod proof;
pub(crate) mod root;
pub(crate) mod tally;
pub(crate) mod trace;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use logferry::sys::fault::Point;
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::s3_server::{FaultHook, Options, S3Server, Transport};
use crate::stream;

/// The credentials of every test bucket.
pub(crate) const ACCESS_KEY: &str = "AKIDTEST";
pub(crate) const SECRET_KEY: &str = "a secret of the tests";

/// No step of a test takes longer; a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Directories of a test's own: `log`, `state`, `store`.
pub(crate) struct Sandbox {
    dir: TempDir,
    writers: Writers,
}

/// What a configuration means that says nothing of writers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writers {
    /// As for users: each run finds it out.
    Auto,
    /// They reopen their logs at a link count of 0, as Upstart's init and the tests' own writer do.
    Reopen,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// Fails the test unless the command ended with that code; prints what it said.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }

    /// Fails the test unless the command ended well and said nothing.
    #[track_caller]
    pub(crate) fn quiet(self) -> Self {
        let ended = self.expect(0);
        assert_eq!((String::from_utf8_lossy(&ended.stdout).as_ref(), ended.stderr.as_str()), ("", ""));
        ended
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Sandbox {
    /// A sandbox in memory, where there is such a file system: the tests' thousands of runs would spend most of their time in
    /// fsync. Tests of what depends on the file system mount one of that kind within it. For what does not depend on how a log
    /// is taken, or is about what `auto` does.
    pub(crate) fn new() -> Self {
        Self::in_dir(&memory(), Writers::Auto)
    }

    /// A sandbox on a disk, where there is one: what is told here of a log at full speed is to hold there first of all.
    pub(crate) fn on_disk() -> Self {
        Self::in_dir(&std::env::temp_dir(), Writers::Auto)
    }

    /// A sandbox for the protocol of DESIGN.md: its logs are claimed, unlinked and drained, whoever has them open.
    pub(crate) fn reopening() -> Self {
        Self::in_dir(&memory(), Writers::Reopen)
    }

    /// The same on a disk.
    pub(crate) fn reopening_on_disk() -> Self {
        Self::in_dir(&std::env::temp_dir(), Writers::Reopen)
    }

    /// A sandbox in that directory: for tests to which it matters what it is on.
    pub(crate) fn below(parent: &Path) -> Self {
        Self::in_dir(parent, Writers::Reopen)
    }

    fn in_dir(parent: &Path, writers: Writers) -> Self {
        let dir = tempfile::Builder::new().prefix("logferry-test-").tempdir_in(parent).expect("a temporary directory");
        for name in ["log", "store"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        let sandbox = Self { dir, writers };
        sandbox.config_file("");
        sandbox
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path("log").join(name)
    }

    /// Writes a log that nobody holds open.
    pub(crate) fn write_log(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.log(name);
        let _nobody_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
        std::fs::write(&path, bytes).expect("a log");
        path
    }

    /// The directory store of this sandbox, as `--to` takes it.
    pub(crate) fn directory(&self) -> String {
        format!("file://{}", self.path("store").display())
    }

    /// The binary, with an environment that holds nothing but this sandbox.
    pub(crate) fn logferry(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logferry"));
        command
            .env_clear()
            .env("HOME", self.dir.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("LOGFERRY_CONFIG", self.path("logferry.toml"))
            .env("LOGFERRY_STATE_DIR", self.path("state"))
            .env("LOGFERRY_TO", self.directory())
            .current_dir(self.dir.path());
        command
    }

    /// Runs the binary with these arguments.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        finish(self.logferry().args(args))
    }

    /// Runs `logferry run` on the whole log directory.
    pub(crate) fn run_all(&self) -> Ended {
        self.run([OsString::from("run"), self.path("log").into()])
    }

    /// Gives this sandbox's configuration that text; where it says nothing of writers, they are those of the sandbox.
    pub(crate) fn config_file(&self, text: &str) {
        let is_said = self.writers == Writers::Auto || text.contains("writer = ");
        let writer = if is_said { "" } else { "writer = \"reopens\"\n" };
        self.config_file_verbatim(&format!("{writer}{text}"));
    }

    /// Gives this sandbox's configuration just that text, for tests in which lines count.
    pub(crate) fn config_file_verbatim(&self, text: &str) {
        std::fs::write(self.path("logferry.toml"), text).expect("a configuration");
    }

    /// What is in a directory below this sandbox, all the way down, sorted; hidden files too.
    pub(crate) fn files(&self, name: &str) -> Vec<PathBuf> {
        let entries = walkdir::WalkDir::new(self.path(name)).min_depth(1).sort_by_file_name();
        let files = entries.into_iter().map(|entry| entry.expect("an entry"));
        files.filter(|entry| !entry.file_type().is_dir()).map(walkdir::DirEntry::into_path).collect()
    }

    /// Fails the test unless spool and log directory hold nothing of ours.
    #[track_caller]
    pub(crate) fn nothing_left_behind(&self) {
        let left = self.files("state/spool");
        assert!(left.is_empty(), "left in the spool: {left:?}");
        let claimed: Vec<_> =
            self.files("log").into_iter().filter(|path| path.to_string_lossy().ends_with(".claimed")).collect();
        assert!(claimed.is_empty(), "left in the log directory: {claimed:?}");
    }
}

/// A file system in memory, where there is one that has room for all tests: a container's may hold 64 MB.
pub(crate) fn memory() -> PathBuf {
    const ENOUGH: u64 = 4 << 30;
    let memory = Path::new("/dev/shm");
    let room = statvfs(memory).map_or(0, |found| found.blocks_available() * found.fragment_size());
    if room >= ENOUGH { memory.to_owned() } else { std::env::temp_dir() }
}

/// Bytes that don't compress, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    // Made once, and longer when more is asked for: a test may want megabytes of it a hundred times.
    static MADE: Mutex<(u64, Vec<u8>)> = Mutex::new((7, Vec::new()));
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let (state, bytes) = &mut *made;
    while bytes.len() < length {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Of such a generator only the upper half is as good as random.
        bytes.extend_from_slice(&state.to_le_bytes()[4..]);
    }
    bytes[..length].to_vec()
}

/// What a test has open, a process that another one starts has open for a moment too, until it becomes its program. A log that is
/// written while none is started is not seen to be in use.
static STARTING: RwLock<()> = RwLock::new(());

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Ended {
    let begin = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = {
        let _no_log_is_open = STARTING.read().unwrap_or_else(PoisonError::into_inner);
        command.spawn()
    };
    ended(child.expect("the command starts"), begin)
}

fn ended(child: Child, begin: Instant) -> Ended {
    let output = child.wait_with_output().expect("the command ends");
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: begin.elapsed(),
    }
}

/// A run that has stopped itself at a named point.
pub(crate) struct Stopped {
    child: Child,
}

impl Stopped {
    /// Starts a run and returns when it has come to that point for the `count`th time.
    #[track_caller]
    pub(crate) fn at(point: Point, count: u32, mut run: Command) -> Self {
        run.env("LOGFERRY_FAULT", format!("stop@{}#{count}", point.name()));
        run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = run.spawn().expect("the run starts");
        let stat = format!("/proc/{}/stat", child.id());
        wait_until("the run stops at its point", || {
            assert!(child.try_wait().expect("its state").is_none(), "the run did not come to {}", point.name());
            std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))
        });
        Self { child }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it go on, to its end.
    pub(crate) fn go_on(self) -> Ended {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGCONT).expect("it lives");
        ended(self.child, Instant::now())
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An S3 server with one bucket, `logs`.
pub(crate) struct Bucket {
    pub(crate) server: S3Server,
}

impl Bucket {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, Transport::Http, None)
    }

    pub(crate) fn with(sandbox: &Sandbox, transport: Transport, fault: Option<FaultHook>) -> Self {
        let (access_key, secret_key) = (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned());
        let options = Options { root: sandbox.path("s3"), access_key, secret_key, port: 0, transport, fault };
        let server = S3Server::start(options).expect("the S3 server starts");
        server.create_bucket("logs").expect("a bucket");
        Self { server }
    }

    /// What the binary must know to use this bucket.
    pub(crate) fn env(&self) -> Vec<(&'static str, OsString)> {
        let mut env: Vec<(&'static str, OsString)> = vec![
            ("LOGFERRY_TO", "s3://logs/fleet".into()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into()),
            ("AWS_REGION", "eu-central-1".into()),
            ("AWS_ENDPOINT_URL", self.server.endpoint().into()),
        ];
        env.extend(self.server.ca_pem().map(|ca| ("AWS_CA_BUNDLE", ca.into())));
        env
    }

    /// Runs the binary against this bucket.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, sandbox: &Sandbox, args: impl IntoIterator<Item = S>) -> Ended {
        finish(sandbox.logferry().envs(self.env()).args(args))
    }

    /// Runs `logferry run` on the whole log directory.
    pub(crate) fn run_all(&self, sandbox: &Sandbox) -> Ended {
        self.run(sandbox, [OsString::from("run"), sandbox.path("log").into()])
    }
}

/// A program that the tests' package builds beside the binary.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_logferry")).with_file_name("examples").join(name);
    assert!(path.exists(), "{} is missing: build it with cargo build --examples", path.display());
    path
}

/// A program that the tests' package builds, under another name: the kernel knows a process by the file that it runs, not by
/// a link to it. It is there until the directory is dropped.
pub(crate) fn example_called(name: &str, called: &str) -> (PathBuf, TempDir) {
    let program = example(name);
    let directory = tempfile::tempdir_in(program.parent().expect("a directory")).expect("a directory beside it");
    let path = directory.path().join(called);
    std::fs::hard_link(&program, &path).expect("a link beside it");
    (path, directory)
}

/// A process that writes logs as Upstart's init does.
pub(crate) struct Writer {
    child: Child,
    report: PathBuf,
}

/// What a writer says it wrote into one log.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Written {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) reopened: u64,
    pub(crate) late_writes: u64,
}

#[derive(serde::Deserialize)]
struct WriterReport {
    logs: Vec<Written>,
}

impl Writer {
    /// Starts a writer for these logs; returns when each has its first line.
    pub(crate) fn start(sandbox: &Sandbox, args: &[&str], logs: &[PathBuf]) -> Self {
        use std::io::Read;
        let report = sandbox.path(format!("writer-{}.json", logs[0].file_name().unwrap_or_default().display()));
        let mut command = Command::new(example("upstart-writer"));
        command.args(args).arg("--report").arg(&report).args(logs).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the writer starts");
        let mut ready = [0; 6];
        child.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("the writer gets ready");
        Self { child, report }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, signal).expect("the writer lives");
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has a silent writer write once more to each log; returns when it has.
    pub(crate) fn turn(&self) {
        let total = || self.written().iter().map(|log| log.bytes).sum::<u64>();
        self.signal(Signal::SIGUSR2);
        wait_until("the writer has reported", || self.report.exists());
        let before = total();
        self.signal(Signal::SIGUSR1);
        wait_until("the writer has written", || {
            self.signal(Signal::SIGUSR2);
            total() > before
        });
        // What the report says may be of the middle of the turn.
        let mut last = 0;
        wait_until("the writer is silent again", || {
            std::thread::sleep(Duration::from_millis(10));
            self.signal(Signal::SIGUSR2);
            std::mem::replace(&mut last, total()) == last
        });
    }

    fn written(&self) -> Vec<Written> {
        let json = std::fs::read(&self.report).expect("the writer's report");
        serde_json::from_slice::<WriterReport>(&json).expect("a sound report").logs
    }

    /// Ends the writer; returns what it wrote into each log.
    pub(crate) fn stop(mut self) -> Vec<Written> {
        self.signal(Signal::SIGTERM);
        self.child.wait().expect("the writer ends");
        self.written()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fails the test unless `logferry cat` gives back exactly what the writer wrote.
#[track_caller]
pub(crate) fn assert_whole(mut cat: Command, written: &Written) {
    let mut child = cat.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("logferry starts");
    let output = child.stdout.take().expect("a pipe");
    let checked = stream::check(&written.name, output, written.bytes);
    let status = child.wait().expect("logferry ends");
    match checked {
        Ok(checked) => assert_eq!((checked.bytes, checked.lines), (written.bytes, written.lines)),
        Err(difference) => panic!("{}: {difference}", written.path),
    }
    assert!(status.success(), "{status}");
}
