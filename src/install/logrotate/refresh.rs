//! Keeping the exclusion up to date with the logs that there are.
//!
//! Promise: where nothing changed, our own fragment is read and nothing else, unless files had to be replaced: then
//! those, their originals, and the directories that their patterns name. No process is started. Where something did change, it is as with an
//! installation: all or nothing, and proved. Nothing is installed that was not there.

use std::path::Path;

use super::fragment::{Fragment, Way};
use super::replacement::{self, Replacement};
use super::{FRAGMENT, naming, plan, proved};
use crate::install::edit;
use crate::install::host::Host;
use crate::install::signed::Signed;
use crate::install::{Logs, Result, problem};

/// What became of a refresh.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refreshed {
    /// Nothing was to be done: logferry was not installed here, or all is up to date.
    Unchanged,
    /// The same, but our file was changed by hand; it names all logs still.
    Edited,
    /// Logrotate is now kept off logs that it was not kept off before, or left others that it did not know.
    Changed,
}

/// Brings the exclusion up to date, if it is there and untouched.
///
/// # Errors
/// Where it is out of date and can't be changed; it is as it was then.
pub fn refresh(host: &Host, logs: &Logs) -> Result<Refreshed> {
    let Some(file) = host.read(FRAGMENT)? else { return Ok(Refreshed::Unchanged) };
    let fragment = Fragment::read(&file.bytes);
    let is_ours = Signed::read(&file.bytes) == Signed::Ours;
    if is_up_to_date(host, &fragment, logs)? {
        return Ok(if is_ours { Refreshed::Unchanged } else { Refreshed::Edited });
    }
    if !is_ours {
        let what = "it was changed by hand since logferry wrote it, and does not name all logs";
        let hint = "add the logs to it yourself; or remove it and call `logferry install`";
        return Err(Box::new(problem(host.shown(FRAGMENT), what).hint(hint)));
    }
    let _lock = host.lock()?;
    proved(host, logs, |proof| change(host, logs, proof))?;
    Ok(Refreshed::Changed)
}

fn change(host: &Host, logs: &Logs, proof: &dyn Fn() -> Result<()>) -> Result<()> {
    let plan = plan::install(host, logs)?;
    let applied = edit::apply(host, &plan.edits)?;
    let Err(failed) = proof() else { return Ok(()) };
    applied.undo()?;
    Err(failed)
}

fn is_up_to_date(host: &Host, fragment: &Fragment, logs: &Logs) -> Result<bool> {
    let names_all = fragment.way == Way::Replacements || naming::words(logs).is_subset(&fragment.words);
    Ok(names_all && fragment.replaces.keys().map(|path| is_replacement_up_to_date(host, path, logs)).all_true()?)
}

trait AllTrue {
    fn all_true(self) -> Result<bool>;
}

impl<I: Iterator<Item = Result<bool>>> AllTrue for I {
    fn all_true(mut self) -> Result<bool> {
        self.try_fold(true, |all, one| Ok(all && one?))
    }
}

fn is_replacement_up_to_date(host: &Host, path: &Path, logs: &Logs) -> Result<bool> {
    let Some(file) = host.read(path)? else { return Ok(false) };
    let Some(Replacement { original }) = Replacement::of(&file.bytes) else { return Ok(false) };
    let Some(kept) = host.read(&original)? else { return Ok(false) };
    Ok(replacement::write(host, &original, &kept.bytes, logs)? == file.bytes)
}
