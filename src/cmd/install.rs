//! `logferry install`: a host goes from nothing to hourly shipping.

use super::host::{self, Report};
use crate::cli::{self, Install};
use crate::config::Backlog;
use crate::exit::Exit;
use crate::install::configuration::Said;
use crate::install::host::{Host, HostLock};
use crate::install::plan::{self, Asked, Installation, Scheduler, Trouble, Wanted};
use crate::install::schedule::Lifecycle;
use crate::install::{Result, logrotate};

/// What is said where nothing is to be changed.
const fn nothing(asked: Asked) -> &'static str {
    match asked {
        Asked::Met => "nothing to change: all is installed as asked for",
        Asked::NotMet => "nothing was changed, but not all is as asked for: what was there is kept",
    }
}

const CHECK: &str = "to see whether the first run will do what it should: logferry check";

/// Installs, or says what would be changed.
pub fn install(args: Install) -> Exit {
    match carry_out(&args) {
        Ok((report, asked)) => report.print(nothing(asked)),
        Err(trouble) => host::troubled(&args.host, trouble),
    }
}

fn carry_out(args: &Install) -> std::result::Result<(Report, Asked), Trouble> {
    let host = host::open(&args.host)?;
    let wanted = wanted(&host, args)?;
    // Nothing to change is fine on a host that can't be changed: that there is no lock counts only later.
    let lock = (!args.host.dry_run).then(|| lock(&host)).transpose();
    let installation = plan::install(&host, &wanted, |name| std::env::var(name).ok())?;
    let mut report = Report::of(&args.host, &installation.plan, Vec::new());
    if !args.host.dry_run && !installation.plan.edits.is_empty() {
        let _held = lock?;
        report.notes(change(&host, &installation)?);
        report.notes(host.is_live().then(|| CHECK.to_owned()).into_iter().collect());
    }
    Ok((report, installation.asked))
}

/// The right to change the host, and what others have left half done taken away.
fn lock(host: &Host) -> Result<HostLock> {
    let held = host.lock()?;
    plan::sweep(host)?;
    Ok(held)
}

/// Makes all changes, or none where logrotate does not say that they do what they are for. Gives back what it complains of
/// in any case.
fn change(host: &Host, Installation { plan, logs, .. }: &Installation) -> Result<Vec<String>> {
    let before = logrotate::proved(host, logs, |proof| plan::carry_out(host, plan, proof))?;
    Ok(logrotate::complaints(&before))
}

fn wanted(host: &Host, args: &Install) -> std::result::Result<Wanted, Trouble> {
    let backlog = Backlog::of_flag(args.backlog);
    let said = Wanted::said(host, args.to.clone(), &args.logs, args.instance.clone())?;
    let said = Said { keep: args.keep.clone(), backlog, ..said };
    let scheduler = args.scheduler.map(|scheduler| match scheduler {
        cli::Scheduler::Cron => Scheduler::Cron,
        cli::Scheduler::Systemd => Scheduler::Systemd,
    });
    let lifecycle = args.lifecycle.map(|choice| match choice {
        cli::Choice::Yes => Lifecycle::Watched,
        cli::Choice::No => Lifecycle::Unwatched,
    });
    Ok(Wanted { said, minute: args.at, splay: args.splay, lifecycle, scheduler, state_dir: args.state_dir.clone() })
}
