//! A service that is killed at full speed, in the middle of a write, and started again, as systemd does with
//! `StandardOutput=append:`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::stream::Stream;
use crate::support::example;

/// The sizes of its writes, taken in turn.
const WRITES: [u64; 2] = [300, 70_000];

/// Bytes that one life writes at most, however busy the machine is.
const MOST_OF_A_LIFE: &str = "200000";

/// How long the service is down between two lives.
const DOWN: Duration = Duration::from_millis(60);

/// What a writer says on its output when it has begun; it goes through `write`, too.
const READY: &[u8; 6] = b"ready\n";

/// The service, restarted until it is told to end.
pub(crate) struct Restarted {
    stop: Arc<AtomicBool>,
    supervisor: JoinHandle<Vec<u64>>,
    name: String,
}

impl Restarted {
    pub(crate) fn start(log: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, path) = (Arc::clone(&stop), log.to_owned());
        let supervisor = std::thread::spawn(move || {
            let mut lives = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                // From before the first write is through to long after it.
                lives.push(life(&path, Duration::from_micros(lives.len() as u64 * 137 % 1500)));
                std::thread::sleep(DOWN);
            }
            lives
        });
        let name = log.file_name().expect("a name").to_string_lossy().into_owned();
        Self { stop, supervisor, name }
    }

    /// All that reached the log, by the kernel's count, in how many lives, and how many of these were cut short in a write.
    pub(crate) fn stop(self) -> (Vec<u8>, usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let lives = self.supervisor.join().expect("no panic");
        let (mut all, mut cut) = (Vec::new(), 0);
        for written in &lives {
            cut += usize::from(!(0..WRITES.len()).any(|whole| {
                written
                    .checked_sub(WRITES[..whole].iter().sum())
                    .is_some_and(|rest| rest % WRITES.iter().sum::<u64>() == 0)
            }));
            let begin = all.len();
            let written = usize::try_from(*written).expect("it fits in memory");
            Stream::new(&self.name).fill(&mut all, written);
            all.truncate(begin + written);
        }
        (all, lives.len(), cut)
    }
}

/// One life: it writes as fast as it can, and is killed that long after its first write. How many bytes it wrote.
fn life(log: &PathBuf, lasts: Duration) -> u64 {
    let mut service = Command::new(example("upstart-writer"));
    service
        .args([
            "--never-reopens",
            "--writes-of",
            &WRITES.map(|size| size.to_string()).join(","),
            "--idle-after",
            MOST_OF_A_LIFE,
        ])
        .arg("--report");
    service.arg("/dev/null").arg(log).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut service = service.spawn().expect("it starts");
    let mut ready = [0; READY.len()];
    service.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("it gets ready");
    std::thread::sleep(lasts);
    service.kill().expect("it lives");
    let pid = Pid::from_raw(i32::try_from(service.id()).expect("a pid"));
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).expect("it ends");
    // Its count stays until it is waited for (proc_pid_io(5)); a write that was cut short counts with what it wrote.
    let counts = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("the kernel counts what a process writes");
    service.wait().expect("it has ended");
    let written = counts.lines().find_map(|line| line.strip_prefix("wchar: ")).expect("bytes written");
    written.parse::<u64>().expect("a number") - READY.len() as u64
}
