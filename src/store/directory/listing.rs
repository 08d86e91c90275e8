//! What a directory holds, in the order of keys. What can't be read of it is told in the end, behind all that can.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::links;
use crate::model::key::Leaf;
use crate::model::problem;
use crate::store::{Kind, Listed, StoreError};

/// Shows each object below `root` whose key begins with `prefix` and comes after `after`.
pub(super) fn objects(
    root: &Path,
    prefix: &str,
    after: &str,
    each: &mut dyn FnMut(Listed) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    links::refuse_on_the_way(root, above(prefix))?;
    let (base, mut unread) = (root.join(above(prefix)), Unread::default());
    if !unread.is_there(&base) {
        return unread.told(root);
    }
    // What is no text is shown as what it looks like: it is nobody's key.
    let name_of = |entry: &DirEntry| Some(entry.path().strip_prefix(root).ok()?.to_string_lossy().into_owned());
    let leads_on = |entry: &DirEntry| {
        let name = name_of(entry).filter(|_| entry.depth() > 0 && entry.file_type().is_dir());
        let Some(directory) = name.map(|name| name + "/") else { return true };
        let may_match = directory.starts_with(prefix) || prefix.starts_with(&directory);
        // All below a directory comes before what its own name comes before, unless it is on the way there.
        may_match && (directory.as_str() > after || after.starts_with(&directory))
    };
    let walk = WalkDir::new(base).sort_by(in_key_order).into_iter();
    for entry in walk.filter_entry(|entry| is_shown(entry) && leads_on(entry)) {
        let Some(entry) = unread.sound(entry) else { continue };
        let is_asked = |name: &String| name.starts_with(prefix) && format!("{name}/").as_str() > after;
        if name_of(&entry).is_some_and(|name| is_asked(&name))
            && let Err(error) = links::refuse(&entry)
        {
            unread.note(problem::chain(&error));
            continue;
        }
        let name = name_of(&entry).filter(|name| entry.file_type().is_file() && name.starts_with(prefix));
        let Some(name) = name.filter(|name| name.as_str() > after) else { continue };
        let Some(size) = unread.sound(entry.metadata()).map(|metadata| metadata.len()) else { continue };
        let listed = match entry.path().to_str() {
            Some(_) => Listed::new(&name, size),
            None => Listed { key: Err(name), size },
        };
        if each(listed).is_break() {
            break;
        }
    }
    unread.told(root)
}

/// Shows each directory whose path below `root` begins with `prefix` and has no further slash.
pub(super) fn directories(
    root: &Path,
    prefix: &str,
    each: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let (above, begin) = (above(prefix), &prefix[above(prefix).len()..]);
    links::refuse_on_the_way(root, above)?;
    let (base, mut unread) = (root.join(above), Unread::default());
    if !unread.is_there(&base) {
        return unread.told(root);
    }
    for entry in WalkDir::new(base).min_depth(1).max_depth(1).sort_by(in_key_order).into_iter().filter_entry(is_shown) {
        let Some(entry) = unread.sound(entry) else { continue };
        let Some(name) = entry.file_name().to_str().filter(|name| name.starts_with(begin)) else { continue };
        if let Err(error) = links::refuse(&entry) {
            unread.note(problem::chain(&error));
            continue;
        }
        if entry.file_type().is_dir() && each(&format!("{above}{name}/")).is_break() {
            break;
        }
    }
    unread.told(root)
}

/// What could not be read: one directory doesn't keep the others from being listed.
#[derive(Default)]
struct Unread {
    first: Option<Box<dyn std::error::Error + Send + Sync>>,
    count: usize,
}

impl Unread {
    fn note(&mut self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.first.get_or_insert_with(|| error.into());
        self.count += 1;
    }

    /// Whether a directory is there, as far as that can be told.
    fn is_there(&mut self, base: &Path) -> bool {
        base.try_exists().map_err(|error| self.note(format!("{}: {error}", base.display()))).unwrap_or(false)
    }

    /// What can be read. What was removed since the directory was read is not there.
    fn sound<T>(&mut self, read: walkdir::Result<T>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                let is_gone = error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound);
                if !is_gone || error.depth() == 0 {
                    self.note(error);
                }
                None
            }
        }
    }

    fn told(self, root: &Path) -> Result<(), StoreError> {
        let Some(first) = self.first else { return Ok(()) };
        let why = match self.count {
            1 => first.to_string(),
            count => format!("{first}, and {} more that can't be read", count - 1),
        };
        Err(StoreError::new("list all of", root.display(), Kind::Local, why))
    }
}

/// The directory that a prefix is in, with its slash.
fn above(prefix: &str) -> &str {
    prefix.rfind('/').map_or("", |slash| &prefix[..=slash])
}

/// Hidden names are not listed, but for objects of a service whose name begins with a dot.
fn is_shown(entry: &DirEntry) -> bool {
    let is_object = || entry.file_name().to_str().and_then(Leaf::parse).is_some();
    entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".") || is_object()
}

/// Keys are ordered as bytes, with a slash behind a directory's name; file names alone would sort `a.b` before `a/b`.
fn in_key_order(a: &DirEntry, b: &DirEntry) -> std::cmp::Ordering {
    let name = |entry: &DirEntry| {
        let mut name = entry.file_name().as_encoded_bytes().to_vec();
        if entry.file_type().is_dir() {
            name.push(b'/');
        }
        name
    };
    name(a).cmp(&name(b))
}
