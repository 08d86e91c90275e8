//! `logferry uninstall`: the host is as it was before `install`.

use std::path::Path;

use super::host::{self, Report};
use crate::cli::Uninstall;
use crate::exit::Exit;
use crate::install::host::Host;
use crate::install::plan::{self, Purge, Uninstallation};
use crate::install::purge::{self, AtWork, StateDir};
use crate::install::{Plan, Result};
use crate::model::path_text::to_text;

/// Uninstalls, or says what would be changed.
pub fn uninstall(args: Uninstall) -> Exit {
    let done = host::open(&args.host).and_then(|host| match args.host.dry_run {
        true => look(&host, &args),
        false => carry_out(&host, &args),
    });
    let report = done.unwrap_or_else(|problem| Report::failed(&args.host, *problem));
    report.print("nothing is installed")
}

fn look(host: &Host, args: &Uninstall) -> Result<Report> {
    let Uninstallation { plan, state_dir } = plan(host, args)?;
    let state = removable(host, &state_dir, args, AtWork::Ignored)?;
    Ok(report(args, &plan, state.as_ref()))
}

fn carry_out(host: &Host, args: &Uninstall) -> Result<Report> {
    let _held = host.lock()?;
    plan::sweep(host)?;
    let Uninstallation { plan, state_dir } = plan(host, args)?;
    let state = removable(host, &state_dir, args, AtWork::Refused)?;
    plan::carry_out(host, &plan, || Ok(()))?;
    let report = report(args, &plan, state.as_ref());
    if let Some(state) = state.filter(|_| args.purge > 0) {
        state.remove(host, &state_dir)?;
    }
    Ok(report)
}

fn plan(host: &Host, args: &Uninstall) -> Result<Uninstallation> {
    let purge = if args.purge > 0 { Purge::Edited } else { Purge::Nothing };
    plan::uninstall(host, args.state_dir.clone(), purge)
}

/// The state directory, if there is one, with no run at work in it. Where it is to be removed, it may be.
fn removable(host: &Host, within: &Path, args: &Uninstall, at_work: AtWork) -> Result<Option<StateDir>> {
    let Some(state) = StateDir::open(host, within, at_work)? else { return Ok(None) };
    if args.purge > 0 {
        state.require_ours(host, within)?;
        let lost = state.unshipped()?;
        if !lost.is_empty() && args.purge < 2 {
            return Err(Box::new(purge::refuse_to_lose(state.path(), &lost)));
        }
    }
    Ok(Some(state))
}

fn report(args: &Uninstall, plan: &Plan, state: Option<&StateDir>) -> Report {
    let mut report = Report::of(&args.host, plan, Vec::new());
    let Some(state) = state else { return report };
    match (args.purge, state.unshipped().unwrap_or_default().len()) {
        (0, 0) => {}
        (0, waiting) => report.notes(vec![format!(
            "{} still holds {waiting} segments that are not in the store yet: the first run after another install ships them",
            to_text(state.path())
        )]),
        _ => report.also(format!("remove {} and all in it", to_text(state.path()))),
    }
    report
}
