//! Copying objects into a directory, as they are.
//!
//! Promise: an object has its name there only when all of it is there, verified and durable; nothing is ever overwritten; what
//! is there already is not fetched again; a copy that was cut short goes on where it was. What somebody else may have put there
//! is not believed: neither a beginning of an object that is not a file of our own alone, nor metadata.
//!
//! ```text
//! .LEAF.part   bytes arrive ──> verified, fsync ──> .LEAF.json (its metadata) ──> LEAF (rename, never over something)
//! ```
//!
//! The directory is then a store of its own, as `store::directory` has it. One at a time fetches into it ([`Into`]). Metadata
//! that are gone from there come back; an object whose metadata can't be read in the store is fetched without them.

mod bytes;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::{Fetching, Hashing};

use super::{ReadError, Shipped};
use crate::model::digest::Digest;
use crate::model::problem;
use crate::store::{self, Store};
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result as SysResult};
use crate::sys::fault::{self, Point};
use crate::sys::file::{Kind, Status};
use crate::sys::host;
use crate::sys::lock::{self, Lock};

/// As a store in a directory has it: for the owner, and the group to read.
const FILE_MODE: u32 = 0o640;

/// A directory that is fetched into.
pub struct Into {
    dir: Dir,
    _lock: Lock,
}

/// What an object says of itself.
type Metadata = BTreeMap<String, String>;

/// The most bytes of a file with metadata that is looked into.
const LONGEST_METADATA: u64 = 1 << 20;

/// What became of an object.
#[derive(Debug)]
pub enum Fetched {
    /// It was fetched; so many bytes came.
    Now(u64),
    /// It was there.
    Before,
    /// It was there, and its metadata were not; now they are.
    Described,
    /// It is there, as its key says, and so many bytes of it came; its metadata can't be read.
    Undescribed(u64, ReadError),
}

/// Why an object was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could not be written.
    #[error("{}", problem::chain(.0))]
    Local(#[from] Failure),
    /// Something else has its name.
    #[error("{}: something else is there under this name; it is left as it is", .0.display())]
    Taken(PathBuf),
}

/// Why nothing is fetched.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// The directory can't be used.
    #[error("{}", problem::chain(.0))]
    Directory(Failure),
    /// Another fetch is at work there.
    #[error("{}: another fetch into it is at work", .0.display())]
    Busy(PathBuf),
}

impl Into {
    /// Opens a directory, which must be there, for one fetch.
    ///
    /// # Errors
    /// Where it can't be opened, or another fetch is at work there.
    pub fn open(path: &Path) -> Result<Self, NotBegun> {
        let dir = Dir::open(path).map_err(NotBegun::Directory)?;
        let lock = lock::try_lock(&dir).map_err(NotBegun::Directory)?;
        lock.map(|lock| Self { dir, _lock: lock }).ok_or_else(|| NotBegun::Busy(path.to_owned()))
    }

    /// Makes the names durable that were given since.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn sync(&self) -> SysResult<()> {
        self.dir.sync()
    }

    /// Fetches an object, unless it is there. `came` hears of bytes as they come.
    ///
    /// # Errors
    /// What kept it from being read, verified or written, and what else has its name.
    pub fn fetch(&self, store: &dyn Store, shipped: &Shipped, came: &dyn Fn(u64)) -> Result<Fetched, FetchError> {
        let leaf = shipped.leaf.to_string();
        if let Some(whole) = self.is_there(shipped, &leaf)? {
            return self.describe_again(store, shipped, &leaf, whole);
        }
        let described = Described::by(store, shipped)?;
        let temporary = format!(".{leaf}.part");
        let fetching = Fetching { store, shipped, whole: described.digest(), came };
        let (file, bytes) = match self.begun(&temporary, shipped.size)? {
            Some(part) => fetching.go_on(part, self.dir.path_of(&temporary))?,
            None => fetching.anew(self.dir.create(&temporary, FILE_MODE)?, self.dir.path_of(&temporary))?,
        };
        file.sync_all().doing("sync", self.dir.path_of(&temporary))?;
        fault::reached(Point::FetchedWhole);
        if let Described::As(metadata) = &described {
            self.put_metadata(&leaf, metadata)?;
        }
        match self.dir.rename_new(&temporary, &leaf) {
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => Err(FetchError::Taken(self.dir.path_of(&leaf))),
            renamed => Ok(renamed?),
        }?;
        fault::reached(Point::FetchedNamed);
        Ok(match described {
            Described::As(_) => Fetched::Now(bytes),
            Described::Unreadable(why) => Fetched::Undescribed(bytes, why),
        })
    }

    /// The digest of the object, if it is there already to the byte.
    fn is_there(&self, shipped: &Shipped, leaf: &str) -> Result<Option<Digest>, FetchError> {
        let taken = || FetchError::Taken(self.dir.path_of(leaf));
        let Some(entry) = self.dir.look(leaf)? else { return Ok(None) };
        if entry.kind != Kind::Regular {
            return Err(taken());
        }
        let mut hashing = Hashing::new();
        hashing.read(&mut self.dir.open_read(leaf)?).doing("read", self.dir.path_of(leaf))?;
        let (count, digest) = (hashing.count, hashing.digest());
        let is_whole = count == shipped.size && digest.short() == shipped.leaf.digest;
        if is_whole { Ok(Some(digest)) } else { Err(taken()) }
    }

    /// Sees to the metadata of an object that is there. The store is asked only where they are not.
    fn describe_again(
        &self,
        store: &dyn Store,
        shipped: &Shipped,
        leaf: &str,
        whole: Digest,
    ) -> Result<Fetched, FetchError> {
        match self.metadata_there(leaf)? {
            Some(metadata) if digest_of(&metadata).is_none_or(|digest| digest == whole) => return Ok(Fetched::Before),
            Some(_) => return Err(FetchError::Taken(self.dir.path_of(metadata_file(leaf)))),
            None => {}
        }
        match Described::by(store, shipped)? {
            Described::As(metadata) => self.put_metadata(leaf, &metadata).map(|()| Fetched::Described),
            Described::Unreadable(why) => Ok(Fetched::Undescribed(0, why)),
        }
    }

    /// What an earlier fetch left of an object, if it can be gone on with. Another name of a file leads to a file that somebody
    /// else chose; and what another user may write to he may change when it was verified.
    fn begun(&self, temporary: &str, size: u64) -> SysResult<Option<File>> {
        let Some(entry) = self.dir.look(temporary)? else { return Ok(None) };
        if entry.kind == Kind::Regular && entry.status.owner == host::user() && entry.status.links == 1 {
            let (file, path) = (self.dir.open_write(temporary)?, self.dir.path_of(temporary));
            let (status, mode) =
                file.metadata().map(|metadata| (Status::of(&metadata), metadata.mode())).doing("look at", &path)?;
            if status.identity == entry.status.identity && status.links == 1 && mode & 0o022 == 0 {
                if status.size > size {
                    file.set_len(0).doing("empty", path)?;
                }
                return Ok(Some(file));
            }
        }
        log::info!("{}: it is not a file of our own alone; anew", self.dir.path_of(temporary).display());
        self.dir.unlink(temporary)?;
        Ok(None)
    }

    /// The metadata that are beside an object.
    fn metadata_there(&self, leaf: &str) -> Result<Option<Metadata>, FetchError> {
        let name = metadata_file(leaf);
        let taken = || FetchError::Taken(self.dir.path_of(&name));
        match self.dir.look(&name)? {
            None => return Ok(None),
            Some(entry) if entry.kind != Kind::Regular => return Err(taken()),
            Some(_) => {}
        }
        let (mut text, file) = (Vec::new(), self.dir.open_read(&name)?);
        file.take(LONGEST_METADATA).read_to_end(&mut text).doing("read", self.dir.path_of(&name))?;
        serde_json::from_slice(&text).map(Some).map_err(|_| taken())
    }

    /// Puts the metadata beside the object, as a store in a directory has them.
    fn put_metadata(&self, leaf: &str, metadata: &Metadata) -> Result<(), FetchError> {
        let name = metadata_file(leaf);
        let taken = || FetchError::Taken(self.dir.path_of(&name));
        match self.metadata_there(leaf)? {
            Some(there) if there == *metadata => return Ok(()),
            Some(_) => return Err(taken()),
            None => {}
        }
        let failed = |error: serde_json::Error| io::Error::from(error);
        let text = serde_json::to_vec_pretty(metadata).map_err(failed).doing("write", self.dir.path_of(&name))?;
        match self.dir.write_new_as(&name, &text, FILE_MODE) {
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => Err(taken()),
            written => Ok(written?),
        }
    }
}

fn metadata_file(leaf: &str) -> String {
    format!(".{leaf}.json")
}

/// The whole digest that metadata tell of.
fn digest_of(metadata: &Metadata) -> Option<Digest> {
    metadata.get("sha256").and_then(|text| Digest::parse(text))
}

/// What the store says of an object.
enum Described {
    /// So.
    As(Metadata),
    /// That can't be read, which says nothing of the object.
    Unreadable(ReadError),
}

impl Described {
    fn by(store: &dyn Store, shipped: &Shipped) -> Result<Self, ReadError> {
        use store::Kind::{Damaged, Local, Rejected};
        match store.describe(&shipped.key()) {
            Ok(description) => Ok(Self::As(description.metadata)),
            Err(error) => match (error.kind, ReadError::refused(&error)) {
                (Local | Damaged | Rejected, why) => Ok(Self::Unreadable(why)),
                (_, why) => Err(why),
            },
        }
    }

    fn digest(&self) -> Option<Digest> {
        match self {
            Self::As(metadata) => digest_of(metadata),
            Self::Unreadable(_) => None,
        }
    }
}
