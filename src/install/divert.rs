//! Files of packages, moved out of the way so that they stay there across upgrades (`dpkg-divert(1)`).
//!
//! A diversion is two steps for dpkg too: a line in its database, and a rename. A process that is killed in between leaves
//! the one without the other, which dpkg-divert itself does not mend; so both are looked at afterwards.

use std::ffi::OsString;
use std::path::Path;

use super::host::Host;
use super::{Result, problem};
use crate::sys::command::Program;

/// Has dpkg keep the file at `path` under the name `to`.
///
/// # Errors
/// Where dpkg-divert is missing or refuses, or both names are taken.
pub(super) fn divert(host: &Host, path: &Path, to: &Path) -> Result<()> {
    dpkg_divert(host, path, &["--divert".into(), to.into(), "--add".into(), path.into()])?;
    settle(host, path, to)
}

/// Takes that back.
///
/// # Errors
/// As with [`divert`].
pub(super) fn undivert(host: &Host, path: &Path, to: &Path) -> Result<()> {
    dpkg_divert(host, path, &["--divert".into(), to.into(), "--remove".into(), path.into()])?;
    settle(host, to, path)
}

/// Has the file under its new name, if dpkg-divert knew the diversion and so renamed nothing.
fn settle(host: &Host, old: &Path, new: &Path) -> Result<()> {
    if host.has(old)? && !host.has(new)? {
        let ((old_dir, old_name), (new_dir, new_name)) = (host.parent(old)?, host.parent(new)?);
        old_dir.rename_new_into(old_name, &new_dir, new_name)?;
    }
    match host.has(old)? {
        false => Ok(()),
        true => Err(problem(host.shown(old), format!("dpkg-divert did not move it to {}", host.shown(new).display()))),
    }
}

fn dpkg_divert(host: &Host, path: &Path, what: &[OsString]) -> Result<()> {
    // dpkg-divert knows the root but follows the image's links as this machine sees them.
    if !host.is_live() && host.path(path)? != host.shown(path) {
        return Err(problem(
            host.shown(path),
            "the way to it in the image leads over a symbolic link, which dpkg-divert would follow out of it",
        ));
    }
    let program = Program::find("dpkg-divert")?.ok_or_else(|| {
        let missing =
            problem(host.shown(path), "a package owns it, but dpkg-divert, which keeps it out of the way, is missing");
        Box::new(missing.hint("install dpkg"))
    })?;
    let mut args: Vec<OsString> = Vec::new();
    if !host.is_live() {
        args.extend(["--root".into(), host.root().into()]);
    }
    args.extend(["--local", "--rename"].map(OsString::from));
    args.extend_from_slice(what);
    let output = program.run(&args)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(problem(host.shown(path), format!("{} failed: {}", program.path().display(), output.said()))),
    }
}
