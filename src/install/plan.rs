//! What installing and uninstalling come to on a host, as data.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use super::configuration::Purge;
use super::configuration::{self, Configured, Said};
use super::edit::{self, Edit};
use super::environment::Environment;
use super::files::{self, Found};
use super::host::Host;
use super::schedule::{self, CommandPath, Lifecycle, Minute, Schedule};
use super::{Logs, Plan, Result, cron, history, local_copy, logrotate, problem, program, systemd};
use crate::config::{self, ConfigError};
use crate::model::problem::Problem;

/// What starts the runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheduler {
    /// An entry for cron.
    Cron,
    /// A timer of systemd.
    Systemd,
}

/// What is asked for; what is not said stays as it is installed, or is as usual.
#[derive(Debug)]
pub struct Wanted {
    /// What the configuration is to say.
    pub said: Said,
    /// The minute of the hour.
    pub minute: Option<Minute>,
    /// Over how long a fleet's runs are spread.
    pub splay: Option<Duration>,
    /// Whether the end of the instance is to be looked out for.
    pub lifecycle: Option<Lifecycle>,
    /// What starts the runs.
    pub scheduler: Option<Scheduler>,
    /// Where the spool is to be.
    pub state_dir: Option<PathBuf>,
}

impl Wanted {
    /// What is asked for, with the logs as the arguments name them: relative to the working directory, where the host is
    /// the running system.
    ///
    /// # Errors
    /// Where an argument is no path or pattern that a configuration could hold.
    pub fn said(
        host: &Host,
        to: Option<crate::model::destination::Destination>,
        logs: &[PathBuf],
        instance: Option<crate::model::names::Instance>,
    ) -> std::result::Result<Said, ConfigError> {
        let logs = logs.iter().map(|log| log_text(host, log).map_err(|why| ConfigError::new("LOG", why)));
        let logs = logs.collect::<std::result::Result<_, _>>()?;
        Ok(Said { to, logs, instance, keep: None, backlog: config::Backlog::Left })
    }
}

fn log_text(host: &Host, log: &Path) -> std::result::Result<String, String> {
    let not_text = || format!("{} is not UTF-8, as the configuration must be; name it by a pattern", log.display());
    if host.is_live() {
        return config::Pattern::of_argument(log)?.text().ok_or_else(not_text);
    }
    let text = log.to_str().ok_or_else(not_text)?;
    config::Pattern::absolute(text).map(|_| text.to_owned())
}

/// Why nothing could be planned.
#[derive(Debug)]
pub enum Trouble {
    /// The configuration, or what was asked for.
    Config(ConfigError),
    /// Something on the host.
    Problem(Box<Problem>),
}

impl From<ConfigError> for Trouble {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<Box<Problem>> for Trouble {
    fn from(problem: Box<Problem>) -> Self {
        Self::Problem(problem)
    }
}

/// An installation that was planned.
pub struct Installation {
    /// The changes.
    pub plan: Plan,
    /// The logs that are taken from then on.
    pub logs: Logs,
    /// Whether all is as asked for then.
    pub asked: Asked,
}

/// Whether what was asked for is so once a plan is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// It is.
    Met,
    /// Something that was there is kept, and may say otherwise; notes tell what.
    NotMet,
}

/// Plans an installation.
///
/// # Errors
/// What keeps it from being installed; nothing was touched.
pub fn install(
    host: &Host,
    wanted: &Wanted,
    get: impl Fn(&str) -> Option<String>,
) -> std::result::Result<Installation, Trouble> {
    let Configured { mut plan, sets, splay, keep, asked } = configuration::plan(host, &wanted.said)?;
    let program = program::find(host)?;
    let by_hand = entries_by_hand(host)?;
    let (schedule, notes) = schedule(host, wanted, splay, &by_hand, &get)?;
    let logs = Logs::find(host, sets)?;
    // What starts runs comes last: whoever kills us before that leaves no run that logrotate gets in the way of.
    plan.add(logrotate::plan_install(host, &logs)?);
    plan.add(plan_schedule(host, scheduler(host, wanted)?, &program, &schedule)?);
    plan.notes.extend(notes);
    if get("LOGFERRY_CONFIG").is_some_and(|path| Path::new(&path) != Path::new(config::DEFAULT_FILE)) {
        plan.notes.push(format!("LOGFERRY_CONFIG is set here; the hourly run reads {}", config::DEFAULT_FILE));
    }
    // Who installs once more, and changes nothing, was told.
    if !plan.edits.is_empty() {
        plan.notes.extend(history::note(host, &logs));
        plan.notes.extend(local_copy::offer(host, keep));
    }
    plan.notes.extend(single_logs(&wanted.said.logs));
    let asked = if by_hand.is_empty() { asked } else { Asked::NotMet };
    Ok(Installation { plan, logs, asked })
}

/// The files that start runs and were changed by hand since they were installed: they are kept.
fn entries_by_hand(host: &Host) -> Result<Vec<&'static str>> {
    let mut by_hand = Vec::new();
    for path in std::iter::once(cron::ENTRY).chain(systemd::units()) {
        if let Found::Edited(_) = files::look(host, Path::new(path))? {
            by_hand.push(path);
        }
    }
    Ok(by_hand)
}

/// A word on what was asked for and goes into an entry, where that is kept as a person has written it.
fn not_said_in(by_hand: &[&str], wanted: &Wanted, environment: &Environment) -> Option<String> {
    let options = [
        wanted.minute.map(|_| "--at"),
        wanted.splay.map(|_| "--splay"),
        wanted.lifecycle.map(|_| "--lifecycle"),
        wanted.state_dir.as_ref().map(|_| "--state-dir"),
    ];
    let asked: Vec<_> = options.into_iter().flatten().chain(environment.names()).collect();
    (!asked.is_empty()).then(|| {
        format!(
            "not written for the hourly run, since {} is kept as it is: {}",
            by_hand.join(" and "),
            asked.join(", ")
        )
    })
}

/// The schedule that is asked for, on top of what is installed. A splay of the configuration counts where there is no other.
fn schedule(
    host: &Host,
    wanted: &Wanted,
    configured: Option<Duration>,
    by_hand: &[&str],
    get: &impl Fn(&str) -> Option<String>,
) -> Result<(Schedule, Vec<String>)> {
    let installed = installed_schedule(host)?;
    let earlier = installed.as_ref().map(|schedule| schedule.environment.clone()).unwrap_or_default();
    let (environment, mut notes) = Environment::carried(&earlier, get);
    if !by_hand.is_empty() {
        notes.extend(not_said_in(by_hand, wanted, &environment));
    } else if environment != earlier {
        notes.push(format!("set for the hourly run, as it is here: {}", environment.names().join(", ")));
    }
    let state_dir = match &wanted.state_dir {
        Some(path) if path == Path::new(config::DEFAULT_STATE_DIR) => None,
        Some(path) => Some(CommandPath::new(path)?),
        None => installed.as_ref().and_then(|schedule| schedule.state_dir.clone()),
    };
    let minute = wanted.minute.or(installed.as_ref().map(|schedule| schedule.minute));
    let splay = wanted.splay.or(installed.as_ref().map(|schedule| schedule.splay)).or(configured);
    let (minute, splay) = (minute.unwrap_or(schedule::DEFAULT_MINUTE), splay.unwrap_or(schedule::DEFAULT_SPLAY));
    let lifecycle = wanted.lifecycle.or(installed.as_ref().map(|schedule| schedule.lifecycle)).unwrap_or_default();
    Ok((Schedule { minute, splay, lifecycle, state_dir, environment }, notes))
}

fn installed_schedule(host: &Host) -> Result<Option<Schedule>> {
    Ok(cron::installed(host)?.or(systemd::installed(host)?))
}

/// What is to start the runs: as asked for, else as installed, else what there is.
fn scheduler(host: &Host, wanted: &Wanted) -> Result<Scheduler> {
    let is_ours = |path: &str| Ok::<_, Box<Problem>>(!matches!(files::look(host, Path::new(path))?, Found::Nothing));
    if let Some(scheduler) = wanted.scheduler {
        return Ok(scheduler);
    }
    if is_ours(cron::ENTRY)? {
        return Ok(Scheduler::Cron);
    }
    if is_ours(systemd::TIMER)? {
        return Ok(Scheduler::Systemd);
    }
    match (cron::is_there(host)?, systemd::is_there(host)?) {
        (true, _) => Ok(Scheduler::Cron),
        (false, true) => Ok(Scheduler::Systemd),
        (false, false) => {
            let none =
                problem(host.root(), "there is neither a cron that reads /etc/cron.d nor a systemd to start the runs");
            Err(Box::new(none.hint("install cron, or say which will be there: --scheduler cron, --scheduler systemd")))
        }
    }
}

/// The entry of one scheduler; that of the other goes.
fn plan_schedule(host: &Host, scheduler: Scheduler, program: &CommandPath, schedule: &Schedule) -> Result<Plan> {
    let mut plan;
    match scheduler {
        Scheduler::Cron => {
            plan = cron::plan(host, program, schedule)?;
            plan.add(systemd::plan_removal(host)?);
        }
        Scheduler::Systemd => {
            plan = systemd::plan(host, program, schedule)?;
            plan.add(files::take_away(host, Path::new(cron::ENTRY))?);
        }
    }
    Ok(plan)
}

/// A word on arguments that look as if a shell had made them of a pattern.
fn single_logs(logs: &[String]) -> Option<String> {
    let directory = |log: &String| Path::new(log).parent().map(Path::to_owned);
    let same = logs.len() > 2 && logs.iter().all(|log| directory(log) == directory(&logs[0]));
    let plain = logs.iter().all(|log| !log.contains(['*', '?', '[', '{']));
    (same && plain).then(|| {
        format!(
            "these are {} single logs, and one that appears later is not taken; if a pattern was meant, put it in quotes",
            logs.len()
        )
    })
}

/// An uninstallation that was planned.
pub struct Uninstallation {
    /// The changes.
    pub plan: Plan,
    /// Where the runs keep their spool.
    pub state_dir: PathBuf,
}

/// Plans that the host is as it was before the installation.
///
/// # Errors
/// Where something can't be looked at, or an entry that was changed by hand would go on starting runs.
pub fn uninstall(host: &Host, state_dir: Option<PathBuf>, purge: Purge) -> Result<Uninstallation> {
    let state_dir = match (state_dir, installed_schedule(host)?) {
        (Some(said), _) => said,
        (None, Some(schedule)) => schedule.state_dir(),
        (None, None) => config::DEFAULT_STATE_DIR.into(),
    };
    // What still starts runs must not be left behind without what keeps logrotate off the logs.
    if let Some(path) = entries_by_hand(host)?.first() {
        let edited = problem(
            host.shown(path),
            "it was changed by hand since it was installed, and is kept; nothing was uninstalled",
        );
        return Err(Box::new(edited.hint("it may still start runs: remove it yourself, then uninstall again")));
    }
    let mut plan = files::take_away(host, Path::new(cron::ENTRY))?;
    plan.add(systemd::plan_removal(host)?);
    plan.add(logrotate::plan_uninstall(host)?);
    plan.add(configuration::plan_removal(host, purge)?);
    Ok(Uninstallation { plan, state_dir })
}

/// Carries out a plan, and then a proof that it does what it is for: all of it or nothing. To be called with the host's
/// lock held.
///
/// # Errors
/// What could not be done, or was not proved; all is undone, or it is said what is not.
pub fn carry_out(host: &Host, plan: &Plan, proof: impl FnOnce() -> Result<()>) -> Result<()> {
    let units = plan.edits.iter().any(|edit| edit.paths().iter().any(|path| path.starts_with(systemd::UNITS)));
    let tell = || if units { systemd::tell(host) } else { Ok(()) };
    let removed = plan.edits.iter().filter_map(|edit| match edit {
        Edit::Remove { path, .. } => Some(path.as_path()),
        _ => None,
    });
    for path in removed {
        systemd::stop(host, path)?;
    }
    let done = edit::apply(host, &plan.edits).and_then(|applied| {
        proof().and_then(|()| tell()).map_err(|mut problem| {
            if let Err(left) = applied.undo() {
                problem.what = format!("{}; and what was done could not be undone: {left}", problem.what);
            }
            problem
        })
    });
    if done.is_err() {
        // The units are as they were, as far as systemd can be told of it now.
        let _ = tell();
    }
    done
}

/// Takes away what processes that were killed have left half written.
///
/// # Errors
/// Where it can't be removed.
pub fn sweep(host: &Host) -> Result<()> {
    let places =
        ["/etc", "/etc/cron.d", "/etc/systemd/system", "/etc/systemd/system/timers.target.wants", "/etc/logrotate.d"];
    edit::sweep(host, &places.map(Path::new))
}
