//! A command of the user's, in bounded time: in a process group of its own, which is ended when the time is over.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::command::DIRECTORIES;
use super::failure::{Context, Result};
use super::signals::Stop;
use super::walk;

/// How long a group that was asked to end (SIGTERM) has before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How much of its output is kept: the end of it.
const KEPT: usize = 2000;

/// How a command ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself.
    ByItself(ExitStatus),
    /// Its time was over.
    OutOfTime,
    /// We were asked to stop.
    Stopped,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Done {
    /// How.
    pub ended: Ended,
    /// The end of what it printed, on one line.
    pub said: String,
}

/// Runs a command to its end. It reads nothing and gets of our environment only `HOME`, with the system's directories of
/// programs as `PATH`; a name without `/` is looked for there. What it leaves running in the background stays, unless its
/// time is over.
///
/// # Errors
/// Where it can't be started or waited for, or others could change the program: it may be root that runs it.
pub fn run(argv: &[String], limit: Duration, stop: &Stop) -> Result<Done> {
    let Some((program, args)) = argv.split_first() else {
        return Ok(Done { ended: Ended::ByItself(ExitStatus::default()), said: String::new() });
    };
    let found = DIRECTORIES.split(':').map(|dir| Path::new(dir).join(program)).find(|path| path.exists());
    let found = found.unwrap_or_else(|| program.into());
    walk::trusted_program(Path::new("/"), &found).doing("run", &found)?;
    let mut command = Command::new(&found);
    command.args(args).env_clear().env("PATH", DIRECTORIES).current_dir("/").process_group(0);
    command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().doing("start", &found)?;
    let said = Arc::new(Mutex::new(Vec::new()));
    let readers = [collect(child.stdout.take(), &said), collect(child.stderr.take(), &said)];
    let ended = wait(&mut child, limit, stop).doing("wait for", &found)?;
    // What it has left in the background may hold the pipe open for good.
    let begun = Instant::now();
    while !readers.iter().all(thread::JoinHandle::is_finished) && begun.elapsed() < Duration::from_millis(200) {
        thread::sleep(Duration::from_millis(5));
    }
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&said);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(Done { ended, said: lines.collect::<Vec<_>>().join("; ") })
}

/// Reads to the end in a thread of its own, so that the command never waits for us; the end of it is kept.
fn collect(pipe: Option<impl Read + Send + 'static>, said: &Arc<Mutex<Vec<u8>>>) -> thread::JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend_from_slice(&buffer[..length]);
            let over = said.len().saturating_sub(KEPT);
            said.drain(..over);
        }
    })
}

fn wait(child: &mut Child, limit: Duration, stop: &Stop) -> io::Result<Ended> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::ByItself(status));
        }
        if stop.requested() || begun.elapsed() >= limit {
            end(child)?;
            return Ok(if stop.requested() { Ended::Stopped } else { Ended::OutOfTime });
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Ends the whole group. Its leader is waited for last: until then its number can't be another group's.
fn end(child: &mut Child) -> io::Result<()> {
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    // Whoever has ended meanwhile needs no signal.
    let _ = killpg(group, Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE && is_running(group)? {
        thread::sleep(Duration::from_millis(10));
    }
    let _ = killpg(group, Signal::SIGKILL);
    child.wait().map(drop)
}

fn is_running(leader: Pid) -> io::Result<bool> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    Ok(waitid(Id::Pid(leader), look)? == WaitStatus::StillAlive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Done {
        run(&["sh", "-c", script].map(str::to_owned), limit, &Stop::default()).expect("it starts")
    }

    #[test]
    fn what_it_prints_and_how_it_ends_is_told() {
        let done = shell("echo one; echo two >&2; exit 3", Duration::from_secs(60));
        assert!(matches!(done.ended, Ended::ByItself(status) if status.code() == Some(3)), "{done:?}");
        assert!(done.said == "one; two" || done.said == "two; one", "{done:?}");
        let long = shell(
            "i=0; while [ $i -lt 9000 ]; do echo xxxxxxxxxx; i=$((i+1)); done; echo end",
            Duration::from_secs(60),
        );
        assert!(long.said.ends_with("; end") && long.said.len() < 2 * KEPT, "{}", long.said.len());
    }

    #[test]
    fn out_of_time_all_of_its_group_is_ended_even_what_ignores_a_signal() {
        let done =
            shell("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done", Duration::from_millis(300));
        assert!(matches!(done.ended, Ended::OutOfTime), "{done:?}");
        let background = format!("/proc/{}/stat", done.said.trim());
        let ended = || std::fs::read_to_string(&background).map_or(true, |stat| stat.contains(") Z "));
        let begun = Instant::now();
        while !ended() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{background} is still there");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn what_it_leaves_in_the_background_is_not_waited_for() {
        let begun = Instant::now();
        let done = shell("sleep 30 & echo $!", Duration::from_secs(60));
        assert!(matches!(done.ended, Ended::ByItself(_)) && begun.elapsed() < Duration::from_secs(20), "{done:?}");
        let pid = Pid::from_raw(done.said.trim().parse().expect("a pid"));
        nix::sys::signal::kill(pid, Signal::SIGKILL).expect("it was left running");
    }
}
