//! cron's entry.
//!
//! It relies on nothing of cron's: the program's path is absolute, the variables that it needs are in the entry, and it
//! lowers its own priority, so that neither `nice` nor `ionice` has to be there. There is no test whether the program is:
//! with logrotate kept off the logs, an hour without a run must not pass in silence.

use std::path::Path;

use super::environment::Environment;
use super::files::{self, Found};
use super::host::Host;
use super::schedule::{CommandPath, Lifecycle, Schedule};
use super::{Plan, Result};
use crate::sys::walk;

/// The entry. Debian's cron takes no name with a dot in it.
pub const ENTRY: &str = "/etc/cron.d/logferry";

const TEMPLATE: &str = include_str!("../../cron/logferry");

/// What stands before the line that looks whether the instance is about to end.
const WATCH: &str = "# Each minute: whether this EC2 instance is about to end; if so, the last flush.\n";

/// Whether the host has a cron that reads `/etc/cron.d`: Debian's, cronie, or systemd's generator of timers from
/// crontabs. Busybox's reads no such directory.
pub fn is_there(host: &Host) -> Result<bool> {
    const DAEMONS: [&str; 5] = [
        "/usr/sbin/cron",
        "/usr/sbin/crond",
        "/usr/bin/crond",
        "/usr/lib/systemd/system-generators/systemd-crontab-generator",
        "/lib/systemd/system-generators/systemd-crontab-generator",
    ];
    let is_cron = |path: &&str| {
        walk::real_path_in(host.root(), Path::new(path)).is_ok_and(|real| !real.ends_with("busybox") && real.is_file())
    };
    Ok(host.has_dir("/etc/cron.d")? && DAEMONS.iter().any(is_cron))
}

/// Plans the entry.
///
/// # Errors
/// Where `/etc/cron.d` is missing, or someone else has written the entry.
pub(super) fn plan(host: &Host, program: &CommandPath, schedule: &Schedule) -> Result<Plan> {
    if !host.has_dir("/etc/cron.d")? {
        let missing = super::problem(
            host.shown("/etc/cron.d"),
            "it is missing: this host has no cron that would read an entry there",
        );
        return Err(Box::new(missing.hint("install cron, or have systemd start the runs: --scheduler systemd")));
    }
    let mut plan = files::put(host, Path::new(ENTRY), &render(program, schedule))?;
    if !is_there(host)? {
        plan.notes.push("no cron daemon was found: until one is installed, nothing starts a run".to_owned());
    }
    Ok(plan)
}

/// What the entry says, if it is ours and untouched.
///
/// # Errors
/// Where it can't be read.
pub fn installed(host: &Host) -> Result<Option<Schedule>> {
    let Found::Ours(text) = files::look(host, Path::new(ENTRY))? else { return Ok(None) };
    Ok(Schedule::parse(&text, Environment::parse(text.lines())))
}

fn render(program: &CommandPath, schedule: &Schedule) -> String {
    let state_dir =
        schedule.state_dir.as_ref().map_or_else(String::new, |dir| format!(" --state-dir {}", dir.for_cron()));
    let program = program.for_cron();
    let command = format!("{program} run --low-priority --splay {}{state_dir}", schedule.splay_text());
    let lifecycle = match schedule.lifecycle {
        Lifecycle::Unwatched => String::new(),
        Lifecycle::Watched => format!("{WATCH}* * * * *  root  {program} lifecycle{state_dir}\n"),
    };
    let environment: String = schedule.environment.lines().map(|line| line + "\n").collect();
    TEMPLATE
        .replace("@OPTIONS@", &schedule.options())
        .replace("@MINUTE@", &schedule.minute.to_string())
        .replace("@COMMAND@", &command)
        .replace("@LIFECYCLE@", &lifecycle)
        .replace("@ENVIRONMENT@", &environment)
}
