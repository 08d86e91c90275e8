//! What starts the runs: cron with an entry of ours, or a timer of systemd's.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Subject;
use super::crontab::{self, Entry};
use crate::install::host::{Host, HostFile};
use crate::install::signed::Signed;
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::to_text;
use crate::sys::dir::Attributes;
use crate::sys::{host, procfs};

const CRON_ENTRY: &str = "/etc/cron.d/logferry";
/// `systemctl enable` makes this link.
const TIMER: &str = "/etc/systemd/system/timers.target.wants/logferry.timer";
const NAME: &str = "logferry";

/// What the processes of cron daemons are called: Debian's and Red Hat's, fcron's, and systemd's.
const CRON_DAEMONS: [&str; 4] = ["cron", "crond", "fcron", "systemd-cron"];

const INSTALL: &str = "logferry install makes it";

pub(super) fn look(_: &Subject) -> Vec<Finding> {
    let timer = timer();
    let mut findings = match Host::running().read(CRON_ENTRY) {
        Ok(Some(file)) => by_cron(&file),
        Ok(None) => Vec::new(),
        Err(problem) => vec![Finding::fail(Bars::Logs, CRON_ENTRY, &problem.what).hint(INSTALL)],
    };
    if findings.is_empty() && timer.is_none() {
        let why = format!("nothing starts runs: there is neither {CRON_ENTRY} nor an enabled logferry.timer");
        findings.push(
            Finding::warn("schedule", why).hint(format!("{INSTALL}; nothing to do if another scheduler is used")),
        );
    }
    findings.extend(timer);
    findings
}

fn by_cron(file: &HostFile) -> Vec<Finding> {
    let mut findings = vec![entry(file)];
    findings.push(daemon());
    let entries = crontab::entries(&String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
    findings.extend(entries.iter().find_map(|entry| program(entry, entry.program(NAME)?)));
    findings
}

/// The entry, as cron sees it. `cron(8)` on Debian: such files must belong to root, and nobody else may write to them.
fn entry(file: &HostFile) -> Finding {
    let fail = |why: String| Finding::fail(Bars::Logs, CRON_ENTRY, why);
    let Attributes { mode, owner, links, .. } = file.attributes;
    if mode & 0o022 != 0 || owner.0 != 0 || links != 1 {
        let is = format!("it has mode {mode:03o}, {links} names, and belongs to user {}", owner.0);
        return fail(format!("cron passes it over: {is}; it must be root's, with mode 644 and one name"))
            .hint(format!("chown root:root {CRON_ENTRY}; chmod 644 {CRON_ENTRY}; ls -l shows a link count of 1"));
    }
    let entries = match crontab::entries(&String::from_utf8_lossy(&file.bytes)) {
        Ok(entries) => entries,
        Err(why) => {
            return fail(format!("cron does not take it: {why}")).hint(format!("correct it, or remove it: {INSTALL}"));
        }
    };
    let Some(entry) = entries.iter().find(|entry| entry.program(NAME).is_some()) else {
        return fail("no entry in it starts logferry".to_owned()).hint(format!("remove it: {INSTALL} anew"));
    };
    if !host::has_user(&entry.user) {
        let why = format!("it is to run as {}, whom nobody knows here; the user stands before the command", entry.user);
        return fail(why).hint(format!("correct it, or remove it: {INSTALL}"));
    }
    let changed = match Signed::read(&file.bytes) {
        Signed::Edited => "; it was changed by hand since it was installed",
        Signed::Ours | Signed::Foreign => "",
    };
    Finding::ok(CRON_ENTRY, format!("starts {NAME} as {}{changed}", entry.user))
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

/// The program that an entry starts.
fn program(entry: &Entry, word: &str) -> Option<Finding> {
    let fail = |why: String| Some(Finding::fail(Bars::Logs, word, why).hint(format!("{INSTALL} with the right path")));
    let found = match word.starts_with('/') {
        true => Some(PathBuf::from(word)),
        false => entry.path.split(':').map(|directory| Path::new(directory).join(word)).find(|path| path.is_file()),
    };
    let Some(path) = found else {
        return fail(format!("cron does not find it: it looks in {} only", entry.path));
    };
    match trusted(&path) {
        Err(error) => fail(format!("cron can't start it: {error}")),
        Ok(Some(why)) => Some(
            Finding::fail(Bars::Logs, word, why)
                .hint("who can change what root starts is root: chown root, chmod go-w"),
        ),
        Ok(None) => Some(other_program(word, &path)),
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

/// What is wrong with a program that root is to start; nothing where only root can change it.
fn trusted(path: &Path) -> io::Result<Option<String>> {
    let path = path.canonicalize()?;
    let metadata = path.metadata()?;
    if !metadata.is_file() || metadata.mode() & 0o111 == 0 {
        return Ok(Some("it can't be executed".to_owned()));
    }
    for part in path.ancestors() {
        let metadata = part.metadata()?;
        let theirs = metadata.uid() != 0 && metadata.uid() != host::user();
        let writable = metadata.mode() & 0o002 != 0 || metadata.mode() & 0o020 != 0 && metadata.gid() != 0;
        // In a sticky directory what is root's stays.
        let kept = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
        if theirs || writable && !kept {
            return Ok(Some(format!("others than root can change {}, and so what is started", to_text(part))));
        }
    }
    Ok(None)
}

/// The timer, where it is enabled.
fn timer() -> Option<Finding> {
    if !Host::running().has(TIMER).unwrap_or(false) {
        return None;
    }
    let running = Path::new("/run/systemd/system").is_dir();
    Some(match Host::running().read_through(TIMER) {
        Ok(Some(_)) if running => Finding::ok("logferry.timer", "enabled, and systemd is at work"),
        Ok(Some(_)) => Finding::fail(Bars::Logs, "logferry.timer", "enabled, but systemd is not at work here")
            .hint("logferry install --scheduler cron"),
        Ok(None) => Finding::fail(Bars::Logs, TIMER, "enabled, but there is no such unit")
            .hint("logferry install --scheduler systemd makes it; else systemctl disable logferry.timer"),
        Err(problem) => Finding::fail(Bars::Logs, TIMER, &problem.what).hint("systemctl status logferry.timer"),
    })
}
