//! What must be proved of a closed file before it is touched: that nobody has it open for writing, and that all of it can be read.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use super::Closed;
use super::error::NotTaken;
use super::protocol::Taken;
use crate::model::family::{self, Name, Packing, Rotated};
use crate::model::segment::Identity;
use crate::sys::dir::Dir;
use crate::sys::failure::Failure;
use crate::sys::filesystem::{self, FileSystem};
use crate::sys::lease::{self, Writers};
use crate::sys::procfs;
use crate::unpack::{self, Unsound};

impl Closed<'_, '_> {
    /// Fails unless it is proved that nobody has the file open for writing: by the kernel; where that does not say, by all
    /// processes of the machine, on a file system of this machine.
    pub(super) fn require_closed(&self, dir: &Dir, name: &OsStr, log: &File, identity: Identity) -> Taken<()> {
        match lease::writers(log) {
            Writers::None => return Ok(()),
            Writers::Some => return Err(NotTaken::InUse),
            Writers::Unknown => {}
        }
        let path = dir.path_of(name);
        let holders = procfs::holders_in_use(&[(&path, identity)]);
        if holders.by_file.contains_key(&identity) {
            return Err(NotTaken::InUse);
        }
        if holders.complete && FileSystem::of(dir)?.place == filesystem::Place::Local {
            return Ok(());
        }
        Err(NotTaken::Refused {
            what: "it is not known whether somebody has it open for writing: the kernel does not say (no leases)"
                .to_owned(),
            hint: "run logferry as root or as the file's owner, on the machine itself, and keep logs on a local disk",
        })
    }

    /// Fails where a compressed file is damaged, or holds nothing: before it is touched.
    pub(super) fn require_whole(&self, path: &Path, log: &File, packing: Packing) -> Taken<()> {
        if packing == Packing::None {
            return Ok(());
        }
        match unpack::verify(log, packing, &|| self.rotation.stop.requested()) {
            Ok(0) => Err(NotTaken::Nothing),
            Ok(_) => Ok(()),
            Err(Unsound::Content(what)) => Err(NotTaken::Refused {
                what,
                hint: "it stays where it is, and what came after it is taken; repair it, or exclude it",
            }),
            Err(Unsound::Unread(error)) => Err(Failure::new("read", path, error).into()),
            Err(Unsound::Stopped) => Err(NotTaken::Stopped),
        }
    }
}

/// How a file is compressed that had that name: only rotated ones are unpacked.
pub(in crate::rotate) fn packing_of(name: &OsStr) -> Packing {
    match family::read(name) {
        Name::Rotated(Rotated { packing, .. }) => packing,
        Name::Plain | Name::Aside(_) => Packing::None,
    }
}
