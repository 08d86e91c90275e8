//! `logferry status`: what the last run came to, what waits, and what is not known to be complete; also for a monitor.

use std::process::ExitCode;

use crate::cli;
use crate::exit::Exit;
use crate::model::printable::printable;
use crate::model::probe::{self, Facts, Limits, State, Verdict};
use crate::model::problem;
use crate::model::time::Moment;
use crate::report::status::Status;
use crate::report::{self, steps};
use crate::spool::{self, Overview};
use crate::sys::clock;

/// Tells how a state directory stands; changes nothing in it, and doesn't wait for a run.
pub fn status(args: &cli::Status) -> ExitCode {
    let limits = Limits { max_age: args.max_age, max_spool: args.max_spool };
    let (overview, now) = (spool::overview(&args.state_dir), clock::now());
    if limits.are_set() {
        let verdict = match &overview {
            Ok(overview) => judge(overview, now, &limits),
            Err(failure) => Verdict::unknown(problem::chain(failure)),
        };
        let told = steps::say(&verdict.to_string());
        return ExitCode::from(told.map_or(State::Unknown, |()| verdict.state) as u8);
    }
    let overview = match overview {
        Ok(overview) => overview,
        Err(failure) => {
            let _ = report::print_problems(&[report::fatal(&args.state_dir, &failure)]);
            return Exit::Failed.into();
        }
    };
    let used = match overview.is_used {
        true => Exit::Done,
        false => unused(args),
    };
    let status = Status::of(overview, now);
    let told = match args.json {
        true => report::print_json(&status),
        // That nothing waits in the wrong directory is no news.
        false if used != Exit::Done => Ok(()),
        false => status.lines().iter().try_for_each(|line| steps::say(&printable(line))),
    };
    told.map_or(Exit::Failed, |()| used).into()
}

/// Complains of a directory in which no run has worked: a slip in its name must not look healthy.
fn unused(args: &cli::Status) -> Exit {
    let dir = args.state_dir.display();
    let what = match args.state_dir.exists() {
        true => format!("{dir} holds nothing of logferry's: no run has worked with it"),
        false => format!("{dir} is not there: no run has worked with it"),
    };
    super::complain(&what, Some("before the first run that is in order; else see --state-dir"));
    Exit::Failed
}

fn judge(Overview { survey, runs, .. }: &Overview, now: Moment, limits: &Limits) -> Verdict {
    let facts = Facts {
        history: runs.history.as_ref(),
        unread: runs.unread.as_deref(),
        cut_short: runs.cut_short(),
        segments: survey.sealed.len(),
        spool: survey.used,
        damaged: survey.damaged.len(),
        now,
    };
    probe::judge(&facts, limits)
}
