//! How the writers of logs let go of them: `writer`, and the keys that belong to one of its values only.

use std::time::Duration;

use super::ConfigError;
use super::section::{Mistakes, Section};
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
    format!("{text:?} is not a way to let go of a log; there are {}{hint}", VALUES.join(", "))
}

/// What a table says of its writers; `None` where it says nothing.
pub(super) fn read(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<Writer> {
    let writer = mistakes.or_default(section.parsed("writer", |text| match VALUES.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(unknown(text)),
    }));
    let keys = Keys::read(section, mistakes);
    let way = match keys.way(section, writer.as_deref()) {
        Ok(way) => way,
        Err(error) => {
            mistakes.note(error);
            None
        }
    };
    way
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
            command: mistakes.or_default(section.checked_list("command", Argv::try_from)),
            timeout: mistakes.or_default(section.duration("timeout")),
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
        let values = of.iter().map(|value| format!("writer = {value:?}")).collect::<Vec<_>>().join(" or ");
        let what = format!("`{key}` is for {values} only");
        Err(section.error_at(key, what).hint(format!("write {values} beside it, or remove it")))
    }
}
