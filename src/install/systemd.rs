//! systemd's timers, for hosts without cron: one for the runs, and where that is wanted one that looks whether the instance
//! is about to end.

use std::path::Path;

use super::edit::Edit;
use super::environment::Environment;
use super::files::{self, Found};
use super::host::Host;
use super::schedule::{CommandPath, Lifecycle, Schedule};
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

/// The unit that is one look whether the instance is about to end.
pub const WATCH_SERVICE: &str = "/etc/systemd/system/logferry-lifecycle.service";

/// The unit that starts it.
pub const WATCH_TIMER: &str = "/etc/systemd/system/logferry-lifecycle.timer";

/// The link that has it started at boot.
pub const WATCH_ENABLED: &str = "/etc/systemd/system/timers.target.wants/logferry-lifecycle.timer";

/// The links that have timers started, and the timers.
const ENABLED_TIMERS: [(&str, &str); 2] = [(ENABLED, TIMER), (WATCH_ENABLED, WATCH_TIMER)];

/// All units of ours.
pub(super) fn units() -> impl Iterator<Item = &'static str> {
    [TIMER, SERVICE, WATCH_TIMER, WATCH_SERVICE].into_iter()
}

const WATCH_SERVICE_TEMPLATE: &str = include_str!("../../cron/logferry-lifecycle.service");
const WATCH_TIMER_TEMPLATE: &str = include_str!("../../cron/logferry-lifecycle.timer");
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
    let service = render_service(SERVICE_TEMPLATE, &format!("{} run --splay 0s", program.for_systemd()), schedule);
    let mut texts = vec![(SERVICE, service), (TIMER, render_timer(schedule, if made { MADE } else { "" }))];
    let mut plan = Plan::default();
    let mut enabled = vec![(ENABLED, TIMER)];
    // Where a person has changed a unit, what was asked for earlier can't be read of them any more.
    match schedule.lifecycle {
        _ if is_by_hand(host)? => {}
        Lifecycle::Watched => {
            let command = format!("{} lifecycle", program.for_systemd());
            texts.push((WATCH_SERVICE, render_service(WATCH_SERVICE_TEMPLATE, &command, schedule)));
            texts.push((WATCH_TIMER, WATCH_TIMER_TEMPLATE.to_owned()));
            enabled.push((WATCH_ENABLED, WATCH_TIMER));
        }
        Lifecycle::Unwatched => plan.add(plan_watch_removal(host)?),
    }
    plan.add(put_all(host, texts)?);
    if !has_wants {
        plan.edits.push(Edit::MakeDir { path: WANTS.into() });
    }
    for (link, timer) in enabled {
        if !is_enabled(host, link, timer)? {
            plan.edits.push(Edit::Link { path: link.into(), target: timer.into() });
        }
    }
    Ok(plan)
}

/// Whether a person has changed one of our units.
fn is_by_hand(host: &Host) -> Result<bool> {
    for path in units() {
        if let Found::Edited(_) = files::look(host, Path::new(path))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Plans the units. Where a person has changed one of them, none is brought up to date: the others would lose what they say
/// of the state directory and the environment.
fn put_all(host: &Host, texts: Vec<(&str, String)>) -> Result<Plan> {
    let by_hand = is_by_hand(host)?;
    let mut plan = Plan::default();
    for (path, text) in texts {
        let found = files::look(host, Path::new(path))?;
        if !(by_hand && matches!(found, Found::Ours(_))) {
            plan.add(files::put(host, Path::new(path), &text)?);
        }
    }
    Ok(plan)
}

/// Plans that nothing looks any more whether the instance is about to end.
fn plan_watch_removal(host: &Host) -> Result<Plan> {
    let mut plan = plan_disabled(host, WATCH_ENABLED, WATCH_TIMER)?;
    for unit in [WATCH_TIMER, WATCH_SERVICE] {
        if !matches!(files::look(host, Path::new(unit))?, Found::Foreign(_)) {
            plan.add(files::take_away(host, Path::new(unit))?);
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
    plan.add(plan_disabled(host, ENABLED, TIMER)?);
    plan.add(plan_watch_removal(host)?);
    if wants_are_ours(host)? {
        plan.edits.push(Edit::RemoveDir { path: WANTS.into() });
    }
    for path in [TIMER, SERVICE] {
        plan.add(files::take_away(host, Path::new(path))?);
    }
    if let (Found::Ours(_), Some(stamp)) = (timer, host.read(STAMP)?) {
        plan.edits.push(Edit::Remove { path: STAMP.into(), before: stamp.bytes });
    }
    Ok(plan)
}

/// Plans that a timer is not started any more.
fn plan_disabled(host: &Host, link: &str, timer: &str) -> Result<Plan> {
    let is_ours = matches!(files::look(host, Path::new(timer))?, Found::Ours(_) | Found::Nothing);
    Ok(match is_ours && links_to(host, link, timer)? {
        true => Plan::of(Edit::Unlink { path: link.into(), target: timer.into() }),
        false => Plan::default(),
    })
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
fn is_enabled(host: &Host, link: &str, timer: &str) -> Result<bool> {
    match links_to(host, link, timer)? {
        true => Ok(true),
        false if !host.has(link)? => Ok(false),
        false => Err(problem(host.shown(link), format!("it is not a link to {timer}, and is left alone"))),
    }
}

fn links_to(host: &Host, link: &str, timer: &str) -> Result<bool> {
    if !host.is_link(link)? {
        return Ok(false);
    }
    let (dir, name) = host.parent(Path::new(link))?;
    Ok(dir.read_symlink(name)? == Path::new(timer))
}

/// Has the running systemd read its units again, and start the timers that there are. Nothing is done for an image, or
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
    for (_, timer) in ENABLED_TIMERS {
        if host.has(timer)? {
            // Restarted: a timer that runs goes by its old times else.
            systemctl(&["restart", name_of(timer)])?;
        }
    }
    Ok(())
}

/// Has the running systemd let go of a unit of ours that is about to be removed, if it is a timer.
///
/// # Errors
/// Where systemctl fails.
pub(super) fn stop(host: &Host, unit: &Path) -> Result<()> {
    let timer = ENABLED_TIMERS.into_iter().find(|(_, timer)| Path::new(timer) == unit);
    match timer {
        Some((_, timer)) if host.is_live() && host.has_dir("/run/systemd/system")? && host.has(timer)? => {
            systemctl(&["stop", name_of(timer)])
        }
        _ => Ok(()),
    }
}

fn name_of(unit: &str) -> &str {
    unit.rsplit('/').next().unwrap_or(unit)
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

/// `command` is that of a run without a splay of its own, since the timer has spread the runs already, or another one.
fn render_service(template: &str, command: &str, schedule: &Schedule) -> String {
    let mut command = command.to_owned();
    if let Some(state_dir) = &schedule.state_dir {
        command.push_str(&format!(" --state-dir {}", state_dir.for_systemd()));
    }
    let environment: String = schedule.environment.lines().map(|line| format!("Environment={line}\n")).collect();
    template.replace("@COMMAND@", &command).replace("@ENVIRONMENT@", &environment)
}

fn render_timer(schedule: &Schedule, made: &str) -> String {
    TIMER_TEMPLATE
        .replace("@OPTIONS@", &format!("--scheduler systemd {}", schedule.options()))
        .replace("@MADE@", made)
        .replace("@MINUTE@", &format!("{:0>2}", schedule.minute.to_string()))
        .replace("@SPLAY@", &format!("{}s", schedule.splay.as_secs()))
}
