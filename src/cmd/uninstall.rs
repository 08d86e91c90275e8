//! `logferry uninstall`: the host is as it was before `install`.

use std::path::Path;

use super::host::{self, Report};
use crate::cli::Uninstall;
use crate::exit::Exit;
use crate::install::host::Host;
use crate::install::plan::{self, Purge, Uninstallation};
use crate::install::purge::{self, StateDir};
use crate::install::{Plan, Result};
use crate::model::path_text::{to_shell, to_text};

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
    let state = state(host, &state_dir, args)?;
    may_be_removed(host, &state_dir, args, state.as_ref())?;
    Ok(report(args, &plan, state.as_ref()))
}

fn carry_out(host: &Host, args: &Uninstall) -> Result<Report> {
    let _held = host.lock()?;
    plan::sweep(host)?;
    let Uninstallation { plan, state_dir } = plan(host, args)?;
    let state = state(host, &state_dir, args)?;
    let _no_run = state.as_ref().map(StateDir::lock).transpose()?;
    may_be_removed(host, &state_dir, args, state.as_ref())?;
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

/// The state directory, if there is one.
fn state(host: &Host, within: &Path, args: &Uninstall) -> Result<Option<StateDir>> {
    match StateDir::open(host, within) {
        // It stays; and one that isn't ours is of no use to any run.
        Err(_) if args.purge == 0 => Ok(None),
        opened => opened,
    }
}

/// Fails where the state directory is to be removed, and isn't ours or holds what would be lost.
fn may_be_removed(host: &Host, within: &Path, args: &Uninstall, state: Option<&StateDir>) -> Result<()> {
    let Some(state) = state.filter(|_| args.purge > 0) else { return Ok(()) };
    state.require_ours(host, within)?;
    let lost = state.unshipped()?;
    match lost.is_empty() || args.purge > 1 {
        true => Ok(()),
        false => Err(Box::new(purge::refuse_to_lose(state.path(), &lost))),
    }
}

fn report(args: &Uninstall, plan: &Plan, state: Option<&StateDir>) -> Report {
    let mut report = Report::of(&args.host, plan, Vec::new());
    let Some(state) = state else { return report };
    let path = to_text(state.path());
    if args.purge > 0 {
        report.also(format!("remove {path} and all in it"));
        return report;
    }
    let waits = match state.unshipped().unwrap_or_default().len() {
        0 => "nothing waits in it".to_owned(),
        1 => "1 segment in it is not in the store yet; the first run after another install ships it".to_owned(),
        more => {
            format!("{more} segments in it are not in the store yet; the first run after another install ships them")
        }
    };
    report.notes(vec![format!(
        "kept {path}: {waits}; logferry uninstall --purge --state-dir {} removes it",
        to_shell(state.path())
    )]);
    report
}
