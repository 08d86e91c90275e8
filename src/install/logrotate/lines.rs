//! Logrotate's answer, taken apart into lines.
//!
//! A log may have line ends in its name, and logrotate writes them as they are: whoever may make a file in a directory of logs
//! could make an answer look like another. So the names with line ends that are in these directories are looked up, and
//! wherever one stands in the answer, it becomes one line.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::install::Result;
use crate::install::host::Host;

pub(super) const CONSIDERING: &[u8] = b"considering log ";

/// What stands for a line end in a name.
const SUBSTITUTE: u8 = 0x1a;

/// An answer in which no name has a line end.
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    /// The names with line ends, by what stands for them.
    names: HashMap<Vec<u8>, Vec<u8>>,
}

/// All that is in the directories of the logs that an answer speaks of.
///
/// # Errors
/// Where one can't be looked through.
pub(super) fn files_beside(host: &Host, answer: &[u8]) -> Result<BTreeSet<PathBuf>> {
    let logs = answer.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(CONSIDERING));
    let directories: BTreeSet<&[u8]> =
        logs.filter(|log| log.starts_with(b"/")).filter_map(|log| Some(&log[..memchr::memrchr(b'/', log)?])).collect();
    let mut files = BTreeSet::new();
    for directory in directories {
        let directory = Path::new("/").join(OsStr::from_bytes(directory));
        files.extend(host.names(&directory)?.into_iter().map(|name| directory.join(name)));
    }
    Ok(files)
}

impl Lines {
    /// Takes an answer; `there` are the files that it may speak of.
    pub(super) fn of(answer: &[u8], there: &BTreeSet<PathBuf>) -> Self {
        let names: BTreeSet<&[u8]> = there.iter().filter_map(|path| Some(path.file_name()?.as_bytes())).collect();
        let names: Vec<&[u8]> = names.into_iter().filter(|name| name.contains(&b'\n')).collect();
        let on_one_line =
            |name: &[u8]| name.iter().map(|&byte| if byte == b'\n' { SUBSTITUTE } else { byte }).collect();
        Self {
            text: without_line_ends(answer, &names),
            names: names.iter().map(|name| (on_one_line(name), name.to_vec())).collect(),
        }
    }

    /// The path that a line speaks of.
    pub(super) fn path(&self, written: &[u8]) -> PathBuf {
        let (directory, name) = written.split_at(memchr::memrchr(b'/', written).map_or(0, |slash| slash + 1));
        let name = self.names.get(name).map_or(name, Vec::as_slice);
        PathBuf::from(OsString::from_vec([directory, name].concat()))
    }
}

/// At each line end: whether a name begins before it, behind the last slash, and goes on after it.
fn without_line_ends(answer: &[u8], names: &[&[u8]]) -> Vec<u8> {
    let mut beginning: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for name in names {
        let end = memchr::memchr(b'\n', name).unwrap_or(name.len());
        beginning.entry(&name[..end]).or_default().push(name);
    }
    let mut text = answer.to_vec();
    let mut done = 0;
    for end in memchr::memchr_iter(b'\n', answer).filter(|_| !names.is_empty()) {
        // One that is in a name is dealt with.
        let Some(slash) = answer.get(done..end).and_then(|line| memchr::memrchr(b'/', line)) else { continue };
        let from = done + slash + 1;
        let fits = |name: &&&[u8]| answer[from..].starts_with(name);
        let longest =
            beginning.get(&answer[from..end]).and_then(|names| names.iter().filter(fits).max_by_key(|name| name.len()));
        if let Some(name) = longest {
            done = from + name.len();
            text[end..done].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = SUBSTITUTE);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_line_ends_is_one_line_and_read_back() {
        let evil = "x\nrotating pattern: /l/x\nconsidering log y.log";
        let there = ["/l/a\nb.log", "/l/a\nb.log\n", "/l/web.log"].map(PathBuf::from);
        let there =
            there.into_iter().chain([Path::new("/l").join("\n"), Path::new("/l").join("x\nrotating pattern: ")]);
        let answer = "considering log /l/a\nb.log\n\nconsidering log /l/web.log\nconsidering log /l/\n\nrotating /l/a\nb.log, to /m/a\nb.log.1\n";
        let lines = Lines::of(answer.as_bytes(), &there.collect());
        let text = String::from_utf8_lossy(&lines.text).into_owned();
        let expected = [
            "considering log /l/a\u{1a}b.log\u{1a}",
            "considering log /l/web.log",
            "considering log /l/\u{1a}",
            "rotating /l/a\u{1a}b.log, to /m/a\u{1a}b.log.1",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert_eq!(lines.path(b"/l/a\x1ab.log\x1a"), Path::new("/l/a\nb.log\n"));
        assert_eq!(lines.path(b"/l/web.log"), Path::new("/l/web.log"));
        // A name that no file has stays what it looks like.
        let lines = Lines::of(evil.as_bytes(), &BTreeSet::new());
        assert_eq!(lines.text, evil.as_bytes());
    }
}
