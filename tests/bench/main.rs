//! What logferry costs, measured against its peers in the same run: the program behind `scripts/bench`.
//!
//! ```text
//! bench logs --kind mixed --seed 7 --bytes 268435456 FILE     made-up logs, the same bytes for the same seed
//! bench measure --logferry PROGRAM --s3-server PROGRAM ...    the table of docs/benchmarks.md
//! ```
//!
//! The other commands are what `measure` starts as processes of their own, so that each is timed as its peer is, from its
//! start to its end: `compress`, `backend`, `write`, and `observe`, which starts a command and notes what it took.
//!
//! Every result is checked before it is timed; one that is wrong ends the measurement with no table. The order of a line is
//! always: check, then ours and the peer's in turn, again and again, and the medians count.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

mod backend;
mod case;
mod chart;
mod engine;
mod figures;
mod logs;
mod observe;
mod parts;
mod programs;
mod proof;
mod random;
mod scale;
mod server;
mod table;
mod write;

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use logferry::model::format::Format;

/// What logferry costs.
#[derive(Parser)]
enum Command {
    /// Make up a log
    Logs {
        #[arg(long, value_enum)]
        kind: logs::Kind,
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        bytes: u64,
        output: PathBuf,
    },
    /// Compress a file as logferry does, and nothing else
    Compress {
        #[arg(long, value_parser = Format::parse, default_value = "gzip")]
        format: Format,
        #[arg(long)]
        level: u32,
        #[arg(long)]
        threads: NonZeroUsize,
        input: PathBuf,
        output: PathBuf,
    },
    /// Compress a file's bytes in memory with the backend alone; prints microseconds and bytes
    Backend {
        #[arg(long)]
        level: u32,
        #[arg(long)]
        threads: usize,
        input: PathBuf,
    },
    /// Append to a log as Upstart does, until stdin closes, and note how long each write took
    Write {
        #[arg(long)]
        samples: PathBuf,
        log: PathBuf,
    },
    /// Start a command and note what it took
    Observe {
        #[arg(long)]
        into: PathBuf,
        #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Measure everything and print the table
    Measure(parts::Arguments),
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Logs { kind, seed, bytes, output } => make_log(kind, seed, bytes, output)?,
        Command::Compress { format, level, threads, input, output } => {
            engine::compress(format, &input, &output, level, threads)?;
        }
        Command::Backend { level, threads, input } => println!("{}", backend::compress(&input, level, threads)?),
        Command::Write { samples, log } => write::until_stdin_closes(&log, &samples)?,
        Command::Observe { into, command } => return observe::observe(&into, &command),
        Command::Measure(arguments) => parts::measure(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a log up; also what `measure` itself calls.
fn make_log(kind: logs::Kind, seed: u64, bytes: u64, path: PathBuf) -> Result<()> {
    let make = || {
        let mut sink = BufWriter::new(File::create(&path)?);
        logs::write(kind, seed, bytes, &mut sink)?;
        sink.flush()
    };
    make().with_context(|| format!("write {}", path.display()))
}
