//! `logferry run --dry-run`: what a run would do, without touching anything.

use std::path::PathBuf;

use serde::Serialize;

use crate::config::Settings;
use crate::exit::Exit;
use crate::model::plan::Step;
use crate::model::problem::Problem;
use crate::model::segment::{SealedSegment, Segment};
use crate::report::{self, steps};
use crate::rotate::choose::{self, Chosen};
use crate::rotate::discover::{self, Discovery};
use crate::spool::{Survey, survey};

/// How the plan is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For a person.
    Lines,
    /// For a program.
    Json,
}

#[derive(Serialize)]
struct Plan {
    steps: Vec<Step>,
    problems: Vec<Problem>,
}

/// Prints what a run with these settings would do now.
pub fn print(settings: &Settings, avoid: &[PathBuf], form: Form) -> Exit {
    let plan = plan(settings, avoid);
    let _ = report::print_problems(&plan.problems);
    let told = match form {
        Form::Json => report::print_json(&plan),
        Form::Lines if plan.steps.is_empty() => steps::say("nothing to do"),
        Form::Lines => plan.steps.iter().try_for_each(|step| steps::say(&format!("would {step}"))),
    };
    let exit = report::exit(&plan.problems);
    told.map_or(exit.max(Exit::Failed), |()| exit)
}

fn plan(settings: &Settings, avoid: &[PathBuf]) -> Plan {
    let Discovery { found, claimed, mut problems, .. } = discover::discover(settings, avoid);
    let Survey { unfinished, sealed, .. } = survey(&settings.state_dir).unwrap_or_else(|failure| {
        problems.push(report::fatal(&settings.state_dir, &failure));
        Survey::default()
    });
    let begun: Vec<PathBuf> = unfinished.into_iter().map(|Segment { path, .. }| path).collect();
    let adopted = claimed.into_iter().map(|claimed| claimed.dir.join(claimed.log)).filter(|path| !begun.contains(path));
    let adopted: Vec<PathBuf> = adopted.collect();
    let finish = begun.into_iter().chain(adopted).map(|path| Step::Finish { path });
    let ship = sealed.into_iter().map(|SealedSegment { segment, seal }| Step::Ship {
        segment: segment.name,
        bytes: seal.packed,
        to: segment.to,
    });
    let mut steps: Vec<Step> = finish.chain(ship).collect();
    let holders = choose::look(found.iter(), &[]);
    for found in found {
        match choose::choose(&found, &holders) {
            Ok(Chosen { way, why }) => {
                let (to, bytes) = (settings.to.clone(), found.size);
                steps.push(Step::Take { path: found.path, bytes, service: found.service, to, way, since: why });
            }
            Err(undecided) => problems.push(undecided.problem(&found.path)),
        }
    }
    Plan { steps, problems }
}
