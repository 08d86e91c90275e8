//! The way for a log that was not seen to be open for writing.
//!
//! | it is | so |
//! | --- | --- |
//! | open by nobody, and its owner can make it anew | `closed` |
//! | open by nobody, and its owner could not make it anew | `holds`: taken in its place, where its file system can |
//! | opened for each line, and closed again | `holds` where its file system can, else `closed` |
//! | open all the time by somebody whom `/proc` doesn't show | refused |
//!
//! A log that nobody has open under its own name may be one of a service that is just restarted, or that opens it for each
//! line. Where its directory is root's, such a service writes to a log that was made for it, and could make none itself.

use std::fs::File;
use std::time::{Duration, Instant};

use super::choose::{self, Choice, Chosen, SET_A_WAY, Undecided};
use super::discover::Found;
use super::holds;
use super::leftovers::split;
use crate::model::way::{Holes, Way};
use crate::sys::dir::Dir;
use crate::sys::lease::{self, Writers};
use crate::sys::procfs::{self, Holder, Holders};
use crate::sys::rights;
use crate::sys::turns::Turn;

/// How often a log is looked at again that somebody unseen has open: one who opens it for each line is seldom seen.
pub(super) const LOOKS: usize = 20;

/// The way for a log that `holders` have no writer of.
pub(super) fn choose(found: &Found, holders: &Holders) -> Choice {
    let log = choose::open(found);
    match (log.as_ref().map(lease::writers), log) {
        (Some(Writers::None), _) => at_rest(found, "nobody has it open for writing"),
        (Some(Writers::Some), Some(log)) => look_closer(found, &log),
        _ if holders.complete => at_rest(found, "no process has it open for writing"),
        _ => {
            let what = "it is not known who has it open for writing: the kernel does not say, and not all processes can be seen";
            Err(Undecided::refused(what.to_owned(), hint_unseen()))
        }
    }
}

/// How long a writer is waited for that was seen and then stood still, at the most.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(1);

/// The way for a log whose writers were seen, if they have closed it meanwhile: they open it for each line. On a busy machine one may
/// stand still between open and close for longer than a few looks take, or even for longer than it is waited for.
pub(super) fn once_closed(found: &Found, writers: &[Holder]) -> Option<Choice> {
    let log = choose::open(found)?;
    let (begun, turns) = (Instant::now(), writers.iter().map(|writer| Turn::of(writer.pid)).collect::<Vec<_>>());
    let mut looks = 0;
    let mut stands_still = false;
    while looks < LOOKS || begun.elapsed() < LONGEST_STANDSTILL && stands_still {
        if lease::writers(&log) == Writers::None {
            return Some(comes_and_goes(found, &log));
        }
        looks += 1;
        std::thread::sleep(Duration::from_millis(1));
        stands_still = turns.iter().any(Turn::is_awaited);
    }
    stands_still.then(|| Err(Undecided::busy(writers)))
}

fn look_closer(found: &Found, log: &File) -> Choice {
    for _ in 0..LOOKS {
        let holders = procfs::holders_in_use(&[(&found.path, found.identity)]);
        if let Some(writers) = holders.by_file.get(&found.identity) {
            return choose::by_writers(found, writers, &holders);
        }
        if lease::writers(log) == Writers::None {
            return comes_and_goes(found, log);
        }
    }
    let what = "somebody has it open for writing whom /proc does not show: a process in another PID namespace (a container), \
                or one of another user";
    Err(Undecided::refused(what.to_owned(), hint_unseen()))
}

fn hint_unseen() -> String {
    format!("run logferry as root, on the machine itself; or {SET_A_WAY}")
}

/// In its place it is never renamed between two lines, so that no writer finds another one by its name.
fn comes_and_goes(found: &Found, log: &File) -> Choice {
    let why = "its writer opens it for each line and closes it again";
    match holds::is_possible(log) {
        true => Ok(in_place(format!("{why}, and its file system can take the head of a file away"))),
        false => at_rest(found, why),
    }
}

fn in_place(why: String) -> Chosen {
    Chosen { way: Way::Holds { holes: Holes::Refused }, why }
}

/// Nobody has it open.
fn at_rest(found: &Found, why: &str) -> Choice {
    let can_make = Dir::open(&split(&found.path).0).and_then(|dir| rights::may_make_files(&dir, found.owner));
    // What can't be looked at is told when it is taken.
    if can_make.unwrap_or(true) {
        return Ok(Chosen { way: Way::Closed, why: why.to_owned() });
    }
    let owner = format!("user {}, to whom it belongs, may not make a new one in its directory", found.owner);
    match choose::open(found).is_some_and(|log| holds::is_possible(&log)) {
        true => Ok(in_place(format!("{why}, but {owner}"))),
        false if choose::is_gone(found) => Err(Undecided::gone()),
        false => Err(Undecided::refused(
            format!(
                "{why}, but {owner}, so that nobody could write to it once it is taken away; and its file system can't take \
                 the head of a file away"
            ),
            "let that user write to the directory; or set writer = \"holds\" with holes = true; or writer = \"closed\", if \
                   nobody will write to it any more (docs/writers.md)"
                .to_owned(),
        )),
    }
}
