//! The file system that is installed into: this machine's, or that of an image.
//!
//! Promise: a path within the host never leads out of its root, whatever links the image holds: an absolute link in it
//! starts at the image's root, and `..` ends there. Links that others than root or ourselves could have made are not
//! followed at all.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Result, problem};
use crate::sys::dir::{Attributes, Dir};
use crate::sys::failure::{Context, Failure};
use crate::sys::file::Kind;
use crate::sys::host;
use crate::sys::lock::{self, Lock};
use crate::sys::walk;

/// The most bytes that a file we look at may have: configuration is far smaller, and memory is not to be filled.
const LARGEST: u64 = 16 << 20;

/// What is installed into.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

/// A regular file of the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostFile {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Who may do what with it.
    pub attributes: Attributes,
}

impl HostFile {
    /// Whether it is as a file of the system must be, or cron and logrotate pass it over: 0644, of one name, root's (in
    /// an image that someone else makes: his).
    pub fn is_sound(&self) -> bool {
        let Attributes { mode, owner, links, .. } = self.attributes;
        (mode, links) == (0o644, 1) && owner == public().owner
    }
}

impl HostFile {
    /// Who besides root, and whoever makes the image, may change it, as a sentence.
    pub fn changed_by_others(&self) -> Option<String> {
        let Attributes { mode, owner: (user, group), .. } = self.attributes;
        let group_is_ours = group == 0 || group == host::group();
        match () {
            () if user != 0 && user != host::user() => Some(format!("it belongs to user {user}")),
            () if mode & 0o002 != 0 || mode & 0o020 != 0 && !group_is_ours => {
                Some(format!("others may write to it (mode {mode:03o})"))
            }
            () => None,
        }
    }
}

/// The attributes of every file that install writes.
pub(super) fn public() -> Attributes {
    Attributes { mode: 0o644, owner: (host::user(), host::group()), links: 1, modified: None }
}

impl Host {
    /// The running system.
    pub fn running() -> Self {
        Self { root: "/".into() }
    }

    /// What is below `root`, which must exist; `/` is the running system.
    ///
    /// # Errors
    /// Where it is missing or no directory, or the way to it leads over a link that can't be trusted.
    pub fn at(root: &Path) -> Result<Self> {
        let path = std::path::absolute(root).doing("resolve", root)?;
        Dir::open(&path)?;
        Ok(Self { root: walk::real_path(&path).doing("resolve", root)? })
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is the running system.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Where a path within the host lies, seen from here. Links on the way are resolved within the host; the last part of
    /// the path may be a link itself, or missing.
    ///
    /// # Errors
    /// Where a link on the way can't be trusted.
    pub fn path(&self, within: impl AsRef<Path>) -> Result<PathBuf> {
        let within = within.as_ref();
        let (Some(parent), Some(name)) = (within.parent(), within.file_name()) else { return Ok(self.root.clone()) };
        match walk::real_path_in(&self.root, parent) {
            Ok(parent) => Ok(parent.join(name)),
            // What is missing leads nowhere.
            Err(error) if is_missing(&error) => Ok(self.shown(within)),
            Err(error) => Err(Failure::new("resolve", self.shown(within), error).into()),
        }
    }

    /// A path within the host without links, still as one within it.
    ///
    /// # Errors
    /// Where it is missing, or a link on the way can't be trusted.
    pub fn within(&self, within: impl AsRef<Path>) -> Result<PathBuf> {
        let within = within.as_ref();
        let real = walk::real_path_in(&self.root, within).doing("resolve", self.shown(within))?;
        Ok(Path::new("/").join(real.strip_prefix(&self.root).unwrap_or(&real)))
    }

    /// A path within the host as it is told to a person.
    pub fn shown(&self, within: impl AsRef<Path>) -> PathBuf {
        walk::below(&self.root, within.as_ref())
    }

    /// Opens a directory of the host.
    ///
    /// # Errors
    /// Where it is missing, or no directory, or a link on the way can't be trusted.
    pub fn dir(&self, within: impl AsRef<Path>) -> Result<Dir> {
        Ok(Dir::open_in(&self.root, within.as_ref())?)
    }

    /// Opens the directory that a path is in; the path's last part comes with it.
    ///
    /// # Errors
    /// As with [`Self::dir`].
    pub fn parent<'a>(&self, within: &'a Path) -> Result<(Dir, &'a OsStr)> {
        let (Some(parent), Some(name)) = (within.parent(), within.file_name()) else {
            return Err(problem(within, "it is not the path of a file"));
        };
        Ok((self.dir(parent)?, name))
    }

    /// What is at a path; `None` where there is nothing, or not even its directory.
    ///
    /// # Errors
    /// Where it can't be read, and where it is something else than a regular file: a link is not followed.
    pub fn read(&self, within: impl AsRef<Path>) -> Result<Option<HostFile>> {
        let within = within.as_ref();
        let (dir, name) = match self.parent(within) {
            Err(_) if !self.has_dir(within.parent().unwrap_or(within))? => return Ok(None),
            opened => opened?,
        };
        read_in(&dir, name, &self.shown(within))
    }

    /// What is at a path, links followed within the host; `None` where there is nothing.
    ///
    /// # Errors
    /// Where it can't be read, is no regular file, or a link can't be trusted.
    pub fn read_through(&self, within: impl AsRef<Path>) -> Result<Option<HostFile>> {
        let within = within.as_ref();
        let real = match walk::real_path_in(&self.root, within) {
            Err(error) if is_missing(&error) => return Ok(None),
            found => found.doing("resolve", self.shown(within))?,
        };
        let within = Path::new("/").join(real.strip_prefix(&self.root).unwrap_or(&real));
        self.read(within)
    }

    /// Whether there is something at a path, be it a link.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn has(&self, within: impl AsRef<Path>) -> Result<bool> {
        let within = within.as_ref();
        if !self.has_dir(within.parent().unwrap_or(within))? {
            return Ok(false);
        }
        let (dir, name) = self.parent(within)?;
        Ok(dir.look(name)?.is_some())
    }

    /// Whether there is a symbolic link at a path.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn is_link(&self, within: impl AsRef<Path>) -> Result<bool> {
        let within = within.as_ref();
        if !self.has(within)? {
            return Ok(false);
        }
        let (dir, name) = self.parent(within)?;
        Ok(dir.look(name)?.is_some_and(|entry| entry.kind == Kind::Symlink))
    }

    /// Whether there is a directory at a path, links followed.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn has_dir(&self, within: impl AsRef<Path>) -> Result<bool> {
        match Dir::open_in(&self.root, within.as_ref()) {
            Ok(_) => Ok(true),
            Err(failure) if is_missing(&failure.source) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The names in a directory, sorted; none where there is no such directory.
    ///
    /// # Errors
    /// Where it can't be listed.
    pub fn names(&self, within: impl AsRef<Path>) -> Result<Vec<OsString>> {
        match self.has_dir(&within)? {
            true => Ok(self.dir(within)?.names()?),
            false => Ok(Vec::new()),
        }
    }

    /// Takes the right to change the host, from planning to the end; waits a minute for another that has it. The lock
    /// is a file that only root can open, so that nobody else can hold it, and it is gone when all is done.
    ///
    /// # Errors
    /// Where another has it, or the lock can't be made.
    pub fn lock(&self) -> Result<HostLock> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let dir = self.dir("/etc")?;
        let begun = Instant::now();
        loop {
            if let Some(held) = lock::try_lock_file(&dir, LOCK)? {
                return Ok(HostLock { dir, _held: held });
            }
            if begun.elapsed() > PATIENCE {
                let held =
                    problem(dir.path_of(LOCK), "another logferry is installing or uninstalling, and holds this lock");
                return Err(Box::new(held.hint("wait until it has ended, then do it again")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The lock's name: gone when nobody holds it, and of no meaning to anyone if a process was killed with it.
const LOCK: &str = ".logferry.lock~";

/// The right to change the host, until dropped.
#[derive(Debug)]
pub struct HostLock {
    dir: Dir,
    _held: Lock,
}

impl Drop for HostLock {
    fn drop(&mut self) {
        // While it is held still: whoever waits for it sees that its name is gone, and makes a new one. If it can't be
        // removed, the next one to take it does that.
        let _ = self.dir.unlink_if_there(LOCK);
    }
}

/// Whether nothing is there.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What is at a name of an open directory.
pub(super) fn read_in(dir: &Dir, name: &OsStr, shown: &Path) -> Result<Option<HostFile>> {
    let what = match dir.look(name)? {
        None => return Ok(None),
        Some(entry) if entry.kind == Kind::Regular && entry.status.size > LARGEST => {
            "far too large to be configuration"
        }
        Some(entry) => match entry.kind {
            Kind::Regular => "",
            Kind::Symlink => "a symbolic link",
            Kind::Directory => "a directory",
            Kind::Fifo | Kind::Device | Kind::Socket => "not a regular file",
        },
    };
    if !what.is_empty() {
        let refused = problem(shown, format!("it is {what}, and is left alone"));
        return Err(Box::new(refused.hint("see who has put it there; move it away, then do it again")));
    }
    let (attributes, mut file) = (dir.attributes(name)?, dir.open_read(name)?);
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(LARGEST).read_to_end(&mut bytes).doing("read", shown)?;
    Ok(attributes.map(|attributes| HostFile { bytes, attributes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn image() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("root/etc")).expect("directories");
        let host = Host::at(&dir.path().join("root")).expect("an image");
        (dir, host)
    }

    #[test]
    fn links_of_an_image_stay_in_it() {
        let (dir, host) = image();
        fs::create_dir_all(dir.path().join("root/usr/share")).expect("directories");
        fs::write(dir.path().join("root/usr/share/x"), "inside").expect("a file");
        fs::write(dir.path().join("outside"), "outside").expect("a file");
        for (link, target) in [("up", "../../../../usr/share"), ("abs", "/usr/share"), ("out", "../..")] {
            symlink(target, dir.path().join("root/etc").join(link)).expect("a link");
        }
        for path in ["/etc/up/x", "/etc/abs/x"] {
            assert_eq!(host.path(path).expect(path), dir.path().join("root/usr/share/x"));
            assert_eq!(host.read(path).expect(path).expect("it is there").bytes, b"inside");
        }
        assert_eq!(host.path("/etc/out/outside").expect("it stays"), dir.path().join("root/outside"));
        assert_eq!(host.read("/etc/out/outside").expect("it is looked for"), None);
    }

    #[test]
    fn what_is_missing_is_none_and_what_is_no_file_is_refused() {
        let (dir, host) = image();
        assert_eq!(host.read("/no/such/dir").expect("nothing"), None);
        symlink("/etc/passwd", dir.path().join("root/etc/x")).expect("a link");
        let refused = host.read("/etc/x").expect_err("a link").to_string();
        assert!(refused.contains("root/etc/x: it is a symbolic link, and is left alone\n  hint:"), "{refused}");
        assert!(host.has("/etc/x").expect("it is there") && !host.has("/etc/y").expect("it is not"));
    }

    #[test]
    fn the_lock_is_held_by_one_and_leaves_nothing() {
        let (dir, host) = image();
        let names = || fs::read_dir(dir.path().join("root/etc")).expect("a directory").count();
        let held = host.lock().expect("it is free");
        assert_eq!(names(), 1);
        let waiting = std::thread::spawn({
            let host = host.clone();
            move || host.lock().map(drop)
        });
        drop(held);
        waiting.join().expect("it ends").expect("it gets it");
        assert_eq!(names(), 0);
    }
}
