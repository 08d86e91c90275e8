//! `logferry run`: the hourly job. Recover, claim, seal, ship; what is common with other commands is in `work`.

use super::plan::Form;
use super::work::{self, Doubts, Work};
use super::{lagging, record};
use crate::cli;
use crate::config::{Backlog, Settings};
use crate::ec2;
use crate::exit::Exit;
use crate::model::history::Command;
use crate::model::names::Instance;
use crate::model::splay;
use crate::report::told::Told;
use crate::report::{self, Report, steps};
use crate::sys::clock;
use crate::sys::priority;
use crate::sys::signals::{self, Stop};

/// Carries out a run.
pub fn run(args: cli::Run) -> Exit {
    super::tell_as(args.logs.log.log_format);
    steps::tell(super::verbosity(args.logs.store.verbose));
    if args.low_priority {
        priority::lower();
    }
    let (dry_run, json) = (args.dry_run, args.logs.json);
    let started = clock::now();
    let backlog = Backlog::of_flag(args.backlog);
    let settings = match work::settings(args.logs, args.splay, backlog) {
        Ok(settings) => settings.with_metrics(args.metrics.metrics),
        Err(problem) => return work::not_begun(json && !dry_run, started, problem),
    };
    if dry_run {
        let form = if json { Form::Json } else { Form::Lines };
        return super::plan::print(&settings, &settings.own_directories(), form);
    }
    let ready = signals::prepare().and_then(|stop| Ok((stop, work::open_spool(&settings)?)));
    let (stop, mut spool) = match ready {
        Ok(ready) => ready,
        Err(failure) => {
            let problem = work::no_state(&settings, &failure);
            let _ = report::print_problems(std::slice::from_ref(&problem));
            return work::not_begun(json, started, problem);
        }
    };
    if !settings.splay.is_zero() {
        wait(&ec2::instance(&settings, spool.root()), &settings, &stop);
    }
    let work = Work { settings: &settings, stop: &stop, started };
    // Held to the end: what was told is told by one run only.
    let (report, _lock) = match spool.try_lock() {
        Ok(Some(lock)) => {
            spool.command_begins(Command::Run);
            let report = work.in_passes(&mut spool).unwrap_or_else(|failure| work.failed(&failure));
            let report = lagging::settled(report, &spool, &settings);
            let mut report = work::tell(report, &spool, Doubts::Noted, &Told::default());
            record::ended(&mut spool, &settings, Command::Run, &mut report);
            (report, Some(lock))
        }
        Ok(None) => {
            log::info!("another run is at work on {}; nothing to do", settings.state_dir.display());
            spool.command_skipped(Command::Run);
            (Report { other_run: true, ..Report::of_problems(started, Vec::new()) }, None)
        }
        Err(failure) => (work::tell(work.failed(&failure), &spool, Doubts::Noted, &Told::default()), None),
    };
    work::ended(&report, json)
}

fn wait(instance: &Instance, settings: &Settings, stop: &Stop) {
    let wait = splay::wait(instance, settings.splay);
    log::info!("waiting {} s, as {instance} always does", wait.as_secs());
    stop.sleep(wait);
}
