//! What the host's package database says: who owns a file, what was diverted, which logrotate is installed.
//!
//! dpkg's database is read as it lies on disk (`dpkg-query(1)`, `deb-old(5)`: `info/*.list`, `diversions`, `status`), so that an image
//! can be asked whose programs don't run here. Hosts without dpkg own nothing and divert nothing.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::install::Result;
use crate::install::host::Host;

const ADMIN: &str = "/var/lib/dpkg";

/// Whether a package owns that file.
///
/// # Errors
/// Where the database can't be read.
pub(super) fn owns(host: &Host, path: &Path) -> Result<bool> {
    let info = Path::new(ADMIN).join("info");
    for name in host.names(&info)?.iter().filter(|name| name.as_bytes().ends_with(b".list")) {
        let list = host.read(info.join(name))?.map_or(Vec::new(), |file| file.bytes);
        if list.split(|&byte| byte == b'\n').any(|line| line == path.as_os_str().as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether what belongs at `path` is diverted to `to`: three lines for each diversion, from where, to where, by whom.
///
/// # Errors
/// Where the database can't be read.
pub(super) fn diverts(host: &Host, path: &Path, to: &Path) -> Result<bool> {
    let file = host.read(Path::new(ADMIN).join("diversions"))?.map_or(Vec::new(), |file| file.bytes);
    let lines: Vec<&[u8]> = file.split(|&byte| byte == b'\n').collect();
    let wanted = [path.as_os_str().as_bytes(), to.as_os_str().as_bytes()];
    Ok(lines.chunks(3).any(|entry| entry.starts_with(&wanted)))
}

/// The version of a package that is installed, as dpkg writes it.
///
/// # Errors
/// Where the database can't be read.
pub(super) fn version(host: &Host, package: &str) -> Result<Option<String>> {
    let status = host.read(Path::new(ADMIN).join("status"))?.map_or(Vec::new(), |file| file.bytes);
    let status = String::from_utf8_lossy(&status);
    let is_it = |entry: &&str| entry.lines().any(|line| line.strip_prefix("Package: ") == Some(package));
    let entry = status.split("\n\n").find(is_it).unwrap_or_default();
    let field = |name: &str| entry.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let installed = field("Status:").is_some_and(|status| status.ends_with(" installed"));
    Ok(field("Version:").filter(|_| installed).map(str::to_owned))
}
