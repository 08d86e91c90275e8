//! Logs that are treated alike, as a `[[logs]]` of the file or the arguments of a run name them.

use std::path::{Path, PathBuf};

use super::section::{Mistakes, Section};
use super::{Backlog, ConfigError, Exclude, LogLimits, Pattern, ServiceTemplate, Writer};
use super::{backlog, limits, priority, writer};
use crate::model::priority::Priority;

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

/// Reads a `[[logs]]`.
pub(super) fn read(mut section: Section<'_>, writer: &Writer, mistakes: &mut Mistakes) -> LogSet {
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

/// One set for the arguments. A log that the configuration names too is treated as it says there, so that a run by
/// hand goes on with the same streams.
pub(super) fn of_arguments(logs: &[PathBuf], writer: Writer, backlog: Backlog) -> Result<LogSet, ConfigError> {
    let paths = logs.iter().map(|log| Pattern::of_argument(log)).collect::<Result<_, _>>();
    let paths = paths.map_err(|why| ConfigError::new("LOG", why))?;
    Ok(LogSet { paths, writer, backlog, ..LogSet::default() })
}
