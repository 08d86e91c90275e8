//! The bytes of an object on their way into a file, verified against its key and, where the store knows it, its whole digest.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::super::segment::verify;
use super::super::{ReadError, Shipped};
use super::FetchError;
use crate::model::digest::Digest;
use crate::store::{Store, StoreError};
use crate::sys::failure::Context;

/// How many bytes are copied at once.
const PIECE: usize = 256 * 1024;

/// Bytes, counted and digested.
pub(super) struct Hashing {
    sha: sha2::Sha256,
    /// How many they are.
    pub(super) count: u64,
    piece: Vec<u8>,
}

impl Hashing {
    pub(super) fn new() -> Self {
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

    pub(super) fn read(&mut self, body: &mut dyn Read) -> io::Result<()> {
        while !self.piece(body)?.is_empty() {}
        Ok(())
    }

    pub(super) fn digest(self) -> Digest {
        Digest(self.sha.finalize().into())
    }
}

/// An object that is being fetched.
pub(super) struct Fetching<'f> {
    pub(super) store: &'f dyn Store,
    pub(super) shipped: &'f Shipped,
    /// Its whole digest, where the store knows it.
    pub(super) whole: Option<Digest>,
    pub(super) came: &'f dyn Fn(u64),
}

impl Fetching<'_> {
    /// Goes on behind what is there; where that turns out to be something else, begins anew.
    pub(super) fn go_on(&self, file: File, path: PathBuf) -> Result<(File, u64), FetchError> {
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

    pub(super) fn anew(&self, mut file: File, path: PathBuf) -> Result<(File, u64), FetchError> {
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
