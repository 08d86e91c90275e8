//! A directory as a store: an object is a file, its metadata a hidden JSON file beside it.
//!
//! ```text
//! service=web/dt=2026-11-21/.web_….log.gz.json   first, durable: who lists the object finds its metadata
//! service=web/dt=2026-11-21/.web_….log.gz.tmp    written, synced, read back
//! service=web/dt=2026-11-21/web_….log.gz         a link to it, made without overwriting; directory synced
//! ```
//!
//! A put that was cut short leaves a `.tmp` that the next put of the same key replaces. The root must exist: a mount
//! that is missing must not be filled from below. Hidden names are what Hive and its kin don't read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;

use sha2::Digest as _;
use walkdir::WalkDir;

use super::{Description, Kind, Listed, Object, Put, Store, StoreError, Uploads};
use crate::model::digest::Digest;
use crate::model::key::ObjectKey;
use crate::sys::dir::Dir;
use crate::sys::failure::{Failure, Result as SysResult};

/// How many bytes are copied at once.
const PIECE: usize = 256 * 1024;

/// Directories and files of the store, as people expect them on a shared disk; the umask doesn't count.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o640;

/// A directory.
pub(super) struct DirectoryStore {
    root: Dir,
}

impl DirectoryStore {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let root = Dir::open(path).map_err(|failure| {
            let kind = if failure.is(io::ErrorKind::NotFound) { Kind::NoStore } else { Kind::Local };
            StoreError::new("use the store", format!("file://{}", path.display()), kind, failure)
        })?;
        Ok(Self { root })
    }

    /// The directory of a key, made if it is missing.
    fn make_directory(&self, directory: &str) -> SysResult<Dir> {
        let mut dir = self.root.open_subdir(".")?;
        for part in directory.split('/').filter(|part| !part.is_empty()) {
            dir = match dir.open_subdir(part) {
                Err(failure) if failure.is(io::ErrorKind::NotFound) => match dir.make_subdir(part, DIRECTORY_MODE) {
                    Err(failure) if !failure.is(io::ErrorKind::AlreadyExists) => return Err(failure),
                    _ => dir.open_subdir(part)?,
                },
                other => other?,
            };
        }
        Ok(dir)
    }

    fn find_directory(&self, directory: &str) -> SysResult<Dir> {
        let parts = directory.split('/').filter(|part| !part.is_empty());
        parts.fold(self.root.open_subdir("."), |dir, part| dir?.open_subdir(part))
    }

    fn find(&self, key: &ObjectKey) -> Result<(Dir, File), StoreError> {
        let (directory, leaf) = key.split();
        let found = self.find_directory(directory).and_then(|dir| dir.open_read(leaf).map(|file| (dir, file)));
        found.map_err(|failure| {
            let kind = if failure.is(io::ErrorKind::NotFound) { Kind::NoObject } else { Kind::Local };
            StoreError::new("open", key, kind, failure)
        })
    }

    /// Whether the file that is there already is the object. A directory has no rights of its own to keep others from
    /// changing it, so it is read.
    fn compare(&self, object: &Object<'_>, dir: &Dir, leaf: &str) -> Result<Put, StoreError> {
        let there = dir.open_read(leaf).and_then(|mut file| digest_of(&mut file, &dir.path_of(leaf)));
        match there.map_err(|failure| local(object, failure))? {
            digest if digest == object.sha256 => Ok(Put::AlreadyThere),
            _ => {
                let why = "another file is there under this name; it is left as it is";
                Err(StoreError::new("put", object.key, Kind::Rejected, why))
            }
        }
    }
}

impl Store for DirectoryStore {
    fn put(&self, object: &Object<'_>, _uploads: &dyn Uploads) -> Result<Put, StoreError> {
        let (directory, leaf) = object.key.split();
        let dir = self.make_directory(directory).map_err(|failure| local(object, failure))?;
        let temporary = format!(".{leaf}.tmp");
        let metadata = serde_json::to_vec_pretty(object.metadata)
            .map_err(|error| StoreError::new("write the metadata of", object.key, Kind::Local, error))?;
        dir.write_durable(&metadata_file(leaf), &metadata).map_err(|failure| local(object, failure))?;
        let written = write_temporary(object, &dir, &temporary);
        let linked = written.and_then(|()| match dir.link(&temporary, leaf) {
            Ok(()) => Ok(Put::Created),
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => self.compare(object, &dir, leaf),
            Err(failure) => Err(local(object, failure)),
        });
        let removed = dir.unlink_if_there(&temporary).and_then(|()| dir.sync());
        let put = linked?;
        removed.map_err(|failure| local(object, failure))?;
        Ok(put)
    }

    fn abandon(&self, _key: &ObjectKey, _upload: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Listed) -> ControlFlow<()>) -> Result<(), StoreError> {
        let (directory, _) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let root = self.root.path();
        let base = root.join(directory);
        let failed = |error: walkdir::Error| StoreError::new("list", root.display(), Kind::Local, error);
        if !base.exists() {
            return Ok(());
        }
        let shown =
            |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
        for entry in WalkDir::new(base).sort_by(in_key_order).into_iter().filter_entry(shown) {
            let entry = entry.map_err(failed)?;
            let below = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
            let Some(key) = below.filter(|key| entry.file_type().is_file() && key.starts_with(prefix)) else {
                continue;
            };
            let Some(key) = ObjectKey::listed(key) else { continue };
            let size = entry.metadata().map_err(failed)?.len();
            if each(Listed { key, size }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn open(&self, key: &ObjectKey) -> Result<Box<dyn Read + Send + '_>, StoreError> {
        let (_, file) = self.find(key)?;
        Ok(Box::new(file))
    }

    fn describe(&self, key: &ObjectKey) -> Result<Description, StoreError> {
        let (dir, file) = self.find(key)?;
        let failed = |error: io::Error| StoreError::new("look at", key, Kind::Local, error);
        let size = file.metadata().map_err(failed)?.len();
        let mut text = String::new();
        let read = dir.open_read(metadata_file(key.split().1)).map(|mut file| file.read_to_string(&mut text));
        let metadata: BTreeMap<String, String> = match read {
            Ok(Ok(_)) => serde_json::from_str(&text).map_err(|error| failed(error.into()))?,
            Ok(Err(error)) => return Err(failed(error)),
            Err(failure) if failure.is(io::ErrorKind::NotFound) => BTreeMap::new(),
            Err(failure) => return Err(failed(failure.source)),
        };
        Ok(Description { size, metadata, content_type: None })
    }
}

fn metadata_file(leaf: &str) -> String {
    format!(".{leaf}.json")
}

fn local(object: &Object<'_>, failure: Failure) -> StoreError {
    StoreError::new("put", object.key, Kind::Local, failure)
}

/// Keys are ordered as bytes, with a slash behind a directory's name; file names alone would sort `a.b` before `a/b`.
fn in_key_order(a: &walkdir::DirEntry, b: &walkdir::DirEntry) -> std::cmp::Ordering {
    let name = |entry: &walkdir::DirEntry| {
        let mut name = entry.file_name().as_encoded_bytes().to_vec();
        if entry.file_type().is_dir() {
            name.push(b'/');
        }
        name
    };
    name(a).cmp(&name(b))
}

/// Writes the body, makes it durable, and verifies what was written.
fn write_temporary(object: &Object<'_>, dir: &Dir, temporary: &str) -> Result<(), StoreError> {
    dir.unlink_if_there(temporary).map_err(|failure| local(object, failure))?;
    let mut file = dir.create(temporary, FILE_MODE).map_err(|failure| local(object, failure))?;
    let mut sha = sha2::Sha256::new();
    let mut offset = 0;
    while offset < object.length {
        let count = usize::try_from(object.length - offset).map_or(PIECE, |left| left.min(PIECE));
        let piece = object.read(offset, count)?;
        sha.update(&piece);
        let written = file.write_all(&piece);
        written.map_err(|error| local(object, Failure::new("write", dir.path_of(temporary), error)))?;
        offset += count as u64;
    }
    file.sync_all().map_err(|error| local(object, Failure::new("sync", dir.path_of(temporary), error)))?;
    match Digest(sha.finalize().into()) == object.sha256 {
        true => Ok(()),
        false => Err(object.damaged()),
    }
}

fn digest_of(file: &mut File, path: &Path) -> SysResult<Digest> {
    let mut sha = sha2::Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(|error| Failure::new("read", path, error))? {
            0 => return Ok(Digest(sha.finalize().into())),
            count => sha.update(&piece[..count]),
        }
    }
}
