//! From the raw file and flags to checked settings: everything after this trusts them.
//!
//! Flags win over the environment (clap sees to that), both win over the file. Nothing is touched before all of it was
//! read and checked; a mistake names file, line and key.

mod pattern;
mod s3;
mod section;
mod service;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use pattern::{Exclude, Pattern};
pub use section::nearest;
pub use service::ServiceTemplate;

use crate::gzip;
use crate::model::destination::Destination;
use crate::model::names::Instance;
use crate::model::s3_options::S3Options;
use section::{Section, Source};

/// Where the configuration is read from unless the user says otherwise.
pub const DEFAULT_FILE: &str = "/etc/logferry.toml";

/// Where the spool is unless the user says otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/logferry";

/// How long a log may be silent after it was taken out of use before its segment is sealed.
const DEFAULT_SETTLE: Duration = Duration::from_secs(2);

/// The least that must stay free in the spool's file system, in bytes: what a writer still writes after its log was
/// unlinked has no other place. Single writes of 62 MB were seen, a tenth of that when compressed.
const LEAST_FREE: u64 = 8 * 1024 * 1024;

/// A mistake in the configuration.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    what: String,
    hint: Option<String>,
}

impl ConfigError {
    /// A mistake that is not about a line of the file.
    pub fn new(path: impl AsRef<Path>, what: impl Into<String>) -> Self {
        Self { path: path.as_ref().to_owned(), line: None, what: what.into(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        // Keys may hold anything; what is printed goes to a terminal or into root's mail.
        let clean = |text: &str| text.replace(char::is_control, "\u{fffd}");
        write!(f, ": {}", clean(&self.what))?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  hint: {}", clean(hint)))
    }
}

impl std::error::Error for ConfigError {}

/// How a log's writer lets go of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Writer {
    /// It reopens its log when the link count is 0, as Upstart does.
    #[default]
    Reopens,
}

impl Writer {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "reopens" => Ok(Self::Reopens),
            other => Err(format!("{other:?} is not a way to let go of a log: the only one so far is \"reopens\"")),
        }
    }
}

/// Logs that are treated alike.
#[derive(Clone, Debug, Default)]
pub struct LogSet {
    /// Where they are.
    pub paths: Vec<Pattern>,
    /// Which of them are left alone.
    pub exclude: Vec<Exclude>,
    /// What they are about.
    pub service: ServiceTemplate,
    /// How their writers let go.
    pub writer: Writer,
}

impl LogSet {
    /// Whether a log belongs to this set.
    pub fn covers(&self, path: &Path) -> bool {
        self.paths.iter().any(|pattern| pattern.covers(path)) && !self.excludes(path)
    }

    /// Whether this set leaves that path alone.
    pub fn excludes(&self, path: &Path) -> bool {
        self.exclude.iter().any(|exclude| exclude.matches(path))
    }
}

/// What the configuration file says.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The store.
    pub to: Option<Destination>,
    /// The instance's name.
    pub instance: Option<Instance>,
    /// See [`Settings::settle`].
    pub settle: Option<Duration>,
    /// See [`Settings::splay`].
    pub splay: Option<Duration>,
    /// See [`Settings::level`].
    pub level: Option<u32>,
    /// See [`Settings::max_spool`].
    pub max_spool: Option<u64>,
    /// See [`Settings::min_free`].
    pub min_free: Option<u64>,
    /// The log sets.
    pub sets: Vec<LogSet>,
    /// How objects are stored.
    pub s3: S3Options,
}

impl File {
    /// Reads the file at `path`. Where the user named none, the default file need not be there.
    ///
    /// # Errors
    /// The first mistake in it, or why it can't be read.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let place = path.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(place) {
            Ok(text) => Self::parse(place, text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => Ok(Self::default()),
            Err(error) => Err(ConfigError::new(place, format!("the configuration can't be read: {error}"))),
        }
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let source = Source::new(path, text);
        let mut top = source.parse()?;
        let level = top.number("level", 1..10)?;
        let mut file = Self {
            to: top.parsed("to", Destination::parse)?,
            instance: None,
            settle: top.duration("settle")?,
            splay: top.duration("splay")?,
            level: level.and_then(|level| u32::try_from(level).ok()),
            max_spool: top.size("max_spool")?,
            min_free: top.size("min_free")?,
            sets: Vec::new(),
            s3: S3Options::default(),
        };
        if let Some(mut instance) = top.table("instance")? {
            file.instance = instance.parsed("id", Instance::parse)?;
            instance.finish()?;
        }
        if let Some(section) = top.table("s3")? {
            file.s3 = s3::read(section)?;
        }
        for section in top.tables("logs")? {
            file.sets.push(read_set(section)?);
        }
        top.finish()?;
        Ok(file)
    }
}

fn read_set(mut section: Section<'_>) -> Result<LogSet, ConfigError> {
    let set = LogSet {
        paths: section.list("paths", Pattern::absolute)?,
        exclude: section.list("exclude", Exclude::parse)?,
        service: section.parsed("service", ServiceTemplate::parse)?.unwrap_or_default(),
        writer: section.parsed("writer", Writer::parse)?.unwrap_or_default(),
    };
    if set.paths.is_empty() {
        return Err(section.error("it names no `paths`".to_owned()).hint("write paths = [\"/var/log/upstart/*.log\"]"));
    }
    section.finish()?;
    Ok(set)
}

/// What the user asked for on the command line or in the environment.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The logs; those of the configuration where empty.
    pub logs: Vec<PathBuf>,
    /// `--to`.
    pub to: Option<Destination>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--instance`.
    pub instance: Option<Instance>,
    /// `--splay`.
    pub splay: Option<Duration>,
    /// `--state-dir`.
    pub state_dir: PathBuf,
}

/// What a run works with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The store.
    pub to: Destination,
    /// The log sets, in order: the first one that names a log decides how it is treated.
    pub sets: Vec<LogSet>,
    /// Where the logs are arguments: the configured sets, of which the first that names a log says how to treat it.
    pub treated_as: Vec<LogSet>,
    /// Where the spool is.
    pub state_dir: PathBuf,
    /// The instance's name, where the user says it.
    pub instance: Option<Instance>,
    /// How long a log may be silent after it was taken out of use before its segment is sealed.
    pub settle: Duration,
    /// Over how long the fleet's runs are spread.
    pub splay: Duration,
    /// Compression level, 1 to 9.
    pub level: u32,
    /// How many bytes the spool may hold; what is read after an unlink is taken all the same.
    pub max_spool: Option<u64>,
    /// How many bytes of the spool's file system are left free.
    pub min_free: u64,
    /// How objects are stored.
    pub s3: S3Options,
}

impl Settings {
    /// Joins flags and file.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let file = File::read(flags.config.as_deref())?;
        let place = flags.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let to = flags.to.or(file.to).ok_or_else(|| {
            ConfigError::new(&place, "no destination is set")
                .hint("give --to s3://bucket/prefix, or write to = \"s3://bucket/prefix\" in the file")
        })?;
        let (sets, treated_as) = match flags.logs.is_empty() {
            true => (file.sets, Vec::new()),
            false => (vec![set_of_arguments(&flags.logs).map_err(|why| ConfigError::new("LOG", why))?], file.sets),
        };
        if sets.is_empty() {
            return Err(ConfigError::new(place, "no logs are named")
                .hint("give them as arguments, or write [[logs]] with paths = [\"/var/log/upstart/*.log\"]"));
        }
        Ok(Self {
            to,
            sets,
            treated_as,
            state_dir: flags.state_dir,
            instance: flags.instance.or(file.instance),
            settle: file.settle.unwrap_or(DEFAULT_SETTLE),
            splay: flags.splay.or(file.splay).unwrap_or_default(),
            level: file.level.unwrap_or(gzip::DEFAULT_LEVEL),
            max_spool: file.max_spool,
            min_free: file.min_free.unwrap_or_default().max(LEAST_FREE),
            s3: file.s3,
        })
    }
}

/// One set for the arguments. A log that the configuration names too is treated as it says there, so that a run by
/// hand goes on with the same streams.
fn set_of_arguments(logs: &[PathBuf]) -> Result<LogSet, String> {
    let paths = logs.iter().map(|log| Pattern::of_argument(log)).collect::<Result<_, _>>()?;
    Ok(LogSet { paths, ..LogSet::default() })
}

/// Reads a time such as `90s`, `10m` or `1h 30m`.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not a time such as \"90s\" or \"10m\": {error}"))?;
    match time <= Duration::from_secs(24 * 3600) {
        true => Ok(time),
        false => Err(format!("{text:?} is longer than a day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        File::parse(Path::new("x.toml"), text.to_owned()).expect_err(text).to_string()
    }

    #[test]
    fn the_whole_file() {
        let text = r#"
            to = "s3://logs/prod"
            settle = "3s"
            level = 6
            [instance]
            id = "web-1"
            [s3]
            sse = "aws:kms"
            kms_key_id = "alias/logs"
            storage_class = "STANDARD_IA"
            tags = { team = "web", env = "prod" }
            timeout = "10s"
            [[logs]]
            paths = ["/var/log/upstart/*.log"]
            exclude = "cron*.log"
            [[logs]]
            paths = "/srv/app/log"
            service = "{parent}-{stem}"
        "#;
        let file = File::parse(Path::new("x.toml"), text.to_owned()).expect("sound");
        assert_eq!(file.sets.len(), 2);
        assert_eq!((file.level, file.settle), (Some(6), Some(Duration::from_secs(3))));
        assert_eq!(file.s3.tags.len(), 2);
        assert_eq!(file.s3.timeout(), Duration::from_secs(10));
    }

    #[test]
    fn a_typo_names_the_line_and_the_right_key() {
        assert_eq!(
            mistake("to = \"s3://logs\"\n[[logs]]\npathes = []\npaths = [\"/a\"]\n"),
            "x.toml:3: unknown key `pathes` in [[logs]]\n  hint: did you mean `paths`?"
        );
        assert!(mistake("tp = \"s3://logs\"").contains("did you mean `to`?"));
        assert!(mistake("zzzzzzz = 1").contains("the keys here are level, to, settle"));
        assert!(mistake("[s3]\nstorage-class = \"X\"").contains("did you mean `storage_class`?"));
    }

    #[test]
    fn other_mistakes_are_told_apart() {
        for (text, part) in [
            ("to = 3", "x.toml:1: `to` must be a text in quotes, not a number"),
            ("to = \"http://x\"", "is not a destination"),
            ("settle = \"soon\"", "is not a time"),
            ("level = 10", "from 1 to 9"),
            ("logs = 3", "write [[logs]]"),
            ("[[logs]]\n", "names no `paths`"),
            ("[[logs]]\npaths = [\"log/*.log\"]", "is not absolute"),
            ("[[logs]]\npaths = [\"/a/[\"]", "is not a pattern"),
            ("[[logs]]\npaths = \"/a\"\nservice = \"{name}\"", "{stem}"),
            ("[[logs]]\npaths = \"/a\"\nwriter = \"nginx\"", "reopens"),
            ("to = \"s3://logs", "x.toml:1: "),
            ("[s3]\nchecksum = \"md5\"", "sha256"),
            ("[s3]\nkms_key_id = \"x\"", "sse"),
            ("[s3]\ntimeout = \"soon\"", "is not a time"),
            ("[s3]\ntimeout = \"0s\"", "from 1 s to 10 min"),
            ("[s3]\ntimeout = \"11m\"", "from 1 s to 10 min"),
        ] {
            assert!(mistake(text).contains(part), "{text:?} gives {}", mistake(text));
        }
    }
}
