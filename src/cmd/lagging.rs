//! Which logs lag behind their limits after a command, by what was so before it and what it has left.

use crate::config::Settings;
use crate::model::lag::Lag;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::size;
use crate::report::{Item, Report};
use crate::spool::Spool;

/// The report with the logs that lag now, and with a word on each that is found to be given more than its limits let be taken:
/// once, as an hourly mail would only be a nuisance. To be called by who holds the state directory's lock.
pub(super) fn settled(mut report: Report, spool: &Spool, settings: &Settings) -> Report {
    let before = spool.lagged();
    let mut lagging: Vec<Lag> = before.iter().filter(|lag| is_as_before(lag, &report, settings)).cloned().collect();
    for (path, left) in report.limited.iter().filter(|(_, left)| **left > 0) {
        let taken = report.sealed.iter().map(|item: &Item| item.raw_bytes_of(path)).sum();
        let known = before.iter().find(|lag| lag.path == *path);
        lagging.push(match known {
            Some(lag) => lag.clone().after(*left, taken, report.started),
            None => Lag::new(path.clone(), *left, report.started),
        });
    }
    report.problems.extend(lagging.iter_mut().filter_map(fallen_behind));
    Report { lagging, ..report }
}

/// Whether nothing new is known of a log: it was not among those that the command was for, or was not come to.
fn is_as_before(lag: &Lag, report: &Report, settings: &Settings) -> bool {
    let in_the_way = |problem: &Problem| {
        problem.effect != Effect::Noted && (problem.path == lag.path || problem.path == settings.state_dir)
    };
    let covered = settings.sets.iter().any(|set| set.covers(&lag.path));
    !report.limited.contains_key(&lag.path) && (!covered || report.problems.iter().any(in_the_way))
}

fn fallen_behind(lag: &mut Lag) -> Option<Problem> {
    if !lag.to_be_told() {
        return None;
    }
    let (bytes, outlook) = (size::show(lag.bytes), lag.outlook()?);
    let what = format!(
        "its limits (max_rate, max_bytes_per_run) are below what is written to it: {outlook}; {bytes} are left in its \
         file, which grows"
    );
    let problem = Problem::new(Effect::Noted, &lag.path, what).because(Cause::Limited);
    Some(problem.hint("raise its limits, or have its writer say less; `logferry status` tells how it goes on"))
}
