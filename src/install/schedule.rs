//! When and how a run is started: what is common to cron's entry and to systemd's units.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::Environment;
use super::{Result, problem};
use crate::config;

/// The minute of the hour at which runs start unless the user says otherwise: not on the hour, when everyone's do.
pub const DEFAULT_MINUTE: Minute = Minute(7);

/// Over how long a fleet's runs are spread unless the user says otherwise.
pub const DEFAULT_SPLAY: Duration = Duration::from_secs(600);

/// A minute of an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Minute(u8);

impl Minute {
    /// Reads a minute.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let number = text.parse().ok().filter(|minute| *minute < 60);
        number.map(Self).ok_or_else(|| format!("{text:?} is not a minute of an hour: 0 to 59"))
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A path that can stand in the command of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandPath(String);

impl CommandPath {
    /// Takes a path, if cron, a shell and systemd can all be told of it.
    ///
    /// # Errors
    /// Where it isn't absolute, isn't UTF-8, or holds quotes, backslashes or control characters.
    pub fn new(path: &Path) -> Result<Self> {
        let unfit = |c: char| c.is_control() || "\"'\\`".contains(c);
        match path.to_str().filter(|text| path.is_absolute() && !text.contains(unfit)) {
            Some(text) => Ok(Self(text.to_owned())),
            None => {
                let refused = problem(path, "an entry that starts logferry can't name it");
                Err(Box::new(refused.hint("it takes an absolute path in UTF-8, without quotes and backslashes")))
            }
        }
    }

    /// As one word of a command in a crontab: quoted for the shell, and `%`, which would end the command, escaped
    /// (`crontab(5)`).
    pub fn for_cron(&self) -> String {
        let text = self.0.replace('%', "\\%");
        if self.is_plain() { text } else { format!("'{text}'") }
    }

    /// As one word of `ExecStart=`, where `%` and `$` stand for something else (`systemd.service(5)`).
    pub fn for_systemd(&self) -> String {
        let text = self.0.replace('%', "%%").replace('$', "$$");
        if self.is_plain() { text } else { format!("\"{text}\"") }
    }

    fn is_plain(&self) -> bool {
        self.0.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._+-,:@".contains(&b))
    }
}

/// Whether something looks, at least each minute, if this EC2 instance is about to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lifecycle {
    /// `logferry lifecycle` is started.
    Watched,
    /// It is not.
    #[default]
    Unwatched,
}

/// When runs start, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The minute of each hour.
    pub minute: Minute,
    /// Over how long a fleet's runs are spread.
    pub splay: Duration,
    /// Whether the end of the instance is looked out for.
    pub lifecycle: Lifecycle,
    /// Where the spool is, if not where it usually is.
    pub state_dir: Option<CommandPath>,
    /// What the run needs of the environment.
    pub environment: Environment,
}

/// What the line of an entry that tells how it came to be begins with.
const INSTALLED_AS: &str = "# Installed as: logferry install ";

/// The option that has the end of the instance looked out for.
const WATCHED: &str = " --lifecycle";

impl Schedule {
    /// The options of `install` that say the same. The state directory comes last, since its path may hold spaces.
    pub fn options(&self) -> String {
        let mut options = format!("--at {} --splay {}", self.minute, self.splay_text());
        if self.lifecycle == Lifecycle::Watched {
            options.push_str(WATCHED);
        }
        if let Some(CommandPath(path)) = &self.state_dir {
            options.push_str(&format!(" --state-dir {path}"));
        }
        options
    }

    /// The splay as one word.
    pub fn splay_text(&self) -> String {
        humantime::format_duration(self.splay).to_string().replace(' ', "")
    }

    /// Reads what [`Self::options`] has written into the text of an entry.
    pub fn parse(text: &str, environment: Environment) -> Option<Self> {
        let options = text.lines().find_map(|line| line.strip_prefix(INSTALLED_AS))?;
        let options = options.strip_prefix("--scheduler systemd ").unwrap_or(options);
        let (times, state_dir) = match options.split_once(" --state-dir ") {
            Some((times, path)) => (times, Some(CommandPath::new(Path::new(path)).ok()?)),
            None => (options, None),
        };
        let (times, lifecycle) = match times.strip_suffix(WATCHED) {
            Some(times) => (times, Lifecycle::Watched),
            None => (times, Lifecycle::Unwatched),
        };
        let (minute, splay) = times.strip_prefix("--at ")?.split_once(" --splay ")?;
        let (minute, splay) = (Minute::parse(minute).ok()?, config::parse_duration(splay).ok()?);
        Some(Self { minute, splay, lifecycle, state_dir, environment })
    }

    /// The state directory's path.
    pub fn state_dir(&self) -> PathBuf {
        self.state_dir.as_ref().map_or_else(|| config::DEFAULT_STATE_DIR.into(), |path| PathBuf::from(&path.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> CommandPath {
        CommandPath::new(Path::new(text)).expect(text)
    }

    #[test]
    fn what_an_entry_says_is_read_back() {
        for (state_dir, lifecycle) in [
            (None, Lifecycle::Unwatched),
            (Some(path("/srv/my spool")), Lifecycle::Unwatched),
            (None, Lifecycle::Watched),
            (Some(path("/srv/my spool")), Lifecycle::Watched),
        ] {
            let environment = Environment::parse(["AWS_REGION=x"].into_iter());
            let minute = Minute::parse("59").expect("a minute");
            let splay = Duration::from_secs(5430);
            let schedule = Schedule { minute, splay, lifecycle, state_dir, environment };
            let text = format!("# header\n{INSTALLED_AS}{}\nx\n", schedule.options());
            assert_eq!(Schedule::parse(&text, schedule.environment.clone()), Some(schedule));
        }
        for minute in ["60", "-1", "", "7x", "*/5"] {
            assert!(Minute::parse(minute).is_err(), "{minute}");
        }
    }

    #[test]
    fn odd_paths_are_quoted_and_dangerous_ones_refused() {
        assert_eq!(path("/opt/a/logferry").for_cron(), "/opt/a/logferry");
        assert_eq!(path("/opt/50% $x/logferry").for_cron(), "'/opt/50\\% $x/logferry'");
        assert_eq!(path("/opt/50% $x/logferry").for_systemd(), "\"/opt/50%% $$x/logferry\"");
        for refused in ["/a'b", "/a\"b", "/a\\b", "/a\nb", "a/b", "/a`b"] {
            CommandPath::new(Path::new(refused)).expect_err(refused);
        }
    }
}
