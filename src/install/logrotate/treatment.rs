//! What logrotate does with each log, as `logrotate --debug` tells it.
//!
//! It is asked twice: what is due, and what it would do if all were due (`--force`), which shows every rename, mode, owner
//! and script. From 3.8.7 to 3.22 the words differ here and there, but the build is the same: messages about files that
//! are read, then for each stanza a line `rotating pattern: …` with its options, `considering log …` for each log, and
//! what is done. Two answers of one release are compared, so what the words mean need not be known, only to which log
//! they belong. Lines that name no log are left out: they come once for each log that is rotated, and tell nothing that
//! the lines with names don't.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use memchr::memmem;

use super::fragment::{Fragment, MARK, NO_FILE_HAS};
use super::lines::{self, CONSIDERING, Lines};
use super::parse::{self, Item};
use super::program::{Force, Logrotate};
use super::{glob, packages, plan, words};
use crate::install::Result;
use crate::install::host::Host;

/// What logrotate does with each log of a host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Treatment {
    /// By the log's path, then in the order of the answers.
    pub(super) logs: BTreeMap<PathBuf, Vec<Handling>>,
    /// What it complains of, each with how often.
    pub(super) complaints: BTreeMap<String, usize>,
    /// Its exit codes: of what is due, and of all.
    pub(super) codes: Vec<i32>,
    /// What the originals of files name that are replaced meanwhile. With these logs logrotate may be behind: some may
    /// have come since, and the originals may have changed.
    pub(super) replaced: Vec<Vec<u8>>,
    /// Those of them whose package is gone, and with it what was to be done with the logs.
    pub(super) forgotten: Vec<Vec<u8>>,
    /// What was there: the logs that patterns found, and what was in their directories right behind an answer.
    pub(super) there: BTreeSet<PathBuf>,
}

/// What one stanza does with a log, by one of the answers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Handling {
    /// Whether it is our stanza, and it does nothing.
    pub(super) kept_off: bool,
    /// Whether the log is to be rotated, by this answer.
    pub(super) is_due: bool,
    /// The stanza's options.
    pub(super) options: String,
    /// What is done with the log, and where it is rotated the stanza's scripts.
    pub(super) done: BTreeSet<String>,
}

impl Treatment {
    /// Asks the host's logrotate; nothing where there is none.
    ///
    /// # Errors
    /// Where it can't be run.
    pub(super) fn ask(host: &Host) -> Result<Self> {
        let mut treatment = Self::default();
        let Some(logrotate) = Logrotate::find(host)? else { return Ok(treatment) };
        treatment.look_at_originals(host)?;
        let fragment = Fragment::of(host)?;
        for force in [Force::Due, Force::All] {
            let output = logrotate.debug(force)?;
            treatment.codes.push(output.status.code().unwrap_or(-1));
            let answer = [output.stderr, output.stdout].concat();
            let there = lines::files_beside(host, &answer)?;
            treatment.read(force, &answer, &fragment, &there);
            treatment.there.extend(there);
        }
        Ok(treatment)
    }

    fn read(&mut self, force: Force, answer: &[u8], fragment: &Fragment, there: &BTreeSet<PathBuf>) {
        let lines = Lines::of(answer, there);
        let mut sections = split(&lines.text, b"\nrotating pattern: ").into_iter();
        self.complain(sections.next().unwrap_or_default());
        for section in sections {
            self.complain(section);
            let section = Section::read(section);
            let literals = section.literals();
            section.handlings(force, fragment, |log, handling| {
                // What a pattern found was there, however soon it went.
                if !literals.contains(log) {
                    self.there.insert(lines.path(log));
                }
                self.logs.entry(lines.path(log)).or_default().push(handling);
            });
        }
    }

    /// The patterns of all originals whose replacements are there.
    fn look_at_originals(&mut self, host: &Host) -> Result<()> {
        for present in plan::present(host)? {
            let original = host.read(&present.original)?.map(|file| file.bytes);
            let is_gone = original.is_none() || packages::forgot(host, &present.path, &present.original)?;
            // What the original said is gone with it; the replacement says of which logs.
            let replacement = || present.file.as_ref().map_or(Vec::new(), |file| file.bytes.clone());
            let patterns = named_in(&original.unwrap_or_else(replacement));
            if is_gone {
                self.forgotten.extend_from_slice(&patterns);
            }
            self.replaced.extend(patterns);
        }
        Ok(())
    }

    fn complain(&mut self, text: &[u8]) {
        // What was an error in one release is a warning in the next, and older ones shout.
        let complains = |line: &&str| ["error: ", "warning: ", "WARNING: "].iter().any(|begin| line.starts_with(begin));
        for line in String::from_utf8_lossy(text).lines().filter(complains) {
            *self.complaints.entry(without_line_numbers(line)).or_default() += 1;
        }
    }
}

/// The patterns of all stanzas of a file.
fn named_in(file: &[u8]) -> Vec<Vec<u8>> {
    let items = parse::parse(file).items.into_iter();
    let stanzas = items.filter_map(|item| if let Item::Stanza(stanza) = item { Some(stanza) } else { None });
    stanzas.flat_map(|stanza| stanza.words).map(|word| word.pattern).collect()
}

/// What is said of one stanza.
struct Section {
    /// Its paths as they are written.
    head: Vec<u8>,
    options: String,
    /// Its scripts that were reached, without their arguments.
    scripts: BTreeSet<String>,
    /// All else, from the first log on.
    rest: Vec<u8>,
}

impl Section {
    fn read(section: &[u8]) -> Self {
        let (scripts, text) = take_scripts(section);
        let first = memmem::find(&text, b"\nconsidering log ").map_or(text.len(), |at| at + 1);
        let (opening, rest) = text.split_at(first);
        let (head, options) = opening.split_at(end_of_head(opening));
        let options = without_pids(&String::from_utf8_lossy(options));
        Self { head: head.to_vec(), options, scripts, rest: rest.to_vec() }
    }

    fn handlings(&self, force: Force, fragment: &Fragment, mut found: impl FnMut(&[u8], Handling)) {
        let lines: Vec<&[u8]> = self.rest.split(|&byte| byte == b'\n').collect();
        let logs: Vec<&[u8]> = lines.iter().filter_map(|line| line.strip_prefix(CONSIDERING)).collect();
        let named = Named::new(&logs);
        let mut handlings = vec![Handling { options: self.options.clone(), ..Handling::default() }; logs.len()];
        let mut considered = 0;
        for line in &lines {
            considered += usize::from(line.starts_with(CONSIDERING));
            let about = match line.starts_with(b" ") {
                true => considered.checked_sub(1),
                false => named.longest_in(line),
            };
            if let Some(handling) = about.and_then(|index| handlings.get_mut(index)) {
                handling.note(&String::from_utf8_lossy(line));
            }
        }
        let is_ours = self.is_stanza_of(fragment);
        for (log, mut handling) in logs.iter().zip(handlings) {
            handling.kept_off = is_ours && self.does_nothing(force, handling.is_due);
            if handling.is_due {
                handling.done.extend(self.scripts.iter().cloned());
            }
            found(log, handling);
        }
    }

    /// The paths that are considered whether there is such a log or not: those that are written out, and patterns that
    /// match nothing.
    fn literals(&self) -> HashSet<Vec<u8>> {
        let words = words::split(&self.head, 0..self.head.len()).unwrap_or_default();
        words.into_iter().flat_map(|word| [glob::unescaped(&word.pattern), word.pattern]).collect()
    }

    fn is_stanza_of(&self, fragment: &Fragment) -> bool {
        let words = words::split(&self.head, 0..self.head.len()).unwrap_or_default();
        let words: BTreeSet<_> = words.iter().map(|word| words::quoted(&word.pattern)).collect();
        !words.is_empty() && words.is_subset(&fragment.words)
    }

    /// No log reaches the size; where all are to be rotated, the first action is in the way.
    fn does_nothing(&self, force: Force, is_due: bool) -> bool {
        match force {
            Force::Due => !is_due && self.options.starts_with(&format!("{NO_FILE_HAS} bytes")),
            Force::All => {
                !is_due || self.scripts.iter().any(|script| script.contains(MARK) && script.contains("exit 1"))
            }
        }
    }
}

impl Handling {
    fn note(&mut self, line: &str) {
        const TIMES: [&str; 3] = ["Now: ", "Last rotated at ", "log does not need rotating"];
        let text = line.trim();
        if text == "log needs rotating" {
            self.is_due = true;
        } else if !TIMES.iter().any(|time| text.starts_with(time)) {
            self.done.insert(without_dates(text));
        }
    }

    /// Whether two stanzas treat a log alike. A log that was empty for one answer and not for the other is not compared.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.options == other.options && (self.is_due != other.is_due || self.done == other.done)
    }
}

/// Options on one line. With them comes which user logrotate becomes for the stanza, and as which process.
fn without_pids(options: &str) -> String {
    let lines = options.lines().map(|line| line.split(" (pid ").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The logs of a stanza, to be found in a line without looking for each of them: there may be thousands of both.
struct Named<'a> {
    logs: HashMap<&'a [u8], usize>,
    /// How long their paths are, in bytes, the longest first.
    lengths: Vec<usize>,
}

impl<'a> Named<'a> {
    fn new(logs: &[&'a [u8]]) -> Self {
        let lengths: BTreeSet<usize> = logs.iter().map(|log| log.len()).collect();
        let logs = logs.iter().enumerate().map(|(index, log)| (*log, index)).collect();
        Self { logs, lengths: lengths.into_iter().rev().collect() }
    }

    /// Which log a line speaks of: the one with the longest path in it.
    fn longest_in(&self, line: &[u8]) -> Option<usize> {
        let begins: Vec<usize> = memchr::memchr_iter(b'/', line).collect();
        let at = |begin: usize, length: usize| self.logs.get(line.get(begin..begin + length)?).copied();
        self.lengths.iter().find_map(|&length| begins.iter().find_map(|&begin| at(begin, length)))
    }
}

/// Where the paths of a stanza end and its options begin: with how often it rotates.
fn end_of_head(opening: &[u8]) -> usize {
    const OFTEN: [&[u8]; 6] = [b" forced from ", b" hourly ", b" after ", b" weekly ", b" monthly ", b" yearly "];
    let before = memmem::rfind(opening, b"empty log files are ").unwrap_or(opening.len());
    let opening = &opening[..before];
    let often = OFTEN.iter().filter_map(|text| memmem::rfind(opening, text)).max();
    let bytes = memmem::rfind(opening, b" bytes ").map(|at| {
        let digits = opening[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        at - digits
    });
    often.max(bytes).unwrap_or(before)
}

/// Takes the scripts out of a section: their text may look like anything. Their arguments are left out, since a script
/// that runs once for all logs is given the stanza's paths.
fn take_scripts(section: &[u8]) -> (BTreeSet<String>, Vec<u8>) {
    const BEGIN: &[u8] = b"\nrunning script ";
    let (mut scripts, mut rest) = (BTreeSet::new(), Vec::new());
    let mut text = section;
    while let Some(begin) = memmem::find(text, BEGIN) {
        let (before, script) = text.split_at(begin + 1);
        rest.extend_from_slice(before);
        let body = memmem::find(script, b": \"").map_or(script.len(), |at| at + 3);
        let end = memmem::find(&script[body..], b"\n\"\n").map_or(script.len(), |at| body + at + 2);
        scripts.insert(String::from_utf8_lossy(&script[body..end]).into_owned());
        text = &script[end..];
    }
    rest.extend_from_slice(text);
    (scripts, rest)
}

fn split<'t>(text: &'t [u8], at: &[u8]) -> Vec<&'t [u8]> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for found in memmem::find_iter(text, at) {
        parts.push(&text[begin..found]);
        begin = found + at.len();
    }
    parts.push(&text[begin..]);
    parts
}

/// A complaint about a file, wherever in it: `upstart:12 duplicate log entry for …`.
fn without_line_numbers(line: &str) -> String {
    let mut text = String::new();
    for part in line.split_inclusive(':') {
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}

/// `dateext` adds the date, or even the second, to a name.
fn without_dates(line: &str) -> String {
    const SHORTEST: usize = 6;
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let length = rest[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - at);
        let digits = &rest[at..at + length];
        text.push_str(&rest[..at]);
        text.push_str(if length >= SHORTEST { "#" } else { digits });
        rest = &rest[at + length..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const ANSWER: &str = "reading config file upstart
error: upstart:12 duplicate log entry for /l/web.log
Handling 2 logs

rotating pattern: \"/l/web.log\"  9000000000000000000 bytes (no old logs will be kept)
empty log files are rotated, log files >= 9000000000000000000 are rotated earlier, old logs are removed
considering log /l/web.log
Creating new state
  log does not need rotating (log size is below the 'size' threshold)

rotating pattern: /l/a.log
  /l/*.log  after 1 days (3 rotations)
empty log files are not rotated, only log files >= 7 bytes are rotated, old logs are removed
considering log /l/a.log
  Now: 2026-11-21 16:20
  log needs rotating
considering log /l/a.log-x
  log does not need rotating (log is empty)
renaming /l/a.log to /l/a.log-20261121
error: stat of /l/a.log-x failed: No such file or directory
running script with args /l/a.log
  /l/*.log  : \"
  rotating pattern: /no considering log /x
\"
compressing log with: /bin/gzip
";

    fn treatment(force: Force) -> Treatment {
        let mut treatment = Treatment::default();
        let fragment = Fragment { words: [b"\"/l/web.log\"".to_vec()].into(), ..Fragment::default() };
        treatment.read(force, ANSWER.as_bytes(), &fragment, &BTreeSet::new());
        treatment
    }

    #[test]
    fn each_log_has_the_options_and_the_lines_that_are_about_it() {
        let treatment = treatment(Force::Due);
        let only = |log: &str| match &treatment.logs[Path::new(log)][..] {
            [one] => one.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(treatment.logs.len(), 3);
        assert!(only("/l/web.log").kept_off && !only("/l/a.log").kept_off);
        let a = only("/l/a.log");
        assert!(a.is_due && a.options.starts_with("after 1 days (3 rotations) empty log files are not"), "{a:?}");
        let done: Vec<_> = a.done.iter().map(String::as_str).collect();
        let script = "\n  rotating pattern: /no considering log /x\n\"";
        assert_eq!(done, [script, "considering log /l/a.log", "renaming /l/a.log to /l/a.log-#"]);
        assert!(only("/l/a.log-x").done.contains("error: stat of /l/a.log-x failed: No such file or directory"));
    }

    #[test]
    fn the_answer_about_thousands_of_logs_is_read_at_once() {
        const LOGS: usize = 20_000;
        let about = |n: usize| format!("considering log /l/{n}.log\n  log needs rotating\n");
        let done = |n: usize| format!("renaming /l/{n}.log to /l/{n}.log.1\nremoving old log /l/{n}.log.8\n");
        let each: [String; 2] = [(0..LOGS).map(about).collect(), (0..LOGS).map(done).collect()];
        let answer = format!("\nrotating pattern: /l/*.log  after 1 days (3 rotations)\n{}", each.concat());
        let mut treatment = Treatment::default();
        let begun = std::time::Instant::now();
        treatment.read(Force::Due, answer.as_bytes(), &Fragment::default(), &BTreeSet::new());
        // Well below a second, where it looks for no log in a line that is not there; else many minutes.
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
        for n in [7, 77, LOGS - 1] {
            let log = &treatment.logs[Path::new(&format!("/l/{n}.log"))][0];
            assert!(log.is_due && log.done.contains(&format!("renaming /l/{n}.log to /l/{n}.log.1")), "{log:?}");
            assert_eq!(log.done.len(), 3, "{log:?}");
        }
    }

    #[test]
    fn complaints_are_counted_wherever_they_come_from() {
        let complaints: Vec<_> = treatment(Force::Due).complaints.into_iter().collect();
        let texts = [
            "error: stat of /l/a.log-x failed: No such file or directory",
            "error: upstart: duplicate log entry for /l/web.log",
        ];
        assert_eq!(complaints, texts.map(|text| (text.to_owned(), 1)));
    }

    #[test]
    fn a_stanza_of_ours_that_would_rotate_keeps_nothing_off() {
        let web = Path::new("/l/web.log");
        assert!(treatment(Force::All).logs[web][0].kept_off, "nothing is due");
        let other = ANSWER.replace("9000000000000000000 bytes", "after 1 days");
        let mut treatment = Treatment::default();
        let fragment = Fragment { words: [b"\"/l/web.log\"".to_vec()].into(), ..Fragment::default() };
        treatment.read(Force::Due, other.as_bytes(), &fragment, &BTreeSet::new());
        assert!(!treatment.logs[web][0].kept_off);
    }
}
