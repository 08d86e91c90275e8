//! One file of logrotate's configuration, taken apart into stanzas, with the place of each in the file.
//!
//! It follows `readConfigFile` in logrotate's `config.c` (3.8.7 to 3.22): a keyword that takes a value takes the rest of
//! its line, one that doesn't may be followed by others; a script ends at a line whose first word is `endscript`, and
//! nothing in it is configuration. Where a release stumbles over a mistake, what comes after it is not what it seems:
//! then the file is marked, and must not be rewritten.

use std::ops::Range;

use super::words::{self, Word};

/// What stands in a file, in its order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Item {
    /// Logs and how they are rotated.
    Stanza(Stanza),
    /// `include`: a file or directory is read here.
    Include(Vec<u8>),
    /// `tabooext` or `taboopat`: which files of a directory are left out from here on.
    Taboo(Taboo),
}

/// Logs and how they are rotated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stanza {
    /// The number of its first line.
    pub(super) line: usize,
    /// All of it, to the end of the line of its closing brace.
    pub(super) whole: Range<usize>,
    /// Its paths.
    pub(super) words: Vec<Word>,
    /// Whether a script in it looks at its arguments: the first is the head, where the script is run once for all logs.
    pub(super) script_reads_arguments: bool,
}

/// A change of what is left out of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Taboo {
    /// Whether it adds to what there is.
    pub(super) adds: bool,
    /// Patterns of file names.
    pub(super) patterns: Vec<Vec<u8>>,
}

/// A file, taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Parsed {
    /// What stands in it.
    pub(super) items: Vec<Item>,
    /// The number of the line with the first mistake.
    pub(super) mistake: Option<usize>,
}

/// Keywords without a value; all others take the rest of their line.
const FLAGS: [&[u8]; 35] = [
    b"allowhardlink",
    b"compress",
    b"copy",
    b"copytruncate",
    b"daily",
    b"dateext",
    b"datehourago",
    b"dateyesterday",
    b"delaycompress",
    b"hourly",
    b"ifempty",
    b"ignoreduplicates",
    b"maillast",
    b"mailfirst",
    b"missingok",
    b"monthly",
    b"noallowhardlink",
    b"nocompress",
    b"nocopy",
    b"nocopytruncate",
    b"nocreate",
    b"nocreateolddir",
    b"nodateext",
    b"nodelaycompress",
    b"nomail",
    b"nomissingok",
    b"noolddir",
    b"norenamecopy",
    b"nosharedscripts",
    b"noshred",
    b"notifempty",
    b"renamecopy",
    b"sharedscripts",
    b"shred",
    b"yearly",
];
const SCRIPTS: [&[u8]; 5] = [b"postrotate", b"prerotate", b"firstaction", b"lastaction", b"preremove"];

/// Takes a file apart.
pub(super) fn parse(file: &[u8]) -> Parsed {
    let mut reader = Reader { file, at: 0, open: None, parsed: Parsed::default() };
    while reader.at < file.len() {
        reader.step();
    }
    if reader.open.is_some() {
        reader.mistake();
    }
    reader.parsed
}

struct Reader<'a> {
    file: &'a [u8],
    at: usize,
    open: Option<Stanza>,
    parsed: Parsed,
}

impl Reader<'_> {
    fn step(&mut self) {
        match self.file[self.at] {
            b'#' => self.at = self.end_of_line(),
            byte if byte.is_ascii_whitespace() => self.at += 1,
            byte if byte.is_ascii_alphabetic() => self.keyword(),
            b'/' | b'"' | b'\'' | b'~' if self.open.is_none() => self.head(),
            b'}' => self.close(),
            _ => {
                self.mistake();
                self.at = self.end_of_line();
            }
        }
    }

    fn keyword(&mut self) {
        let key = self.word();
        let rest = self.at..self.end_of_line();
        match key.as_slice() {
            key if SCRIPTS.contains(&key) => self.script(),
            key if FLAGS.contains(&key) => {}
            b"include" | b"tabooext" | b"taboopat" => {
                self.at = rest.end;
                match self.open.is_none() {
                    true => self.directive(&key, rest),
                    false => self.mistake(),
                }
            }
            _ => self.at = rest.end,
        }
    }

    fn directive(&mut self, key: &[u8], rest: Range<usize>) {
        let value = self.file[rest].trim_ascii();
        let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii();
        self.parsed.items.push(match key {
            b"include" => Item::Include(value.to_vec()),
            _ => Item::Taboo(taboo(key, value)),
        });
    }

    /// From the first path to the opening brace.
    fn head(&mut self) {
        let (start, line) = (self.at, self.line());
        let mut line_is_blank = false;
        while let Some(&byte) = self.file.get(self.at) {
            match byte {
                b'#' if line_is_blank => {
                    self.at = self.end_of_line();
                    continue;
                }
                b'{' => break,
                b'}' => return self.give_up(),
                _ => line_is_blank = byte == b'\n' || line_is_blank && byte.is_ascii_whitespace(),
            }
            self.at += 1;
        }
        match words::split(self.file, start..self.at) {
            Some(words) if self.at < self.file.len() => {
                let whole = start..self.at;
                self.open = Some(Stanza { line, whole, words, script_reads_arguments: false });
                self.at += 1;
            }
            _ => self.give_up(),
        }
    }

    fn script(&mut self) {
        self.at = self.end_of_line();
        let start = self.at;
        loop {
            self.at = (self.end_of_line() + 1).min(self.file.len());
            if self.at >= self.file.len() {
                return self.mistake();
            }
            self.skip_blanks();
            let end = self.at;
            if self.word() == b"endscript" {
                let reads = reads_arguments(&self.file[start..end]);
                if let Some(stanza) = &mut self.open {
                    stanza.script_reads_arguments |= reads;
                }
                return;
            }
        }
    }

    fn close(&mut self) {
        self.at += 1;
        let end = (self.end_of_line() + 1).min(self.file.len());
        let Some(mut stanza) = self.open.take() else { return self.mistake() };
        if !self.file[self.at..end].trim_ascii().is_empty() {
            self.mistake();
        }
        stanza.whole.end = end;
        self.at = end;
        self.parsed.items.push(Item::Stanza(stanza));
    }

    /// Some mistakes end the reading of a file.
    fn give_up(&mut self) {
        self.mistake();
        self.at = self.file.len();
    }

    fn mistake(&mut self) {
        let line = self.line();
        self.parsed.mistake.get_or_insert(line);
    }

    fn word(&mut self) -> Vec<u8> {
        let start = self.at;
        while self.file.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        self.file[start..self.at].to_vec()
    }

    fn skip_blanks(&mut self) {
        while self.file.get(self.at).is_some_and(|byte| b" \t".contains(byte)) {
            self.at += 1;
        }
    }

    fn end_of_line(&self) -> usize {
        memchr::memchr(b'\n', &self.file[self.at..]).map_or(self.file.len(), |length| self.at + length)
    }

    fn line(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.file[..self.at.min(self.file.len())]).count() + 1
    }
}

fn taboo(key: &[u8], value: &[u8]) -> Taboo {
    let (adds, value) = match value.strip_prefix(b"+") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let words = value.split(|&byte| byte == b',' || byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let patterns = words.map(|word| match key {
        b"tabooext" => [b"*", word].concat(),
        _ => word.to_vec(),
    });
    Taboo { adds, patterns: patterns.collect() }
}

/// Whether a shell script speaks of its arguments.
fn reads_arguments(script: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [b"$1", b"${1", b"$@", b"${@", b"$*", b"${*", b"$#", b"shift"];
    NAMES.iter().any(|name| memchr::memmem::find(script, name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanzas(text: &str) -> Vec<(usize, Vec<String>, &str)> {
        let parsed = parse(text.as_bytes());
        assert_eq!(parsed.mistake, None, "{text}");
        let stanzas = parsed.items.into_iter().filter_map(|item| match item {
            Item::Stanza(stanza) => Some(stanza),
            _ => None,
        });
        let words = |stanza: &Stanza| -> Vec<String> {
            stanza.words.iter().map(|word| String::from_utf8_lossy(&word.pattern).into_owned()).collect()
        };
        stanzas.map(|stanza| (stanza.line, words(&stanza), &text[stanza.whole])).collect()
    }

    #[test]
    fn what_stands_in_scripts_and_comments_is_no_stanza() {
        let text = "# /a { daily }\ncompress\n/b {\n  rotate 7\n  # }\n  postrotate\n    /c {\n    }\n  # endscript\n  \
                    endscript\n}\n\n/d\n{\n}\n";
        let found = stanzas(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, &found[0].1), (3, &vec!["/b".to_owned()]));
        assert_eq!((found[1].0, found[1].2), (13, "/d\n{\n}\n"));
    }

    #[test]
    fn a_stanza_may_be_on_one_line_and_its_paths_on_several() {
        let found = stanzas("/a/*.log { daily missingok compress }\n\"/b c\"\n# not /x\n/d {\n weekly\n}");
        assert_eq!(found[0].1, ["/a/*.log"]);
        assert_eq!(found[1].1, ["/b c", "/d"]);
        assert_eq!(found[1].2, "\"/b c\"\n# not /x\n/d {\n weekly\n}");
    }

    #[test]
    fn values_may_hold_what_looks_like_a_stanza() {
        let found = stanzas("dateformat /{\n/a {\n mail }root\n olddir /x\n compressoptions /y }\n}\n");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn directives_are_read_with_and_without_a_sign() {
        let items = parse(b"include /etc/x\ninclude = y\ntabooext + .a, .b .c\ntaboopat q*\n").items;
        assert_eq!(items[0], Item::Include(b"/etc/x".to_vec()));
        assert_eq!(items[1], Item::Include(b"y".to_vec()));
        let patterns = vec![b"*.a".to_vec(), b"*.b".to_vec(), b"*.c".to_vec()];
        assert_eq!(items[2], Item::Taboo(Taboo { adds: true, patterns }));
        assert_eq!(items[3], Item::Taboo(Taboo { adds: false, patterns: vec![b"q*".to_vec()] }));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, line) in [
            ("/a {\n daily\n", 3),
            ("daily\n}\n", 2),
            ("/a }\n", 1),
            ("/a {\n/b\n}\n", 2),
            ("/a {\n} daily\n", 2),
            ("/a {\n postrotate\n true\n}\n", 5),
            ("\"/a {\n}\n", 1),
            ("/a {\n include /x\n}\n", 2),
        ] {
            assert_eq!(parse(text.as_bytes()).mistake, Some(line), "{text}");
        }
    }

    #[test]
    fn a_script_that_reads_its_arguments_is_known() {
        let reads =
            |script: &str| match parse(format!("/a {{\npostrotate\n{script}\nendscript\n}}\n").as_bytes()).items[..] {
                [Item::Stanza(ref stanza)] => stanza.script_reads_arguments,
                ref other => panic!("{other:?}"),
            };
        assert!(reads("  mv \"$1\" /x") && reads("for f in $@; do :; done"));
        assert!(!reads("  systemctl reload rsyslog"));
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_stumble(file in proptest::collection::vec(proptest::sample::select(b"/a \n\t{}#\"'\\$endscript+postrotate".to_vec()), 0..200)) {
            parse(&file);
        }
    }
}
