//! What runs tell those who watch: how they log, and the metrics that they write.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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

/// How a command that ships logs.
#[derive(Debug, Args)]
pub struct LogFormatArgs {
    /// How problems, and steps with -v, are told on standard error: as text, or as one JSON object a line. The journal gets the
    /// priority of each line in either form
    #[arg(
        long,
        value_enum,
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
