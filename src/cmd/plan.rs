//! `logferry run --dry-run`: what a run would do, without touching anything.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::config::Settings;
use crate::exit::Exit;
use crate::model::path_text::to_text;
use crate::model::plan::Step;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Identity, SealedSegment, Segment};
use crate::model::way::Way;
use crate::report::{self, steps};
use crate::rotate::choose::{self, Chosen};
use crate::rotate::discover::{self, ClaimedFile, Discovery, Found};
use crate::rotate::families::{Family, RotatedFile};
use crate::rotate::moved::{self, Left};
use crate::rotate::outlook::{self, Against};
use crate::spool::{self, Survey, survey};
use crate::sys::procfs;

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

/// What would be taken of the rotated files of a log.
fn rotated(Family { service, left_by, files, .. }: Family, settings: &Settings) -> impl Iterator<Item = Step> {
    let (to, since) = (settings.to.clone(), format!("{left_by} has rotated it"));
    files.into_iter().map(move |RotatedFile { path, status, .. }| {
        let (to, service, since) = (to.clone(), service.clone(), since.clone());
        Step::Take { path, bytes: status.size, service, to, way: Way::Closed, since }
    })
}

/// What would be taken of files that are beside their logs since a run has taken a part of them, and what not; of those
/// that are not `listed` anyway.
fn moved(settings: &Settings, listed: &HashSet<Identity>) -> (Vec<Step>, Vec<Problem>) {
    let (mut steps, mut problems) = (Vec::new(), Vec::new());
    // What can't be read of the state directory was told.
    let standings = spool::standings(&settings.state_dir).unwrap_or_default();
    let continued = spool::continued(&settings.state_dir).unwrap_or_default();
    for left in moved::left(settings, &standings, &continued) {
        let Left { path, file, bytes, log, service, refused } = left;
        match refused {
            _ if listed.contains(&file) => {}
            Some((why, hint)) => problems.push(Problem::new(Effect::Failed, path, why).hint(hint)),
            None => {
                let since =
                    format!("it was {} until it was renamed, and so much of it is in no segment", to_text(&log));
                steps.push(Step::Take { path, bytes, service, to: settings.to.clone(), way: Way::Closed, since });
            }
        }
    }
    (steps, problems)
}

fn plan(settings: &Settings, avoid: &[PathBuf]) -> Plan {
    let Discovery { found, families, claimed, current, mut problems, .. } = discover::discover(settings, avoid);
    let Survey { unfinished, sealed, .. } = survey(&settings.state_dir).unwrap_or_else(|failure| {
        problems.push(report::fatal(&settings.state_dir, &failure));
        Survey::default()
    });
    let begun: Vec<PathBuf> = unfinished.into_iter().map(|Segment { path, .. }| path).collect();
    let adopted = claimed.iter().map(ClaimedFile::of_log).filter(|path| !begun.contains(path));
    let adopted: Vec<PathBuf> = adopted.collect();
    let finish = begun.into_iter().chain(adopted).map(|path| Step::Finish { path });
    let ship = sealed.into_iter().map(|SealedSegment { segment, seal }| Step::Ship {
        segment: segment.name,
        bytes: seal.packed,
        to: segment.to,
    });
    let mut steps: Vec<Step> = finish.chain(ship).collect();
    let listed = families.iter().flat_map(|family| &family.files).map(|file| file.status.identity).collect();
    let (taken, refused) = moved(settings, &listed);
    steps.extend(taken);
    problems.extend(refused);
    steps.extend(families.into_iter().flat_map(|family| rotated(family, settings)));
    let rotated_away = current
        .into_iter()
        .map(|found| Step::Leave { path: found.path, why: "its writer rotates it and goes on with it".to_owned() });
    steps.extend(rotated_away);
    for step in in_use(settings, found) {
        match step {
            Ok(step) => steps.push(step),
            Err(problem) => problems.push(problem),
        }
    }
    Plan { steps, problems }
}

/// What would become of the logs themselves.
fn in_use(settings: &Settings, found: Vec<Found>) -> Vec<Result<Step, Problem>> {
    // Also who writes logs of which a run knows the way, and finds it out when it takes them.
    let logs: Vec<_> = found.iter().map(|found| (found.path.as_path(), found.identity)).collect();
    let holders = procfs::holders_in_use(&logs);
    let step = |found: Found| {
        let Chosen { way, why } =
            choose::choose(&found, &holders).map_err(|undecided| undecided.problem(&found.path))?;
        let writers = holders.by_file.get(&found.identity).map_or(&[][..], Vec::as_slice);
        match outlook::against(&way, &found, writers) {
            None => {
                let (Found { path, size: bytes, service, .. }, to) = (found, settings.to.clone());
                Ok(Step::Take { path, bytes, service, to, way, since: why })
            }
            Some(Against::Left { why, .. }) => Ok(Step::Leave { path: found.path, why }),
            Some(Against::Refused { why, hint }) => {
                Err(Problem::new(Effect::Failed, &found.path, format!("refused: {why}")).hint(hint))
            }
        }
    };
    found.into_iter().map(step).collect()
}
