//! The configuration: everything that is wrong with it, and whether others may change it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Subject, count};
use crate::config::{DEFAULT_FILE, Settings, Writer};
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::{to_shell, to_text};
use crate::sys::host;
use crate::sys::walk;

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let mut findings = match &subject.settings {
        Ok(settings) => vec![sound(subject, settings)],
        Err(mistakes) => mistakes.iter().map(mistake).collect(),
    };
    let file = subject.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    findings.extend(file.metadata().ok().and_then(|metadata| open_to_others(file, &metadata)));
    findings.extend(subject.settings.as_ref().ok().and_then(|settings| not_run(file, &settings.lifecycle.before)));
    findings.extend(subject.settings.as_ref().ok().and_then(not_asked));
    findings
}

/// The same for the commands and signals that have writers open their logs anew.
fn not_asked(settings: &Settings) -> Option<Finding> {
    settings.sets.iter().chain(&settings.treated_as).find_map(|set| match &set.writer {
        Writer::NotAsked { way, distrust } => {
            Some(Finding::fail(Bars::Logs, "writer", distrust.of_way(way)).hint(distrust.hint()))
        }
        Writer::Auto | Writer::Way(_) => None,
    })
}

/// Whoever can change the file, or put another one in its place, would have a command of his own run before the last flush.
fn not_run(file: &Path, before: &[String]) -> Option<Finding> {
    if before.is_empty() {
        return None;
    }
    let why = walk::trusted_file(file).err()?;
    let why =
        format!("the command before the last flush is not run, since not only its user can say what it is: {why}");
    let path = to_shell(file);
    let hint = format!("chown root:root {path}; chmod 644 {path}; and so with the directories that it is in");
    Some(Finding::warn("before", why).hint(hint))
}

fn sound(subject: &Subject, settings: &Settings) -> Finding {
    let file = subject.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let what = if file.exists() { to_text(file) } else { "arguments and environment".to_owned() };
    let patterns: usize = settings.sets.iter().map(|set| set.paths.len()).sum();
    Finding::ok(what, format!("sound: {} of logs, shipped to {}", count(patterns, "pattern"), settings.to))
}

fn mistake(error: &crate::config::ConfigError) -> Finding {
    let (place, what, hint) = error.parts();
    let finding = Finding::fail(Bars::Runs, place, what);
    match hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

/// Who can change the file decides where the logs go, and which files are taken for logs.
fn open_to_others(file: &Path, metadata: &Metadata) -> Option<Finding> {
    let theirs = metadata.uid() != 0 && metadata.uid() != host::user();
    let why = match metadata.mode() & 0o7777 {
        _ if theirs => format!("it belongs to user {}, who can send the logs wherever he likes", metadata.uid()),
        mode if mode & 0o002 != 0 => format!("everyone may change it (mode {mode:03o}), and so where the logs go"),
        mode if mode & 0o020 != 0 && metadata.gid() != 0 && metadata.gid() != host::group() => {
            format!("group {} may change it (mode {mode:03o}), and so where the logs go", metadata.gid())
        }
        _ => return None,
    };
    let path = to_shell(file);
    let hint = format!("chown root:root {path}; chmod 644 {path}");
    Some(Finding::warn(to_text(file), why).hint(hint))
}
