//! How the writers of logs let go of them: `writer`, and the keys that belong to one of its values only.

use std::time::Duration;

use super::section::{Mistakes, Section, nearest};
use super::{ConfigError, Distrust};
use crate::model::way::{Argv, DEFAULT_TIMEOUT, Holes, ProcessName, SignalName, Way};

/// The values of `writer`, in the order of the documentation.
const VALUES: [&str; 6] = ["auto", "reopens", "signal", "command", "closed", "holds"];

/// How the writers of a set's logs let go of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Writer {
    /// A run finds it out for each log.
    #[default]
    Auto,
    /// The user says it.
    Way(Way),
    /// Somebody says it, by a command or a signal; it may be another one than the user, so nobody is asked.
    NotAsked {
        /// What is said.
        way: Way,
        /// Why it is not done.
        distrust: Distrust,
    },
}

impl Writer {
    /// Reads what `--writer` takes: a value that needs no other keys.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "reopens" => Ok(Self::Way(Way::Reopens)),
            "closed" => Ok(Self::Way(Way::Closed)),
            "holds" => Ok(Self::Way(Way::Holds { holes: Holes::Refused })),
            "signal" | "command" => {
                Err(format!("{text:?} needs more than a word: write it into a [[logs]] of the configuration"))
            }
            other => Err(unknown(other)),
        }
    }
}

fn unknown(text: &str) -> String {
    let hint = match text {
        "copytruncate" => {
            "; what was written between the copy and the cut would be lost, so \"holds\" is what there is"
        }
        _ => "",
    };
    let meant = nearest(&text.to_ascii_lowercase(), &VALUES).filter(|_| hint.is_empty());
    let meant = meant.map_or(String::new(), |meant| format!("; did you mean {meant:?}?"));
    format!("{text:?} is not a way to let go of a log; there are {}{hint}{meant}", VALUES.join(", "))
}

/// What a table says of its writers; `None` where it says nothing.
pub(super) fn read(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<Writer> {
    let before = mistakes.count();
    let writer = mistakes.or_default(section.parsed("writer", |text| match VALUES.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(unknown(text)),
    }));
    let keys = Keys::read(section, mistakes);
    // What is wrong is not said to be missing too.
    match mistakes.count() == before {
        true => mistakes.or_default(keys.way(section, writer.as_deref())),
        false => None,
    }
}

/// The words of a command. One text with all of them in it is no program's name, and no shell takes it apart.
fn words(words: Vec<String>) -> Result<Argv, String> {
    match words.as_slice() {
        [all] if all.contains(char::is_whitespace) => {
            let list: Vec<String> = all.split_whitespace().map(|word| format!("{word:?}")).collect();
            Err(format!("{all:?} is no program: it holds a space; write each word by itself: [{}]", list.join(", ")))
        }
        _ => Argv::try_from(words),
    }
}

/// The time that a writer has to let go: none could in less.
fn timeout(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(10);
    match super::parse_duration(text)? {
        time if time < LEAST => Err(format!("{text:?} is too short for a writer to let go in: at least \"10ms\"")),
        time => Ok(time),
    }
}

/// The keys that belong to one value of `writer`.
struct Keys {
    signal: Option<SignalName>,
    process: Option<ProcessName>,
    command: Option<Argv>,
    timeout: Option<Duration>,
    holes: Option<Holes>,
}

impl Keys {
    fn read(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Self {
        let holes = mistakes.or_default(section.flag("holes"));
        Self {
            signal: mistakes.or_default(section.parsed("signal", SignalName::parse)),
            process: mistakes.or_default(section.parsed("process", ProcessName::parse)),
            command: mistakes.or_default(section.checked_list("command", words)),
            timeout: mistakes.or_default(section.parsed("timeout", timeout)),
            holes: holes.map(|allowed| if allowed { Holes::Allowed } else { Holes::Refused }),
        }
    }

    fn way(self, section: &Section<'_>, writer: Option<&str>) -> Result<Option<Writer>, ConfigError> {
        self.require_none_but(section, writer)?;
        let missing = |key: &str, hint: &str| {
            let what = format!("writer = {:?} needs `{key}`", writer.unwrap_or_default());
            section.error_at("writer", what).hint(hint)
        };
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        Ok(Some(match writer {
            None => return Ok(None),
            Some("signal") => {
                let signal = self.signal.ok_or_else(|| missing("signal", "write signal = \"HUP\""))?;
                let process = self.process.ok_or_else(|| {
                    missing("process", "write process = \"rsyslogd\": the name of the program that writes these logs")
                })?;
                Writer::Way(Way::Signal { signal, process, timeout })
            }
            Some("command") => {
                let argv = self
                    .command
                    .ok_or_else(|| missing("command", "write command = [\"nginx\", \"-s\", \"reopen\"]"))?;
                Writer::Way(Way::Command { argv, timeout })
            }
            Some("holds") => Writer::Way(Way::Holds { holes: self.holes.unwrap_or_default() }),
            Some("closed") => Writer::Way(Way::Closed),
            Some("reopens") => Writer::Way(Way::Reopens),
            Some(_) => Writer::Auto,
        }))
    }

    /// That writers are to get a signal and a command is to be run: whichever of the two was meant, the other does something
    /// that was not. It is said at the key that is of no use to the value of `writer`.
    fn both(&self, section: &Section<'_>, writer: Option<&str>) -> Option<ConfigError> {
        let of_signal = [("process", self.process.is_some()), ("signal", self.signal.is_some())];
        let (key, _) = of_signal.into_iter().find(|(_, set)| *set).filter(|_| self.command.is_some())?;
        let what = format!(
            "`{key}` is for writer = \"signal\", and `command` for writer = \"command\": these logs can't have both"
        );
        let (at, hint) = match writer {
            Some("signal") => {
                ("command", "remove `command`; or remove `signal` and `process`, and write writer = \"command\"")
            }
            _ => (
                key,
                "for the command, write writer = \"command\" and remove `signal` and `process`; else remove `command`",
            ),
        };
        Some(section.error_at(at, what).hint(hint))
    }

    /// Fails where a key is set that the value of `writer` has no use for: it was probably meant to do something.
    fn require_none_but(&self, section: &Section<'_>, writer: Option<&str>) -> Result<(), ConfigError> {
        let keys = [
            ("signal", self.signal.is_some(), &["signal"][..]),
            ("process", self.process.is_some(), &["signal"]),
            ("command", self.command.is_some(), &["command"]),
            ("timeout", self.timeout.is_some(), &["signal", "command"]),
            ("holes", self.holes.is_some(), &["holds"]),
        ];
        let astray = keys.iter().find(|(_, set, of)| *set && !of.iter().any(|value| writer == Some(value)));
        let Some((key, _, of)) = astray else { return Ok(()) };
        if let Some(both) = self.both(section, writer) {
            return Err(both);
        }
        let values = of.iter().map(|value| format!("writer = {value:?}")).collect::<Vec<_>>().join(" or ");
        let what = format!("`{key}` is for {values} only");
        Err(section.error_at(key, what).hint(format!("write {values} beside it, or remove it")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::File;
    use super::*;

    fn parse(text: &str) -> Result<File, String> {
        File::parse(Path::new("x.toml"), text.to_owned()).map_err(|mistake| mistake.to_string())
    }

    fn writer(keys: &str) -> Writer {
        parse(&format!("[[logs]]\npaths = \"/a\"\n{keys}")).expect("sound").sets.remove(0).writer
    }

    #[test]
    fn each_way_is_said_in_its_own_words() {
        let (process, argv) =
            (ProcessName::parse("rsyslogd"), Argv::try_from(vec!["nginx".to_owned(), "-s".to_owned()]));
        let (process, argv) = (process.expect("a name"), argv.expect("a command"));
        let timeout = DEFAULT_TIMEOUT;
        assert_eq!(writer(""), Writer::Auto);
        assert_eq!(writer("writer = \"auto\""), Writer::Auto);
        assert_eq!(writer("writer = \"reopens\""), Writer::Way(Way::Reopens));
        assert_eq!(writer("writer = \"closed\""), Writer::Way(Way::Closed));
        assert_eq!(writer("writer = \"holds\""), Writer::Way(Way::Holds { holes: Holes::Refused }));
        assert_eq!(writer("writer = \"holds\"\nholes = true"), Writer::Way(Way::Holds { holes: Holes::Allowed }));
        let signal = SignalName::Hup;
        assert_eq!(
            writer("writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"rsyslogd\""),
            Writer::Way(Way::Signal { signal, process, timeout })
        );
        let timeout = Duration::from_secs(3);
        assert_eq!(
            writer("writer = \"command\"\ncommand = [\"nginx\", \"-s\"]\ntimeout = \"3s\""),
            Writer::Way(Way::Command { argv, timeout })
        );
    }

    #[test]
    fn what_the_top_says_is_for_sets_that_say_nothing() {
        let text = "writer = \"reopens\"\n[[logs]]\npaths = \"/a\"\n[[logs]]\npaths = \"/b\"\nwriter = \"closed\"\n";
        let file = parse(text).expect("sound");
        let writers: Vec<&Writer> = file.sets.iter().map(|set| &set.writer).collect();
        assert_eq!(writers, [&Writer::Way(Way::Reopens), &Writer::Way(Way::Closed)]);
    }

    #[test]
    fn mistakes_name_the_line_and_what_to_write() {
        for (keys, line, part) in [
            ("writer = \"copytruncate\"", 3, "would be lost"),
            ("writer = \"Hold\"", 3, "did you mean \"holds\"?"),
            ("writer = \"command\"\ncommand = \"nginx -s reopen\"", 4, "write each word by itself: [\"nginx\", \"-s\""),
            ("writer = \"command\"\ncommand = [\"x\"]\ntimeout = \"0s\"", 5, "at least \"10ms\""),
            ("keep = \"24h\"", 3, "`keep` belongs at the top of the file, before the first [[logs]]"),
            ("writer = \"nginx\"", 3, "auto, reopens, signal, command, closed, holds"),
            ("writer = \"signal\"", 3, "needs `signal`"),
            ("writer = \"signal\"\nsignal = \"HUP\"", 3, "hint: write process = \"rsyslogd\""),
            ("writer = \"signal\"\nsignal = \"KILL\"\nprocess = \"x\"", 4, "\"USR1\""),
            ("writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"/usr/sbin/rsyslogd\"", 5, "no directory"),
            ("writer = \"command\"", 3, "needs `command`"),
            ("writer = \"command\"\ncommand = []", 4, "names no program"),
            ("writer = \"command\"\ncommand = [\"bin/x\"]", 4, "neither an absolute path"),
            ("writer = \"command\"\ncommand = [\"x\"]\ntimeout = \"soon\"", 5, "is not a time"),
            ("writer = \"holds\"\nholes = \"yes\"", 4, "true or false"),
            ("writer = \"reopens\"\nsignal = \"HUP\"", 4, "`signal` is for writer = \"signal\" only"),
            ("process = \"rsyslogd\"", 3, "`process` is for writer = \"signal\" only"),
            ("writer = \"command\"\ncommand = [\"x\"]\nprocess = \"rsyslogd\"", 5, "these logs can't have both"),
            ("command = [\"x\"]\nprocess = \"rsyslogd\"", 4, "hint: for the command, write writer = \"command\""),
            (
                "writer = \"command\"\ncommand = [\"x\"]\nsignal = \"HUP\"",
                5,
                "`signal` is for writer = \"signal\", and",
            ),
            (
                "writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"x\"\ncommand = [\"x\"]",
                6,
                "hint: remove `command`; or remove `signal` and `process`",
            ),
            ("writer = \"closed\"\nholes = true", 4, "`holes` is for writer = \"holds\" only"),
            ("timeout = \"3s\"", 3, "writer = \"signal\" or writer = \"command\""),
        ] {
            let mistake = parse(&format!("[[logs]]\npaths = \"/a\"\n{keys}\n")).expect_err(keys);
            assert!(
                mistake.starts_with(&format!("x.toml:{line}: ")) && mistake.contains(part),
                "{keys:?} gives {mistake}"
            );
        }
    }

    #[test]
    fn an_option_says_what_needs_no_more_than_a_word() {
        assert_eq!(Writer::parse("auto"), Ok(Writer::Auto));
        assert_eq!(Writer::parse("holds"), Ok(Writer::Way(Way::Holds { holes: Holes::Refused })));
        assert!(Writer::parse("signal").expect_err("not enough").contains("configuration"));
        assert!(Writer::parse("upstart").is_err());
    }
}
