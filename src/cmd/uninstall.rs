//! `logferry uninstall`: the host is as it was before `install`.

use std::path::Path;

use super::host::{self, Report};
use crate::cli::Uninstall;
use crate::config::DEFAULT_FILE;
use crate::exit::Exit;
use crate::install::host::Host;
use crate::install::plan::{self, Purge, Uninstallation};
use crate::install::purge::{self, StateDir};
use crate::install::{Plan, Result, local_copy, waiting};
use crate::model::path_text::{to_shell, to_text};

/// What becomes of the program itself.
enum Program {
    /// It stays, and what is said may name it.
    Stays,
    /// It goes right after this: dpkg removes its package, and has that ask for this first.
    GoesWithPackage,
}

impl Program {
    /// dpkg tells the scripts of a package whose they are: `DPKG_MAINTSCRIPT_PACKAGE`, dpkg(1).
    fn here() -> Self {
        match std::env::var("DPKG_MAINTSCRIPT_PACKAGE") {
            Ok(package) if package == env!("CARGO_PKG_NAME") => Self::GoesWithPackage,
            _ => Self::Stays,
        }
    }
}

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
    Ok(report(host, args, &plan, state.as_ref()))
}

fn carry_out(host: &Host, args: &Uninstall) -> Result<Report> {
    let _held = host.lock()?;
    plan::sweep(host)?;
    let Uninstallation { plan, state_dir } = plan(host, args)?;
    let state = state(host, &state_dir, args)?;
    let _no_run = state.as_ref().map(StateDir::lock).transpose()?;
    may_be_removed(host, &state_dir, args, state.as_ref())?;
    plan::carry_out(host, &plan, || Ok(()))?;
    let report = report(host, args, &plan, state.as_ref());
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

fn report(host: &Host, args: &Uninstall, plan: &Plan, state: Option<&StateDir>) -> Report {
    let mut report = Report::of(&args.host, plan, Vec::new());
    let program = Program::here();
    if let Some(state) = state {
        match args.purge {
            0 => report.notes(vec![kept(state, &program)]),
            _ => report.also(removed(state)),
        }
    }
    // Where that can't be seen, what was done is done all the same.
    if matches!(program, Program::Stays) && waiting::would_start_runs(host).unwrap_or(false) {
        report.notes(vec![format!(
            "{}, which came with the package, goes on starting runs, as {} says, which install did not write",
            to_text(&host.shown(waiting::ENTRY)),
            to_text(&host.shown(DEFAULT_FILE))
        )]);
    }
    report
}

/// What goes with the state directory.
fn removed(state: &StateDir) -> String {
    let lost = match state.unshipped().unwrap_or_default().len() {
        0 => None,
        1 => Some("1 segment that is not in the store, and is lost".to_owned()),
        more => Some(format!("{more} segments that are not in the store, and are lost")),
    };
    let copies = local_copy::named(state.copies().unwrap_or_default());
    let with: Vec<String> = lost.into_iter().chain(copies).collect();
    let with = if with.is_empty() { String::new() } else { format!(": {}", with.join("; ")) };
    format!("remove {} and all in it{with}", to_text(state.path()))
}

/// A word on the state directory that stays.
fn kept(state: &StateDir, program: &Program) -> String {
    let path = to_text(state.path());
    let waits = match state.unshipped().unwrap_or_default().len() {
        0 => "nothing waits in it".to_owned(),
        1 => "1 segment in it is not in the store yet; the first run after another install ships it".to_owned(),
        more => {
            format!("{more} segments in it are not in the store yet; the first run after another install ships them")
        }
    };
    let goes = match program {
        Program::Stays => {
            format!("logferry uninstall --purge --state-dir {} removes it", to_shell(state.path()))
        }
        Program::GoesWithPackage => "a purge of the package removes it once all of it is in the store".to_owned(),
    };
    let copies = local_copy::named(state.copies().unwrap_or_default());
    let copies = copies.map_or(String::new(), |copies| match program {
        // Without runs, none grows too old any more.
        Program::Stays => format!("; {copies} (logferry cat --local), which no run removes any more"),
        Program::GoesWithPackage => format!("; {copies}"),
    });
    format!("kept {path}: {waits}{copies}; {goes}")
}
