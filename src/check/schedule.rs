//! What starts the runs: cron with an entry of ours, or a timer of systemd's; and how often.

use std::path::Path;

use super::Subject;
use super::crontab::{self, Due, Entry};
use super::started::{self, Start, is_ours};
use crate::install::cron::ENTRY;
use crate::install::host::{Host, HostFile};
use crate::install::signed::Signed;
use crate::install::systemd::{ENABLED, SERVICE, WATCH_ENABLED, WATCH_TIMER};
use crate::install::waiting;
use crate::model::finding::{Bars, Finding};
use crate::model::problem::Problem;
use crate::sys::dir::Attributes;
use crate::sys::{host, procfs};

/// What the processes of cron daemons are called: Debian's, Red Hat's, fcron's.
const CRON_DAEMONS: [&str; 3] = ["cron", "crond", "fcron"];

/// The command that looks whether the instance is about to end.
const LIFECYCLE: &str = "lifecycle";

pub(super) const INSTALL: &str = "logferry install makes it";

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let mut findings = match Host::running().read(ENTRY) {
        Ok(Some(file)) => by_cron(subject, &file),
        Ok(None) => Vec::new(),
        Err(problem) => vec![unreadable(ENTRY, &problem)],
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

/// A file that starts runs and can't be read: cron and systemd may see something else in it than we do.
fn unreadable(what: &str, problem: &Problem) -> Finding {
    let hint = problem.hint.clone().unwrap_or_else(|| "see its mode, and the disk (`dmesg`)".to_owned());
    Finding::fail(Bars::Logs, what, &problem.what).hint(hint)
}

fn by_cron(subject: &Subject, file: &HostFile) -> Vec<Finding> {
    let (finding, of_ours) = entry(file);
    let mut findings = vec![finding, daemon()];
    if let Some(entry) = of_ours {
        findings.extend(not_each_hour(&entry.due));
        let start = Start { what: ENTRY, commands: crontab::commands(&entry.command), variables: entry.variables };
        findings.extend(started::look(subject, &start));
    }
    findings
}

/// The entry, as cron sees it, and what it starts. `cron(8)` on Debian: such files must belong to root, and nobody else may
/// write to them.
fn entry(file: &HostFile) -> (Finding, Option<Entry>) {
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
    let is_it = |entry: &Entry| {
        is_ours(&entry.user) || crontab::commands(&entry.command).iter().flatten().any(|word| is_ours(word))
    };
    let mut of_ours: Vec<Entry> = entries.into_iter().filter(is_it).collect();
    // Beside the run there may be an entry that looks whether the instance is about to end.
    let run = of_ours.iter().position(|entry| !starts(entry, LIFECYCLE)).unwrap_or(0);
    let of_ours = (run < of_ours.len()).then(|| of_ours.swap_remove(run));
    let Some(entry) = of_ours else {
        return fail("no entry in it starts logferry".to_owned(), correct);
    };
    if !host::has_user(&entry.user) {
        let why = format!("it is to run as {}, whom nobody knows here; the user stands before the command", entry.user);
        return fail(why, correct);
    }
    (Finding::ok(ENTRY, format!("starts logferry as {}{}", entry.user, changed(file))), Some(entry))
}

/// Whether an entry starts that command of logferry's.
fn starts(entry: &Entry, name: &str) -> bool {
    crontab::commands(&entry.command).iter().any(|words| {
        let at = words.iter().position(|word| is_ours(word));
        at.is_some_and(|at| words[at + 1..].iter().any(|word| word == name))
    })
}

/// What looks at the end of an instance, as a file that starts it; `None` where nothing does.
pub(super) fn starts_lifecycle() -> Option<&'static str> {
    let host = Host::running();
    let entry = host.read(ENTRY).ok().flatten().map(|file| String::from_utf8_lossy(&file.bytes).into_owned());
    let entries = entry.and_then(|text| crontab::entries(&text).ok()).unwrap_or_default();
    if entries.iter().any(|entry| starts(entry, LIFECYCLE)) {
        return Some(ENTRY);
    }
    host.has(WATCH_ENABLED).unwrap_or(false).then_some(WATCH_TIMER)
}

fn changed(file: &HostFile) -> &'static str {
    match Signed::read(&file.bytes) {
        Signed::Edited => "; it was changed by hand since it was installed",
        Signed::Ours | Signed::Foreign => "",
    }
}

/// An entry that lets hours pass: what the logs hold until then is lost with the machine, and fills its disk.
fn not_each_hour(due: &Due) -> Option<Finding> {
    let Due::NotEachHour(time) = due else { return None };
    let why = format!("it does not start a run every hour, but at {time:?}: the logs wait on this machine until then");
    Some(Finding::warn(ENTRY, why).hint("give it one minute of every hour: 7 * * * *; nothing to do if this is meant"))
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
        let (what, variables) = (waiting::ENTRY, entry.variables.clone());
        started::look(subject, &Start { what, commands: crontab::commands(command), variables })
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
    let timer = match host.read_through(ENABLED) {
        Ok(Some(timer)) => timer,
        Ok(None) => return fail("enabled, but there is no such unit", AGAIN),
        Err(problem) => return vec![unreadable(WHAT, &problem)],
    };
    let service = match host.read(SERVICE) {
        Ok(Some(service)) => service,
        Ok(None) => return fail("enabled, but the service that it starts is missing", AGAIN),
        Err(problem) => return vec![unreadable(SERVICE, &problem)],
    };
    // `sd_booted(3)`
    if !Path::new("/run/systemd/system").is_dir() {
        return fail("enabled, but systemd is not at work here", "logferry install --scheduler cron");
    }
    let mut findings = vec![Finding::ok(WHAT, format!("enabled, and systemd is at work{}", changed(&timer)))];
    findings.extend(seldom(&String::from_utf8_lossy(&timer.bytes)));
    findings.extend(started::look(subject, &start_of(&String::from_utf8_lossy(&service.bytes))));
    findings
}

/// A timer of which it can't be seen that it starts a run every hour. `systemd.time(7)`: any day and hour, or `hourly`; there
/// are more ways to say so than are known here.
fn seldom(timer: &str) -> Option<Finding> {
    let times: Vec<&str> = timer.lines().filter_map(|line| line.strip_prefix("OnCalendar=")).map(str::trim).collect();
    let each_hour = |time: &&str| *time == "hourly" || time.starts_with("*-*-* *:") || time.starts_with("*:");
    if times.is_empty() || times.iter().any(each_hour) {
        return None;
    }
    let why = format!("whether it starts a run every hour can't be seen of {:?}", times.join(", "));
    Some(
        Finding::warn("logferry.timer", why)
            .hint("systemd-analyze calendar says when it is due; nothing to do if it is meant"),
    )
}

/// What a unit starts. `%` and `$` are doubled in it (`systemd.service(5)`).
fn start_of(service: &str) -> Start {
    let plain = |text: &str| text.replace("%%", "%").replace("$$", "$");
    let command = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap_or_default();
    let variables = service.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    Start {
        what: SERVICE,
        commands: crontab::commands(&plain(command)),
        variables: variables.map(|(name, value)| (name.to_owned(), plain(value))).collect(),
    }
}
