//! Programs of the system, run with nothing of our environment and to their end.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::failure::{Context, Failure, Result};
use super::walk;

/// Where programs of the system are; also what they find as their `PATH`.
pub(super) const DIRECTORIES: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

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
        let mut command = Command::new(&self.0);
        command.args(args).env_clear().env("PATH", DIRECTORIES).env("LC_ALL", "C").current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().doing("start", &self.0)?;
        let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
        let status = wait(&mut child).doing("wait for", &self.0)?;
        let joined = |reader: thread::JoinHandle<_>| reader.join().unwrap_or_default();
        Ok(Output { status, stdout: joined(stdout), stderr: joined(stderr) })
    }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until then is what there is.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        bytes
    })
}

fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no end after {} s", PATIENCE.as_secs())));
        }
        thread::sleep(Duration::from_millis(5));
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
}
