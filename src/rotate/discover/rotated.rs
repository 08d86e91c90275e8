//! What a file's name says of whether it is a log in use.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::model::family::{self, Name};
use crate::sys::dir::Dir;

/// Whether it is a hidden file.
pub(in crate::rotate) fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// Whether a file is one that logrotate, savelog or a compressor has made, by its name. A date in the middle may also be
/// part of a job's own name: it counts only if there is a log without it. What a link there leads to is not looked at.
pub(in crate::rotate) fn is_rotated(name: &OsStr, dir: &Dir) -> bool {
    is_rotated_as(&family::read(name), dir)
}

/// The same, where it is known what the name says.
pub(super) fn is_rotated_as(says: &Name, dir: &Dir) -> bool {
    is_rotated_beside(says, |sibling| matches!(dir.look(sibling), Ok(Some(_))))
}

fn is_rotated_beside(says: &Name, is_there: impl Fn(&OsStr) -> bool) -> bool {
    match says {
        Name::Plain => false,
        Name::Aside(log) => log.as_ref().is_none_or(|log| is_there(log)),
        Name::Rotated(rotated) => rotated.is_certain() || is_there(&rotated.log),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_siblings_are_known_by_their_names() {
        for name in [
            "web.log.1",
            "web.log.12",
            "web.log-20261120",
            "web.log-2026112003",
            "web.log.2.gz",
            "a.xz",
            "a.tgz",
            "web.log.old",
            "web.log~",
        ] {
            assert!(is_rotated_beside(&family::read(OsStr::new(name)), |_| false), "{name}");
        }
    }

    #[test]
    fn jobs_with_numbers_in_their_names_are_logs_in_use() {
        for name in [
            "web.log",
            "app-2.log",
            "worker-12",
            "job-12345678.log",
            "job-1700000000.log",
            "svc.8080",
            "2026.log",
            ".1",
            "day-20261120.log",
            "v1.2-beta.log",
            "web.log.old.log",
        ] {
            assert!(!is_rotated_beside(&family::read(OsStr::new(name)), |_| false), "{name}");
        }
        assert!(is_rotated_beside(&family::read(OsStr::new("web-20261120.log")), |sibling| sibling == "web.log"));
    }
}
