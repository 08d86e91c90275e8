//! Asking writers to open their logs anew: one signal for each process and one call of each command, for however many logs.
//!
//! Who gets a signal has one of the logs open for writing, bears the name that the user has given, and is looked at once more
//! after a descriptor for it was opened, through which the signal goes ([`crate::sys::process`]): no process of another name ever
//! gets one. First only those are signalled whose parents are not: the workers of a server hear of it from their master, and
//! may not even be allowed to open the new log before that has given it to them (nginx's `ngx_reopen_files`). Who still has a
//! log open after a while is signalled all the same. Nobody gets a signal that he does not catch: it would end him.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use crate::model::problem::chain;
use crate::model::segment::Identity;
use crate::model::way::{Argv, ProcessName, SignalName, Way};
use crate::sys::command::Program;
use crate::sys::failure::{Failure, Result};
use crate::sys::hearing::{Hearing, hearing};
use crate::sys::process::Process;
use crate::sys::procfs::Holder;

/// Which of the processes that bear the name are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// Those that no other one of them has started.
    Masters,
    /// All of them.
    All,
}

/// Who was asked in this round, and what came of it.
#[derive(Default)]
pub(super) struct Asking {
    signalled: HashSet<(u32, SignalName)>,
    /// Why a process could not be signalled.
    deaf: HashMap<u32, String>,
    /// The commands that were run; why it failed, where one did.
    ran: HashMap<Argv, Option<String>>,
}

impl Asking {
    /// Asks the writers of a log, unless they were asked before in this round.
    pub(super) fn ask(&mut self, way: &Way, log: Identity, holders: &[Holder], whom: Whom) {
        match way {
            Way::Signal { signal, process, .. } => self.signal(*signal, process, log, holders, whom),
            Way::Command { argv, timeout } if !self.ran.contains_key(argv) => {
                let failed = run(argv, *timeout).err().map(|failure| chain(&failure));
                self.ran.insert(argv.clone(), failed);
            }
            Way::Command { .. } | Way::Reopens | Way::Closed | Way::Holds { .. } => {}
        }
    }

    fn signal(&mut self, signal: SignalName, name: &ProcessName, log: Identity, holders: &[Holder], whom: Whom) {
        for holder in asked(name, holders, whom) {
            if self.signalled.contains(&(holder.pid, signal)) {
                continue;
            }
            match signal_one(signal, name, log, holder) {
                Ok(Sent::Yes) => {
                    log::info!("{}: {signal} sent", holder.shown());
                    self.signalled.insert((holder.pid, signal));
                }
                Ok(Sent::NotTheOne) => {}
                Err(error) => {
                    self.signalled.insert((holder.pid, signal));
                    self.deaf.insert(holder.pid, format!("{} could not be sent {signal}: {error}", holder.shown()));
                }
            }
        }
    }

    /// Why asking has failed for a log that is taken in that way, where it has.
    pub(super) fn failed(&self, way: &Way, holders: &[Holder]) -> Option<String> {
        match way {
            Way::Command { argv, .. } => self.ran.get(argv)?.clone(),
            _ => holders.iter().find_map(|holder| self.deaf.get(&holder.pid).cloned()),
        }
    }

    /// The commands that failed, and why.
    pub(super) fn failed_commands(&self) -> impl Iterator<Item = (&Argv, &String)> {
        self.ran.iter().filter_map(|(argv, failed)| Some((argv, failed.as_ref()?)))
    }
}

/// Which of a log's writers get the signal.
pub(super) fn asked<'h>(name: &ProcessName, holders: &'h [Holder], whom: Whom) -> Vec<&'h Holder> {
    let named: Vec<&Holder> = holders.iter().filter(|holder| holder.is_called(name)).collect();
    let pids: HashSet<u32> = named.iter().map(|holder| holder.pid).collect();
    let is_worker = |holder: &Holder| holder.parent().is_some_and(|parent| pids.contains(&parent));
    named.into_iter().filter(|holder| whom == Whom::All || !is_worker(holder)).collect()
}

/// What speaks against sending a process that signal: it does not catch it.
pub(super) fn unheard(pid: u32, signal: SignalName) -> Option<String> {
    match hearing(pid, signal) {
        Hearing::DiesOf => Some(format!("does not catch {signal}, and would be ended by it")),
        Hearing::Ignores => Some(format!("does not catch {signal}, and would not hear it")),
        Hearing::Hears | Hearing::Unknown => None,
    }
}

/// Whether a signal was sent.
enum Sent {
    Yes,
    /// The process has ended, has let go of the log, or bears another name by now.
    NotTheOne,
}

fn signal_one(signal: SignalName, name: &ProcessName, log: Identity, holder: &Holder) -> io::Result<Sent> {
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(Sent::NotTheOne),
        _ => Err(error),
    };
    let process = match Process::open(holder.pid) {
        Ok(process) => process,
        Err(error) => return gone(error),
    };
    // What was seen before may have been said of another process by the same number.
    if !holder.again(log).is_some_and(|now| now.is_called(name)) {
        return Ok(Sent::NotTheOne);
    }
    if let Some(why) = unheard(holder.pid, signal) {
        return Err(io::Error::other(format!("it {why}")));
    }
    process.send(signal).map_or_else(gone, |()| Ok(Sent::Yes))
}

fn run(argv: &Argv, timeout: Duration) -> Result<()> {
    let failed = |why: String| Failure::new("run", argv.program(), io::Error::other(why));
    let program = Program::find(argv.program())?.ok_or_else(|| {
        failed(
            "there is no such program; give its whole path, or see that it is where the system's programs are"
                .to_owned(),
        )
    })?;
    let output = program.run_within(argv.args(), timeout)?;
    log::info!("{argv}: {}", output.status);
    match output.status.success() {
        true => Ok(()),
        false => {
            const MOST: usize = 300;
            let said: String = output.said().chars().take(MOST).collect();
            Err(failed(format!("{}: {said}", output.status)))
        }
    }
}
