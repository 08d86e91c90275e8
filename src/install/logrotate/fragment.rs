//! Our own file in `/etc/logrotate.d`: the stanza that keeps logrotate off our logs, and the record of the files that we
//! replaced.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::parse::{self, Item};
use super::words;
use crate::install::signed;
use crate::model::path_text;

const EXCLUSION: &str = include_str!("../../../logrotate/exclusion");
const RECORD: &str = include_str!("../../../logrotate/record");
const STANZA: &str = include_str!("../../../logrotate/stanza");
const REPLACES: &str = "# replaces: ";

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
    /// The words of its stanza.
    pub(super) words: BTreeSet<Vec<u8>>,
    /// The files that were replaced.
    pub(super) replaces: BTreeSet<PathBuf>,
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
        let replaces = lines.filter_map(|line| line.strip_prefix(REPLACES)).map(path_text::from_text).collect();
        let is_record = memchr::memmem::find(file, RECORD.as_bytes()).is_some();
        Self { way: if is_record { Way::Replacements } else { Way::Stanza }, words, replaces }
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
        for path in &self.replaces {
            text.extend_from_slice(format!("{REPLACES}{}\n", path_text::to_text(path)).as_bytes());
        }
        if !self.words.is_empty() {
            text.push(b'\n');
            for word in &self.words {
                text.extend_from_slice(word);
                text.push(b'\n');
            }
            text.extend_from_slice(STANZA.as_bytes());
        }
        signed::sign(text)
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
            replaces: [PathBuf::from("/etc/logrotate.d/up%\n")].into(),
        };
        let record = Fragment { way: Way::Replacements, words: BTreeSet::new(), ..both.clone() };
        for fragment in [Fragment { replaces: BTreeSet::new(), ..both.clone() }, record, both, Fragment::default()] {
            let file = fragment.write();
            assert_eq!(Signed::read(&file), Signed::Ours);
            assert_eq!(Fragment::read(&file), fragment);
        }
        assert!(STANZA.contains(MARK) && STANZA.contains(&format!("maxsize {NO_FILE_HAS}")));
        assert!(parse::parse(STANZA.as_bytes()).mistake.is_some(), "a stanza needs its paths");
    }
}
