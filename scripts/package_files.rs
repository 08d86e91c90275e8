//! Writes what a package holds besides the binary and is made by logferry's own code: man pages, one a command, and
//! completions, from the command definitions; cron's entry that waits for a destination. Nothing of it is
//! committed, and none of what makes it is in the binary.
//!
//! `package-files DIR` makes `DIR/man`, `DIR/completions` and `DIR/cron.d`; what is there by those names already is
//! written over.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Command, CommandFactory, Parser};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use logferry::cli::Cli;
use logferry::install::{schedule, waiting};

/// Writes man pages, completions and cron's entry.
#[derive(Parser)]
struct Arguments {
    /// Where to
    dir: PathBuf,
}

/// Where each shell of a Debian system looks for the completions of a command that it has not met yet; the names are
/// the shells' own.
const COMPLETIONS: [(Shell, &str); 3] =
    [(Shell::Bash, "bash/logferry"), (Shell::Zsh, "zsh/_logferry"), (Shell::Fish, "fish/logferry.fish")];

/// Files that every command may use.
const FILES: [(&str, &str); 5] = [
    ("/etc/logferry.toml", "the configuration; /etc/logferry.toml.example explains its keys"),
    ("/etc/cron.d/logferry", "the hourly run, as logferry install writes it"),
    (waiting::ENTRY, "the package's own entry, which waits for a configuration that is written by hand"),
    ("/var/lib/logferry", "the state directory: the spool, and where each stream stands"),
    ("/usr/share/doc/logferry", "guides"),
];

fn main() -> Result<()> {
    let Arguments { dir } = Arguments::parse();
    manuals(&dir.join("man"))?;
    for (shell, name) in COMPLETIONS {
        let path = dir.join("completions").join(name);
        let mut file = create(&path)?;
        clap_complete::generate(shell, &mut Cli::command(), "logferry", &mut file);
        file.flush().with_context(|| format!("write {}", path.display()))?;
    }
    let name = Path::new(waiting::ENTRY).file_name().context("a name of the entry")?;
    let path = dir.join("cron.d").join(name);
    create(&path)?.write_all(waiting_entry().as_bytes()).with_context(|| format!("write {}", path.display()))
}

/// The entry that waits for a destination; it starts runs when `install` would by default.
fn waiting_entry() -> String {
    let splay = humantime::format_duration(schedule::DEFAULT_SPLAY).to_string();
    let text = include_str!("../cron/waiting").replace("@MINUTE@", &schedule::DEFAULT_MINUTE.to_string());
    text.replace("@SPLAY@", &splay)
}

/// A file, with the directories on the way to it.
fn create(path: &Path) -> Result<File> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
    File::create(path).with_context(|| format!("make {}", path.display()))
}

/// One page for `logferry`, one for each of its commands.
fn manuals(dir: &Path) -> Result<()> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let commands: Vec<Command> = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    let names: Vec<String> = commands.iter().map(page_name).collect();
    page(dir, &whole, whole.clone(), &names)?;
    for command in commands {
        page(dir, &whole, command, &["logferry".to_owned()])?;
    }
    Ok(())
}

/// `logferry-run` of `logferry run`: `man` finds it by both.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

fn page(dir: &Path, whole: &Command, command: Command, see_also: &[String]) -> Result<()> {
    let version = whole.get_version().unwrap_or_default().to_owned();
    let path = dir.join(format!("{}.1", page_name(&command)));
    let man = Man::new(command.clone()).source(format!("logferry {version}")).manual("logferry").date("");
    let mut file = create(&path)?;
    let mut write = || -> io::Result<()> {
        man.render_title(&mut file)?;
        man.render_name_section(&mut file)?;
        man.render_synopsis_section(&mut file)?;
        man.render_description_section(&mut file)?;
        if command.get_arguments().any(|argument| !argument.is_hide_set()) {
            man.render_options_section(&mut file)?;
        }
        if command.has_subcommands() {
            man.render_subcommands_section(&mut file)?;
        }
        closing_sections(whole, see_also).to_writer(&mut file)?;
        file.flush()
    };
    write().with_context(|| format!("write {}", path.display()))
}

/// Exit codes, as `--help` lists them; files; where to read on.
fn closing_sections(whole: &Command, see_also: &[String]) -> Roff {
    let mut roff = Roff::new();
    let codes = whole.get_after_help().map(ToString::to_string).unwrap_or_default();
    roff.control("SH", ["EXIT STATUS"]);
    for line in codes.lines() {
        if let Some((code, meaning)) = line.trim().split_once("  ")
            && code.parse::<u8>().is_ok()
        {
            roff.control("TP", []).text([bold(code)]).text([roman(meaning)]);
        }
    }
    roff.control("SH", ["FILES"]);
    for (path, what) in FILES {
        roff.control("TP", []).text([bold(path)]).text([roman(what)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    let pages = see_also.iter().enumerate().flat_map(|(at, name)| {
        let comma = if at == 0 { "" } else { ", " };
        [roman(comma), bold(name), roman("(1)")]
    });
    roff.text(pages.collect::<Vec<_>>());
    roff
}
