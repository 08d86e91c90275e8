//! A command of the user's, in bounded time: in a process group of its own, which is ended when the time is over. Whoever
//! started it may be killed meanwhile: it goes on by itself then, and another process of ours can wait for it to end.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::command::DIRECTORIES;
use super::failure::{Context, Result};
use super::procfs;
use super::signals::Stop;
use super::walk;

/// How long a group that was asked to end (SIGTERM) has before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked whether it has ended.
const EACH: Duration = Duration::from_millis(10);

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

/// A command at work, as another process of ours can find it again in this boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AtWork {
    /// Its id, and that of its process group.
    pid: u32,
    /// When it began, in ticks since the system's start: ids are used again.
    begun: u64,
}

/// Waits for a command that another process of ours has begun, and that may have ended long ago; ends it as [`run`] does. How
/// it ends by itself nobody can know: `None`.
///
/// # Errors
/// Where its group can't be ended.
pub fn wait_for(AtWork { pid, begun }: AtWork, limit: Duration, stop: &Stop) -> Result<Option<Ended>> {
    let (is_running, since) = (|| procfs::begin_of_running(pid) == Some(begun), Instant::now());
    while is_running() {
        if stop.requested() || since.elapsed() >= limit {
            end_group(pid, is_running).doing("end", format!("process {pid}"))?;
            return Ok(Some(if stop.requested() { Ended::Stopped } else { Ended::OutOfTime }));
        }
        thread::sleep(EACH);
    }
    Ok(None)
}

/// Runs a command to its end. It reads nothing and gets of our environment only `HOME`, with the system's directories of
/// programs as `PATH`; a name without `/` is looked for there. What it leaves running in the background stays, unless its
/// time is over. `begun` is called when it is at work.
///
/// # Errors
/// Where it can't be started or waited for, or others could change the program: it may be root that runs it.
pub fn run(argv: &[String], limit: Duration, stop: &Stop, begun: impl FnOnce(AtWork)) -> Result<Done> {
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
    // It may have ended already.
    if let Some(at) = procfs::begin(child.id()) {
        begun(AtWork { pid: child.id(), begun: at });
    }
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
        thread::sleep(EACH);
    }
}

/// Ends the whole group. Its leader is waited for last: until then its number can't be another group's.
fn end(child: &mut Child) -> io::Result<()> {
    let pid = child.id();
    end_group(pid, || procfs::begin_of_running(pid).is_some())?;
    child.wait().map(drop)
}

/// Asks a group to end, and has it ended if its leader does not.
fn end_group(leader: u32, is_running: impl Fn() -> bool) -> io::Result<()> {
    let group = Pid::from_raw(i32::try_from(leader).map_err(io::Error::other)?);
    // Whoever has ended meanwhile needs no signal.
    let _ = killpg(group, Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE && is_running() {
        thread::sleep(EACH);
    }
    let _ = killpg(group, Signal::SIGKILL);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Done {
        run(&["sh", "-c", script].map(str::to_owned), limit, &Stop::default(), drop).expect("it starts")
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
    fn one_that_another_has_begun_is_waited_for_and_ended_when_its_time_is_over() {
        let mut child = Command::new("sleep").arg("1000").process_group(0).spawn().expect("it starts");
        let begun = procfs::begin_of_running(child.id()).expect("it runs");
        let at_work = AtWork { pid: child.id(), begun };
        let other = AtWork { begun: begun + 1, ..at_work };
        let wait = |which| wait_for(which, Duration::from_millis(50), &Stop::default()).expect("it is ended");
        assert!(wait(other).is_none(), "that process has ended, and its id was used again");
        assert!(matches!(wait(at_work), Some(Ended::OutOfTime)));
        assert!(!child.wait().expect("it has ended").success());
        assert!(wait(at_work).is_none());
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
