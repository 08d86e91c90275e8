//! Symbolic links in a directory store. None is followed when an object is opened, so that none may be followed, or passed over,
//! when objects are listed: what is behind it would be proved by nobody.

use std::ffi::OsStr;
use std::path::{Component, Path};

use walkdir::DirEntry;

use crate::model::key::Leaf;
use crate::store::{Kind, StoreError};

/// Refuses a link on the way from the root, which may be one itself, to a directory below it.
pub(super) fn refuse_on_the_way(root: &Path, below: &str) -> Result<(), StoreError> {
    let mut path = root.to_owned();
    for part in Path::new(below).components().filter(|part| matches!(part, Component::Normal(_))) {
        path.push(part);
        let is_link = path.symlink_metadata().is_ok_and(|is| is.file_type().is_symlink());
        if is_link {
            return Err(refused(&path));
        }
    }
    Ok(())
}

/// Refuses an entry that is a link where a directory or an object could be.
pub(super) fn refuse(entry: &DirEntry) -> Result<(), StoreError> {
    let is_ours = |name: &OsStr| name.to_str().and_then(Leaf::parse).is_some();
    let could_be = || is_ours(entry.file_name()) || entry.path().is_dir();
    match entry.path_is_symlink() && entry.depth() > 0 && could_be() {
        true => Err(refused(entry.path())),
        false => Ok(()),
    }
}

fn refused(path: &Path) -> StoreError {
    let why = "it is a symbolic link, which is not followed: put what it leads to in its place, or mount it there";
    StoreError::new("list", path.display(), Kind::Local, why)
}
