//! What `install` and `uninstall` have in common: who may, and how it is told.

use serde::Serialize;

use crate::cli::HostArgs;
use crate::exit::Exit;
use crate::install::edit::{self, Edit};
use crate::install::host::Host;
use crate::install::plan::Trouble;
use crate::install::{Plan, Result};
use crate::model::problem::{Effect, Problem};
use crate::report::{self, steps};
use crate::sys;

/// The host that is to be changed.
pub(super) fn open(args: &HostArgs) -> Result<Host> {
    let host = Host::at(&args.root)?;
    if host.is_live() && !args.dry_run && sys::host::user() != 0 {
        let refused = Problem::new(Effect::Failed, "/etc", "only root may change it");
        return Err(Box::new(
            refused.hint("do it as root; for an image: --root DIR; to see what would be done: --dry-run"),
        ));
    }
    Ok(host)
}

/// What was done, or would be.
#[derive(Serialize)]
pub(super) struct Report {
    version: &'static str,
    dry_run: bool,
    changes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    notes: Vec<String>,
    problems: Vec<Problem>,
    exit_code: u8,
    #[serde(skip)]
    json: bool,
}

impl Report {
    /// What a plan came to.
    pub(super) fn of(args: &HostArgs, plan: &Plan, problems: Vec<Problem>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            dry_run: args.dry_run,
            changes: plan.edits.iter().map(Edit::describe).collect(),
            diff: args.dry_run.then(|| edit::diff(&plan.edits)),
            notes: plan.notes.clone(),
            exit_code: report::exit(&problems) as u8,
            problems,
            json: args.json,
        }
    }

    /// Nothing was done, for this reason.
    pub(super) fn failed(args: &HostArgs, problem: Problem) -> Self {
        Self::of(args, &Plan::default(), vec![problem])
    }

    /// Adds a change that is no edit.
    pub(super) fn also(&mut self, change: String) {
        if let Some(diff) = &mut self.diff {
            diff.push_str(&format!("# {change}\n"));
        }
        self.changes.push(change);
    }

    /// Adds what a person should know.
    pub(super) fn notes(&mut self, notes: Vec<String>) {
        self.notes.extend(notes);
    }

    /// Prints it; `nothing` is said where there was nothing to do.
    pub(super) fn print(&self, nothing: &str) -> Exit {
        let _ = report::print_problems(&self.problems);
        let told = if self.json { report::print_json(self) } else { self.lines(nothing) };
        let exit = report::exit(&self.problems);
        told.map_or(exit.max(Exit::Failed), |()| exit)
    }

    fn lines(&self, nothing: &str) -> std::io::Result<()> {
        match &self.diff {
            _ if self.changes.is_empty() && self.problems.is_empty() => steps::say(nothing)?,
            Some(diff) if !diff.is_empty() => steps::say(diff.trim_end())?,
            _ => self.changes.iter().try_for_each(|change| steps::say(change))?,
        }
        // Beside a difference, which may be kept as a patch, they would be in the way.
        self.notes.iter().try_for_each(|note| match self.dry_run {
            true => steps::say(&format!("# note: {note}")),
            false => steps::say(&format!("note: {note}")),
        })
    }
}

/// Complains of what could not be planned.
pub(super) fn troubled(args: &HostArgs, trouble: Trouble) -> Exit {
    match trouble {
        Trouble::Config(error) => super::misconfigured(&error),
        Trouble::Problem(problem) => Report::failed(args, *problem).print(""),
    }
}
