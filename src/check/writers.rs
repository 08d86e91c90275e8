//! Who writes the logs now, and whether that program is known to reopen them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::known_writers::{self, Habit, Owner};
use super::{Subject, count};
use crate::model::finding::Finding;
use crate::model::path_text::to_text;
use crate::rotate::discover::Found;
use crate::sys::host;
use crate::sys::procfs::{self, Holder, Holders};

/// Processes of one name, and the logs that they have open.
#[derive(Default)]
struct Program<'a> {
    pids: BTreeSet<u32>,
    logs: BTreeSet<&'a Path>,
}

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let settings = match subject.settings() {
        Ok(settings) => settings,
        Err(unknown) => return unknown,
    };
    let found = subject.found(settings);
    let logs: Vec<_> = found.iter().map(|found| (found.path.as_path(), found.identity)).collect();
    let holders = procfs::holders_in_use(&logs);
    let mut findings: Vec<Finding> = programs(&found, &holders).iter().map(program).collect();
    let held = found.iter().filter(|found| holders.by_file.contains_key(&found.identity)).count();
    if held < found.len() {
        let not_held = count(found.len() - held, "log");
        findings.push(Finding::ok("nobody", format!("has {not_held} open for writing, as far as we can see")));
    }
    if found.is_empty() {
        findings.push(Finding::ok("nobody", "there is no log with something to take"));
    }
    findings.extend(unseen(&holders));
    findings
}

/// That there may be writers whom nobody here can see.
fn unseen(holders: &Holders) -> Option<Finding> {
    if holders.complete {
        return None;
    }
    Some(match host::user() {
        0 => Finding::warn("/proc", "does not show all processes of this machine, as in a container")
            .hint("run logferry on the machine itself, or in its PID namespace; see the README's limits"),
        user => {
            let why = format!("as user {user}, we can't see which files the processes of other users have open");
            Finding::warn("/proc", why).hint("run it as root: sudo logferry check")
        }
    })
}

fn programs<'a>(found: &[&'a Found], holders: &Holders) -> BTreeMap<(String, Habit), Program<'a>> {
    let mut programs: BTreeMap<(String, Habit), Program<'_>> = BTreeMap::new();
    for found in found {
        for holder in holders.by_file.get(&found.identity).into_iter().flatten() {
            let program = programs.entry((holder.name.clone(), habit(holder))).or_default();
            program.pids.insert(holder.pid);
            program.logs.insert(&found.path);
        }
    }
    programs
}

fn habit(holder: &Holder) -> Habit {
    let trusted = holder.owner.is_some_and(|owner| owner == 0 || owner == host::user());
    known_writers::habit(&holder.name, if trusted { Owner::Trusted } else { Owner::Other })
}

fn program(((name, habit), Program { pids, logs }): (&(String, Habit), &Program<'_>)) -> Finding {
    let pid = pids.first().copied().unwrap_or_default();
    let who = match pids.len() {
        1 => format!("{name} (pid {pid})"),
        several => format!("{name} (pid {pid} and {} more)", several - 1),
    };
    let first = logs.first().map(|log| to_text(log)).unwrap_or_default();
    let what = match logs.len() {
        1 => format!("writes {first}"),
        several => format!("writes {first} and {} more", several - 1),
    };
    match habit {
        Habit::Reopens => Finding::ok(who, format!("{what}; it opens a log anew when its link count is 0")),
        Habit::HoldsUntil(until) => {
            let why = format!(
                "{what}; it does not look at the link count, but goes on writing to the deleted file until {until}"
            );
            Finding::warn(who, why).hint(
                "`exclude` these logs and leave them to logrotate: what such a program wrote after the last run is lost \
                 when it ends",
            )
        }
        Habit::Unknown => {
            let why = format!("{what}; it is not known whether it opens a log anew when its link count is 0");
            Finding::warn(who, why).hint(
                "see its manual, or try it with a log that does not matter: a program that does not is named by the run \
                 after the next",
            )
        }
    }
}
