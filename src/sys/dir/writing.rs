//! Writing whole files: each is there as it was before, or as it was to be.

use std::ffi::OsStr;
use std::io::Write;

use super::{Attributes, Dir};
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

/// When the bytes of a file are brought to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Synced {
    /// Before it has its name.
    Now,
    /// When the system comes to it.
    Later,
}

impl Dir {
    /// Writes a file with these attributes so that it is there whole, or as it was before; its name is durable after
    /// [`Self::sync`]. It is written under the name `temporary`, over what may have been left there.
    ///
    /// # Errors
    /// What keeps it from being written; the temporary file is removed then.
    pub fn write_with(&self, name: &OsStr, temporary: &OsStr, bytes: &[u8], attributes: &Attributes) -> Result<()> {
        self.unlink_if_there(temporary)?;
        let mut file = self.create(temporary, 0o600)?;
        let written = file.write_all(bytes).and_then(|()| attributes.give_to(&file)).and_then(|()| file.sync_all());
        let written = written.doing("write", self.path_of(temporary));
        let renamed = written.and_then(|()| self.rename_into(temporary, self, name));
        if renamed.is_err() {
            // Best effort: the next write of this file removes it as well.
            let _ = self.unlink_if_there(temporary);
        }
        renamed
    }

    /// Writes a file so that it is there whole and durable, or as it was before: temporary name, write, fsync, rename,
    /// fsync of the directory.
    ///
    /// # Errors
    /// What keeps it from being written; the temporary file is removed then.
    pub fn write_durable(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_synced(name, bytes)?;
        self.sync()
    }

    /// As [`Self::write_durable`], but for the fsync of the directory: for several files at once.
    ///
    /// # Errors
    /// What keeps it from being written; the temporary file is removed then.
    pub fn write_synced(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_then(name, bytes, 0o600, Synced::Now, |temporary| self.rename_into(temporary, self, name))
    }

    /// Writes a file so that it is there whole, or as it was before, for as long as the power stays: nothing waits for the disk.
    /// After a power loss it may be there as it was, as it was to be, cut short, or empty; its reader has to tell.
    ///
    /// # Errors
    /// What keeps it from being written; the temporary file is removed then.
    pub fn write_unsynced(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_then(name, bytes, 0o600, Synced::Later, |temporary| self.rename_into(temporary, self, name))
    }

    /// As [`Self::write_synced`], but never over a file that exists.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one; else what keeps it from being written.
    pub fn write_new(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_new_as(name, bytes, 0o600)
    }

    /// As [`Self::write_new`], with these permissions as far as the umask leaves them.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one; else what keeps it from being written.
    pub fn write_new_as(&self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        self.write_then(name, bytes, mode, Synced::Now, |temporary| self.rename_new(temporary, name))
    }

    fn write_then(
        &self,
        name: &str,
        bytes: &[u8],
        mode: u32,
        synced: Synced,
        rename: impl FnOnce(&str) -> Result<()>,
    ) -> Result<()> {
        let temporary = format!(".{name}.tmp");
        self.unlink_if_there(&temporary)?;
        let mut file = self.create(&temporary, mode)?;
        fault::reached(Point::TemporaryMade);
        let written = file.write_all(bytes).and_then(|()| {
            fault::reached(Point::TemporaryWritten);
            match synced {
                Synced::Now => file.sync_all().inspect(|()| fault::reached(Point::TemporaryDurable)),
                Synced::Later => Ok(()),
            }
        });
        let renamed = written.doing("write", self.path_of(&temporary)).and_then(|()| rename(&temporary));
        fault::reached(Point::TemporaryRenamed);
        if renamed.is_err() {
            // Best effort: the next write of this file removes it as well.
            let _ = self.unlink_if_there(&temporary);
        }
        renamed
    }
}
