//! From what was found, and one look through `/proc`, to the way in which each log is taken, and the reason for it.
//!
//! | who has the log open for writing | so |
//! | --- | --- |
//! | nobody | `closed`, or `holds` where its owner could not make it anew (at_rest.rs) |
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

use super::at_rest;
use super::claim;
use super::discover::Found;
use super::holds;
use super::known_writers::{self, Habit};
use super::leftovers::split;
use super::undecided;
use crate::config::Writer;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::Identity;
use crate::model::way::{DEFAULT_TIMEOUT, Holes, ProcessName, SignalName, Way};
use crate::sys::dir::Dir;
use crate::sys::file::Status;
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
    /// What it means for the run.
    pub effect: Effect,
}

impl Undecided {
    /// A log for which no way is known: it is for a person to say one.
    pub(super) fn refused(what: String, hint: String) -> Self {
        Self { what, hint, effect: Effect::Failed }
    }

    /// A log that was renamed, or removed, since it was found: nothing is wrong with it.
    pub(super) fn gone() -> Self {
        let (what, hint) =
            ("it was renamed, removed or emptied just now; it waits", "nothing to do: the next run takes it");
        Self { what: what.to_owned(), hint: hint.to_owned(), effect: Effect::Waits }
    }

    /// A log whose writers did not get to run while it was looked at: what they do with it is not known yet.
    pub(super) fn busy(writers: &[Holder]) -> Self {
        let what = format!(
            "{} open, and the machine was too busy to see whether that is for good; it waits",
            said(writers, "has it", "have it")
        );
        let hint =
            "nothing to do: the next run looks again; or set `writer` for it in the configuration (docs/writers.md)";
        Self { what, hint: hint.to_owned(), effect: Effect::Waits }
    }

    /// As a problem of the log at `path`.
    pub fn problem(self, path: &Path) -> Problem {
        let cause = if self.effect == Effect::Failed { Cause::Refused } else { Cause::Other };
        Problem::new(self.effect, path, self.what).because(cause).hint(self.hint)
    }
}

/// What became of the question.
pub type Choice = Result<Chosen, Undecided>;

/// What to set where a log is refused.
pub(super) const SET_A_WAY: &str = "set `writer` for it in the configuration (docs/writers.md), or `exclude` it";

/// One look through `/proc` for all logs that need it: those for which the user has not said the way, or has said one that
/// depends on who writes. `claimed` are files that are looked for under other names.
pub fn look<'a>(found: impl Iterator<Item = &'a Found>, claimed: &[(PathBuf, Identity)]) -> Holders {
    let needs_it = |found: &&'a Found| match &found.writer {
        Writer::Auto | Writer::Way(Way::Signal { .. }) => true,
        // `holds` looks closer, itself.
        Writer::Way(Way::Reopens | Way::Command { .. } | Way::Closed | Way::Holds { .. }) => false,
        Writer::NotAsked { .. } => false,
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
    match &found.writer {
        Writer::Way(way) => return Ok(Chosen { way: way.clone(), why: "the configuration says so".to_owned() }),
        Writer::NotAsked { way, distrust } => {
            return Err(Undecided::refused(distrust.of_way(way), distrust.hint()));
        }
        Writer::Auto => {}
    }
    let writers = holders.by_file.get(&found.identity).map_or(&[][..], Vec::as_slice);
    match writers {
        [] => at_rest::choose(found, holders),
        _ => by_writers(found, writers, holders),
    }
}

/// The log, opened to ask the kernel about it; `None` where it can't be, which is told when it is taken.
pub(super) fn open(found: &Found) -> Option<File> {
    let (parent, name) = split(&found.path);
    claim::open(&Dir::open(&parent).ok()?, &name, found.identity).ok()
}

/// Whether the file is not at its path any more, or nothing is in it any more.
pub(super) fn is_gone(found: &Found) -> bool {
    match found.path.symlink_metadata().map(|metadata| Status::of(&metadata)) {
        Ok(status) => status.identity != found.identity || status.size == 0,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// The way for a log by those who were seen to have it open for writing.
pub(super) fn by_writers(found: &Found, writers: &[Holder], holders: &Holders) -> Choice {
    let habits: Vec<Habit> = writers.iter().map(|holder| known_writers::habit(holder, found.owner)).collect();
    if habits.iter().all(|habit| *habit == Habit::Reopens) {
        return Ok(Chosen {
            way: Way::Reopens,
            why: format!("{}, Upstart's init, opens a log anew when its link count is 0", list(writers)),
        });
    }
    if let Some((signal, process)) = one_daemon(writers, &habits) {
        let opens = said(writers, "writes it, which opens its logs", "write it, which open their logs");
        let why = format!("{opens} anew at {signal}");
        return Ok(Chosen { way: Way::Signal { signal, process, timeout: DEFAULT_TIMEOUT }, why });
    }
    let appends = writers.iter().all(|holder| holder.writes == Writes::ToTheEnd);
    if appends && holders.complete && open(found).is_some_and(|log| holds::is_possible(&log)) {
        let appends = said(writers, "only appends", "only append");
        let why = format!("{appends} to it, and its file system can take the head of a file away");
        return Ok(Chosen { way: Way::Holds { holes: Holes::Refused }, why });
    }
    if is_gone(found) {
        return Err(Undecided::gone());
    }
    // One who opens it for each line was just seen by chance.
    at_rest::once_closed(found, writers).unwrap_or_else(|| Err(undecided::of(writers, &habits, holders.complete)))
}

/// The daemon that all writers are, its signal and its name.
fn one_daemon(writers: &[Holder], habits: &[Habit]) -> Option<(SignalName, ProcessName)> {
    let (Habit::Signal(signal), name) = (*habits.first()?, known_writers::asked_as(writers.first()?)?) else {
        return None;
    };
    writers.iter().all(|holder| known_writers::asked_as(holder).as_ref() == Some(&name)).then_some((signal, name))
}

/// Who they are, and what is said of one or of several.
pub fn said(writers: &[Holder], of_one: &str, of_several: &str) -> String {
    let first = writers.first().map(|holder| holder.pid);
    let verb = if writers.iter().all(|holder| Some(holder.pid) == first) { of_one } else { of_several };
    format!("{} {verb}", list(writers))
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
