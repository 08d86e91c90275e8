//! Our own file in `/etc/logrotate.d`: the stanza that keeps logrotate off our logs, and the record of the files that we
//! replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::parse::{self, Item};
use super::{FRAGMENT, words};
use crate::install::host::Host;
use crate::install::{Result, signed};
use crate::model::path_text;

const EXCLUSION: &str = include_str!("../../../logrotate/exclusion");
const RECORD: &str = include_str!("../../../logrotate/record");
const STANZA: &str = include_str!("../../../logrotate/stanza");
const REPLACES: &str = "# replaces: ";
const KEPT: &str = "# kept as: ";

/// The size in our stanza, in bytes: no file has it, and it fits a file offset of 64 bits.
pub(super) const NO_FILE_HAS: &str = "9000000000000000000";

/// The line in our stanza's first action by which the proof knows it.
pub(super) const MARK: &str = "# logferry takes these logs";

/// What keeps logrotate off our logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Way {
    /// A stanza of ours that names them, but for files that are read before it.
    #[default]
    Stanza,
    /// Only that files are replaced: logrotate doesn't know how to leave out single logs.
    Replacements,
}

/// What our file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fragment {
    /// What it relies on.
    pub(super) way: Way,
    /// The words of its stanzas.
    pub(super) words: BTreeSet<Vec<u8>>,
    /// The files that are replaced, with where their originals are kept.
    pub(super) replaces: BTreeMap<PathBuf, PathBuf>,
}

impl Fragment {
    /// Reads our file.
    pub(super) fn read(file: &[u8]) -> Self {
        let stanzas = parse::parse(file).items.into_iter().filter_map(|item| match item {
            Item::Stanza(stanza) => Some(stanza),
            Item::Include(_) | Item::Taboo(_) => None,
        });
        let words = stanzas.flat_map(|stanza| stanza.words).map(|word| words::quoted(&word.pattern)).collect();
        let lines = file.split(|&byte| byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        let lines: Vec<&str> = lines.collect();
        let pairs =
            lines.windows(2).filter_map(|pair| Some((pair[0].strip_prefix(REPLACES)?, pair[1].strip_prefix(KEPT)?)));
        let replaces = pairs.map(|(path, kept)| (path_text::from_text(path), path_text::from_text(kept))).collect();
        let is_record = memchr::memmem::find(file, RECORD.as_bytes()).is_some();
        Self { way: if is_record { Way::Replacements } else { Way::Stanza }, words, replaces }
    }

    /// The one of a host; an empty one where there is none.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(super) fn of(host: &Host) -> Result<Self> {
        Ok(host.read(FRAGMENT)?.map(|file| Self::read(&file.bytes)).unwrap_or_default())
    }

    /// Our file, signed.
    pub(super) fn write(&self) -> Vec<u8> {
        let header = match self.way {
            Way::Stanza => EXCLUSION,
            Way::Replacements => RECORD,
        };
        let mut text = header.as_bytes().to_vec();
        if !self.replaces.is_empty() {
            text.extend_from_slice(b"#\n");
        }
        for (path, kept) in &self.replaces {
            let (path, kept) = (path_text::to_text(path), path_text::to_text(kept));
            text.extend_from_slice(format!("{REPLACES}{path}\n{KEPT}{kept}\n").as_bytes());
        }
        for words in self.stanzas() {
            text.push(b'\n');
            for word in words {
                text.extend_from_slice(word);
                text.push(b'\n');
            }
            text.extend_from_slice(STANZA.as_bytes());
        }
        signed::sign(text)
    }

    /// The words of each of our stanzas. A log that two words of one stanza name is an error; that an earlier stanza names
    /// it is none: so each pattern has a stanza of its own, behind that of the paths.
    fn stanzas(&self) -> Vec<Vec<&[u8]>> {
        let all = self.words.iter().map(Vec::as_slice);
        let (paths, patterns): (Vec<_>, Vec<_>) = all.partition(|word| words::path_of(word).is_some());
        let stanzas = std::iter::once(paths).chain(patterns.into_iter().map(|word| vec![word]));
        stanzas.filter(|words| !words.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::signed::Signed;

    #[test]
    fn what_was_written_is_read_back() {
        let words = ["\"/var/log/a*.log\"", "\"/x y\\\"z.log\""].map(|word| word.as_bytes().to_vec());
        let both = Fragment {
            way: Way::Stanza,
            words: words.into(),
            replaces: [(PathBuf::from("/etc/logrotate.d/up%\n"), PathBuf::from("/kept"))].into(),
        };
        let record = Fragment { way: Way::Replacements, words: BTreeSet::new(), ..both.clone() };
        for fragment in [Fragment { replaces: BTreeMap::new(), ..both.clone() }, record, both, Fragment::default()] {
            let file = fragment.write();
            assert_eq!(Signed::read(&file), Signed::Ours);
            assert_eq!(Fragment::read(&file), fragment);
        }
        assert!(STANZA.contains(MARK) && STANZA.contains(&format!("maxsize {NO_FILE_HAS}")));
        assert!(parse::parse(STANZA.as_bytes()).mistake.is_some(), "a stanza needs its paths");
    }
}
