//! Who writes the logs now, in which way each is taken, and whether that is what its writers need.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Subject, at_most, count};
use crate::config::Writer;
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::to_text;
use crate::model::problem::Effect;
use crate::model::way::Way;
use crate::rotate::choose::{self, Choice, Chosen};
use crate::rotate::discover::Found;
use crate::rotate::known_writers::{self, Habit};
use crate::rotate::outlook::{self, Against};
use crate::sys::host;
use crate::sys::procfs::{self, Holder, Holders};

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let settings = match subject.settings() {
        Ok(settings) => settings,
        Err(unknown) => return unknown,
    };
    let found = subject.found(settings);
    let logs: Vec<_> = found.iter().map(|found| (found.path.as_path(), found.identity)).collect();
    let holders = procfs::holders_in_use(&logs);
    let mut alike: BTreeMap<Verdict, Vec<&Path>> = BTreeMap::new();
    for found in &found {
        let writers = holders.by_file.get(&found.identity).map_or(&[][..], Vec::as_slice);
        let verdict = judge(found, writers, choose::choose(found, &holders));
        alike.entry(verdict).or_default().push(&found.path);
    }
    for current in subject.current(settings) {
        let what = "its writer rotates it and goes on with it; what is in it is taken when it is rotated, or by a flush when nobody \
                    has it open";
        alike.entry(Verdict::Sound { what: what.to_owned() }).or_default().push(&current.path);
    }
    let mut findings = at_most(alike.iter().map(|(verdict, logs)| verdict.finding(logs)).collect(), "writers");
    if findings.is_empty() {
        findings.push(Finding::ok("nobody", "there is no log with something to take"));
    }
    findings.extend(unseen(&holders));
    findings
}

/// What is to be said of logs that are alike.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// No run would take them.
    Refused { what: String, hint: String },
    /// They are taken, but their writers may not let go like that.
    Doubtful { what: String, hint: String },
    /// They are taken like that.
    Sound { what: String },
}

impl Verdict {
    fn finding(&self, logs: &[&Path]) -> Finding {
        let first = logs.first().map(|log| to_text(log)).unwrap_or_default();
        let subject = match logs.len() {
            0 | 1 => first,
            several => format!("{first} and {}", count(several - 1, "more log")),
        };
        match self {
            Self::Refused { what, hint } => Finding::fail(Bars::Logs, subject, what).hint(hint),
            Self::Doubtful { what, hint } => Finding::warn(subject, what).hint(hint),
            Self::Sound { what } => Finding::ok(subject, what),
        }
    }
}

fn judge(found: &Found, writers: &[Holder], choice: Choice) -> Verdict {
    let Chosen { way, why } = match choice {
        Ok(chosen) => chosen,
        Err(choose::Undecided { what, hint, effect: Effect::Failed }) => return Verdict::Refused { what, hint },
        Err(choose::Undecided { what, hint, .. }) => return Verdict::Doubtful { what, hint },
    };
    let who = choose::said(writers, "writes it", "write it");
    let what = match (writers, &found.writer) {
        (_, Writer::Auto) => format!("is taken as {way}, since {why}"),
        ([], _) => format!("is taken as {way}; nobody has it open for writing, as far as we can see"),
        (_, _) => format!("is taken as {way}; {who}"),
    };
    match outlook::against(&way, found, writers) {
        Some(Against::Refused { why, hint }) => Verdict::Refused { what: format!("{what}: {why}"), hint },
        Some(Against::Left { why, hint }) => Verdict::Doubtful { what: format!("{what}: {why}"), hint },
        None => match against_reopens(&way, found, writers) {
            Some(Doubt { why, hint }) => Verdict::Doubtful { what: format!("{what}: {why}"), hint },
            None => Verdict::Sound { what },
        },
    }
}

/// What speaks against the way that the user has said, though a run would take the log.
struct Doubt {
    why: String,
    hint: String,
}

fn against_reopens(way: &Way, found: &Found, writers: &[Holder]) -> Option<Doubt> {
    if *way != Way::Reopens {
        return None;
    }
    let habits = writers.iter().map(|holder| (holder, known_writers::habit(holder, found.owner)));
    habits.filter_map(|(holder, habit)| doubt(holder, habit)).next()
}

fn doubt(holder: &Holder, habit: Habit) -> Option<Doubt> {
    let until = match habit {
        Habit::Reopens => return None,
        Habit::Signal(signal) => signal.to_string(),
        Habit::HoldsUntil(until) => until.to_owned(),
        Habit::Unknown => {
            return Some(Doubt {
                why: "it is not known whether it opens a log anew when its link count is 0".to_owned(),
                hint: "see its manual, or try it with a log that does not matter: a program that does not is named by the \
                       run after the next"
                    .to_owned(),
            });
        }
    };
    Some(Doubt {
        why: format!(
            "{} does not look at the link count, but goes on writing to the deleted file until {until}",
            holder.name
        ),
        hint: "set `writer` for it in the configuration, or leave it to `auto` (docs/writers.md): what such a program wrote \
               after the last run is lost when it ends"
            .to_owned(),
    })
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
