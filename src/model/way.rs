//! How a log's writer lets go of it, and so how the log is taken.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a log is taken.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(tag = "writer", rename_all = "lowercase")]
pub enum Way {
    /// Its writer opens it anew when the link count is 0.
    #[default]
    Reopens,
    /// Its writer opens it anew when it gets a signal.
    Signal {
        /// Which one.
        signal: SignalName,
        /// Who gets it.
        process: ProcessName,
        /// How long to wait for the release.
        #[serde(rename = "timeout_ms", with = "millis")]
        timeout: Duration,
    },
    /// Its writer opens it anew when a command was run.
    Command {
        /// The program and its arguments.
        argv: Argv,
        /// How long the command may take, and how long to wait for the release after it.
        #[serde(rename = "timeout_ms", with = "millis")]
        timeout: Duration,
    },
    /// Its writer has let go of it already.
    Closed,
    /// Its writer never lets go: it is taken in its place.
    Holds {
        /// What to do where the file system can't take the head of a file away.
        holes: Holes,
    },
}

/// How long a writer that is asked to let go has time for it, unless the user says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Way {
    /// Its name in configurations and records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reopens => "reopens",
            Self::Signal { .. } => "signal",
            Self::Command { .. } => "command",
            Self::Closed => "closed",
            Self::Holds { .. } => "holds",
        }
    }

    /// Whether its writer is asked to open it anew.
    pub fn asks(&self) -> bool {
        matches!(self, Self::Signal { .. } | Self::Command { .. })
    }

    /// Whether the log is renamed first, so that a run which was cut short can be carried on in any other such way.
    pub fn claims(&self) -> bool {
        matches!(self, Self::Reopens | Self::Signal { .. } | Self::Command { .. })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Signal { signal, process, .. } => write!(f, " ({signal} to {process})"),
            Self::Command { argv, .. } => write!(f, " ({argv})"),
            Self::Holds { holes: Holes::Allowed } => f.write_str(" (holes allowed)"),
            Self::Reopens | Self::Closed | Self::Holds { .. } => Ok(()),
        }
    }
}

/// What may be done where a file system can't take the head of a file away.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holes {
    /// The log is not taken.
    #[default]
    Refused,
    /// A hole is punched, and the log keeps its length.
    Allowed,
}

/// A signal that daemons take for "open your logs anew". Those that end a process that knows nothing of them, and no
/// daemon has for that, are not among them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalName {
    /// SIGHUP.
    Hup,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
    /// SIGWINCH.
    Winch,
}

impl SignalName {
    const ALL: [Self; 4] = [Self::Hup, Self::Usr1, Self::Usr2, Self::Winch];

    /// Reads `HUP` or `SIGHUP`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
            format!("{text:?} is not a signal that has writers open their logs anew: \"HUP\", \"USR1\", \"USR2\" or \"WINCH\"")
        })
    }

    /// Its name without `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
            Self::Winch => "WINCH",
        }
    }
}

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIG{}", self.name())
    }
}

/// The name of a program, without a directory.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessName(String);

impl ProcessName {
    /// How many bytes of a name the kernel keeps in `/proc/<pid>/comm` (`TASK_COMM_LEN` less the NUL; proc_pid_comm(5)).
    pub const COMM: usize = 15;

    /// Takes a text for the name of a program.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sound = (1..=255).contains(&text.len()) && !text.contains(|c: char| c == '/' || c.is_control());
        match sound {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("{text:?} is not the name of a program, such as \"rsyslogd\" (no directory)")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProcessName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<ProcessName> for String {
    fn from(name: ProcessName) -> Self {
        name.0
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program and its arguments; no shell reads them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Argv {
    program: String,
    args: Vec<String>,
}

impl Argv {
    /// The program: a name, which is looked for where the system's programs are, or an absolute path.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// What it is called with.
    pub fn args(&self) -> &[String] {
        &self.args
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = String;
    fn try_from(argv: Vec<String>) -> Result<Self, String> {
        let mut words = argv.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program =
            program.ok_or_else(|| "it names no program, such as [\"nginx\", \"-s\", \"reopen\"]".to_owned())?;
        let args: Vec<String> = words.collect();
        if program.contains('/') && !program.starts_with('/') {
            return Err(format!("{program:?} is neither an absolute path nor a bare name"));
        }
        match std::iter::once(&program).chain(&args).any(|word| word.contains('\0')) {
            true => Err("no word of a command holds a NUL".to_owned()),
            false => Ok(Self { program, args }),
        }
    }
}

impl From<Argv> for Vec<String> {
    fn from(Argv { program, args }: Argv) -> Self {
        std::iter::once(program).chain(args).collect()
    }
}

impl fmt::Display for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

/// A time as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Result<Argv, String> {
        words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().try_into()
    }

    #[test]
    fn ways_are_read_as_they_were_written() {
        let process = ProcessName::parse("rsyslogd").expect("a name");
        let timeout = Duration::from_millis(1500);
        for way in [
            Way::Reopens,
            Way::Signal { signal: SignalName::Hup, process, timeout },
            Way::Command { argv: argv(&["nginx", "-s", "reopen"]).expect("sound"), timeout },
            Way::Closed,
            Way::Holds { holes: Holes::Allowed },
        ] {
            let json = serde_json::to_string(&way).expect("JSON");
            assert!(json.contains(&format!("\"writer\":\"{}\"", way.name())), "{json}");
            assert_eq!(serde_json::from_str::<Way>(&json).expect("sound"), way, "{json}");
        }
    }

    #[test]
    fn signals_have_their_names_with_and_without_sig() {
        assert_eq!(SignalName::parse("HUP"), SignalName::parse("sighup"));
        for other in ["KILL", "TERM", "9", "", "SIG"] {
            assert!(SignalName::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn programs_are_named_without_a_shell() {
        assert!(ProcessName::parse("/usr/sbin/rsyslogd").is_err());
        assert!(ProcessName::parse("").is_err());
        for wrong in [&[][..], &[""], &["bin/x"], &["x", "a\0b"]] {
            assert!(argv(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(argv(&["/bin/x", "a b"]).expect("sound").to_string(), "/bin/x a b");
    }
}
