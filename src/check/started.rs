//! Whether what cron or systemd starts is this program, which then does a run of what was looked at here.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Subject;
use super::crontab::Variables;
use super::schedule::INSTALL;
use crate::config::{DEFAULT_FILE, DEFAULT_STATE_DIR, Pattern};
use crate::install::environment::Environment;
use crate::model::destination::Destination;
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::{to_shell, to_text};
use crate::sys::{procfs, walk};

const NAME: &str = "logferry";

/// Where cron looks for programs, unless its file says otherwise.
const CRONS_PATH: &str = "/usr/bin:/bin";

/// What starts a run, and how.
pub(super) struct Start {
    /// The file that says so.
    pub(super) what: &'static str,
    /// The simple commands that it starts, each as its words.
    pub(super) commands: Vec<Vec<String>>,
    /// The variables that are set for them.
    pub(super) variables: Variables,
}

/// What a command line of logferry's says by itself, without the environment.
#[derive(Debug, Default)]
pub struct Call {
    /// What is done.
    pub action: Action,
    /// The logs.
    pub logs: Vec<PathBuf>,
    /// `--to`.
    pub to: Option<Destination>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
}

/// What a command line does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Action {
    /// It ships.
    #[default]
    Ships,
    /// It is that command, or one with that flag, which ships nothing.
    Other(String),
}

/// Reads a command line, the program's name with it; it is the command line's definition that knows how.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub type ReadCall = fn(&[String]) -> Result<Call, String>;

/// A command that names logferry.
struct Command<'a> {
    program: &'a str,
    call: Result<Call, String>,
}

/// Whether a word is the path or the name of logferry: of this program, whatever it is called, or one of the usual names, with
/// a version behind it or not.
pub(super) fn is_ours(word: &str) -> bool {
    let name = Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_release = name.strip_prefix(NAME).and_then(|rest| rest.strip_prefix('-'));
    name == NAME
        || is_release.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        || word.starts_with('/') && is_this_program(Path::new(word))
}

fn is_this_program(path: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    identity(path).is_some_and(|is| Some(is) == identity(&procfs::own_program()))
}

/// Looks at what is started.
pub(super) fn look(subject: &Subject, start: &Start) -> Vec<Finding> {
    let Some(Command { program: word, call }) = command(subject, start) else {
        let hint = format!("{INSTALL} anew");
        return vec![Finding::fail(Bars::Logs, start.what, "it does not start logferry").hint(hint)];
    };
    let mut findings = vec![program(start, word)];
    match call {
        Ok(call) if call.action == Action::Ships => findings.extend(compare(subject, start, &call)),
        Ok(Call { action: Action::Other(name), .. }) => {
            findings.push(ships_nothing(start, word, &format!("it starts `logferry {name}`, which ships nothing")));
        }
        Ok(_) => {}
        // Another version may know more.
        Err(why) if is_this_program(Path::new(word)) => {
            findings.push(ships_nothing(start, word, &format!("its command would be refused: {why}")));
        }
        Err(_) => {}
    }
    findings
}

fn ships_nothing(start: &Start, word: &str, why: &str) -> Finding {
    let hint = format!("have it start {} run; or remove it: {INSTALL}", to_shell(Path::new(word)));
    Finding::fail(Bars::Logs, start.what, why).hint(hint)
}

/// The command that is a run; else the last one that names logferry: those before it may only test whether it is there.
fn command<'a>(subject: &Subject, start: &'a Start) -> Option<Command<'a>> {
    let of_ours = |words: &'a Vec<String>| {
        let words = &words[words.iter().position(|word| is_ours(word))?..];
        Some(Command { program: words.first()?, call: (subject.read_call)(words) })
    };
    let mut commands: Vec<_> = start.commands.iter().filter_map(of_ours).collect();
    let ships = |command: &Command<'_>| command.call.as_ref().is_ok_and(|call| call.action == Action::Ships);
    let found = commands.iter().position(ships).or(commands.len().checked_sub(1))?;
    Some(commands.swap_remove(found))
}

/// What a run would look at otherwise than this check.
fn compare(subject: &Subject, start: &Start, call: &Call) -> Vec<Finding> {
    let differences = [
        state_dir(subject, start, call),
        config(subject, start, call),
        store(subject, start, call),
        logs(subject, start, call),
    ];
    differences.into_iter().flatten().chain(environment(start, call)).collect()
}

fn program(start: &Start, word: &str) -> Finding {
    let hint = "logferry install, with the program where only root can write, such as /usr/local/bin, mode 755";
    let fail = |why: String| Finding::fail(Bars::Logs, word, why).hint(hint);
    let search = start.variables.get("PATH").map_or(CRONS_PATH, String::as_str);
    let found = match word.starts_with('/') {
        true => Some(PathBuf::from(word)),
        false => search.split(':').map(|directory| Path::new(directory).join(word)).find(|path| path.is_file()),
    };
    let Some(path) = found else {
        return fail(format!("it is not found: it is looked for in {search} only"));
    };
    match walk::trusted_program(Path::new("/"), &path) {
        Err(error) => fail(format!("it can't be started as root: {error}")),
        Ok(real) => other_program(word, &real),
    }
}

/// Whether it is another program than this one.
fn other_program(word: &str, path: &Path) -> Finding {
    match is_this_program(path) {
        true => Finding::ok(word, "is this program, and only root can change it"),
        false => {
            let hint = format!("see {} --version, and check with that one: what it needs may differ", to_shell(path));
            Finding::warn(word, format!("is not the program that looks here (version {})", env!("CARGO_PKG_VERSION")))
                .hint(hint)
        }
    }
}

/// What a run takes for a path: what its command line says, else its environment, else what is usual.
fn said<'a>(flag: Option<&'a PathBuf>, start: &'a Start, name: &str, usual: &'a str) -> &'a Path {
    let set = start.variables.get(name).map(Path::new);
    flag.map(PathBuf::as_path).or(set).unwrap_or(Path::new(usual))
}

/// A run with another state directory than the one that was looked at.
fn state_dir(subject: &Subject, start: &Start, call: &Call) -> Option<Finding> {
    let theirs = said(call.state_dir.as_ref(), start, "LOGFERRY_STATE_DIR", DEFAULT_STATE_DIR);
    let ours = std::path::absolute(&subject.state_dir).ok()?;
    let why =
        format!("its runs have their state in {}, not in {}, where this check looks", to_text(theirs), to_text(&ours));
    (theirs != ours)
        .then(|| Finding::warn(start.what, why).hint(format!("logferry check --state-dir {}", to_shell(theirs))))
}

/// A run with another configuration than the one that was looked at.
fn config(subject: &Subject, start: &Start, call: &Call) -> Option<Finding> {
    let theirs = said(call.config.as_ref(), start, "LOGFERRY_CONFIG", DEFAULT_FILE);
    let ours = std::path::absolute(subject.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE))).ok()?;
    let why = format!("its runs read {}, not {}, which this check reads", to_text(theirs), to_text(&ours));
    (theirs != ours)
        .then(|| Finding::warn(start.what, why).hint(format!("logferry check --config {}", to_shell(theirs))))
}

/// A run that names another store itself.
fn store(subject: &Subject, start: &Start, call: &Call) -> Option<Finding> {
    let (theirs, settings) = (call.to.as_ref()?, subject.settings.as_ref().ok()?);
    let why = format!("its runs ship to {theirs}, not to {}, which this check tries", settings.to);
    let hint = format!("logferry check --to {}; or take --to out of it", to_shell(Path::new(&theirs.to_string())));
    (*theirs != settings.to).then(|| Finding::warn(start.what, why).hint(hint))
}

/// A run that names its logs itself, and others than those that were looked at.
fn logs(subject: &Subject, start: &Start, call: &Call) -> Option<Finding> {
    let settings = subject.settings.as_ref().ok()?;
    let shown = |log: &PathBuf| Pattern::of_argument(log).map_or_else(|_| to_text(log), |pattern| pattern.shown());
    let theirs: BTreeSet<String> = call.logs.iter().map(shown).collect();
    let ours: BTreeSet<String> = settings.sets.iter().flat_map(|set| &set.paths).map(Pattern::shown).collect();
    if theirs.is_empty() || theirs == ours {
        return None;
    }
    let names = theirs.into_iter().collect::<Vec<_>>().join(", ");
    let why = format!("its runs take no logs but those that it names ({names}), which this check does not look at");
    let quoted: Vec<String> = call.logs.iter().map(|log| to_shell(log)).collect();
    let hint = format!("logferry check {}; or take them out of it, so that the configuration counts", quoted.join(" "));
    Some(Finding::warn(start.what, why).hint(hint))
}

/// Variables that decide where and as whom is shipped: a check in a shell proves little of a run without them. Their values
/// may be secrets.
fn environment(start: &Start, call: &Call) -> Option<Finding> {
    // Who says it in the command is not asked for the variable.
    let store = call.to.is_none().then_some("LOGFERRY_TO");
    let here = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let differs = |name: &&str| here(name).as_deref() != start.variables.get(*name).map(String::as_str);
    let differing: BTreeSet<&str> = store.into_iter().chain(Environment::deciding()).filter(differs).collect();
    let names = differing.into_iter().collect::<Vec<_>>().join(", ");
    let why =
        format!("its runs have other values, or none, for {names}: what the store says here need not hold for them");
    let hint = "check as root in a shell without these (env -u NAME logferry check), or have them in the entry";
    (!names.is_empty()).then(|| Finding::warn(start.what, why).hint(hint))
}
