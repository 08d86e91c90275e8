//! One change to the host as data; a list of them is made as a whole or not at all.
//!
//! Promise: a file is never written over, and never removed, unless it is what the plan has seen. What is written
//! appears whole and durable, or not at all. [`apply`] undoes what it did when a later change fails, in reverse;
//! [`Applied::undo`] does so afterwards. The caller holds [`Host::lock`] from planning to the end.
//!
//! How it fails: a process that is killed leaves the changes made so far, and at most one hidden file that ends in `~`,
//! which cron, systemd and logrotate all pass over; [`sweep`] takes such files away.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::host::{self, Host, HostFile, public};
use super::{Result, divert, problem};
use crate::model::path_text::to_text;
use crate::model::printable::printable_lines;
use crate::sys::dir::{Attributes, Dir};
use crate::sys::fault::{self, Point};
use crate::sys::file::Kind;

/// A change to the host. All paths are absolute paths within the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// Write a file, 0644 and root's. With `before` as `after`, only that is set right.
    Write {
        /// The file.
        path: PathBuf,
        /// What it is now; `None` where there is none.
        before: Option<Vec<u8>>,
        /// What it becomes.
        after: Vec<u8>,
    },
    /// Remove a file.
    Remove {
        /// The file.
        path: PathBuf,
        /// What it is now.
        before: Vec<u8>,
    },
    /// Give a file another name, never over something that exists.
    Move {
        /// The file.
        from: PathBuf,
        /// Its new name.
        to: PathBuf,
    },
    /// Move a package's file out of the way and have dpkg keep it there (`dpkg-divert(1)`).
    Divert {
        /// The file.
        path: PathBuf,
        /// Where it is kept.
        to: PathBuf,
    },
    /// Take such a diversion back.
    Undivert {
        /// The file.
        path: PathBuf,
        /// Where it is kept.
        to: PathBuf,
    },
    /// Make a symbolic link.
    Link {
        /// The link.
        path: PathBuf,
        /// Where it points to.
        target: PathBuf,
    },
    /// Remove a symbolic link.
    Unlink {
        /// The link.
        path: PathBuf,
        /// Where it points to.
        target: PathBuf,
    },
    /// Make a directory, 0755 and root's.
    MakeDir {
        /// The directory.
        path: PathBuf,
    },
    /// Remove an empty directory; one that is not empty stays.
    RemoveDir {
        /// The directory.
        path: PathBuf,
    },
}

impl Edit {
    /// What it does, on one line.
    pub fn describe(&self) -> String {
        let text = |path: &Path| to_text(path);
        match self {
            Self::Write { path, before: None, .. } => format!("write {}", text(path)),
            Self::Write { path, before: Some(before), after } if before == after => {
                format!("set owner and mode of {} (root, 0644, one name)", text(path))
            }
            Self::Write { path, .. } => format!("change {}", text(path)),
            Self::Remove { path, .. } => format!("remove {}", text(path)),
            Self::Move { from, to } => format!("move {} to {}", text(from), text(to)),
            Self::Divert { path, to } => format!("divert {} to {} (dpkg-divert)", text(path), text(to)),
            Self::Undivert { path, to } => format!("take back the diversion of {} to {}", text(path), text(to)),
            Self::Link { path, target } => format!("link {} to {}", text(path), text(target)),
            Self::Unlink { path, .. } => format!("remove the link {}", text(path)),
            Self::MakeDir { path } => format!("make directory {}", text(path)),
            Self::RemoveDir { path } => format!("remove directory {}", text(path)),
        }
    }

    /// The paths that it changes.
    pub(super) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Move { from: path, to } | Self::Divert { path, to } | Self::Undivert { path, to } => vec![path, to],
            Self::Write { path, .. }
            | Self::Remove { path, .. }
            | Self::Link { path, .. }
            | Self::Unlink { path, .. }
            | Self::MakeDir { path }
            | Self::RemoveDir { path } => vec![path],
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// The exact difference that edits make, as a unified diff; what is not about a file's content is told in a line.
pub fn diff(edits: &[Edit]) -> String {
    edits.iter().map(difference).collect()
}

fn difference(edit: &Edit) -> String {
    let (path, before, after) = match edit {
        Edit::Write { path, before, after } if before.as_ref() != Some(after) => (path, before.as_ref(), Some(after)),
        Edit::Remove { path, before } => (path, Some(before), None),
        other => return format!("# {}\n", other.describe()),
    };
    let text = |bytes: Option<&Vec<u8>>| printable(bytes.map_or(&[], Vec::as_slice));
    let name = |side: &str, bytes: Option<&Vec<u8>>| match bytes {
        Some(_) => format!("{side}{}", to_text(path)),
        None => "/dev/null".to_owned(),
    };
    let (old, new) = (text(before), text(after));
    let diff = TextDiff::from_lines(old.as_str(), new.as_str());
    diff.unified_diff().header(&name("a", before), &name("b", after)).to_string()
}

/// A file's text for a terminal: what would move its cursor is replaced.
fn printable(bytes: &[u8]) -> String {
    printable_lines(&String::from_utf8_lossy(bytes))
}

/// What takes a change back.
#[derive(Debug)]
enum Undo {
    /// Put the file back as it was.
    Restore { path: PathBuf, file: HostFile, now: Option<Vec<u8>> },
    /// Make another change.
    Edit(Edit),
}

/// Changes that were made.
#[derive(Debug)]
pub struct Applied<'a> {
    host: &'a Host,
    undo: Vec<Undo>,
}

impl Applied<'_> {
    /// Takes all changes back, in reverse, as far as possible.
    ///
    /// # Errors
    /// The first that can't be taken back; the others were all the same.
    pub fn undo(self) -> Result<()> {
        let mut first = Ok(());
        for undo in self.undo.into_iter().rev() {
            first = first.and(take_back(self.host, &undo));
        }
        first
    }
}

/// Makes all changes, or none.
///
/// # Errors
/// The change that could not be made; those before it were undone, or it is said which were not.
pub fn apply<'a>(host: &'a Host, edits: &[Edit]) -> Result<Applied<'a>> {
    let mut applied = Applied { host, undo: Vec::new() };
    for edit in edits {
        let made = one(host, edit).map(|undo| applied.undo.extend(undo));
        // What can't be made durable is undone with the others.
        if let Err(mut failed) = made.and_then(|()| sync(host, &edit.paths())) {
            if let Err(left) = applied.undo() {
                failed.what = format!("{}; and what was done before could not be undone: {left}", failed.what);
            }
            return Err(failed);
        }
        fault::reached(Point::EditMade);
    }
    Ok(applied)
}

fn take_back(host: &Host, undo: &Undo) -> Result<()> {
    match undo {
        Undo::Restore { path, file, now } => {
            restore(host, path, file, now.as_deref())?;
            sync(host, &[path.as_path()])
        }
        Undo::Edit(edit) => {
            one(host, edit)?;
            sync(host, &edit.paths())
        }
    }
}

/// Makes durable what changed in the directories of these paths.
fn sync(host: &Host, paths: &[&Path]) -> Result<()> {
    paths.iter().try_for_each(|path| Ok(host.parent(path)?.0.sync()?))
}

/// Makes a change, not durable yet; gives back what undoes it.
fn one(host: &Host, edit: &Edit) -> Result<Option<Undo>> {
    let back = |edit| Ok(Some(Undo::Edit(edit)));
    match edit {
        Edit::Write { path, before, after } => write(host, path, before.as_deref(), after).map(Some),
        Edit::Remove { path, before } => remove(host, path, before).map(Some),
        Edit::Move { from, to } => {
            move_file(host, from, to)?;
            back(Edit::Move { from: to.clone(), to: from.clone() })
        }
        Edit::Divert { path, to } => {
            divert::divert(host, path, to)?;
            back(Edit::Undivert { path: path.clone(), to: to.clone() })
        }
        Edit::Undivert { path, to } => {
            divert::undivert(host, path, to)?;
            back(Edit::Divert { path: path.clone(), to: to.clone() })
        }
        Edit::Link { path, target } => {
            let (dir, name) = host.parent(path)?;
            dir.make_symlink(name, target)?;
            back(Edit::Unlink { path: path.clone(), target: target.clone() })
        }
        Edit::Unlink { path, target } => {
            unlink(host, path, target)?;
            back(Edit::Link { path: path.clone(), target: target.clone() })
        }
        Edit::MakeDir { path } => {
            let (dir, name) = host.parent(path)?;
            dir.make_subdir(name, 0o755)?;
            dir.set_mode_of_subdir(name, 0o755)?;
            back(Edit::RemoveDir { path: path.clone() })
        }
        Edit::RemoveDir { path } => {
            let (dir, name) = host.parent(path)?;
            if !dir.open_subdir(name)?.names()?.is_empty() {
                return Ok(None);
            }
            dir.remove_subdir(name)?;
            back(Edit::MakeDir { path: path.clone() })
        }
    }
}

fn write(host: &Host, path: &Path, before: Option<&[u8]>, after: &[u8]) -> Result<Undo> {
    let (dir, name) = host.parent(path)?;
    let found = as_planned(host, &dir, path, before)?;
    put(&dir, name, after, &public())?;
    let now = Some(after.to_vec());
    Ok(match found {
        Some(file) => Undo::Restore { path: path.to_owned(), file, now },
        None => Undo::Edit(Edit::Remove { path: path.to_owned(), before: after.to_vec() }),
    })
}

fn remove(host: &Host, path: &Path, before: &[u8]) -> Result<Undo> {
    let (dir, name) = host.parent(path)?;
    let Some(file) = as_planned(host, &dir, path, Some(before))? else {
        return Err(changed_meanwhile(host, path));
    };
    dir.unlink(name)?;
    Ok(Undo::Restore { path: path.to_owned(), file, now: None })
}

fn restore(host: &Host, path: &Path, file: &HostFile, now: Option<&[u8]>) -> Result<()> {
    let (dir, name) = host.parent(path)?;
    as_planned(host, &dir, path, now)?;
    put(&dir, name, &file.bytes, &file.attributes)
}

fn put(dir: &Dir, name: &OsStr, bytes: &[u8], attributes: &Attributes) -> Result<()> {
    Ok(dir.write_with(name, &temporary(name), bytes, attributes)?)
}

/// What is at a path, if it is what the plan has seen there.
fn as_planned(host: &Host, dir: &Dir, path: &Path, planned: Option<&[u8]>) -> Result<Option<HostFile>> {
    let name = path.file_name().unwrap_or_default();
    let found = host::read_in(dir, name, &host.shown(path))?;
    match found.as_ref().map(|file| file.bytes.as_slice()) == planned {
        true => Ok(found),
        false => Err(changed_meanwhile(host, path)),
    }
}

fn changed_meanwhile(host: &Host, path: &Path) -> Box<crate::model::problem::Problem> {
    let changed = problem(host.shown(path), "someone else has changed it meanwhile; it is left as it is");
    Box::new(changed.hint("do it again"))
}

fn move_file(host: &Host, from: &Path, to: &Path) -> Result<()> {
    let ((from_dir, from_name), (to_dir, to_name)) = (host.parent(from)?, host.parent(to)?);
    Ok(from_dir.rename_new_into(from_name, &to_dir, to_name)?)
}

fn unlink(host: &Host, path: &Path, target: &Path) -> Result<()> {
    let (dir, name) = host.parent(path)?;
    let is_link = dir.look(name)?.is_some_and(|entry| entry.kind == Kind::Symlink);
    if !is_link || dir.read_symlink(name)? != target {
        return Err(changed_meanwhile(host, path));
    }
    Ok(dir.unlink(name)?)
}

/// The ending of what is being written. cron takes no name with a dot in it, systemd only those that end in a kind of
/// unit, and `~` is on logrotate's list of taboo endings in every release (`logrotate(8)`, `tabooext`).
const UNFINISHED: &[u8] = b".logferry~";

fn temporary(name: &OsStr) -> OsString {
    OsStr::from_bytes(&[b".", name.as_bytes(), UNFINISHED].concat()).to_owned()
}

/// Removes what processes that were killed left half written in these directories. To be called with the lock held.
///
/// # Errors
/// Where it can't be removed.
pub fn sweep(host: &Host, directories: &[&Path]) -> Result<()> {
    for directory in directories {
        for name in host.names(directory)? {
            let bytes = name.as_bytes();
            if bytes.len() > UNFINISHED.len() + 1 && bytes.starts_with(b".") && bytes.ends_with(UNFINISHED) {
                host.dir(directory)?.unlink_if_there(&name)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    struct Image {
        dir: tempfile::TempDir,
        host: Host,
    }

    impl Image {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            fs::create_dir_all(dir.path().join("etc")).expect("directories");
            let host = Host::at(dir.path()).expect("an image");
            Self { dir, host }
        }

        fn put(&self, name: &str, text: &str) {
            fs::write(self.dir.path().join("etc").join(name), text).expect("a file");
        }

        /// Names, kinds, modes and contents of all there is.
        fn state(&self) -> BTreeMap<OsString, String> {
            let entries =
                fs::read_dir(self.dir.path().join("etc")).expect("a directory").map(|entry| entry.expect("one"));
            let tell = |entry: fs::DirEntry| {
                let is = entry.metadata().expect("its status");
                let target = fs::read_link(entry.path()).ok();
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                (entry.file_name(), format!("{:o} {:?} {target:?} {text}", is.mode(), is.modified().expect("a time")))
            };
            entries.map(tell).collect()
        }
    }

    fn etc(name: &str) -> PathBuf {
        Path::new("/etc").join(name)
    }

    /// One of each that works on any host.
    fn every_edit() -> Vec<Edit> {
        vec![
            Edit::Write { path: etc("new"), before: None, after: b"new\n".to_vec() },
            Edit::Write { path: etc("old"), before: Some(b"old\n".to_vec()), after: b"changed\n".to_vec() },
            Edit::Remove { path: etc("gone"), before: b"gone\n".to_vec() },
            Edit::Move { from: etc("here"), to: etc("there") },
            Edit::MakeDir { path: etc("dir") },
            Edit::Link { path: etc("dir/link"), target: etc("new") },
            Edit::Unlink { path: etc("dir/link"), target: etc("new") },
        ]
    }

    fn with_files() -> Image {
        let image = Image::new();
        for name in ["old", "gone", "here"] {
            image.put(name, &format!("{name}\n"));
        }
        fs::set_permissions(image.dir.path().join("etc/old"), fs::Permissions::from_mode(0o640)).expect("chmod");
        image
    }

    #[test]
    fn all_is_done_and_all_is_undone() {
        let image = with_files();
        let before = image.state();
        let applied = apply(&image.host, &every_edit()).expect("all can be done");
        let names: Vec<_> = image.state().into_keys().collect();
        assert_eq!(names, ["dir", "new", "old", "there"]);
        assert_eq!(image.host.read("/etc/old").expect("old").map(|file| file.is_sound()), Some(true));
        applied.undo().expect("all can be undone");
        assert_eq!(image.state(), before);
    }

    #[test]
    fn a_change_that_fails_undoes_those_before_it() {
        for failing in [
            Edit::Write { path: etc("old"), before: None, after: b"x".to_vec() },
            Edit::Remove { path: etc("missing"), before: b"x".to_vec() },
            Edit::Move { from: etc("there"), to: etc("old") },
            Edit::Link { path: etc("new"), target: etc("old") },
            Edit::Unlink { path: etc("new"), target: etc("old") },
            Edit::MakeDir { path: etc("new") },
        ] {
            let image = with_files();
            let before = image.state();
            let mut edits = every_edit();
            edits.push(failing.clone());
            apply(&image.host, &edits).expect_err(&failing.describe());
            assert_eq!(image.state(), before, "{failing}");
        }
    }

    #[test]
    fn a_file_that_changed_since_the_plan_is_left_as_it_is() {
        let image = with_files();
        image.put("gone", "someone was here\n");
        let failed = apply(&image.host, &every_edit()).expect_err("it has changed").to_string();
        assert!(failed.contains("etc/gone: someone else has changed it meanwhile"), "{failed}");
        assert_eq!(fs::read(image.dir.path().join("etc/gone")).expect("it is there"), b"someone was here\n");
    }

    #[test]
    fn a_directory_that_others_use_stays() {
        let image = Image::new();
        let applied = apply(&image.host, &[Edit::MakeDir { path: etc("dir") }]).expect("it is made");
        image.put("dir/theirs", "x");
        applied.undo().expect("it stays");
        assert!(image.dir.path().join("etc/dir/theirs").exists());
    }

    #[test]
    fn the_difference_is_exact_and_moves_no_cursor() {
        let edits = [
            Edit::Write { path: etc("a"), before: Some(b"one\ntwo\n".to_vec()), after: b"one\n2\x1b\n".to_vec() },
            Edit::Write { path: etc("b"), before: None, after: b"new\n".to_vec() },
            Edit::Remove { path: etc("c"), before: b"old\n".to_vec() },
            Edit::Link { path: etc("d"), target: etc("b") },
        ];
        let expected = "--- a/etc/a\n+++ b/etc/a\n@@ -1,2 +1,2 @@\n one\n-two\n+2\u{fffd}\n\
                        --- /dev/null\n+++ b/etc/b\n@@ -0,0 +1 @@\n+new\n\
                        --- a/etc/c\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n\
                        # link /etc/d to /etc/b\n";
        assert_eq!(diff(&edits), expected);
    }

    #[test]
    fn what_was_left_half_written_is_swept_and_nothing_else() {
        let image = Image::new();
        for name in [".x.logferry~", "x.logferry~", ".logferry~", "x~"] {
            image.put(name, "");
        }
        sweep(&image.host, &[Path::new("/etc"), Path::new("/etc/missing")]).expect("it can be removed");
        assert_eq!(image.state().into_keys().collect::<Vec<_>>(), [".logferry~", "x.logferry~", "x~"]);
    }
}
