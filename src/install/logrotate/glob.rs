//! Patterns as `glob(3)` reads them, over the file system of a host that need not be this one.
//!
//! `*` and `?` don't match a slash, nothing matches a leading period that is not written, a backslash takes the next byte
//! as it is. What matches no file is no file here; logrotate then takes the pattern's own text for a path.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::install::Result;
use crate::install::host::Host;
use crate::sys::file::Kind;
use crate::sys::pattern::matches_name;

/// The files that a pattern stands for, sorted; directories are none, as in logrotate. What can't be looked through has
/// no files for us.
pub(super) fn expand(host: &Host, pattern: &[u8]) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::from("/")];
    let parts: Vec<&[u8]> = pattern.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        let mut next = Vec::new();
        for dir in &found {
            match has_wildcard(part) || is_last {
                true => next.extend(
                    matching(host, dir, part)?
                        .into_iter()
                        .filter(|(_, kind)| !is_last || *kind != Kind::Directory)
                        .map(|(path, _)| path),
                ),
                false => next.push(dir.join(OsStr::from_bytes(&unescaped(part)))),
            }
        }
        found = next;
    }
    found.sort();
    Ok(found)
}

/// What a part of a pattern stands for in a directory, which is opened once however much is in it.
fn matching(host: &Host, path: &Path, part: &[u8]) -> Result<Vec<(PathBuf, Kind)>> {
    if !host.has_dir(path)? {
        return Ok(Vec::new());
    }
    let dir = host.dir(path)?;
    let names = match has_wildcard(part) {
        true => dir.names()?.into_iter().filter(|name| matches_name(part, name.as_bytes())).collect(),
        false => vec![OsStr::from_bytes(&unescaped(part)).to_owned()],
    };
    let mut found = Vec::new();
    for name in names {
        found.extend(dir.look(&name)?.map(|entry| (path.join(&name), entry.kind)));
    }
    Ok(found)
}

/// Whether a pattern stands for that path.
pub(super) fn matches(pattern: &[u8], path: &Path) -> bool {
    let part = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (patterns, names) = (part(pattern), part(path.as_os_str().as_bytes()));
    patterns.len() == names.len() && patterns.iter().zip(&names).all(|(pattern, name)| matches_name(pattern, name))
}

/// Whether a part of a path is a pattern and not a name.
pub(super) fn has_wildcard(part: &[u8]) -> bool {
    let mut escaped = false;
    part.iter().any(|&byte| {
        let is_wildcard = !escaped && b"*?[".contains(&byte);
        escaped = byte == b'\\' && !escaped;
        is_wildcard
    })
}

/// The name that a part without wildcards stands for.
pub(super) fn unescaped(part: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    let mut bytes = part.iter();
    while let Some(&byte) = bytes.next() {
        name.push(if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte });
    }
    name
}

/// The path that a pattern without wildcards stands for.
pub(super) fn literal_path(pattern: &[u8]) -> Option<PathBuf> {
    (!has_wildcard(pattern)).then(|| PathBuf::from(std::ffi::OsString::from_vec(unescaped(pattern))))
}

/// What a part of a pattern may take.
#[derive(Clone, Copy)]
enum Piece {
    Any,
    One,
    Byte(u8),
}

/// Whether two parts of patterns may stand for the same name. A set of bytes counts as any byte: no pair that meets is
/// missed, some that don't are told.
pub(super) fn parts_may_meet(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (pieces(a), pieces(b));
    // Whether what is left of `a` and of `b` may meet, from the ends backwards.
    let mut meets = vec![vec![false; b.len() + 1]; a.len() + 1];
    for i in (0..=a.len()).rev() {
        for j in (0..=b.len()).rev() {
            meets[i][j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(Piece::Any), _) if meets[i + 1][j] => true,
                (_, Some(Piece::Any)) if meets[i][j + 1] => true,
                (Some(Piece::Any), Some(_)) => meets[i][j + 1],
                (Some(_), Some(Piece::Any)) => meets[i + 1][j],
                (Some(Piece::Byte(x)), Some(Piece::Byte(y))) => x == y && meets[i + 1][j + 1],
                (Some(_), Some(_)) => meets[i + 1][j + 1],
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
    }
    meets[0][0]
}

fn pieces(part: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < part.len() {
        let (piece, length) = match part[at] {
            b'*' => (Piece::Any, 1),
            b'?' => (Piece::One, 1),
            // Its end is the first bracket behind the first byte, which may itself be a bracket.
            b'[' => match memchr::memchr(b']', part.get(at + 3..).unwrap_or_default()) {
                Some(end) => (Piece::Any, end + 4),
                None => (Piece::Any, part.len() - at),
            },
            b'\\' => (Piece::Byte(*part.get(at + 1).unwrap_or(&b'\\')), 2),
            byte => (Piece::Byte(byte), 1),
        };
        pieces.push(piece);
        at += length;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_meet_where_a_name_matches_both() {
        for (a, b) in [("*.log", "web*"), ("*.log", "web.log"), ("?.log", "[a-c].log"), ("a*b*c", "*x*"), ("*", "x")] {
            assert!(
                parts_may_meet(a.as_bytes(), b.as_bytes()) && parts_may_meet(b.as_bytes(), a.as_bytes()),
                "{a} {b}"
            );
        }
        for (a, b) in [("*.log", "*.gz"), ("web.log", "api.log"), ("?", "ab"), ("web*", "api*"), ("\\*", "x")] {
            assert!(
                !parts_may_meet(a.as_bytes(), b.as_bytes()) && !parts_may_meet(b.as_bytes(), a.as_bytes()),
                "{a} {b}"
            );
        }
    }

    proptest! {
        #[test]
        fn parts_that_match_one_name_may_meet(a in "[ab*?\\[\\]!\\\\]{0,6}", b in "[ab*?\\[\\]!\\\\]{0,6}", name in "[ab]{1,5}") {
            let (a, b, name) = (a.as_bytes(), b.as_bytes(), name.as_bytes());
            if matches_name(a, name) && matches_name(b, name) {
                prop_assert!(parts_may_meet(a, b));
            }
        }
    }
}
