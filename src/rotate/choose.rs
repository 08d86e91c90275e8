//! From what was found, and one look through `/proc`, to the way in which each log is taken, and the reason for it.
//!
//! | who has the log open for writing | so |
//! | --- | --- |
//! | nobody | `closed` |
//! | Upstart's init alone | `reopens` |
//! | processes of one known daemon alone | its `signal` |
//! | others, each of which appends, on a file system that can collapse | `holds` |
//! | somebody whom `/proc` doesn't show | refused |
//! | anybody else | refused |
//!
//! Only the first row may be wrong by the time that it is acted on, and that is seen then: each way has a proof of its own
//! before bytes are let go of. Nothing is looked at for logs whose way the user has said.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::claim;
use super::discover::Found;
use super::holds;
use super::known_writers::{self, Habit};
use super::leftovers::split;
use crate::config::Writer;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::Identity;
use crate::model::way::{DEFAULT_TIMEOUT, Holes, ProcessName, SignalName, Way};
use crate::sys::dir::Dir;
use crate::sys::lease::{self, Writers};
use crate::sys::procfs::{self, Holder, Holders, Writes};

/// A way, and the reason for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// The way.
    pub way: Way,
    /// The reason, as a sentence without its beginning: "… since WHY".
    pub why: String,
}

/// Why no way was chosen for a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undecided {
    /// What is in the way.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Undecided {
    /// As a problem of the log at `path`.
    pub fn problem(self, path: &Path) -> Problem {
        Problem::new(Effect::Failed, path, self.what).because(Cause::Refused).hint(self.hint)
    }
}

/// What became of the question.
pub type Choice = Result<Chosen, Undecided>;

/// What to set where a log is refused.
const SET_A_WAY: &str = "set `writer` for it in the configuration (docs/writers.md), or `exclude` it";

/// One look through `/proc` for all logs that need it: those for which the user has not said the way, or has said one that
/// depends on who writes. `claimed` are files that are looked for under other names.
pub fn look<'a>(found: impl Iterator<Item = &'a Found>, claimed: &[(PathBuf, Identity)]) -> Holders {
    let needs_it = |found: &&'a Found| match &found.writer {
        Writer::Auto | Writer::Way(Way::Signal { .. }) => true,
        // `holds` looks closer, itself.
        Writer::Way(Way::Reopens | Way::Command { .. } | Way::Closed | Way::Holds { .. }) => false,
    };
    let in_use = found.filter(needs_it).map(|found| (found.path.as_path(), found.identity));
    let logs: Vec<(&Path, Identity)> =
        in_use.chain(claimed.iter().map(|(path, file)| (path.as_path(), *file))).collect();
    match logs.is_empty() {
        true => Holders::default(),
        false => procfs::holders_in_use(&logs),
    }
}

/// The way in which a log is taken.
///
/// # Errors
/// Why there is none that is known to be safe.
pub fn choose(found: &Found, holders: &Holders) -> Choice {
    if let Writer::Way(way) = &found.writer {
        return Ok(Chosen { way: way.clone(), why: "the configuration says so".to_owned() });
    }
    let writers = holders.by_file.get(&found.identity).map_or(&[][..], Vec::as_slice);
    match writers {
        [] => nobody_seen(found, holders),
        _ => by_writers(found, writers, holders),
    }
}

fn nobody_seen(found: &Found, holders: &Holders) -> Choice {
    let said = open(found).map(|log| lease::writers(&log));
    let chosen = |why: &str| Ok(Chosen { way: Way::Closed, why: why.to_owned() });
    match said {
        Some(Writers::None) => chosen("nobody has it open for writing"),
        Some(Writers::Unknown) | None if holders.complete => chosen("no process has it open for writing"),
        Some(Writers::Some) => {
            let what = "somebody has it open for writing whom /proc does not show: a process in another PID namespace (a \
                        container), or one of another user";
            let hint = format!("run logferry as root, on the machine itself; or {SET_A_WAY}");
            Err(Undecided { what: what.to_owned(), hint })
        }
        Some(Writers::Unknown) | None => {
            let what = "it is not known who has it open for writing: the kernel does not say, and not all processes can be seen";
            let hint = format!("run logferry as root, on the machine itself; or {SET_A_WAY}");
            Err(Undecided { what: what.to_owned(), hint })
        }
    }
}

/// The log, opened to ask the kernel about it; `None` where it can't be, which is told when it is taken.
fn open(found: &Found) -> Option<File> {
    let (parent, name) = split(&found.path);
    claim::open(&Dir::open(&parent).ok()?, &name, found.identity).ok()
}

fn by_writers(found: &Found, writers: &[Holder], holders: &Holders) -> Choice {
    let habits: Vec<Habit> = writers.iter().map(|holder| known_writers::habit(holder, found.owner)).collect();
    let who = list(writers);
    if habits.iter().all(|habit| *habit == Habit::Reopens) {
        return Ok(Chosen {
            way: Way::Reopens,
            why: format!("{who}, Upstart's init, opens a log anew when its link count is 0"),
        });
    }
    if let Some((signal, process)) = one_daemon(writers, &habits) {
        let why = format!("{who} writes it, which opens its logs anew at {signal}");
        return Ok(Chosen { way: Way::Signal { signal, process, timeout: DEFAULT_TIMEOUT }, why });
    }
    let appends = writers.iter().all(|holder| holder.writes == Writes::ToTheEnd);
    if appends && holders.complete && open(found).is_some_and(|log| holds::is_possible(&log)) {
        let why = format!("{who} only appends to it, and its file system can take the head of a file away");
        return Ok(Chosen { way: Way::Holds { holes: Holes::Refused }, why });
    }
    Err(undecided(&who, writers, &habits, holders.complete))
}

/// The daemon that all writers are, its signal and its name.
fn one_daemon(writers: &[Holder], habits: &[Habit]) -> Option<(SignalName, ProcessName)> {
    let (Habit::Signal(signal), name) = (*habits.first()?, known_writers::asked_as(writers.first()?)?) else {
        return None;
    };
    writers.iter().all(|holder| known_writers::asked_as(holder).as_ref() == Some(&name)).then_some((signal, name))
}

fn undecided(who: &str, writers: &[Holder], habits: &[Habit], complete: bool) -> Undecided {
    let (first, habit) = (&writers[0], habits[0]);
    let several = writers.iter().any(|holder| holder.name != first.name);
    let hint = match habit {
        _ if several => format!("several programs write it: have them write logs of their own, or {SET_A_WAY}"),
        Habit::HoldsUntil(until) => {
            format!("{} goes on writing to it until {until}: {SET_A_WAY}", first.name)
        }
        _ => SET_A_WAY.to_owned(),
    };
    let why_not = match () {
        () if writers.iter().any(|holder| holder.writes == Writes::Anywhere) => {
            "does not open it with O_APPEND, so that nothing can be taken in place"
        }
        () if !complete => "is not alone, perhaps: not all processes can be seen",
        () => "appends to it, but its file system can't take the head of a file away",
    };
    Undecided { what: format!("it is not known how its writer lets go of it: {who} {why_not}"), hint }
}

/// Who they are, in few words.
pub fn list(writers: &[Holder]) -> String {
    let mut seen: Vec<&Holder> = Vec::new();
    for holder in writers {
        if !seen.iter().any(|known| known.pid == holder.pid) {
            seen.push(holder);
        }
    }
    let shown: Vec<String> = seen.iter().take(3).map(|holder| holder.shown()).collect();
    match seen.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
