//! Why no way is known for a log, and what to do: for those who read it in a mail, and have not heard of `O_APPEND` before.

use std::collections::HashSet;

use super::choose::{SET_A_WAY, Undecided, said};
use super::known_writers::Habit;
use crate::sys::procfs::{self, Holder, Writes};

/// How far up a process's ancestors are looked for.
const MOST_ANCESTORS: usize = 32;

/// Why no way is known for a log that these write, and what to do.
pub(super) fn of(writers: &[Holder], habits: &[Habit], complete: bool) -> Undecided {
    let several = are_strangers(writers);
    let why = match () {
        () if writers.iter().any(|holder| holder.writes == Writes::Anywhere) => {
            said(writers, "does not open it with O_APPEND", "do not all open it with O_APPEND")
                + ", so that nothing can be taken in place"
        }
        () if !complete => said(writers, "is", "are") + " not alone, perhaps: not all processes can be seen",
        () => {
            said(writers, "appends to it", "append to it") + ", but its file system can't take the head of a file away"
        }
    };
    let hint = match habits.first() {
        _ if several => format!("several programs write it: have them write logs of their own, or {SET_A_WAY}"),
        Some(Habit::HoldsUntil(until)) => {
            let name = writers.first().map_or("its writer", |first| first.name.as_str());
            format!("{name} goes on writing to it until {until}: {SET_A_WAY}")
        }
        _ => hint(writers, complete),
    };
    Undecided::refused(format!("it is not known how its writer lets go of it: {why}"), hint)
}

fn hint(writers: &[Holder], complete: bool) -> String {
    match () {
        () if writers.iter().any(|holder| holder.writes == Writes::Anywhere) => {
            "have it append (in a shell `>>` in the place of `>`; systemd's `append:`, not `file:`); or set `writer` to \"signal\" or \
             \"command\", if it opens its log anew when it is asked to, or to \"reopens\", if it looks at the path by itself \
             (docs/writers.md); or `exclude` it"
                .to_owned()
        }
        () if !complete => format!("run logferry as root, on the machine itself and not in a container; or {SET_A_WAY}"),
        () => "set writer = \"holds\" with holes = true, by which the file keeps its length; or `writer` to \"signal\" or \"command\", if \
               it opens its log anew when it is asked to (docs/writers.md); or `exclude` it"
            .to_owned(),
    }
}

/// Whether several programs write a log by themselves: no one of them has started all others, as a shell has that which it
/// runs, and which has its output from it.
pub(super) fn are_strangers(writers: &[Holder]) -> bool {
    let pids: HashSet<u32> = writers.iter().map(|holder| holder.pid).collect();
    let mut first = writers.iter().filter(|holder| !has_ancestor(holder.pid, &pids));
    let name = first.next().map(|holder| &holder.name);
    first.any(|other| Some(&other.name) != name)
}

fn has_ancestor(pid: u32, among: &HashSet<u32>) -> bool {
    let mut parents = std::iter::successors(procfs::parent(pid), |pid| procfs::parent(*pid));
    parents.by_ref().take(MOST_ANCESTORS).any(|parent| among.contains(&parent))
}
