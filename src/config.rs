//! From the raw file and flags to checked settings: everything after this trusts them.
//!
//! Flags win over the environment (clap sees to that), both win over the file. Nothing is touched before all of it was
//! read and checked; a mistake names file, line and key.

mod backlog;
mod bandwidth;
mod instance;
mod keep;
mod layout;
mod lifecycle;
mod limits;
mod metrics;
mod pattern;
mod priority;
mod s3;
mod section;
mod service;
mod threads;
mod trust;
mod writer;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use backlog::Backlog;
pub use layout::{Field, Layout, Route, ServiceDirectories, Step, Values};
pub use lifecycle::Lifecycle;
pub use limits::LogLimits;
pub use metrics::parse_file as parse_metrics_file;
pub use pattern::{Exclude, Pattern};
pub use section::nearest;
pub use service::ServiceTemplate;
pub use threads::Threads;
pub use trust::Distrust;
pub use writer::Writer;

use crate::gzip;
use crate::model::destination::Destination;
use crate::model::facts::Facts;
use crate::model::keep::Keep;
use crate::model::names::Instance;
use crate::model::priority::Priority;
use crate::model::problem::{Effect, Problem};
use crate::model::rate::ByteRate;
use crate::model::s3_options::S3Options;
use section::{Mistakes, Section, Source};

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
#[derive(Clone, Debug)]
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

impl ConfigError {
    /// Where it is, what it is, what to do.
    pub fn parts(&self) -> (String, &str, Option<&str>) {
        let path = self.path.display();
        let place = self.line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"));
        (place, &self.what, self.hint.as_deref())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.parts().0)?;
        // Keys may hold anything; what is printed goes to a terminal or into root's mail.
        let clean = |text: &str| text.replace(char::is_control, "\u{fffd}");
        write!(f, ": {}", clean(&self.what))?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  hint: {}", clean(hint)))
    }
}

impl std::error::Error for ConfigError {}

impl From<&ConfigError> for Problem {
    fn from(ConfigError { path, line, what, hint }: &ConfigError) -> Self {
        let what = line.map_or(what.clone(), |line| format!("line {line}: {what}"));
        Self { hint: hint.clone(), ..Self::new(Effect::Failed, path, what) }
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
    /// How urgent they are.
    pub priority: Priority,
    /// How much is taken of each.
    pub limits: LogLimits,
    /// What becomes of the files that logrotate left of them.
    pub backlog: Backlog,
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
    /// See [`Settings::machine`].
    pub machine: Facts,
    /// See [`Settings::layout`].
    pub layout: Layout,
    /// The line that says so.
    layout_line: Option<usize>,
    /// Layouts that objects of the store may have from earlier times.
    pub former_layouts: Vec<Layout>,
    /// See [`Settings::settle`].
    pub settle: Option<Duration>,
    /// See [`Settings::splay`].
    pub splay: Option<Duration>,
    /// See [`Settings::level`].
    pub level: Option<u32>,
    /// See [`Settings::threads`].
    pub threads: Option<Threads>,
    /// See [`Settings::max_spool`].
    pub max_spool: Option<u64>,
    /// See [`Settings::min_free`].
    pub min_free: Option<u64>,
    /// See [`Settings::keep`].
    pub keep: Option<Keep>,
    /// See [`Settings::metrics`].
    pub metrics: Option<PathBuf>,
    /// See [`Settings::bandwidth`].
    pub bandwidth: Option<ByteRate>,
    /// How writers let go of the logs of sets that don't say it, and of those that are arguments.
    pub writer: Writer,
    /// The log sets.
    pub sets: Vec<LogSet>,
    /// How objects are stored.
    pub s3: S3Options,
    /// What is done when the instance is about to go.
    pub lifecycle: Lifecycle,
}

impl File {
    /// Reads the file at `path`. Where the user named none, the default file need not be there.
    ///
    /// # Errors
    /// The first mistake in it, or why it can't be read.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        first(Self::read_all(path))
    }

    /// As [`Self::read`], with every mistake that can be found, in the order of the lines, and what is sound.
    pub fn read_all(path: Option<&Path>) -> (Self, Vec<ConfigError>) {
        let place = path.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(place) {
            Ok(text) => Self::parse_all(place, text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => Default::default(),
            Err(error) => {
                let hint = unread(&error);
                let error = ConfigError::new(place, format!("the configuration can't be read: {error}"));
                (Self::default(), vec![error.hint(hint)])
            }
        }
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        first(Self::parse_all(path, text))
    }

    /// As [`Self::parse`], with every mistake that can be found, in the order of the lines, and what is sound.
    pub fn parse_all(path: &Path, text: String) -> (Self, Vec<ConfigError>) {
        let source = Source::new(path, text);
        let mut mistakes = Mistakes::default();
        let file = match source.parse() {
            Ok(top) => Self::of(top, &mut mistakes),
            Err(error) => {
                mistakes.note(error);
                Self::default()
            }
        };
        (file, mistakes.in_order())
    }

    fn of(mut top: Section<'_>, mistakes: &mut Mistakes) -> Self {
        let level = mistakes.or_default(top.number("level", 1..10));
        let mut file = Self {
            to: mistakes.or_default(top.parsed("to", Destination::parse)),
            machine: Facts::default(),
            layout_line: top.line_of("layout"),
            layout: mistakes.or_default(top.parsed("layout", Layout::parse)).unwrap_or_default(),
            former_layouts: mistakes.or_default(top.list("former_layouts", Layout::parse)),
            settle: mistakes.or_default(top.duration("settle")),
            splay: mistakes.or_default(top.duration("splay")),
            level: level.and_then(|level| u32::try_from(level).ok()),
            threads: threads::read(&mut top, mistakes),
            max_spool: mistakes.or_default(top.size("max_spool")),
            min_free: mistakes.or_default(top.size("min_free")),
            keep: keep::read(&mut top, mistakes),
            metrics: metrics::read(&mut top, mistakes),
            bandwidth: bandwidth::read(&mut top, mistakes),
            sets: Vec::new(),
            writer: Writer::Auto,
            s3: S3Options::default(),
            lifecycle: Lifecycle::default(),
        };
        if let Some(section) = mistakes.or_default(top.table("instance")) {
            file.machine = instance::read(section, mistakes);
        }
        if let Some(section) = mistakes.or_default(top.table("s3")) {
            file.s3 = s3::read(section, mistakes);
        }
        if let Some(section) = mistakes.or_default(top.table("lifecycle")) {
            file.lifecycle = lifecycle::read(section, mistakes);
        }
        file.writer = writer::read(&mut top, mistakes).unwrap_or_default();
        for section in mistakes.or_default(top.tables("logs")) {
            file.sets.push(read_set(section, &file.writer, mistakes));
        }
        top.finish(mistakes);
        file
    }
}

/// What to do about a file that can't be read.
fn unread(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "correct the path (--config, LOGFERRY_CONFIG), or write the file; without either, /etc/logferry.toml is read if it \
             is there"
        }
        io::ErrorKind::PermissionDenied => "do it as root, or let this user read it",
        io::ErrorKind::IsADirectory => "name the file itself: --config DIR/logferry.toml",
        io::ErrorKind::InvalidData => "it must be UTF-8 text: docs/configuration.md tells what may be in it",
        _ => "see the disk that it is on (`dmesg`)",
    }
}

/// What was read, unless there is a mistake in it.
fn first<T>((read, mistakes): (T, Vec<ConfigError>)) -> Result<T, ConfigError> {
    mistakes.into_iter().next().map_or(Ok(read), Err)
}

fn read_set(mut section: Section<'_>, writer: &Writer, mistakes: &mut Mistakes) -> LogSet {
    let paths = section.list("paths", Pattern::absolute);
    if paths.as_ref().is_ok_and(Vec::is_empty) {
        let error = section.error("it names no `paths`".to_owned());
        mistakes.note(error.hint("write paths = [\"/var/log/upstart/*.log\"]"));
    }
    let set = LogSet {
        paths: mistakes.or_default(paths),
        exclude: mistakes.or_default(section.list("exclude", Exclude::parse)),
        service: mistakes.or_default(section.parsed("service", ServiceTemplate::parse)).unwrap_or_default(),
        writer: writer::read(&mut section, mistakes).unwrap_or_else(|| writer.clone()),
        backlog: backlog::read(&mut section, mistakes),
        limits: limits::read(&mut section, mistakes),
        priority: priority::read(&mut section, mistakes),
    };
    section.finish(mistakes);
    set
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
    /// `--writer`.
    pub writer: Option<Writer>,
    /// `--backlog`.
    pub backlog: Backlog,
    /// `--threads`.
    pub threads: Option<Threads>,
    /// `--state-dir`.
    pub state_dir: PathBuf,
}

/// Who named the logs of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NamedBy {
    /// The configuration: what is done for good is meant for them.
    Configuration,
    /// The arguments of this one run.
    Arguments,
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
    /// Who named the logs.
    pub named_by: NamedBy,
    /// Where the spool is.
    pub state_dir: PathBuf,
    /// What the user says of this machine.
    pub machine: Facts,
    /// The directories of objects.
    pub layout: Layout,
    /// How long a log may be silent after it was taken out of use before its segment is sealed.
    pub settle: Duration,
    /// Over how long the fleet's runs are spread.
    pub splay: Duration,
    /// Compression level, 1 to 9.
    pub level: u32,
    /// On how many threads logs are compressed.
    pub threads: Threads,
    /// How many bytes the spool may hold; what is read after an unlink is taken all the same.
    pub max_spool: Option<u64>,
    /// How many bytes of the spool's file system are left free.
    pub min_free: u64,
    /// What of the segments that the store has confirmed stays on the machine.
    pub keep: Option<Keep>,
    /// The file that metrics are written to at the end of each command that ships.
    pub metrics: Option<PathBuf>,
    /// How fast bodies go to the store, all of them together.
    pub bandwidth: Option<ByteRate>,
    /// How objects are stored.
    pub s3: S3Options,
    /// What is done when the instance is about to go.
    pub lifecycle: Lifecycle,
}

impl Settings {
    /// Joins flags and file.
    ///
    /// # Errors
    /// The first thing that is missing or wrong.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        Self::load_all(flags).map_err(|mistakes| mistakes.into_iter().next().expect("there is no error without one"))
    }

    /// Joins flags and file.
    ///
    /// # Errors
    /// Everything that is missing or wrong, as far as it can be found: at least one thing.
    pub fn load_all(flags: Flags) -> Result<Self, Vec<ConfigError>> {
        let place = flags.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let distrust = Distrust::of(&place);
        let (mut file, mut mistakes) = File::read_all(flags.config.as_deref());
        distrust.iter().for_each(|distrust| trust::ask_nobody(&mut file, distrust));
        // A file with mistakes may well have meant to say what is missing.
        let is_sound = mistakes.is_empty();
        let to = flags.to.or(file.to);
        if to.is_none() && is_sound {
            mistakes.push(
                ConfigError::new(&place, "no destination is set")
                    .hint("give --to s3://bucket/prefix, or write to = \"s3://bucket/prefix\" in the file"),
            );
        }
        let mut configured = file.sets;
        if let Some(writer) = &flags.writer {
            configured.iter_mut().for_each(|set| set.writer = writer.clone());
        }
        if flags.backlog == Backlog::Taken {
            configured.iter_mut().for_each(|set| set.backlog = Backlog::Taken);
        }
        let (sets, treated_as, named_by) = match flags.logs.is_empty() {
            true => (configured, Vec::new(), NamedBy::Configuration),
            false => {
                let writer = flags.writer.unwrap_or(file.writer);
                let set = set_of_arguments(&flags.logs, writer, flags.backlog).map_err(|why| mistakes.push(why));
                (set.into_iter().collect(), configured, NamedBy::Arguments)
            }
        };
        if sets.is_empty() && flags.logs.is_empty() && is_sound {
            mistakes.push(
                ConfigError::new(&place, "no logs are named")
                    .hint("give them as arguments, or write [[logs]] with paths = [\"/var/log/upstart/*.log\"]"),
            );
        }
        if let Some(why) = to.as_ref().and_then(|to| file.layout.too_long_for(to)) {
            mistakes.push(ConfigError { line: file.layout_line, ..ConfigError::new(&place, why) });
        }
        let Some(to) = to.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
        Ok(Self {
            to,
            sets,
            treated_as,
            named_by,
            state_dir: flags.state_dir,
            machine: Facts { instance: flags.instance, ..Facts::default() }.or(file.machine),
            layout: file.layout,
            settle: file.settle.unwrap_or(DEFAULT_SETTLE),
            splay: flags.splay.or(file.splay).unwrap_or_default(),
            level: file.level.unwrap_or(gzip::DEFAULT_LEVEL),
            threads: flags.threads.or(file.threads).unwrap_or_default(),
            max_spool: file.max_spool,
            min_free: file.min_free.unwrap_or_default().max(LEAST_FREE),
            keep: file.keep,
            metrics: file.metrics,
            bandwidth: file.bandwidth,
            s3: file.s3,
            lifecycle: file.lifecycle,
        })
    }
}

impl Settings {
    /// How urgent a log is, wherever it was named: as the first set says that covers it.
    pub fn priority_of(&self, path: &Path) -> Priority {
        self.set_of(path).map_or_else(Priority::default, |set| set.priority)
    }

    /// The same with a file for metrics in place of the configured one, where one is given.
    #[must_use]
    pub fn with_metrics(self, file: Option<PathBuf>) -> Self {
        Self { metrics: file.or(self.metrics), ..self }
    }

    /// The same without a limit to how fast bodies are sent: for who can't wait.
    #[must_use]
    pub fn at_full_speed(self) -> Self {
        Self { bandwidth: None, ..self }
    }

    /// The same without limits to how much is taken of a log: for who must have all of it.
    #[must_use]
    pub fn without_log_limits(mut self) -> Self {
        let sets = self.sets.iter_mut().chain(&mut self.treated_as);
        sets.for_each(|set| set.limits = LogLimits::default());
        self
    }

    /// The set that says how a log is treated that some set names; `None` for one that none does.
    pub fn set_of(&self, path: &Path) -> Option<&LogSet> {
        self.treated_as.iter().chain(&self.sets).find(|set| set.covers(path))
    }

    /// Where no logs are looked for: what we write there ourselves would be shipped again and again.
    pub fn own_directories(&self) -> Vec<PathBuf> {
        let mut own = vec![self.state_dir.clone()];
        if let Destination::Directory(path) = &self.to {
            own.push(path.clone());
        }
        own.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)).collect()
    }
}

/// One set for the arguments. A log that the configuration names too is treated as it says there, so that a run by
/// hand goes on with the same streams.
fn set_of_arguments(logs: &[PathBuf], writer: Writer, backlog: Backlog) -> Result<LogSet, ConfigError> {
    let paths = logs.iter().map(|log| Pattern::of_argument(log)).collect::<Result<_, _>>();
    let paths = paths.map_err(|why| ConfigError::new("LOG", why))?;
    Ok(LogSet { paths, writer, backlog, ..LogSet::default() })
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

/// Reads the time in which something must be over: a second at least, since nothing can be shipped in less.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse_deadline(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        time if time >= Duration::from_secs(1) => Ok(time),
        _ => Err(format!("{text:?} is too short: nothing can be shipped in less than a second")),
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
        let known = mistake("zzzzzzz = 1");
        assert!(known.contains("the keys here are ") && known.contains(" settle, "), "{known}");
        assert!(mistake("[s3]\nstorage-class = \"X\"").contains("did you mean `storage_class`?"));
    }

    #[test]
    fn all_mistakes_are_found_in_the_order_of_their_lines() {
        let text = "level = 99\nto = \"http://x\"\n[s3]\nkms_key_id = \"x\"\ntimeout = \"0s\"\nacll = \"private\"\n\
                    [[logs]]\nexclude = \"a/b\"\npaths = [\"/a/*.log\"]\nwriter = \"x\"\n[[logs]]\n[nonsense]\n";
        let (_, mistakes) = File::parse_all(Path::new("x.toml"), text.to_owned());
        let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [1, 2, 3, 5, 6, 8, 10, 11, 12].map(Some), "{mistakes:?}");
        assert_eq!(mistake(text), mistakes[0].to_string());
    }

    #[test]
    fn what_a_mistake_may_have_meant_to_say_is_not_said_to_be_missing() {
        let (_, mistakes) = File::parse_all(Path::new("x.toml"), "too = \"s3://logs\"".to_owned());
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    }

    #[test]
    fn other_mistakes_are_told_apart() {
        for (text, part) in [
            ("to = 3", "x.toml:1: `to` must be a text in quotes, not a number"),
            ("to = \"http://x\"", "is not a destination"),
            ("settle = \"soon\"", "is not a time"),
            ("level = 10", "from 1 to 9"),
            ("settle = \"1s\"\nthreads = 0", "x.toml:2: `threads` must be a whole number from 1 to 256"),
            ("threads = \"all\"", "`threads` must be a whole number"),
            ("threads = 257", "from 1 to 256"),
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
            ("metrics = \"/mnt/metrics/logferry.txt\"", "ends in \".prom\""),
            ("metrics = \"logferry.prom\"", "does not begin with \"/\""),
            ("keep = \"a while\"", "is not a time such as \"24h\""),
            ("keep = \"0s\"", "keeps nothing"),
            ("level = 3\nkeep_size = \"1GiB\"", "x.toml:2: `keep_size` says how much"),
            ("keep = \"24h\"\nkeep_size = \"much\"", "x.toml:2: `keep_size`: \"much\" is not a size"),
            ("bandwidth = \"20MiB\"", "write \"20MiB/s\""),
            ("bandwidth = 20", "must be a text in quotes, not a number"),
            ("bandwidth = \"1kB/s\"", "too slow"),
            (
                "[[logs]]\npaths = \"/a\"\nmax_rate = \"5MiB\"",
                "x.toml:3: `max_rate` in [[logs]]: \"5MiB\" is not a size a second",
            ),
            (
                "[[logs]]\npaths = \"/a\"\nmax_bytes_per_run = 10",
                "x.toml:3: `max_bytes_per_run` in [[logs]] must be at least",
            ),
            ("max_rate = \"5MiB/s\"", "`max_rate` belongs into a [[logs]]"),
            ("[[logs]]\npaths = \"/a\"\nmax_rate = \"1B/s\"", "at least \"100B/s\""),
            ("keep = \"24h\"\nkeep_size = \"1B\"", "`keep_size` keeps nothing"),
            ("bandwidth = \"20MBit/s\"", "8 bits are a byte"),
        ] {
            assert!(mistake(text).contains(part), "{text:?} gives {}", mistake(text));
        }
    }
}
