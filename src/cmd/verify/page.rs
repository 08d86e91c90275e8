//! The file of a page: there whole, or as it was before.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::exit::Exit;
use crate::model::problem;
use crate::sys::dir::{Attributes, Dir};
use crate::sys::failure::{Failure, Result};
use crate::sys::file::Kind;
use crate::sys::host;

/// Who may read a page that was not there before.
const MODE: u32 = 0o644;

/// A page's file, before it is written.
pub(super) struct PageFile {
    dir: Dir,
    name: OsString,
    attributes: Attributes,
}

impl PageFile {
    /// Looks whether a page can be written there; complains if not.
    pub(super) fn open(path: &Path) -> std::result::Result<Self, Exit> {
        Self::look(path).map_err(|failure| {
            let hint = "--html names a file in a directory that is there, which we may write to";
            super::super::complain(&format!("write the page: {}", problem::chain(&failure)), Some(hint));
            Exit::Failed
        })
    }

    fn look(path: &Path) -> Result<Self> {
        let refused = |why: &str| Failure::new("write", path, io::Error::other(why.to_owned()));
        let name = path.file_name().ok_or_else(|| refused("it names no file"))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dir = Dir::open(parent)?;
        // A device or a link would be replaced, not written to.
        if dir.look(name)?.is_some_and(|entry| entry.kind != Kind::Regular) {
            return Err(refused("it is there, and is no regular file"));
        }
        let known = dir.attributes(name)?.filter(|known| known.owner.0 == host::user());
        let attributes = known.unwrap_or(Attributes { mode: MODE, owner: (host::user(), 0), links: 1, modified: None });
        Ok(Self { dir, name: name.to_owned(), attributes: Attributes { modified: None, ..attributes } })
    }

    /// Writes the page, over one that was there.
    pub(super) fn write(&self, page: &str) -> Exit {
        let mut temporary = OsString::from(".");
        temporary.push(&self.name);
        temporary.push(".tmp");
        let written = self.dir.write_with(&self.name, &temporary, page.as_bytes(), &self.attributes);
        match written.and_then(|()| self.dir.sync()) {
            Ok(()) => Exit::Done,
            Err(failure) => {
                super::super::complain(&format!("write the page: {}", problem::chain(&failure)), None);
                Exit::Failed
            }
        }
    }
}
