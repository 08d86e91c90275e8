//! What is remembered of a command that ships, and told to Prometheus. To be called by who holds the state directory's lock.

use crate::config::Settings;
use crate::model::history::Command;
use crate::model::problem::{Cause, Effect, Problem};
use crate::report::{self, Report, metrics, textfile};
use crate::spool::{self, Spool};
use crate::sys::failure::Result;

/// What to do where the metrics can't be written.
const HINT: &str = "all else was done; see that the directory of `metrics` (--metrics) is there and can be written to";

/// Remembers how a command ended, and writes its metrics. That these can't be written is told, and no failure.
pub(super) fn ended(spool: &mut Spool, settings: &Settings, command: Command, report: &mut Report) {
    spool.keep_looks();
    let history = spool.command_ended(report.as_run(command), &report.shipped_by_service(), report.lagging.clone());
    // Without what was before, what grows would begin at 0: the file stays as it is, and becomes old.
    let (Some(history), Some(path)) = (history, &settings.metrics) else { return };
    let written = || -> Result<()> {
        let survey = spool::survey(&settings.state_dir)?;
        textfile::write(path, &metrics::text(&metrics::Facts { history: &history, survey: &survey }))
    };
    if let Err(failure) = written() {
        let problem = Problem::from_error(Effect::Noted, path, &failure).because(Cause::Other).hint(HINT);
        let _ = report::print_problems(std::slice::from_ref(&problem));
        report.problems.push(problem);
    }
}
