//! A directory as a store: an object is a file, its metadata a hidden JSON file beside it.
//!
//! ```text
//! service=web/dt=2026-11-21/.web_….log.gz.tmp    the body: written, its digest checked, synced
//! service=web/dt=2026-11-21/.web_….log.gz.json   then, durable: who lists the object finds its metadata
//! service=web/dt=2026-11-21/web_….log.gz         a link to the body, made without overwriting; directory synced
//! ```
//!
//! Several machines may put the same key at once (they were made from one image, with segments in its spool), so each
//! writes a file that nobody else writes to: who finds the `.tmp` taken, by a crash or by someone at work, takes a random
//! name. Temporary files are cleared away only once the object is there; whoever misses his own then finds the object.
//!
//! The root must exist: a mount that is missing must not be filled from below. Hidden names are what Hive and its kin
//! don't read.

mod links;
mod listing;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::Digest as _;

use super::throttle::Throttle;
use super::{CHECKED, Description, Kind, Listed, Object, Probe, Put, Store, StoreError, Uploads};
use crate::model::digest::Digest;
use crate::model::key::ObjectKey;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result as SysResult};
use crate::sys::fault::{self, Point};
use crate::sys::file;
use crate::sys::random;
use crate::sys::signals::Stop;

/// How many bytes are copied at once.
const PIECE: usize = 256 * 1024;

/// Directories and files of the store, as people expect them on a shared disk; the umask doesn't count.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o640;

/// A directory.
pub(super) struct DirectoryStore {
    root: Dir,
    throttle: Throttle,
    stop: Stop,
    /// Directories below it whose names this run has made durable.
    durable: Mutex<HashSet<PathBuf>>,
}

impl DirectoryStore {
    pub(super) fn open(path: &Path, throttle: Throttle, stop: Stop) -> Result<Self, StoreError> {
        let root = Dir::open(path).map_err(|failure| {
            let is_none = failure.is(io::ErrorKind::NotFound) || failure.is(io::ErrorKind::NotADirectory);
            let kind = if is_none { Kind::NoStore } else { kind(&failure) };
            StoreError::new("use the store", format!("file://{}", path.display()), kind, failure)
        })?;
        Ok(Self { root, throttle, stop, durable: Mutex::default() })
    }

    /// The directory of a key, made if it is missing, and durable: one that is there may have been made a moment ago, by
    /// another thread or by a run that was killed, and be lost in a power loss with all that is put in it.
    fn make_directory(&self, directory: &str) -> SysResult<Dir> {
        let mut dir = self.root.open_subdir(".")?;
        for part in directory.split('/').filter(|part| !part.is_empty()) {
            let parent = dir;
            dir = match parent.open_subdir(part) {
                Err(failure) if failure.is(io::ErrorKind::NotFound) => match parent.make_subdir(part, DIRECTORY_MODE) {
                    Err(failure) if !failure.is(io::ErrorKind::AlreadyExists) => return Err(failure),
                    _ => parent.open_subdir(part)?,
                },
                other => other?,
            };
            self.make_durable(&parent, &dir)?;
        }
        Ok(dir)
    }

    fn make_durable(&self, parent: &Dir, dir: &Dir) -> SysResult<()> {
        let known = || self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if !known().contains(dir.path()) {
            parent.sync()?;
            known().insert(dir.path().to_owned());
        }
        Ok(())
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
}

impl DirectoryStore {
    /// Whether the directory that is open is still the one at its path. If it was unmounted or replaced in mid-run, what is
    /// put goes where nobody looks for it, or is gone with the file system.
    fn is_in_place(&self, object: &Object<'_>) -> Result<(), StoreError> {
        let (path, now) = (self.root.path(), self.root.status().map_err(|failure| local(object, failure))?);
        let there = Dir::open(path).and_then(|dir| dir.status()).map_err(|failure| local(object, failure))?;
        if there.identity != now.identity {
            let why = format!("{} is not the directory any more that it was when this run began", path.display());
            return Err(StoreError::new("put", object.key, Kind::NoStore, why));
        }
        Ok(())
    }

    fn put_in_place(&self, object: &Object<'_>, uploads: &dyn Uploads) -> Result<Put, StoreError> {
        let (directory, leaf) = object.key.split();
        let dir = self.make_directory(directory).map_err(|failure| local(object, failure))?;
        if dir.look(leaf).map_err(|failure| local(object, failure))?.is_some() {
            return found(object, &dir, leaf);
        }
        let body = Temporary::create(&dir, format!(".{leaf}")).map_err(|failure| local(object, failure))?;
        self.write_body(object, &body, uploads)?;
        fault::reached(Point::BodyWritten);
        let Beside { there, leaves } = put_metadata(object, &dir, leaf)?;
        match there && body.link(leaf).map_err(|failure| local(object, failure))? {
            true => {
                fault::reached(Point::ObjectLinked);
                let cleared =
                    if body.was_taken || leaves { clear(&dir, leaf) } else { dir.unlink_if_there(&body.name) };
                fault::reached(Point::HiddenCleared);
                cleared.and_then(|()| dir.sync()).map_err(|failure| local(object, failure))?;
                Ok(Put::Created)
            }
            false => found(object, &dir, leaf),
        }
    }
}

impl DirectoryStore {
    /// Writes a body as a put does, and gives it its name if that is free. A put that finds its object there tells nothing
    /// of a full or read-only file system, so the body is written each time.
    fn probe_in_place(&self, key: &ObjectKey) -> Result<Put, StoreError> {
        let (directory, leaf) = key.split();
        let tried = || {
            self.probe_top()?;
            let dir = self.make_directory(directory)?;
            let body = Temporary::create(&dir, format!(".{leaf}"))?;
            body.write(CHECKED)?;
            body.sync()?;
            let created = body.link(leaf)?;
            // All that is left of the body is its name as an object.
            if body.was_taken { clear(&dir, leaf) } else { dir.unlink_if_there(&body.name) }?;
            dir.sync()?;
            Ok(if created { Put::Created } else { Put::AlreadyThere })
        };
        tried().map_err(|failure: Failure| StoreError::new("put", key, kind(&failure), failure))
    }
}

impl DirectoryStore {
    /// Whether directories can be made at the top, as a service's or a day's first segment needs it: that a check's own is
    /// there from earlier tells nothing of it. What is made is removed again; who was killed in between has left an empty
    /// directory, and where nothing can be removed (`chattr +a`) that stays.
    fn probe_top(&self) -> SysResult<()> {
        const TRIED: &str = ".logferry-tried";
        match self.root.make_subdir(TRIED, DIRECTORY_MODE) {
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => {
                let _ = self.root.remove_subdir(TRIED);
                match self.root.make_subdir(TRIED, DIRECTORY_MODE) {
                    // Another check is at it.
                    Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => return Ok(()),
                    made => made?,
                }
            }
            made => made?,
        }
        let _ = self.root.remove_subdir(TRIED);
        Ok(())
    }
}

impl DirectoryStore {
    /// Writes the body, no faster than it may, verifies what was written, and makes it durable. A large one is broken off
    /// when we are to stop: its hidden file goes, and nothing of it is left.
    fn write_body(&self, object: &Object<'_>, to: &Temporary<'_>, uploads: &dyn Uploads) -> Result<(), StoreError> {
        let most = self.throttle.frame().unwrap_or(PIECE);
        let stopped = || StoreError::new("write", object.key, Kind::Stopped, self.stop.why());
        let mut sha = sha2::Sha256::new();
        let mut offset = 0;
        while offset < object.length {
            if offset > 0 && self.stop.requested() {
                return Err(stopped());
            }
            let count = usize::try_from(object.length - offset).map_or(most, |left| left.min(most));
            self.throttle.wait(count, &self.stop).map_err(|_| stopped())?;
            let piece = object.read(offset, count)?;
            sha.update(&piece);
            to.write(&piece).map_err(|failure| local(object, failure))?;
            offset += count as u64;
            uploads.sent(count as u64);
        }
        if Digest(sha.finalize().into()) != object.sha256 {
            return Err(object.damaged());
        }
        to.sync().map_err(|failure| local(object, failure))
    }
}

impl Store for DirectoryStore {
    fn put(&self, object: &Object<'_>, uploads: &dyn Uploads) -> Result<Put, StoreError> {
        let put = self.put_in_place(object, uploads)?;
        self.is_in_place(object)?;
        Ok(put)
    }

    fn probe(&self, key: &ObjectKey) -> Probe {
        Probe { put: self.probe_in_place(key), ahead: None }
    }

    fn abandon(&self, _key: &ObjectKey, _upload: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn list_after(
        &self,
        prefix: &str,
        after: &str,
        each: &mut dyn FnMut(Listed) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        listing::objects(self.root.path(), prefix, after, each)
    }

    fn list_directories(&self, prefix: &str, each: &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<(), StoreError> {
        listing::directories(self.root.path(), prefix, each)
    }

    fn open_from(&self, key: &ObjectKey, offset: u64) -> Result<Box<dyn Read + Send + '_>, StoreError> {
        let (_, mut file) = self.find(key)?;
        file.seek(SeekFrom::Start(offset)).map_err(|error| StoreError::new("read", key, Kind::Local, error))?;
        Ok(Box::new(file))
    }

    fn describe(&self, key: &ObjectKey) -> Result<Description, StoreError> {
        let (dir, file) = self.find(key)?;
        let failed = |error: io::Error| StoreError::new("look at", key, Kind::Local, error);
        let size = file.metadata().map_err(failed)?.len();
        let mut text = String::new();
        let read = dir.open_read(metadata_file(key.split().1));
        let read = read.map(|file| file.take(LARGEST_METADATA).read_to_string(&mut text));
        let metadata: BTreeMap<String, String> = match read {
            Ok(Ok(_)) => serde_json::from_str(&text).map_err(|error| failed(error.into()))?,
            Ok(Err(error)) => return Err(failed(error)),
            Err(failure) if failure.is(io::ErrorKind::NotFound) => BTreeMap::new(),
            Err(failure) => return Err(failed(failure.source)),
        };
        Ok(Description { size, metadata, content_type: None })
    }
}

/// The most that is read of a file of metadata, in bytes: ours have 2 KiB at most. One that is longer ends too early to be JSON.
const LARGEST_METADATA: u64 = 64 * 1024;

fn metadata_file(leaf: &str) -> String {
    format!(".{leaf}.json")
}

fn local(object: &Object<'_>, failure: Failure) -> StoreError {
    StoreError::new("put", object.key, kind(&failure), failure)
}

/// The meaning of what the system answers to a put.
fn kind(failure: &Failure) -> Kind {
    match failure.source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::NoRoom,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::NotWritable,
        // Not what is put: the directory that it is put into is gone.
        io::ErrorKind::NotFound => Kind::NoStore,
        // Something else has the name of a directory of the key.
        io::ErrorKind::NotADirectory => Kind::Rejected,
        _ => Kind::Local,
    }
}

/// A file that is being written, under a hidden name that nobody else writes to; removed when dropped.
struct Temporary<'d> {
    dir: &'d Dir,
    name: String,
    file: File,
    /// Whether the first choice of a name was taken.
    was_taken: bool,
}

impl<'d> Temporary<'d> {
    fn create(dir: &'d Dir, hidden: String) -> SysResult<Self> {
        let name = format!("{hidden}.tmp");
        match dir.create(&name, FILE_MODE) {
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => {
                let name = format!("{hidden}.{:016x}.tmp", u64::from_le_bytes(random::bytes()?));
                dir.create(&name, FILE_MODE).map(|file| Self { dir, name, file, was_taken: true })
            }
            other => other.map(|file| Self { dir, name, file, was_taken: false }),
        }
    }

    fn write(&self, bytes: &[u8]) -> SysResult<()> {
        (&self.file).write_all(bytes).doing("write", self.dir.path_of(&self.name))
    }

    fn sync(&self) -> SysResult<()> {
        self.file.sync_all().doing("sync", self.dir.path_of(&self.name))
    }

    /// Gives it its name, unless someone else was faster.
    fn link(&self, name: &str) -> SysResult<bool> {
        match self.dir.link(&self.name, name) {
            Ok(()) => Ok(true),
            // Not found: who was faster has cleared this one away.
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) || failure.is(io::ErrorKind::NotFound) => {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // Best effort: the next put of the same key finds it taken, and clears it away.
        let _ = self.dir.unlink_if_there(&self.name);
    }
}

/// The metadata beside an object.
struct Beside {
    /// Whether they are there.
    there: bool,
    /// Whether hidden files may be left beside the body's: one that an earlier put left, or ours that can't be removed.
    leaves: bool,
}

/// Puts the metadata beside an object, durable.
fn put_metadata(object: &Object<'_>, dir: &Dir, leaf: &str) -> Result<Beside, StoreError> {
    let text = serde_json::to_vec_pretty(object.metadata)
        .map_err(|error| StoreError::new("write the metadata of", object.key, Kind::Local, error))?;
    let name = metadata_file(leaf);
    let put = || {
        let temporary = Temporary::create(dir, name.clone())?;
        temporary.write(&text)?;
        temporary.sync()?;
        // What is there already is that of an earlier put of the same segment.
        let there = temporary.link(&name)? || dir.look(&name)?.is_some();
        fault::reached(Point::MetadataPut);
        dir.sync()?;
        let leaves = temporary.was_taken || dir.unlink_if_there(&temporary.name).is_err();
        Ok(Beside { there, leaves })
    };
    put().map_err(|failure| local(object, failure))
}

/// The name is taken: by the object itself, whose put is then completed, or by something else. A directory has no
/// rights of its own to keep others from changing it, so the file is read.
fn found(object: &Object<'_>, dir: &Dir, leaf: &str) -> Result<Put, StoreError> {
    let entry = dir.look(leaf).map_err(|failure| local(object, failure))?;
    let is_object = match entry {
        Some(entry) if entry.kind == file::Kind::Regular => {
            let digest = dir.open_read(leaf).and_then(|mut file| digest_of(&mut file, &dir.path_of(leaf)));
            digest.map_err(|failure| local(object, failure))? == object.sha256
        }
        _ => false,
    };
    if !is_object {
        let why = "something else is there under this name; it is left as it is, and must be moved away";
        return Err(StoreError::new("put", object.key, Kind::Rejected, why));
    }
    if dir.look(metadata_file(leaf)).map_err(|failure| local(object, failure))?.is_none() {
        put_metadata(object, dir, leaf)?;
    }
    clear(dir, leaf).and_then(|()| dir.sync()).map_err(|failure| local(object, failure))?;
    Ok(Put::AlreadyThere)
}

/// Removes all temporary files of an object that is there.
fn clear(dir: &Dir, leaf: &str) -> SysResult<()> {
    let ours = format!(".{leaf}.");
    let names = dir.names()?.into_iter();
    let mut left = names.filter(|name| {
        let name = name.as_encoded_bytes();
        name.starts_with(ours.as_bytes()) && name.ends_with(b".tmp")
    });
    left.try_for_each(|name| dir.unlink_if_there(name))
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
