//! The configuration file: read whole, with every mistake in it that can be found.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::format::{self, Compression};
use super::section::{Mistakes, Section, Source};
use super::{ConfigError, DEFAULT_FILE, Layout, Lifecycle, LogSet, Threads, Writer};
use super::{bandwidth, instance, keep, lifecycle, log_set, metrics, s3, threads, writer};
use crate::model::destination::Destination;
use crate::model::facts::Facts;
use crate::model::keep::Keep;
use crate::model::rate::ByteRate;
use crate::model::s3_options::S3Options;

/// What the configuration file says.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The store.
    pub to: Option<Destination>,
    /// See [`super::Settings::machine`].
    pub machine: Facts,
    /// See [`super::Settings::layout`].
    pub layout: Layout,
    /// The line that says so.
    pub(super) layout_line: Option<usize>,
    /// Layouts that objects of the store may have from earlier times.
    pub former_layouts: Vec<Layout>,
    /// See [`super::Settings::settle`].
    pub settle: Option<Duration>,
    /// See [`super::Settings::splay`].
    pub splay: Option<Duration>,
    /// How segments are compressed.
    pub compression: Compression,
    /// See [`super::Settings::threads`].
    pub threads: Option<Threads>,
    /// See [`super::Settings::max_spool`].
    pub max_spool: Option<u64>,
    /// See [`super::Settings::min_free`].
    pub min_free: Option<u64>,
    /// See [`super::Settings::keep`].
    pub keep: Option<Keep>,
    /// See [`super::Settings::metrics`].
    pub metrics: Option<PathBuf>,
    /// See [`super::Settings::bandwidth`].
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
        let mut file = Self {
            to: mistakes.or_default(top.parsed("to", Destination::parse)),
            machine: Facts::default(),
            layout_line: top.line_of("layout"),
            layout: mistakes.or_default(top.parsed("layout", Layout::parse)).unwrap_or_default(),
            former_layouts: mistakes.or_default(top.list("former_layouts", Layout::parse)),
            settle: mistakes.or_default(top.duration("settle")),
            splay: mistakes.or_default(top.duration("splay")),
            compression: format::read(&mut top, mistakes),
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
            file.sets.push(log_set::read(section, &file.writer, mistakes));
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
