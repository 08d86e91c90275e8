//! systemd's timer, for hosts without cron.

use std::path::Path;

use super::edit::Edit;
use super::environment::Environment;
use super::files::{self, Found};
use super::host::Host;
use super::schedule::{CommandPath, Schedule};
use super::{Plan, Result, problem};
use crate::sys::command::Program;

/// Where units of the host's own are.
pub(super) const UNITS: &str = "/etc/systemd/system";

/// The unit that is one run.
pub const SERVICE: &str = "/etc/systemd/system/logferry.service";

/// The unit that starts it.
pub const TIMER: &str = "/etc/systemd/system/logferry.timer";

/// The link that has the timer started at boot, as `systemctl enable` makes it.
pub const ENABLED: &str = "/etc/systemd/system/timers.target.wants/logferry.timer";

/// When the timer was due last, which systemd notes for a timer with `Persistent=` (`systemd.timer(5)`).
const STAMP: &str = "/var/lib/systemd/timers/stamp-logferry.timer";

const WANTS: &str = "/etc/systemd/system/timers.target.wants";
const SERVICE_TEMPLATE: &str = include_str!("../../cron/logferry.service");
const TIMER_TEMPLATE: &str = include_str!("../../cron/logferry.timer");

/// The line of a timer that says that we made the directory of its link.
const MADE: &str = "# Made with it: /etc/systemd/system/timers.target.wants\n";

/// Whether the host has systemd.
///
/// # Errors
/// Where it can't be looked at.
pub fn is_there(host: &Host) -> Result<bool> {
    Ok(host.has_dir(UNITS)? && (host.has("/usr/lib/systemd/systemd")? || host.has("/lib/systemd/systemd")?))
}

/// Plans the units and the link that enables them.
///
/// # Errors
/// Where systemd's directory is missing, or someone else has written one of the files.
pub(super) fn plan(host: &Host, program: &CommandPath, schedule: &Schedule) -> Result<Plan> {
    if !host.has_dir(UNITS)? {
        let missing = problem(host.shown(UNITS), "it is missing: this host has no systemd");
        return Err(Box::new(missing.hint("install cron, and have it start the runs: --scheduler cron")));
    }
    let has_wants = host.has_dir(WANTS)?;
    let made = !has_wants || wants_are_ours(host)?;
    let texts =
        [(SERVICE, render_service(program, schedule)), (TIMER, render_timer(schedule, if made { MADE } else { "" }))];
    let mut plan = put_both(host, texts)?;
    if !has_wants {
        plan.edits.push(Edit::MakeDir { path: WANTS.into() });
    }
    if !is_enabled(host)? {
        plan.edits.push(Edit::Link { path: ENABLED.into(), target: TIMER.into() });
    }
    Ok(plan)
}

/// Plans both units. Where a person has changed one of them, neither is brought up to date: what was installed can't be read
/// of the two any more, and the other would lose what it says of the state directory and the environment.
fn put_both(host: &Host, texts: [(&str, String); 2]) -> Result<Plan> {
    let found = [files::look(host, Path::new(SERVICE))?, files::look(host, Path::new(TIMER))?];
    let by_hand = found.iter().any(|found| matches!(found, Found::Edited(_)));
    let mut plan = Plan::default();
    for ((path, text), found) in texts.iter().zip(found) {
        if !(by_hand && matches!(found, Found::Ours(_))) {
            plan.add(files::put(host, Path::new(path), text)?);
        }
    }
    Ok(plan)
}

/// Plans that all of it is gone, so that nothing is started any more.
///
/// # Errors
/// Where something can't be looked at.
pub(super) fn plan_removal(host: &Host) -> Result<Plan> {
    let mut plan = Plan::default();
    let timer = files::look(host, Path::new(TIMER))?;
    if matches!(timer, Found::Ours(_) | Found::Nothing) && links_to_our_timer(host)? {
        plan.edits.push(Edit::Unlink { path: ENABLED.into(), target: TIMER.into() });
    }
    if wants_are_ours(host)? {
        plan.edits.push(Edit::RemoveDir { path: WANTS.into() });
    }
    plan.add(files::take_away(host, Path::new(TIMER))?);
    plan.add(files::take_away(host, Path::new(SERVICE))?);
    if let (Found::Ours(_), Some(stamp)) = (timer, host.read(STAMP)?) {
        plan.edits.push(Edit::Remove { path: STAMP.into(), before: stamp.bytes });
    }
    Ok(plan)
}

/// What the units say, if they are ours and untouched.
///
/// # Errors
/// Where they can't be read.
pub fn installed(host: &Host) -> Result<Option<Schedule>> {
    let (Found::Ours(timer), Found::Ours(service)) =
        (files::look(host, Path::new(TIMER))?, files::look(host, Path::new(SERVICE))?)
    else {
        return Ok(None);
    };
    let variables = service.lines().filter_map(|line| line.strip_prefix("Environment="));
    Ok(Schedule::parse(&timer, Environment::parse(variables)))
}

/// Whether a timer of ours says that we made the directory of its link.
fn wants_are_ours(host: &Host) -> Result<bool> {
    Ok(matches!(files::look(host, Path::new(TIMER))?, Found::Ours(text) if text.contains(MADE))
        && host.has_dir(WANTS)?)
}

/// Whether the link is there.
///
/// # Errors
/// Where something else has its name.
fn is_enabled(host: &Host) -> Result<bool> {
    match links_to_our_timer(host)? {
        true => Ok(true),
        false if !host.has(ENABLED)? => Ok(false),
        false => Err(problem(host.shown(ENABLED), format!("it is not a link to {TIMER}, and is left alone"))),
    }
}

fn links_to_our_timer(host: &Host) -> Result<bool> {
    if !host.is_link(ENABLED)? {
        return Ok(false);
    }
    let (dir, name) = host.parent(Path::new(ENABLED))?;
    Ok(dir.read_symlink(name)? == Path::new(TIMER))
}

/// Has the running systemd read its units again, and start the timer if there is one. Nothing is done for an image, or
/// where systemd is not what runs the system.
///
/// # Errors
/// Where systemctl fails.
pub(super) fn tell(host: &Host) -> Result<()> {
    // `sd_booted(3)`
    if !host.is_live() || !host.has_dir("/run/systemd/system")? {
        return Ok(());
    }
    systemctl(&["daemon-reload"])?;
    match host.has(TIMER)? {
        // Restarted: a timer that runs goes by its old times else.
        true => systemctl(&["restart", "logferry.timer"]),
        false => Ok(()),
    }
}

/// Has the running systemd let go of the timer, which is about to be removed.
///
/// # Errors
/// Where systemctl fails.
pub(super) fn stop(host: &Host) -> Result<()> {
    match host.is_live() && host.has_dir("/run/systemd/system")? && host.has(TIMER)? {
        true => systemctl(&["stop", "logferry.timer"]),
        false => Ok(()),
    }
}

fn systemctl(args: &[&str]) -> Result<()> {
    let Some(program) = Program::find("systemctl")? else {
        return Err(problem("systemctl", "it is missing, but systemd runs this system"));
    };
    let output = program.run(args)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(problem(program.path(), format!("{} failed: {}", args.join(" "), output.said()))),
    }
}

fn render_service(program: &CommandPath, schedule: &Schedule) -> String {
    // The timer has spread the runs already.
    let mut command = format!("{} run --splay 0s", program.for_systemd());
    if let Some(state_dir) = &schedule.state_dir {
        command.push_str(&format!(" --state-dir {}", state_dir.for_systemd()));
    }
    let environment: String = schedule.environment.lines().map(|line| format!("Environment={line}\n")).collect();
    SERVICE_TEMPLATE.replace("@COMMAND@", &command).replace("@ENVIRONMENT@", &environment)
}

fn render_timer(schedule: &Schedule, made: &str) -> String {
    TIMER_TEMPLATE
        .replace("@OPTIONS@", &format!("--scheduler systemd {}", schedule.options()))
        .replace("@MADE@", made)
        .replace("@MINUTE@", &format!("{:0>2}", schedule.minute.to_string()))
        .replace("@SPLAY@", &format!("{}s", schedule.splay.as_secs()))
}
