//! logrotate: whether it is kept off our logs, by what it says itself.

use super::{Subject, at_most};
use crate::install::Logs;
use crate::install::host::Host;
use crate::install::logrotate::{InForce, in_force};
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::to_text;
use crate::model::problem::{Effect, Problem};

const WHAT: &str = "logrotate";

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let settings = match subject.settings() {
        Ok(settings) => settings,
        Err(unknown) => return unknown,
    };
    let host = Host::running();
    let asked = Logs::find(&host, settings.sets.clone()).and_then(|logs| in_force(&host, &logs));
    match asked {
        Ok(InForce::NoLogrotate) => vec![Finding::ok(WHAT, "is not installed")],
        Ok(InForce::Yes) => vec![Finding::ok(WHAT, "leaves these logs alone: it says so itself")],
        Ok(InForce::No(problems)) => at_most(problems.iter().map(in_the_way).collect(), WHAT),
        Err(problem) => vec![unknown(&problem)],
    }
}

/// Two programs that rotate a log take it from each other, and lose of it.
fn in_the_way(problem: &Problem) -> Finding {
    let hint = problem.hint.clone().unwrap_or_else(|| "logferry install keeps logrotate off these logs".to_owned());
    let path = to_text(&problem.path);
    match problem.effect {
        Effect::Noted => Finding::warn(path, &problem.what).hint(hint),
        Effect::Failed | Effect::Waits => Finding::fail(Bars::Logs, path, &problem.what).hint(hint),
    }
}

/// It could not be asked: an ordinary user may not read all of its configuration.
fn unknown(problem: &Problem) -> Finding {
    let hint = problem.hint.clone().unwrap_or_else(|| "run it as root: sudo logferry check".to_owned());
    Finding::warn(to_text(&problem.path), format!("whether it leaves these logs alone can't be seen: {}", problem.what))
        .hint(hint)
}
