//! What runs tell those who watch: how they log, and the metrics that they write.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum};

use crate::config;

/// How problems and steps are told on standard error.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Reads a form; an environment variable that is empty counts as one that is not set, as systemd's and cron's files often have it.
#[derive(Clone)]
struct OrUnset;

impl TypedValueParser for OrUnset {
    type Value = LogFormat;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<LogFormat, clap::Error> {
        match value.is_empty() {
            true => Ok(LogFormat::default()),
            false => EnumValueParser::<LogFormat>::new().parse_ref(command, arg, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let forms: Vec<_> = LogFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        Some(Box::new(forms.into_iter()))
    }
}

/// How a command that ships logs.
#[derive(Debug, Args)]
pub struct LogFormatArgs {
    /// How problems, and steps with -v, are told on standard error: as text, or as one JSON object a line. The journal gets the
    /// priority of each line in either form
    #[arg(
        long,
        value_parser = OrUnset,
        value_name = "text|json",
        default_value = "text",
        env = "LOGFERRY_LOG_FORMAT",
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
}

/// Which metrics a command writes.
#[derive(Debug, Args)]
pub struct MetricsArgs {
    /// At the end, write what it came to into this file (NAME.prom), for the textfile collector of Prometheus' node exporter
    /// [default: as configured]
    #[arg(long, value_name = "FILE", value_parser = config::parse_metrics_file)]
    pub metrics: Option<PathBuf>,
}
