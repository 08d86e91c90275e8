//! The proof that logrotate leaves our logs alone, and treats all others as it did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::treatment::{Handling, Treatment};
use super::{FRAGMENT, glob};
use crate::install::host::Host;
use crate::install::{Logs, Result, problem};
use crate::model::path_text::to_text;
use crate::model::problem::Problem;
use crate::sys::file::Status;

/// Fails unless our logs are out of every rotation, each other log is treated as it was, and logrotate complains of nothing new.
///
/// # Errors
/// What is not as it should be.
pub(super) fn prove(host: &Host, before: &Treatment, after: &Treatment, logs: &Logs) -> Result<()> {
    let ours = Ours::of(host, logs)?;
    let failed = ours.still_rotated(host, after)?.or_else(|| changed(host, before, after, &ours, logs));
    failed.or_else(|| worse(host, before, after)).map_or(Ok(()), Err)
}

/// The log of ours that logrotate still rotates.
///
/// # Errors
/// Where a log can't be looked at.
pub(super) fn still_rotated(host: &Host, now: &Treatment, logs: &Logs) -> Result<Option<Box<Problem>>> {
    Ours::of(host, logs)?.still_rotated(host, now)
}

/// Our logs: by their paths, and by what they are, since logrotate may know one by another path.
struct Ours<'a> {
    paths: BTreeSet<&'a Path>,
    files: BTreeSet<(u64, u64)>,
}

impl<'a> Ours<'a> {
    fn of(host: &Host, logs: &'a Logs) -> Result<Self> {
        let mut files = BTreeSet::new();
        for path in &logs.existing {
            files.extend(status(host, path)?.map(|status| (status.identity.dev, status.identity.ino)));
        }
        Ok(Self { paths: logs.existing.iter().map(PathBuf::as_path).collect(), files })
    }

    fn holds(&self, host: &Host, path: &Path) -> Result<bool> {
        let file = status(host, path)?.map(|status| (status.identity.dev, status.identity.ino));
        Ok(self.paths.contains(path) || file.is_some_and(|file| self.files.contains(&file)))
    }

    fn still_rotated(&self, host: &Host, now: &Treatment) -> Result<Option<Box<Problem>>> {
        for (path, handlings) in &now.logs {
            if handlings.iter().all(|handling| handling.kept_off) || !self.holds(host, path)? {
                continue;
            }
            let how = handlings.iter().find(|handling| !handling.kept_off).map(|handling| handling.options.clone());
            let what = format!("logrotate would still rotate it ({})", how.unwrap_or_default());
            let hint = "see `logrotate --debug /etc/logrotate.conf`: which file names it?";
            return Ok(Some(Box::new(problem(host.shown(path), what).hint(hint))));
        }
        Ok(None)
    }
}

fn status(host: &Host, path: &Path) -> Result<Option<Status>> {
    if !host.has(path)? {
        return Ok(None);
    }
    let (dir, name) = host.parent(path)?;
    Ok(dir.look(name)?.map(|entry| entry.status))
}

/// A log of others that is not treated as it was.
fn changed(host: &Host, before: &Treatment, after: &Treatment, ours: &Ours<'_>, logs: &Logs) -> Option<Box<Problem>> {
    let all: BTreeSet<&PathBuf> = before.logs.keys().chain(after.logs.keys()).collect();
    let is_other = |path: &&PathBuf| !logs.covers(path) && !ours.holds(host, path).unwrap_or(false);
    for path in all.into_iter().filter(is_other).filter(|path| !is_pattern_without_files(host, path)) {
        let what = match (before.logs.get(path), after.logs.get(path)) {
            (Some(before), Some(after)) if are_alike(before, after) => continue,
            // It was ours, and the configuration no longer says so: whoever else names it has it back.
            (Some(before), _) if before.iter().all(|handling| handling.kept_off) => continue,
            _ if has_come_or_gone(host, before, after, path) => continue,
            (Some(_), None) if is_any(&before.forgotten, path) => continue,
            (_, now) if may_have_changed(before, path) && (now.is_some() || !exists(host, path)) => continue,
            (Some(_), None) => "logrotate would no longer rotate it".to_owned(),
            (None, Some(_)) => "logrotate would rotate it, and did not before".to_owned(),
            (before, after) => format!("logrotate would treat it otherwise than before: {}", difference(before, after)),
        };
        return Some(Box::new(problem(host.shown(path), what).hint(hint(before))));
    }
    None
}

fn hint(before: &Treatment) -> &'static str {
    match before.complaints.keys().any(|text| text.starts_with("error: ")) {
        true => {
            "nothing was changed; logrotate has errors of its own: mend what `logrotate --debug /etc/logrotate.conf` says"
        }
        false => "nothing was changed; please report this, with the logrotate configuration",
    }
}

/// Whether logrotate may have been behind with a log already: then it is enough that it is not forgotten.
fn may_have_changed(before: &Treatment, path: &Path) -> bool {
    is_any(&before.replaced, path)
}

fn is_any(patterns: &[Vec<u8>], path: &Path) -> bool {
    patterns.iter().any(|pattern| glob::matches(pattern, path))
}

/// Whether it is the log that has changed, and not what is done with it: services end and begin while we ask.
fn has_come_or_gone(host: &Host, before: &Treatment, after: &Treatment, path: &Path) -> bool {
    match before.there.contains(path) {
        true => !exists(host, path),
        false => after.there.contains(path),
    }
}

fn exists(host: &Host, path: &Path) -> bool {
    host.has(path).unwrap_or(true)
}

fn are_alike(before: &[Handling], after: &[Handling]) -> bool {
    before.len() == after.len() && before.iter().zip(after).all(|(before, after)| before.is_like(after))
}

/// What is said only before or only after.
fn difference(before: Option<&Vec<Handling>>, after: Option<&Vec<Handling>>) -> String {
    let said = |handlings: Option<&Vec<Handling>>| -> BTreeSet<String> {
        let handlings = handlings.into_iter().flatten();
        handlings.flat_map(|handling| handling.done.iter().chain([&handling.options])).cloned().collect()
    };
    let (before, after) = (said(before), said(after));
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> { a.difference(b).cloned().collect() };
    format!("{:?} instead of {:?}", only(&after, &before), only(&before, &after))
}

/// A pattern that matches nothing is taken for a path; where its stanza is gone, so is it.
fn is_pattern_without_files(host: &Host, path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    glob::has_wildcard(path.as_os_str().as_bytes()) && !exists(host, path)
}

/// A complaint that logrotate did not have before.
fn worse(host: &Host, before: &Treatment, after: &Treatment) -> Option<Box<Problem>> {
    let more = |(text, count): &(&String, &usize)| before.complaints.get(*text).is_none_or(|before| before < *count);
    let new: BTreeMap<_, _> = after.complaints.iter().filter(more).collect();
    if let Some((text, _)) = new.first_key_value() {
        let what =
            format!("logrotate would complain: {}", text.trim_start_matches("error: ").trim_start_matches("warning: "));
        return Some(Box::new(problem(host.shown(FRAGMENT), what).hint(hint(before))));
    }
    let codes = before.codes.iter().zip(&after.codes).find(|(before, after)| after != before && **after != 0)?;
    let what = format!("logrotate would end with exit code {} instead of {}", codes.1, codes.0);
    Some(Box::new(problem(host.shown(FRAGMENT), what).hint(hint(before))))
}

/// What logrotate complained of already, for a person.
pub(super) fn old_complaints(treatment: &Treatment) -> Vec<String> {
    // Which it says of every `--debug`.
    let texts = treatment.complaints.keys().filter(|text| !text.contains("logrotate in debug mode does nothing"));
    let told = |text: &String| format!("logrotate complains, with or without logferry: {}", to_text(Path::new(text)));
    texts.map(told).collect()
}
