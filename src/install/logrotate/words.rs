//! The paths at the head of a stanza: how logrotate takes them apart, and how a path is written so that it is read back.
//!
//! logrotate hands the head, without its comments, to popt's `poptParseArgvString`: words between blanks; `"` and `'`
//! quote; outside of quotes a backslash takes the next byte as it is, inside only the closing quote, and stays otherwise
//! (`parseGlobString` in logrotate's `config.c`, `popt/poptparse.c`). Each word is then a pattern for `glob(3)`.

use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::glob;

/// One word of a head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// Where it stands in the file, quotes included.
    pub(super) at: Range<usize>,
    /// The pattern that it stands for.
    pub(super) pattern: Vec<u8>,
}

/// Takes the head at `head` of a file apart; `None` where a quote is not closed.
pub(super) fn split(file: &[u8], head: Range<usize>) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut line_is_blank = true;
    let mut at = head.start;
    while at < head.end {
        let byte = file[at];
        if line_is_blank && byte == b'#' {
            at = end_of_line(file, at, head.end);
            continue;
        }
        line_is_blank = byte == b'\n' || line_is_blank && byte.is_ascii_whitespace();
        let (taken, read) = match (quote, byte) {
            (Some(open), byte) if byte == open => {
                quote = None;
                (1, &[][..])
            }
            (Some(open), b'\\') if file.get(at + 1) == Some(&open) => (2, &file[at + 1..at + 2]),
            (Some(_), _) => (1, &file[at..=at]),
            (None, byte) if byte.is_ascii_whitespace() => {
                words.extend(word.take());
                at += 1;
                continue;
            }
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                (1, &[][..])
            }
            (None, b'\\') if at + 1 < head.end => (2, &file[at + 1..at + 2]),
            (None, _) => (1, &file[at..=at]),
        };
        let word = word.get_or_insert_with(|| Word { at: at..at, pattern: Vec::new() });
        word.pattern.extend_from_slice(read);
        at += taken;
        word.at.end = at;
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn end_of_line(file: &[u8], from: usize, end: usize) -> usize {
    memchr::memchr(b'\n', &file[from..end]).map_or(end, |length| from + length)
}

/// A path as a word that stands for it alone. What a head can't hold (braces, line ends, a backslash before the closing
/// quote) becomes `?`, which also stands for other bytes: the proof finds out whether another path matches.
pub(super) fn literal(path: &Path) -> Vec<u8> {
    let mut pattern = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'{' | b'}' | b'\\' | b'\n' | b'\r' | 0..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f => pattern.push(b'?'),
            b'*' | b'?' | b'[' => pattern.extend([b'\\', byte]),
            _ => pattern.push(byte),
        }
    }
    quoted(&pattern)
}

/// The path that a word stands for, if it is one that stands for one path alone.
pub(super) fn path_of(word: &[u8]) -> Option<PathBuf> {
    let words = split(word, 0..word.len())?;
    words.first().and_then(|word| glob::literal_path(&word.pattern))
}

/// A pattern as a word. Inside quotes a backslash stays as it is, unless a quote follows.
pub(super) fn quoted(pattern: &[u8]) -> Vec<u8> {
    let mut word = vec![b'"'];
    for &byte in pattern {
        if byte == b'"' {
            word.push(b'\\');
        }
        word.push(byte);
    }
    word.push(b'"');
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;

    fn patterns(head: &str) -> Vec<String> {
        let words = split(head.as_bytes(), 0..head.len()).expect("quotes are closed");
        words.into_iter().map(|word| String::from_utf8_lossy(&word.pattern).into_owned()).collect()
    }

    #[test]
    fn words_are_those_that_popt_finds() {
        assert_eq!(patterns("/a /b\n\t/c "), ["/a", "/b", "/c"]);
        assert_eq!(patterns(r#""/with blank" '/a"b' /c\ d"#), ["/with blank", "/a\"b", "/c d"]);
        assert_eq!(patterns(r#""/a\"b" "/c\*d" /e"f"g"#), ["/a\"b", "/c\\*d", "/efg"]);
        assert_eq!(patterns("/a\n  # /not this\n/b # /this\n"), ["/a", "/b", "#", "/this"]);
        assert_eq!(split(b"\"/a", 0..3), None);
    }

    #[test]
    fn a_word_knows_where_it_stands() {
        let file = b"/a \"/b c\"\n/d";
        let words = split(file, 0..file.len()).expect("quotes are closed");
        let texts: Vec<_> = words.iter().map(|word| &file[word.at.clone()]).collect();
        assert_eq!(texts, [&b"/a"[..], b"\"/b c\"", b"/d"]);
    }

    proptest! {
        #[test]
        fn a_path_is_read_back_as_a_pattern_that_matches_it(name in proptest::collection::vec(1_u8..=255, 1..20)) {
            prop_assume!(!name.contains(&b'/') && name[0] != b'.');
            let path = [b"/var/log/", &name[..]].concat();
            let path = Path::new(OsStr::from_bytes(&path));
            let word = literal(path);
            let words = split(&word, 0..word.len()).expect("quotes are closed");
            prop_assert_eq!(words.len(), 1);
            prop_assert!(glob::matches(&words[0].pattern, path), "{:?}", words[0].pattern);
        }
    }
}
