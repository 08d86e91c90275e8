//! Keeping logrotate off our logs, in every release, without a change for any other log.
//!
//! Promise: after an installation logrotate does not touch our logs, not even when it is forced to rotate, and treats every
//! other log exactly as before; this is proved by asking logrotate itself, before and after, or nothing is changed. The
//! host's own configuration is never edited: either a fragment of ours is enough, or a file is put aside, whole, under a
//! name that logrotate passes over, and a copy that names the other logs is in its place until `uninstall` puts it back.
//!
//! ```text
//!  effective   what logrotate reads, as it would be without us
//!  naming      which of it may name our logs
//!  spelling    which of it names them by other paths than we do
//!  recent      the logs that our fragment names and that are gone for a while
//!  plan        our fragment, the files to replace; the edits between what is there and what is wanted
//!  treatment   what logrotate says it does with each log
//!  lines       its answer, line by line, whatever logs are called
//!  proof       compares two treatments
//!  refresh     the same for a log that came later, by the hourly run
//! ```
//!
//! Why a fragment is not enough before 3.21: the first stanza that names a log wins, but a later pattern that names it
//! again stops there with an error, and all logs behind it are no longer rotated. `ignoreduplicates` came with 3.21.
//!
//! How it fails: what can't be dealt with (a stanza in the main file that is read before our fragment, a file with
//! mistakes) is refused with what to do, before anything is touched.

mod effective;
mod fragment;
mod glob;
mod lines;
mod naming;
mod packages;
mod parse;
mod plan;
mod program;
mod proof;
mod recent;
mod refresh;
mod replacement;
mod spelling;
mod treatment;
mod words;

pub use program::Release;
pub use refresh::{Refreshed, refresh};
pub use treatment::Treatment;

use std::cell::Cell;

use super::host::Host;
use super::{Logs, Plan, Result};
use crate::model::problem::{Effect, Problem};

/// Where fragments of the configuration are.
pub(super) const DIRECTORY: &str = "/etc/logrotate.d";

/// The name of our fragment: it sorts before what packages bring.
const NAME: &str = "00-logferry";

/// Our fragment.
pub const FRAGMENT: &str = "/etc/logrotate.d/00-logferry";

/// What is to be changed so that logrotate leaves these logs alone. A second plan after the first was carried out is empty.
///
/// # Errors
/// Where its configuration can't be read, names our logs in a way that can't be dealt with, or holds a file of ours that
/// was changed by hand.
pub fn plan_install(host: &Host, logs: &Logs) -> Result<Plan> {
    plan::install(host, logs)
}

/// What is to be changed so that logrotate treats all logs as it did before.
///
/// # Errors
/// Where its configuration can't be read, or a file of ours was changed by hand.
pub fn plan_uninstall(host: &Host) -> Result<Plan> {
    plan::uninstall(host)
}

/// What logrotate says it does with each log; nothing where it is not installed. It changes nothing, and the host's state
/// file is left alone.
///
/// # Errors
/// Where it can't be run: in an image for another machine, say.
pub fn treatment(host: &Host) -> Result<Treatment> {
    Treatment::ask(host)
}

/// Fails unless by `after` our logs are out of every rotation, every other log is treated as by `before`, and logrotate
/// complains of nothing new.
///
/// # Errors
/// What is not as it should be: about which log, and what logrotate would do.
pub fn prove(host: &Host, before: &Treatment, after: &Treatment, logs: &Logs) -> Result<()> {
    proof::prove(host, before, after, logs)
}

/// How often a change is made, proved and undone before it is given up: while logs come and go, two answers may differ for
/// no fault of ours.
const TRIES: usize = 3;

/// Makes a change and has it proved by logrotate itself; `make` is handed the proof, and undoes all where it fails. Gives
/// back how logs were treated before.
///
/// # Errors
/// Where logrotate can't be asked, and what `make` fails of: of a failed proof only when that was so several times.
pub fn proved(
    host: &Host,
    logs: &Logs,
    mut make: impl FnMut(&dyn Fn() -> Result<()>) -> Result<()>,
) -> Result<Treatment> {
    let mut tried = 0;
    loop {
        tried += 1;
        let before = treatment(host)?;
        let is_disproved = Cell::new(false);
        let proof = || {
            let after = treatment(host)?;
            prove(host, &before, &after, logs).inspect_err(|_| is_disproved.set(true))
        };
        match make(&proof) {
            Ok(()) => return Ok(before),
            Err(_) if tried < TRIES && is_disproved.get() => {}
            Err(problem) => return Err(problem),
        }
    }
}

/// What logrotate complains of whatever we do, one sentence each.
pub fn complaints(treatment: &Treatment) -> Vec<String> {
    proof::old_complaints(treatment)
}

/// Whether logrotate is kept off our logs.
#[derive(Debug)]
pub enum InForce {
    /// There is no logrotate.
    NoLogrotate,
    /// It is; logrotate itself says so.
    Yes,
    /// It is not, or ([`Effect::Noted`]) not for long: about which file, why, and what to do.
    No(Vec<Problem>),
}

/// Whether logrotate is kept off our logs now, and would be by an installation of today: someone may have upgraded
/// logrotate, a package may have brought another file, ours may be gone.
///
/// # Errors
/// Where its configuration can't be read, or it can't be asked.
pub fn in_force(host: &Host, logs: &Logs) -> Result<InForce> {
    if program::Logrotate::find(host)?.is_none() {
        return Ok(InForce::NoLogrotate);
    }
    let mut problems = Vec::new();
    problems.extend(proof::still_rotated(host, &treatment(host)?, logs)?.map(|problem| *problem));
    match plan_install(host, logs) {
        Ok(plan) => problems.extend(plan.edits.iter().map(|edit| {
            let what = format!("logrotate's exclusion is not as it should be today: {edit} is to be done");
            // As long as it is rotated by nothing, the log is safe.
            Problem::new(Effect::Noted, host.shown(FRAGMENT), what).hint("call `logferry install` again")
        })),
        // What a person has changed is his; as long as it does what it is for, it is no fault.
        Err(problem) if problems.is_empty() && plan::is_edited(host, &problem.path)? => {
            let what = format!("{}; it keeps logrotate off the logs all the same", problem.what);
            problems.push(Problem { effect: Effect::Noted, what, ..*problem });
        }
        Err(problem) => problems.push(*problem),
    }
    Ok(if problems.is_empty() { InForce::Yes } else { InForce::No(problems) })
}
