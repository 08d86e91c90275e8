//! A file in the place of one that names our logs: a copy that names the others.
//!
//! The original is kept beside it under a name that logrotate passes over, and the replacement's header says which. It is
//! made from the original each time, so it holds nothing that can't be made again; but what someone has changed in it by
//! hand is seen by its signature, and never lost silently.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::parse::{self, Item, Stanza};
use super::{glob, naming, words};
use crate::install::host::Host;
use crate::install::signed::{self, Signed};
use crate::install::{Logs, Result};
use crate::model::path_text;

const HEADER: &str = include_str!("../../../logrotate/replacement");
const ORIGINAL: &str = "# original: ";

/// What the header of a replacement says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Replacement {
    /// Where the original is kept.
    pub(super) original: PathBuf,
}

impl Replacement {
    /// Reads a file; `None` where it is none of ours.
    pub(super) fn of(file: &[u8]) -> Option<Self> {
        if Signed::read(file) == Signed::Foreign {
            return None;
        }
        let lines = file.split(|&byte| byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        let header = lines.take_while(|line| line.starts_with('#'));
        let original = header.filter_map(|line| line.strip_prefix(ORIGINAL)).last()?;
        Some(Self { original: path_text::from_text(original) })
    }
}

/// The replacement for a file that is kept as `original` and holds `bytes`.
///
/// # Errors
/// Where the logs that its patterns name can't be looked up.
pub(super) fn write(host: &Host, original: &Path, bytes: &[u8], logs: &Logs) -> Result<Vec<u8>> {
    let mut text = format!("{HEADER}{ORIGINAL}{}\n\n", path_text::to_text(original)).into_bytes();
    let mut copied = 0;
    for item in parse::parse(bytes).items {
        let Item::Stanza(stanza) = item else { continue };
        for change in changes(host, &stanza, logs)? {
            text.extend_from_slice(&bytes[copied..change.at.start]);
            text.extend_from_slice(&change.by);
            copied = change.at.end;
        }
    }
    text.extend_from_slice(&bytes[copied..]);
    Ok(signed::sign(text))
}

/// Bytes that take the place of others.
struct Change {
    at: Range<usize>,
    by: Vec<u8>,
}

/// What changes in a stanza: each pattern that may name one of our logs becomes the list of the others that it names. A
/// stanza that names no other is left out.
fn changes(host: &Host, stanza: &Stanza, logs: &Logs) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut left = stanza.words.len();
    for word in stanza.words.iter().filter(|word| naming::may_name(&word.pattern, logs)) {
        let others: Vec<_> = others(host, &word.pattern, logs)?.iter().map(|path| words::literal(path)).collect();
        left -= usize::from(others.is_empty());
        changes.push(Change { at: word.at.clone(), by: others.join(&b'\n') });
    }
    match left {
        0 => Ok(vec![Change { at: stanza.whole.clone(), by: Vec::new() }]),
        _ => Ok(changes),
    }
}

fn others(host: &Host, pattern: &[u8], logs: &Logs) -> Result<Vec<PathBuf>> {
    let mut files = glob::expand(host, pattern)?;
    files.retain(|path| !logs.covers(path));
    Ok(files)
}

/// Whether a stanza names logs that may be ours.
pub(super) fn concerns(stanza: &Stanza, logs: &Logs) -> bool {
    stanza.words.iter().any(|word| naming::may_name(&word.pattern, logs))
}
