//! What a run works with: flags and file joined, checked once. Everything after this trusts them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Backlog, ConfigError, DEFAULT_FILE, Distrust, File, Flags, Layout, Lifecycle, LogLimits, LogSet};
use super::{Threads, log_set, trust};
use crate::model::destination::Destination;
use crate::model::facts::Facts;
use crate::model::format::Format;
use crate::model::keep::Keep;
use crate::model::priority::Priority;
use crate::model::rate::ByteRate;
use crate::model::s3_options::S3Options;

/// How long a log may be silent after it was taken out of use before its segment is sealed.
const DEFAULT_SETTLE: Duration = Duration::from_secs(2);

/// The least that must stay free in the spool's file system, in bytes: what a writer still writes after its log was
/// unlinked has no other place. Single writes of 62 MB were seen, a tenth of that when compressed.
const LEAST_FREE: u64 = 8 * 1024 * 1024;

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
    /// How segments are compressed that are begun from now on.
    pub format: Format,
    /// How hard is tried, one of the levels of that format.
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
                let set = log_set::of_arguments(&flags.logs, writer, flags.backlog).map_err(|why| mistakes.push(why));
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
            format: file.compression.format,
            level: file.compression.level(),
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
