//! The parts of the measurement, each a few lines of the table.

mod compress;
mod growth;
mod many;
mod memory;
mod reading;
mod shippers;
mod starts;
mod whole;
mod writer;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::case::Case;
use crate::programs::Programs;
use crate::scale::{Scale, Size};
use crate::table::{self, Line};

/// What is measured, and how much of it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    programs: Programs,
    /// How much of everything
    #[arg(long, value_enum, default_value_t = Size::Full)]
    size: Size,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Where logs, spool and objects are meanwhile; a disk, not memory, where fsync is to count
    #[arg(long)]
    scratch: PathBuf,
    /// Where the table and the plot go
    #[arg(long)]
    output: PathBuf,
}

/// A part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// Starting, and finding nothing to do
    Starts,
    /// Compressing, against gzip, pigz and the backend alone
    Compress,
    /// From claim to confirmed object, against compressing alone
    Whole,
    /// The same against logrotate, gzip and s3cmd
    Shippers,
    /// Many small logs against a large one
    Many,
    /// A writer's slowest writes
    Writer,
    /// `cat` against gzip -dc
    Reading,
    /// Peak memory
    Memory,
    /// How cost grows
    Growth,
}

/// What the parts have in common.
pub(crate) struct Bench<'a> {
    pub(crate) scale: Scale,
    pub(crate) programs: &'a Programs,
    /// A directory of this measurement's own.
    pub(crate) dir: &'a Path,
    pub(crate) output: &'a Path,
}

impl<'a> Bench<'a> {
    /// Something to measure, in a directory of its own.
    pub(crate) fn case(&self, name: &str) -> Result<Case<'a>> {
        Case::new(self.dir, name, self.programs)
    }
}

/// What a part has come to.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) lines: Vec<Line>,
    /// What helps to judge the lines.
    pub(crate) notes: Vec<String>,
}

/// Measures, prints each line as soon as it is there, and writes all of them as a page's table.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let Arguments { programs, size, only, scratch, output } = arguments;
    let programs = &programs.absolute()?;
    let scratch = std::fs::canonicalize(scratch).with_context(|| format!("find {}", scratch.display()))?;
    std::fs::create_dir_all(output).with_context(|| format!("make {}", output.display()))?;
    let dir = tempfile::Builder::new().prefix("logferry-bench-").tempdir_in(scratch)?;
    let bench = Bench { scale: size.scale(), programs, dir: dir.path(), output };
    let mut page = Found { notes: vec![machine()?], ..Found::default() };
    println!("{}\n", page.notes[0]);
    for part in Part::value_variants().iter().filter(|part| only.is_empty() || only.contains(part)) {
        let found = part.measure(&bench).with_context(|| format!("{part:?}"))?;
        found.lines.iter().for_each(|line| print!("{}", table::as_text(line)));
        found.notes.iter().for_each(|note| println!("{:26}{note}", ""));
        page.lines.extend(found.lines);
        page.notes.extend(found.notes);
    }
    page.notes.push(format!("load average at the end: {}", load()?));
    println!("\n{}", page.notes.last().map_or("", String::as_str));
    let path = output.join("table.md");
    let notes: String = page.notes.iter().map(|note| format!("- {note}\n")).collect();
    let text = format!("{}\n{notes}", table::as_markdown(&page.lines));
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    println!("the same as a page's table: {}", path.display());
    Ok(())
}

impl Part {
    fn measure(self, bench: &Bench<'_>) -> Result<Found> {
        match self {
            Self::Starts => starts::measure(bench),
            Self::Compress => compress::measure(bench),
            Self::Whole => whole::measure(bench),
            Self::Shippers => shippers::measure(bench),
            Self::Many => many::measure(bench),
            Self::Writer => writer::measure(bench),
            Self::Reading => reading::measure(bench),
            Self::Memory => memory::measure(bench),
            Self::Growth => growth::measure(bench),
        }
    }
}

fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg").context("read /proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

fn machine() -> Result<String> {
    let processors = std::thread::available_parallelism()?;
    let text = std::fs::read_to_string("/proc/cpuinfo").context("read /proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("of an unknown kind", |(_, model)| model);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("read the kernel's release")?;
    Ok(format!(
        "machine: {processors} CPUs ({model}), Linux {}; load average at the beginning: {}",
        kernel.trim(),
        load()?
    ))
}
