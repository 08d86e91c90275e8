//! Copying objects into a directory, as they are.
//!
//! Promise: an object has its name there only when all of it is there, verified and durable; nothing is ever overwritten; what
//! is there already is not fetched again; a copy that was cut short goes on where it was.
//!
//! ```text
//! .LEAF.part   bytes arrive ──> verified, fsync ──> .LEAF.json (its metadata) ──> LEAF (rename, never over something)
//! ```
//!
//! The directory is then a store of its own, as `store::directory` has it. One at a time fetches into it ([`Into`]).

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::segment::verify;
use super::{ReadError, Shipped};
use crate::model::digest::Digest;
use crate::model::problem;
use crate::store::{Store, StoreError};
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result as SysResult};
use crate::sys::fault::{self, Point};
use crate::sys::file::Kind;
use crate::sys::lock::{self, Lock};

/// As a store in a directory has it: for the owner, and the group to read.
const FILE_MODE: u32 = 0o640;

/// How many bytes are copied at once.
const PIECE: usize = 256 * 1024;

/// A directory that is fetched into.
pub struct Into {
    dir: Dir,
    _lock: Lock,
}

/// What became of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fetched {
    /// It was fetched; so many bytes came.
    Now(u64),
    /// It was there.
    Before,
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
        if self.is_there(shipped, &leaf)? {
            return Ok(Fetched::Before);
        }
        let description = store.describe(&shipped.key()).map_err(|error| ReadError::refused(&error))?;
        let temporary = format!(".{leaf}.part");
        let whole = description.metadata.get("sha256").and_then(|text| Digest::parse(text));
        let fetching = Fetching { store, shipped, whole, came };
        let (file, bytes) = match self.begun(&temporary, shipped.size)? {
            Some(part) => fetching.go_on(part, self.dir.path_of(&temporary))?,
            None => fetching.anew(self.dir.create(&temporary, FILE_MODE)?, self.dir.path_of(&temporary))?,
        };
        file.sync_all().doing("sync", self.dir.path_of(&temporary))?;
        fault::reached(Point::FetchedWhole);
        self.put_metadata(&leaf, &description.metadata)?;
        match self.dir.rename_new(&temporary, &leaf) {
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => Err(FetchError::Taken(self.dir.path_of(&leaf))),
            renamed => Ok(renamed?),
        }?;
        fault::reached(Point::FetchedNamed);
        Ok(Fetched::Now(bytes))
    }

    /// Whether the object is there already, to the byte.
    fn is_there(&self, shipped: &Shipped, leaf: &str) -> Result<bool, FetchError> {
        let taken = || FetchError::Taken(self.dir.path_of(leaf));
        let Some(entry) = self.dir.look(leaf)? else { return Ok(false) };
        if entry.kind != Kind::Regular {
            return Err(taken());
        }
        let mut hashing = Hashing::new();
        hashing.read(&mut self.dir.open_read(leaf)?).doing("read", self.dir.path_of(leaf))?;
        let is_whole = hashing.count == shipped.size && hashing.digest().short() == shipped.leaf.digest;
        if is_whole { Ok(true) } else { Err(taken()) }
    }

    /// What an earlier fetch left of an object, if it is ours and can be gone on with.
    fn begun(&self, temporary: &str, size: u64) -> SysResult<Option<File>> {
        let Some(entry) = self.dir.look(temporary)? else { return Ok(None) };
        let file = match entry.kind {
            Kind::Regular => self.dir.open_write(temporary)?,
            _ => {
                self.dir.unlink(temporary)?;
                return Ok(None);
            }
        };
        let length = file.metadata().doing("look at", self.dir.path_of(temporary))?.len();
        if length > size {
            file.set_len(0).doing("empty", self.dir.path_of(temporary))?;
        }
        Ok(Some(file))
    }

    /// Puts the metadata beside the object, as a store in a directory has them.
    fn put_metadata(
        &self,
        leaf: &str,
        metadata: &std::collections::BTreeMap<String, String>,
    ) -> Result<(), FetchError> {
        let (name, failed) = (format!(".{leaf}.json"), |error: serde_json::Error| io::Error::from(error));
        let text = serde_json::to_vec_pretty(metadata).map_err(failed).doing("write", self.dir.path_of(&name))?;
        match self.dir.write_new(&name, &text) {
            Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => Ok(()),
            written => Ok(written?),
        }
    }
}

/// Bytes, counted and digested.
struct Hashing {
    sha: sha2::Sha256,
    count: u64,
    piece: Vec<u8>,
}

impl Hashing {
    fn new() -> Self {
        Self { sha: sha2::Sha256::new(), count: 0, piece: vec![0; PIECE] }
    }

    /// The next piece of a body; none at its end.
    fn piece(&mut self, body: &mut dyn Read) -> io::Result<&[u8]> {
        let count = loop {
            match body.read(&mut self.piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.sha.update(&self.piece[..count]);
        self.count += count as u64;
        Ok(&self.piece[..count])
    }

    fn read(&mut self, body: &mut dyn Read) -> io::Result<()> {
        while !self.piece(body)?.is_empty() {}
        Ok(())
    }

    fn digest(self) -> Digest {
        Digest(self.sha.finalize().into())
    }
}

/// An object that is being fetched.
struct Fetching<'f> {
    store: &'f dyn Store,
    shipped: &'f Shipped,
    /// Its whole digest, where the store knows it.
    whole: Option<Digest>,
    came: &'f dyn Fn(u64),
}

impl Fetching<'_> {
    /// Goes on behind what is there; where that turns out to be something else, begins anew.
    fn go_on(&self, file: File, path: PathBuf) -> Result<(File, u64), FetchError> {
        let mut hashing = Hashing::new();
        hashing.read(&mut &file).doing("read", &path)?;
        if hashing.count > 0 {
            log::info!("{}: goes on at byte {}", path.display(), hashing.count);
            let had = hashing.count;
            let bytes = self.copy(&file, &path, &mut hashing)?;
            match self.verify(hashing.digest()) {
                Ok(()) => return Ok((file, bytes)),
                Err(_) => log::info!("{}: the {had} bytes that were there are of something else; anew", path.display()),
            }
        }
        self.anew(file, path)
    }

    fn anew(&self, mut file: File, path: PathBuf) -> Result<(File, u64), FetchError> {
        use std::io::Seek;
        file.set_len(0).and_then(|()| file.rewind()).doing("empty", &path)?;
        let mut hashing = Hashing::new();
        let bytes = self.copy(&file, &path, &mut hashing)?;
        match self.verify(hashing.digest()) {
            Ok(()) => Ok((file, bytes)),
            Err(error) => {
                // What is damaged in the store is not to be gone on with.
                file.set_len(0).doing("empty", &path)?;
                Err(error.into())
            }
        }
    }

    /// Copies what is behind that many bytes, which are digested already.
    fn copy(&self, mut file: &File, path: &Path, hashing: &mut Hashing) -> Result<u64, FetchError> {
        let (key, begin) = (self.shipped.key(), hashing.count);
        let refused = |error: StoreError| ReadError::refused(&error);
        let mut body = self.store.open_from(&key, begin).map_err(refused)?;
        loop {
            let piece = hashing.piece(&mut body).map_err(|error| ReadError::of_body(key.as_str(), error))?;
            if piece.is_empty() {
                return Ok(hashing.count - begin);
            }
            file.write_all(piece).doing("write", path)?;
            (self.came)(piece.len() as u64);
        }
    }

    fn verify(&self, digest: Digest) -> Result<(), ReadError> {
        let name = self.shipped.key();
        verify(&self.shipped.leaf, digest, name.as_str())?;
        match self.whole.is_none_or(|whole| whole == digest) {
            true => Ok(()),
            false => {
                Err(ReadError::Store(format!("verify {name}: its bytes are not those that its metadata tells of")))
            }
        }
    }
}
