//! What starts the runs: cron with an entry of ours, or a timer of systemd's; and whether what they start is what was looked
//! at here.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Subject;
use super::crontab::{self, Entry, Variables};
use crate::config::DEFAULT_STATE_DIR;
use crate::install::cron::ENTRY;
use crate::install::environment::Environment;
use crate::install::host::{Host, HostFile};
use crate::install::signed::Signed;
use crate::install::systemd::{ENABLED, SERVICE};
use crate::install::waiting;
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::to_text;
use crate::sys::dir::{self, Attributes};
use crate::sys::{host, procfs};

const NAME: &str = "logferry";

/// What the processes of cron daemons are called: Debian's, Red Hat's, fcron's.
const CRON_DAEMONS: [&str; 3] = ["cron", "crond", "fcron"];

/// Where cron looks for programs, unless its file says otherwise.
const CRONS_PATH: &str = "/usr/bin:/bin";

const INSTALL: &str = "logferry install makes it";

/// What starts a run, and how.
struct Start {
    what: &'static str,
    words: Vec<String>,
    variables: Variables,
}

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let mut findings = match Host::running().read(ENTRY) {
        Ok(Some(file)) => by_cron(subject, &file),
        Ok(None) => Vec::new(),
        Err(problem) => vec![Finding::fail(Bars::Logs, ENTRY, &problem.what).hint(INSTALL)],
    };
    findings.extend(by_timer(subject));
    if findings.is_empty() {
        findings.extend(by_package(subject));
    }
    if findings.is_empty() {
        let why = format!("nothing starts runs: there is neither {ENTRY} nor an enabled logferry.timer");
        findings.push(
            Finding::warn("schedule", why).hint(format!("{INSTALL}; nothing to do if another scheduler is used")),
        );
    }
    findings
}

fn by_cron(subject: &Subject, file: &HostFile) -> Vec<Finding> {
    let (finding, start) = entry(file);
    let mut findings = vec![finding, daemon()];
    findings.extend(start.iter().flat_map(|start| started(subject, start)));
    findings
}

/// The entry, as cron sees it, and what it starts. `cron(8)` on Debian: such files must belong to root, and nobody else may
/// write to them.
fn entry(file: &HostFile) -> (Finding, Option<Start>) {
    let fail = |why: String, hint: String| (Finding::fail(Bars::Logs, ENTRY, why).hint(hint), None);
    let correct = format!("correct it, or remove it: {INSTALL}");
    let Attributes { mode, owner, links, .. } = file.attributes;
    if mode & 0o022 != 0 || owner.0 != 0 || links != 1 {
        let is = format!("it has mode {mode:03o}, {links} names, and belongs to user {}", owner.0);
        let hint = format!("chown root:root {ENTRY}; chmod 644 {ENTRY}; ls -l shows a link count of 1");
        return fail(format!("cron passes it over: {is}; it must be root's, with mode 644 and one name"), hint);
    }
    let entries = match crontab::entries(&String::from_utf8_lossy(&file.bytes)) {
        Ok(entries) => entries,
        Err(why) => return fail(format!("cron does not take it: {why}"), correct),
    };
    // Where the user was forgotten, the program stands in his place.
    let is_it = |entry: &Entry| is_ours(&entry.user) || crontab::words(&entry.command).iter().any(|word| is_ours(word));
    let of_ours = entries.into_iter().find(is_it);
    let Some(entry) = of_ours else {
        return fail("no entry in it starts logferry".to_owned(), correct);
    };
    if !host::has_user(&entry.user) {
        let why = format!("it is to run as {}, whom nobody knows here; the user stands before the command", entry.user);
        return fail(why, correct);
    }
    let changed = match Signed::read(&file.bytes) {
        Signed::Edited => "; it was changed by hand since it was installed",
        Signed::Ours | Signed::Foreign => "",
    };
    let start = Start { what: ENTRY, words: crontab::words(&entry.command), variables: entry.variables };
    (Finding::ok(ENTRY, format!("starts {NAME} as {}{changed}", entry.user)), Some(start))
}

fn is_ours(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == NAME)
}

fn daemon() -> Finding {
    const WHAT: &str = "cron";
    match procfs::roots_processes_named(&CRON_DAEMONS).first() {
        Some(cron) => Finding::ok(WHAT, format!("{} is at work (pid {})", cron.name, cron.pid)),
        None if !Path::new("/proc/1").exists() => {
            Finding::warn(WHAT, "whether it is at work can't be seen: the processes of others are hidden from us")
                .hint("run it as root: sudo logferry check")
        }
        None => Finding::fail(Bars::Logs, WHAT, "no cron daemon is at work, so that nothing starts the entry").hint(
            "start it (systemctl enable --now cron; on Red Hat crond), or use logferry install --scheduler systemd",
        ),
    }
}

/// The entry that comes with the package, where it starts the runs: nobody has called `install` then, which would have seen
/// to logrotate.
fn by_package(subject: &Subject) -> Vec<Finding> {
    let host = Host::running();
    let file =
        match waiting::starts_runs(&host).and_then(|starts| starts.then(|| host.read(waiting::ENTRY)).transpose()) {
            Ok(found) => found.flatten(),
            Err(problem) => {
                return vec![Finding::warn(waiting::ENTRY, &problem.what).hint("run it as root: sudo logferry check")];
            }
        };
    let Some(file) = file else { return Vec::new() };
    let why = "starts runs, as the configuration says that was written by hand; it does not keep logrotate off the logs, \
               nor add new ones";
    let hint = "logferry install, without arguments, does that, and has an entry of its own start the runs";
    let mut findings = vec![Finding::warn(waiting::ENTRY, why).hint(hint), daemon()];
    let entries = crontab::entries(&String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
    findings.extend(entries.iter().flat_map(|entry| {
        // Before that it only asks whether it is to.
        let command = entry.command.rsplit_once("exec ").map_or(entry.command.as_str(), |(_, command)| command);
        let start = Start { what: waiting::ENTRY, words: crontab::words(command), variables: entry.variables.clone() };
        started(subject, &start)
    }));
    findings
}

/// The timer, where it is enabled.
fn by_timer(subject: &Subject) -> Vec<Finding> {
    const WHAT: &str = "logferry.timer";
    let host = Host::running();
    if !host.has(ENABLED).unwrap_or(false) {
        return Vec::new();
    }
    let fail = |why: &str, hint: &str| vec![Finding::fail(Bars::Logs, WHAT, why).hint(hint)];
    const AGAIN: &str = "logferry install --scheduler systemd makes it; else systemctl disable logferry.timer";
    match host.read_through(ENABLED) {
        Ok(Some(_)) => {}
        Ok(None) => return fail("enabled, but there is no such unit", AGAIN),
        Err(problem) => return fail(&problem.what, AGAIN),
    }
    let service = match host.read(SERVICE) {
        Ok(Some(service)) => String::from_utf8_lossy(&service.bytes).into_owned(),
        Ok(None) => return fail("enabled, but the service that it starts is missing", AGAIN),
        Err(problem) => return fail(&problem.what, AGAIN),
    };
    // `sd_booted(3)`
    if !Path::new("/run/systemd/system").is_dir() {
        return fail("enabled, but systemd is not at work here", "logferry install --scheduler cron");
    }
    let mut findings = vec![Finding::ok(WHAT, "enabled, and systemd is at work")];
    findings.extend(started(subject, &start_of(&service)));
    findings
}

/// What a unit starts. `%` and `$` are doubled in it (`systemd.service(5)`).
fn start_of(service: &str) -> Start {
    let plain = |text: &str| text.replace("%%", "%").replace("$$", "$");
    let command = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap_or_default();
    let variables = service.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    Start {
        what: SERVICE,
        words: crontab::words(&plain(command)),
        variables: variables.map(|(name, value)| (name.to_owned(), plain(value))).collect(),
    }
}

/// Whether what is started is this program, and finds what was found here.
fn started(subject: &Subject, start: &Start) -> Vec<Finding> {
    let Some(word) = start.words.iter().find(|word| is_ours(word)) else {
        let hint = format!("{INSTALL} anew");
        return vec![Finding::fail(Bars::Logs, start.what, "it does not start logferry").hint(hint)];
    };
    let mut findings = vec![program(start, word)];
    findings.extend(state_dir(subject, start));
    findings.extend(environment(start));
    findings
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
    match dir::trusted_program(Path::new("/"), &path) {
        Err(error) => fail(format!("it can't be started as root: {error}")),
        Ok(real) => other_program(word, &real),
    }
}

/// Whether it is another program than this one.
fn other_program(word: &str, path: &Path) -> Finding {
    let identity = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    match identity(path) == identity(&procfs::own_program()) {
        true => Finding::ok(word, "is this program, and only root can change it"),
        false => {
            Finding::warn(word, format!("is not the program that looks here (version {})", env!("CARGO_PKG_VERSION")))
                .hint(format!("see {word} --version, and check with that one: what it needs may differ"))
        }
    }
}

/// A run with another state directory than the one that was looked at.
fn state_dir(subject: &Subject, start: &Start) -> Option<Finding> {
    let said = start.words.iter().skip_while(|word| *word != "--state-dir").nth(1);
    let said = said.or(start.variables.get("LOGFERRY_STATE_DIR")).map_or(DEFAULT_STATE_DIR, String::as_str);
    let (theirs, ours) = (Path::new(said), std::path::absolute(&subject.state_dir).ok()?);
    let why =
        format!("its runs have their state in {}, not in {}, where this check looks", to_text(theirs), to_text(&ours));
    (theirs != ours)
        .then(|| Finding::warn(start.what, why).hint(format!("logferry check --state-dir {}", to_text(theirs))))
}

/// Variables that decide where and as whom is shipped: a check in a shell proves little of a run without them. Their values
/// may be secrets.
fn environment(start: &Start) -> Option<Finding> {
    let ours = ["LOGFERRY_TO", "LOGFERRY_CONFIG"].into_iter().chain(Environment::deciding());
    let here = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let differs = |name: &&str| here(name).as_deref() != start.variables.get(*name).map(String::as_str);
    let differing: BTreeSet<&str> = ours.filter(differs).collect();
    let names = differing.into_iter().collect::<Vec<_>>().join(", ");
    let why =
        format!("its runs have other values, or none, for {names}: what the store says here need not hold for them");
    let hint = "check as root in a shell without these (env -u NAME logferry check), or have them in the entry";
    (!names.is_empty()).then(|| Finding::warn(start.what, why).hint(hint))
}
