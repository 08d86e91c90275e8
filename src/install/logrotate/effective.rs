//! What logrotate reads: the main file and all that it includes, in the order in which logrotate reads it.
//!
//! It is read as it would be without us: our fragment is left out, and a file that we replaced is read as the original
//! that we keep beside it. So a plan always starts from what others have written, however often it is made.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::parse::{self, Item, Stanza};
use super::replacement::Replacement;
use super::{DIRECTORY, FRAGMENT};
use crate::install::Result;
use crate::install::host::{Host, HostFile};
use crate::sys::pattern::matches_name;
use crate::sys::{self, file::Kind};

/// The main file: where every distribution's daily job looks, and where openSUSE keeps it if that is missing.
pub(super) const MAIN_FILES: [&str; 2] = ["/etc/logrotate.conf", "/usr/etc/logrotate.conf"];

/// What is left out of a directory unless the configuration says otherwise, in 3.21; earlier releases know fewer endings
/// (`defTabooExts` in logrotate's `config.c`), but all since 3.7.9 the one that matters to us.
const TABOO: [&str; 19] = [
    ",v",
    ".bak",
    ".cfsaved",
    ".disabled",
    ".dpkg-bak",
    ".dpkg-del",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-old",
    ".dpkg-tmp",
    ".rhn-cfg-tmp-*",
    ".rpmnew",
    ".rpmorig",
    ".rpmsave",
    ".swp",
    ".ucf-dist",
    ".ucf-new",
    ".ucf-old",
    "~",
];

/// How deep files may include one another (`MAX_NESTING` in logrotate's `config.c`).
const DEEPEST: usize = 16;

/// The configuration that is in force.
#[derive(Debug, Default)]
pub(super) struct Effective {
    /// The files that are read, in that order.
    pub(super) files: Vec<Source>,
    /// Their stanzas, in the order in which logrotate meets them: a file may include others in its middle.
    pub(super) stanzas: Vec<Found>,
    /// Where among the stanzas those of [`DIRECTORY`] begin; `None` where it is not included.
    pub(super) directory_begins: Option<usize>,
    taboo: Vec<Vec<u8>>,
}

/// A file that is read.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path within the host.
    pub(super) path: PathBuf,
    /// What is in it: where we replaced it, in the original.
    pub(super) bytes: Vec<u8>,
    /// The number of the line with the first mistake.
    pub(super) mistake: Option<usize>,
    /// How it comes to be read.
    pub(super) place: Place,
}

/// How a file comes to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// It is the main file, or one that is included by its name.
    Named,
    /// It is in a directory that is included; names that match one of these are left out of it.
    InDirectory {
        /// Patterns of names.
        taboo: Vec<Vec<u8>>,
    },
}

/// A stanza of one of the files.
#[derive(Debug)]
pub(super) struct Found {
    /// Which of the files it is in.
    pub(super) file: usize,
    /// It.
    pub(super) stanza: Stanza,
}

impl Effective {
    /// Reads the configuration of a host.
    ///
    /// # Errors
    /// Where a file of it can't be read.
    pub(super) fn read(host: &Host) -> Result<Self> {
        let taboo = TABOO.iter().map(|end| [b"*", end.as_bytes()].concat()).collect();
        let mut effective = Self { taboo, ..Self::default() };
        for main in MAIN_FILES {
            if host.has(main)? {
                effective.file(host, Path::new(main), &Place::Named, 0)?;
                break;
            }
        }
        Ok(effective)
    }

    /// The file that a stanza is in.
    pub(super) fn source(&self, found: &Found) -> &Source {
        &self.files[found.file]
    }

    fn include(&mut self, host: &Host, path: &Path, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Ok(());
        }
        if !host.has_dir(path)? {
            return self.file(host, path, &Place::Named, depth);
        }
        if path == Path::new(DIRECTORY) {
            self.directory_begins.get_or_insert(self.stanzas.len());
        }
        let taboo = self.taboo.clone();
        let mut names = host.names(path)?;
        names.retain(|name| !taboo.iter().any(|pattern| matches_name(pattern, name.as_bytes())));
        // In the C locale; what could come out otherwise elsewhere is seen to by whoever relies on the order.
        names.sort();
        let place = Place::InDirectory { taboo };
        names.iter().map(|name| path.join(name)).try_for_each(|path| self.file(host, &path, &place, depth))
    }

    fn file(&mut self, host: &Host, path: &Path, place: &Place, depth: usize) -> Result<()> {
        if path == Path::new(FRAGMENT) {
            return Ok(());
        }
        let Some(file) = readable(host, path)? else { return Ok(()) };
        let bytes = match Replacement::of(&file.bytes) {
            // Where the original is gone, its package is, and without us there would be nothing.
            Some(replacement) => match host.read(&replacement.original)? {
                Some(original) => original.bytes,
                None => return Ok(()),
            },
            None => file.bytes,
        };
        let parsed = parse::parse(&bytes);
        let number = self.files.len();
        let source = Source { path: path.to_owned(), bytes, mistake: parsed.mistake, place: place.clone() };
        self.files.push(source);
        for item in parsed.items {
            match item {
                Item::Stanza(stanza) => self.stanzas.push(Found { file: number, stanza }),
                Item::Include(what) => self.include(host, &beside(path, place, what), depth + 1)?,
                Item::Taboo(taboo) if taboo.adds => self.taboo.extend(taboo.patterns),
                Item::Taboo(taboo) => self.taboo = taboo.patterns,
            }
        }
        Ok(())
    }
}

/// What an `include` names: logrotate reads a directory from inside of it, and all else from where it was started.
fn beside(file: &Path, place: &Place, what: Vec<u8>) -> PathBuf {
    let what = PathBuf::from(OsString::from_vec(what));
    let from = match place {
        Place::Named => Path::new("/"),
        Place::InDirectory { .. } => file.parent().unwrap_or(Path::new("/")),
    };
    from.join(what).components().collect()
}

/// A file, unless logrotate passes it over: as root it reads none that others may write to or that is not root's
/// (`readConfigFile` in logrotate's `config.c`), and nothing but regular files.
fn readable(host: &Host, path: &Path) -> Result<Option<HostFile>> {
    if !host.has(path)? {
        return Ok(None);
    }
    let (dir, name) = host.parent(path)?;
    let file = match dir.look(name)?.map(|entry| entry.kind) {
        Some(Kind::Regular) => host.read(path)?,
        Some(Kind::Symlink) => host.read_through(path)?,
        _ => None,
    };
    const OTHERS_WRITE: u32 = 0o022;
    // An image may be made by someone else than root, and its files may still be his.
    let may_own = |user| user == 0 || !host.is_live() && user == sys::host::user();
    Ok(file.filter(|file| file.attributes.mode & OTHERS_WRITE == 0 && may_own(file.attributes.owner.0)))
}

/// Whether logrotate leaves a file of that name out of a directory.
pub(super) fn is_taboo(taboo: &[Vec<u8>], name: &OsStr) -> bool {
    taboo.iter().any(|pattern| matches_name(pattern, name.as_bytes()))
}
