//! The logs that a host has now, by the patterns of the configuration.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::host::Host;
use super::{Logs, Result};
use crate::config::{LogSet, Pattern};
use crate::sys::dir::Dir;
use crate::sys::file::Kind;

/// No deeper than a run looks ([`crate::rotate::discover`]).
const DEEPEST: usize = 64;

impl Logs {
    /// Finds the logs of these sets that there are now. Directories that are missing, or can't be looked through, have
    /// none: it is the run that complains of them.
    ///
    /// # Errors
    /// Where the host itself can't be looked at.
    pub fn find(host: &Host, sets: Vec<LogSet>) -> Result<Self> {
        let mut existing = BTreeSet::new();
        for set in &sets {
            for pattern in &set.paths {
                let mut search = Search { set, pattern, found: &mut existing };
                match pattern {
                    Pattern::Literal(path) => search.literal(host, path),
                    Pattern::Glob { base, depth, .. } => search.below(host, base, depth.unwrap_or(DEEPEST)),
                }
            }
        }
        Ok(Self { sets, existing: existing.into_iter().collect() })
    }
}

struct Search<'a> {
    set: &'a LogSet,
    pattern: &'a Pattern,
    found: &'a mut BTreeSet<PathBuf>,
}

impl Search<'_> {
    fn literal(&mut self, host: &Host, path: &Path) {
        let Ok((dir, name)) = host.parent(path) else { return };
        match dir.look(name).ok().flatten().map(|entry| entry.kind) {
            Some(Kind::Regular) => self.consider(path),
            Some(Kind::Directory | Kind::Symlink) => self.below(host, path, DEEPEST),
            _ => {}
        }
    }

    fn below(&mut self, host: &Host, path: &Path, depth: usize) {
        if let Ok(dir) = host.dir(path) {
            self.walk(&dir, path, depth);
        }
    }

    fn walk(&mut self, dir: &Dir, path: &Path, depth: usize) {
        for name in dir.names().unwrap_or_default() {
            let path = path.join(&name);
            match dir.look(&name).ok().flatten().map(|entry| entry.kind) {
                Some(Kind::Regular) => self.consider(&path),
                Some(Kind::Directory) if depth > 1 && !is_hidden(&name) && !self.set.excludes(&path) => {
                    if let Ok(below) = dir.open_subdir(&name) {
                        self.walk(&below, &path, depth - 1);
                    }
                }
                _ => {}
            }
        }
    }

    fn consider(&mut self, path: &Path) {
        let hidden = path.file_name().is_some_and(is_hidden);
        if !hidden && self.pattern.covers(path) && !self.set.excludes(path) {
            self.found.insert(path.to_owned());
        }
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Exclude;

    #[test]
    fn logs_are_found_by_name_directory_and_pattern() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["a/web.log", "a/cron.log", "a/.hidden.log", "a/old/x.log", "b/one", "b/two", "c.log", "d.txt"] {
            let path = dir.path().join("srv").join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            std::fs::write(path, "").expect("a log");
        }
        let host = Host::at(dir.path()).expect("an image");
        let patterns = ["/srv/a/*.log", "/srv/b", "/srv/c.log", "/srv/missing", "/none/*.log"];
        let paths = patterns.map(|text| Pattern::absolute(text).expect(text)).to_vec();
        let exclude = vec![Exclude::parse("cron*").expect("sound")];
        let logs = Logs::find(&host, vec![LogSet { paths, exclude, ..LogSet::default() }]).expect("found");
        let expected = ["/srv/a/web.log", "/srv/b/one", "/srv/b/two", "/srv/c.log"].map(PathBuf::from);
        assert_eq!(logs.existing, expected);
    }
}
