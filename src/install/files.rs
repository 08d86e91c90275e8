//! The files that install writes at fixed paths: put there, brought up to date, taken away, but never when a person has
//! changed them.

use std::path::Path;

use super::edit::Edit;
use super::host::Host;
use super::signed::{self, Signed};
use super::{Plan, Result, problem};
use crate::model::path_text::to_text;

/// What is at one of our paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// What we wrote, untouched.
    Ours(String),
    /// What we wrote, changed since.
    Edited(Vec<u8>),
    /// A file of someone else's.
    Foreign(Vec<u8>),
}

/// Looks at one of our paths.
///
/// # Errors
/// Where it can't be read, or is no regular file.
pub(super) fn look(host: &Host, path: &Path) -> Result<Found> {
    let Some(file) = host.read(path)? else { return Ok(Found::Nothing) };
    Ok(match Signed::read(&file.bytes) {
        Signed::Ours => Found::Ours(String::from_utf8_lossy(&file.bytes).into_owned()),
        Signed::Edited => Found::Edited(file.bytes),
        Signed::Foreign => Found::Foreign(file.bytes),
    })
}

/// Plans that a file of ours has this text.
///
/// # Errors
/// Where a file of someone else's is in its place.
pub(super) fn put(host: &Host, path: &Path, text: &str) -> Result<Plan> {
    let after = signed::sign(text);
    let write = |before| Plan::of(Edit::Write { path: path.to_owned(), before, after: after.clone() });
    let sound = host.read(path)?.is_some_and(|file| file.is_sound());
    match look(host, path)? {
        Found::Nothing => Ok(write(None)),
        Found::Ours(now) if now.as_bytes() == after && sound => Ok(Plan::default()),
        Found::Ours(now) => Ok(write(Some(now.into_bytes()))),
        Found::Edited(_) => Ok(Plan::note(format!(
            "kept {}, which was changed by hand since it was installed; remove it and install again to have it as \
             install writes it",
            to_text(&host.shown(path))
        ))),
        Found::Foreign(_) => {
            let refused =
                problem(host.shown(path), "someone else has written it; it is left alone, and nothing was installed");
            Err(Box::new(refused.hint("if it starts logferry too, remove it; else move it away; then install again")))
        }
    }
}

/// Plans that a file of ours is gone. One that was changed by hand stays, and it is said.
///
/// # Errors
/// Where it can't be read.
pub(super) fn take_away(host: &Host, path: &Path) -> Result<Plan> {
    let shown = || to_text(&host.shown(path));
    Ok(match look(host, path)? {
        Found::Nothing => Plan::default(),
        Found::Ours(now) => Plan::of(Edit::Remove { path: path.to_owned(), before: now.into_bytes() }),
        Found::Edited(_) => {
            Plan::note(format!("kept {}, which was changed by hand: remove it if it is not wanted", shown()))
        }
        Found::Foreign(_) => Plan::note(format!("left {} alone: install did not write it", shown())),
    })
}
