//! Programs of the system, run with nothing of our environment and to their end.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::failure::{Context, Failure, Result};
use super::walk;

/// Where programs of the system are; also what they find as their `PATH`.
const DIRECTORIES: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// No program of the system that we call takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that nobody but root and us can change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program(PathBuf);

/// How a program ended, and what it printed.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Both outputs as one text, for a message.
    pub fn said(&self) -> String {
        let text = format!("{}{}", String::from_utf8_lossy(&self.stderr), String::from_utf8_lossy(&self.stdout));
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

impl Program {
    /// The program of that name of this system; `None` where there is none. The caller's `PATH` is not asked.
    ///
    /// # Errors
    /// Where there is one that others could have put there.
    pub fn find(name: &str) -> Result<Option<Self>> {
        for directory in DIRECTORIES.split(':') {
            let path = Path::new(directory).join(name);
            match walk::trusted_program(Path::new("/"), &path) {
                Ok(_) => return Ok(Some(Self(path))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::new("run", path, error)),
            }
        }
        Ok(None)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Runs it to its end. It reads nothing, speaks English, and finds nothing of our environment.
    ///
    /// # Errors
    /// Where it can't be started, or doesn't end within two minutes: it is killed then.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Output> {
        self.run_within(args, PATIENCE)
    }

    /// As [`Self::run`], with a time of the caller's. It is the first of a process group of its own: what it has started is
    /// killed with it.
    ///
    /// # Errors
    /// As [`Self::run`]; `TimedOut` where the time has passed.
    pub fn run_within<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, longest: Duration) -> Result<Output> {
        let mut command = Command::new(&self.0);
        command.args(args).env_clear().env("PATH", DIRECTORIES).env("LC_ALL", "C").current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().doing("start", &self.0)?;
        let (stdout, stderr) = (Reader::of(child.stdout.take()), Reader::of(child.stderr.take()));
        let status = wait(&mut child, longest).doing("wait for", &self.0)?;
        Ok(Output { status, stdout: stdout.finish(), stderr: stderr.finish() })
    }
}

/// What a program prints, read while it runs.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Disconnected when all was read.
    ended: Receiver<()>,
}

/// What more than this a program prints is read, and not kept.
const MOST_PRINTED: usize = 16 * 1024 * 1024;

impl Reader {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let (bytes, (sender, ended)) = (Arc::new(Mutex::new(Vec::new())), mpsc::channel());
        let all = Arc::clone(&bytes);
        thread::spawn(move || {
            let _ended_when_dropped: mpsc::Sender<()> = sender;
            let Some(mut pipe) = pipe else { return };
            let mut buffer = vec![0; 64 * 1024];
            // What was read until a failure is what there is.
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MOST_PRINTED.saturating_sub(all.len()).min(count);
                all.extend_from_slice(&buffer[..room]);
            }
        });
        Self { bytes, ended }
    }

    /// What a program has printed, once it has ended. Whatever it has left behind may have its outputs open for as long as
    /// that lives, and is not waited for.
    fn finish(self) -> Vec<u8> {
        let _ = self.ended.recv_timeout(Duration::from_millis(500));
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn wait(child: &mut Child, longest: Duration) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > longest {
            kill_group(child)?;
            child.wait()?;
            let why = format!("no end after {} s, so it was killed", longest.as_secs_f64());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a child, which was not waited for yet, so that its number is still its own, and all that are in its group.
fn kill_group(child: &mut Child) -> io::Result<()> {
    let group = i32::try_from(child.id()).map_err(io::Error::other)?;
    match killpg(Pid::from_raw(group), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_finds_nothing_of_our_environment() {
        let env = Program::find("env").expect("it can be looked for").expect("every system has it");
        let output = env.run::<&str>([]).expect("it runs");
        assert_eq!(output.status.code(), Some(0));
        let said = output.said();
        let names: std::collections::BTreeSet<_> = said.split("; ").filter_map(|line| line.split('=').next()).collect();
        assert_eq!(names, ["LC_ALL", "PATH"].into());
        assert_eq!(Program::find("no-such-program").expect("it can be looked for"), None);
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_all_that_it_has_started() {
        let shell = Program::find("sh").expect("it can be looked for").expect("every system has it");
        let begun = Instant::now();
        let failure =
            shell.run_within(["-c", "sleep 600 & sleep 600"], Duration::from_millis(50)).expect_err("it hangs");
        assert!(failure.is(io::ErrorKind::TimedOut), "{failure}");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn what_a_program_leaves_behind_is_not_waited_for() {
        let shell = Program::find("sh").expect("it can be looked for").expect("every system has it");
        let begun = Instant::now();
        let output = shell.run_within(["-c", "sleep 60 & echo $!"], Duration::from_secs(50)).expect("it ends");
        assert!(begun.elapsed() < Duration::from_secs(40));
        let left: i32 = output.said().parse().expect("its number");
        nix::sys::signal::kill(Pid::from_raw(left), Signal::SIGKILL).expect("it is ours");
    }
}
