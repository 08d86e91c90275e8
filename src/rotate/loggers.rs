//! Directories that svlogd, multilog or s6-log keeps: `current`, which it writes, the files that it has closed, and its state.
//!
//! What belongs to the logger is known by its name, beside a `current` and what only such a program makes: its lock, or a file
//! named after a TAI64N label (svlogd(8); <https://cr.yp.to/daemontools/multilog.html>; s6-log's documentation).

use std::ffi::OsStr;

use crate::config::{LogSet, Writer};
use crate::model::family::{self, Name};
use crate::model::way::Way;
use crate::sys::dir::{Dir, Entry};
use crate::sys::file::Kind;

/// What they keep beside their files.
const STATE: [&str; 8] = ["lock", "state", "newstate", "previous", "processed", "newprocessed", "config", "newcurrent"];

/// Whether such a program keeps a directory, by what is in it now.
pub(super) fn keeps(dir: &Dir) -> bool {
    let is_file = |name: &str| matches!(dir.look(name), Ok(Some(Entry { kind: Kind::Regular, .. })));
    is_file(family::CURRENT) && (is_locked(dir) || dir.names().unwrap_or_default().iter().any(|name| is_labelled(name)))
}

/// Whether there is a lock as these programs make it: an empty file.
fn is_locked(dir: &Dir) -> bool {
    matches!(dir.look("lock"), Ok(Some(Entry { kind: Kind::Regular, status })) if status.size == 0)
}

fn is_labelled(name: &OsStr) -> bool {
    matches!(family::read(name), Name::Rotated(rotated) if rotated.log == family::CURRENT)
}

/// Whether the writers of a set's logs rotate them themselves, in that directory: as the user says; or by what is there,
/// where a run is to find it out.
pub(super) fn rotate_themselves(set: &LogSet, dir: &Dir) -> bool {
    match &set.writer {
        Writer::Way(Way::Closed) => true,
        Writer::Auto => keeps(dir),
        Writer::Way(_) | Writer::NotAsked { .. } => false,
    }
}

/// Whether a file is the state of a logger, beside its `current` or, where a flush has taken that, its lock. It is no log, and without it the logger forgets how it is
/// configured, or which files are whole; so it is never taken, whatever the user says of the writers.
pub(super) fn is_state(set: &LogSet, dir: &Dir, name: &OsStr) -> bool {
    let is_there = |name: &str| matches!(dir.look(name), Ok(Some(_)));
    let is_called_so = STATE.iter().any(|state| name == *state);
    let is_closed = set.writer == Writer::Way(Way::Closed);
    is_called_so && (is_closed && is_there(family::CURRENT) || is_locked(dir) || keeps(dir))
}
