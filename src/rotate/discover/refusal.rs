//! Why something that was named or matched can't be taken, and what to do.

use std::ffi::OsStr;
use std::path::Path;

use crate::config::Writer;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::ClaimedName;
use crate::model::way::{Holes, Way};
use crate::sys::dir::Entry;
use crate::sys::file::{Kind, Status};

/// The problem with a refused one.
pub(super) fn problem(path: &Path, entry: &Entry, (why, hint): (String, String)) -> Problem {
    let is_hole = entry.kind == Kind::Regular && entry.status.links == 1 && entry.status.is_hollow();
    let cause = if is_hole { Cause::Hollow } else { Cause::Refused };
    Problem::new(Effect::Failed, path, why).because(cause).hint(hint)
}

/// Why something that was named or matched can't be taken, and what to do.
pub(super) fn refusal(name: &OsStr, Entry { kind, status }: &Entry, writer: &Writer) -> Option<(String, String)> {
    const NAME_THE_FILE: &str = "name the file itself, or exclude this one";
    const EXCLUDE: &str = "exclude it, or take it out of the directory";
    let refused = |why: &str, hint: &str| Some((format!("refused: {why}"), hint.to_owned()));
    match kind {
        Kind::Symlink => refused("it is a symbolic link", NAME_THE_FILE),
        Kind::Fifo => refused("it is a FIFO, not a regular file", EXCLUDE),
        Kind::Device => refused("it is a device, not a regular file", EXCLUDE),
        Kind::Socket => refused("it is a socket, not a regular file", EXCLUDE),
        Kind::Directory => refused("it is a directory", EXCLUDE),
        Kind::Regular if status.size == 0 => None,
        Kind::Regular if status.links > 1 => {
            let why = format!("it has {} hard links, so its writer would never see a link count of 0", status.links);
            refused(&why, "remove the other links: find / -xdev -samefile FILE")
        }
        // Its hole may be ours; that is looked at when it is taken.
        Kind::Regular if status.is_hollow() && !may_have_holes(writer) => {
            let Status { size, allocated, .. } = status;
            let why = format!("it is {size} bytes long, of which {allocated} are on the disk: the rest is a hole");
            refused(
                &why,
                "its writer may not open it with O_APPEND, and it was truncated; save what you need, remove it",
            )
        }
        Kind::Regular if name.len() > ClaimedName::LONGEST_LOG => {
            let why = format!("its name has {} bytes, which leaves no room for the claimed name", name.len());
            refused(&why, &format!("shorten it to at most {} bytes", ClaimedName::LONGEST_LOG))
        }
        Kind::Regular => None,
    }
}

fn may_have_holes(writer: &Writer) -> bool {
    matches!(writer, Writer::Way(Way::Holds { holes: Holes::Allowed }))
}
