//! The file that the textfile collector reads: whole, or the one before.
//!
//! It is written under a hidden name beside it, which the collector does not look at, and renamed
//! (<https://github.com/prometheus/node_exporter#textfile-collector>). The directory may be one that others write to: no
//! link is followed, and no file of theirs written into.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

/// Who may read it: the collector is another user.
const MODE: u32 = 0o644;

/// Writes it. Only who holds the lock of the state directory does.
///
/// # Errors
/// What keeps it from being written; then the file is what it was.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let path = std::path::absolute(path).doing("find", path)?;
    let (parent, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default());
    // A directory that is missing may be a file system that is not mounted: it is not made.
    let dir = Dir::open(parent)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".tmp");
    dir.unlink_if_there(&temporary)?;
    let mut file = dir.create(&temporary, 0o600)?;
    let written = file.write_all(text.as_bytes());
    let written = written.and_then(|()| file.set_permissions(Permissions::from_mode(MODE)));
    let written = written.and_then(|()| file.sync_all()).doing("write", dir.path_of(&temporary));
    let renamed = written.and_then(|()| dir.rename_into(&temporary, &dir, name));
    if renamed.is_err() {
        // Best effort: the next write removes it as well.
        let _ = dir.unlink_if_there(&temporary);
    }
    fault::reached(Point::MetricsWritten);
    renamed
}
