//! `logferry run`: recover, claim, seal, ship.

use std::collections::HashSet;
use std::path::PathBuf;

use super::plan::Form;
use crate::cli;
use crate::config::{Flags, NamedBy, Settings};
use crate::ec2;
use crate::exit::Exit;
use crate::install::Logs;
use crate::install::host::Host;
use crate::install::logrotate::{self, Refreshed};
use crate::model::names::{Instance, StreamId};
use crate::model::problem::{self, Effect, Problem};
use crate::model::segment::SealedSegment;
use crate::model::splay;
use crate::model::time::Moment;
use crate::report::{self, Item, Report, steps};
use crate::rotate::discover::{self, Discovery};
use crate::rotate::{Outcome, Rotation};
use crate::ship::{self, Shipped};
use crate::spool::{Damage, Recovered, Spool};
use crate::sys::clock;
use crate::sys::failure::Failure;
use crate::sys::priority;
use crate::sys::signals::{self, Stop};

/// Carries out a run.
pub fn run(args: cli::Run) -> Exit {
    steps::tell(super::verbosity(args.store.verbose));
    if args.low_priority {
        priority::lower();
    }
    let (dry_run, json) = (args.dry_run, args.json);
    let started = clock::now();
    let settings = match Settings::load(flags(args)) {
        Ok(settings) => settings,
        Err(error) => {
            let exit = super::misconfigured(&error);
            return told_as_json(json && !dry_run, started, Problem::from(&error), exit);
        }
    };
    if dry_run {
        let form = if json { Form::Json } else { Form::Lines };
        return super::plan::print(&settings, &settings.own_directories(), form);
    }
    let (stop, spool) = match signals::prepare().and_then(|stop| Ok((stop, Spool::open(&settings.state_dir)?))) {
        Ok(ready) => ready,
        Err(failure) => {
            let problem = no_state(&settings, &failure);
            let _ = report::print_problems(std::slice::from_ref(&problem));
            return told_as_json(json, started, problem, Exit::Config);
        }
    };
    let mut spool = spool;
    let failed = |failure: Failure| {
        let problem = Problem::from_error(Effect::Failed, failure.path.clone(), &failure);
        Report::of_problems(started, vec![problem])
    };
    if !settings.splay.is_zero() {
        wait(&ec2::instance(settings.instance.as_ref(), spool.root()), &settings, &stop);
    }
    // Held to the end: what was told is told by one run only.
    let (report, _lock) = match spool.try_lock() {
        Ok(Some(lock)) => {
            let report = work(&settings, &mut spool, &stop, started).unwrap_or_else(failed);
            (tell(report, &spool), Some(lock))
        }
        Ok(None) => {
            log::info!("another run is at work on {}; nothing to do", settings.state_dir.display());
            (Report { other_run: true, ..Report::of_problems(started, Vec::new()) }, None)
        }
        Err(failure) => (tell(failed(failure), &spool), None),
    };
    let told = if json { report::print_json(&report) } else { Ok(()) };
    let exit = report::exit(&report.problems);
    told.map_or(exit.max(Exit::Failed), |()| exit)
}

/// Prints what a run came to, with the doubts that nobody was told of yet; they count as told if they could be.
fn tell(mut report: Report, spool: &Spool) -> Report {
    let doubts = spool.untold_doubts().unwrap_or_else(|failure| {
        report.problems.push(Problem::from_error(Effect::Failed, failure.path.clone(), &failure));
        Vec::new()
    });
    report.problems.extend(doubts.iter().map(|doubt| Problem::new(Effect::Noted, &doubt.path, doubt)));
    let printed = report::print_problems(&report.problems);
    let marked = printed.is_ok().then(|| spool.doubts_told(&doubts, clock::now()));
    if let Some(Err(failure)) = marked {
        // They are told once more by the next run.
        log::info!("{}", problem::chain(&failure));
    }
    report.ended(clock::now())
}

/// The report of a run that did not begin, for a program.
fn told_as_json(json: bool, started: Moment, problem: Problem, exit: Exit) -> Exit {
    if json {
        let report = Report { exit_code: exit as u8, ..Report::of_problems(started, vec![problem]) };
        let _ = report::print_json(&report);
    }
    exit
}

fn no_state(settings: &Settings, failure: &Failure) -> Problem {
    let problem = Problem::from_error(Effect::Failed, &settings.state_dir, failure);
    problem.hint(
        "the state directory must be a directory of our own (0700) on a local disk with room, its parent must exist, and \
         nobody else may be able to replace it: see --state-dir",
    )
}

fn flags(args: cli::Run) -> Flags {
    Flags {
        logs: args.logs,
        to: args.store.to,
        config: args.store.config,
        instance: args.instance,
        splay: args.splay,
        writer: args.writer,
        state_dir: args.state_dir,
    }
}

/// How often a run goes over all again at the most, each time because shipping has made room for what had none.
const MOST_PASSES: usize = 20;

/// What happens between the lock and the report.
fn work(settings: &Settings, spool: &mut Spool, stop: &Stop, started: Moment) -> Result<Report, Failure> {
    let mut report = Report::of_problems(started, Vec::new());
    let mut stuck = HashSet::new();
    for pass in 1.. {
        let Pass { no_room, made_room, logs } = once(settings, spool, stop, &mut report, &mut stuck)?;
        if pass == 1 {
            report.problems.extend(keep_logrotate_off(settings, logs));
        }
        if no_room.is_empty() || !made_room || pass == MOST_PASSES || stop.requested() {
            report.problems.extend(no_room);
            break;
        }
        log::info!("shipping has made room in the spool for {} logs that had none", no_room.len());
    }
    report.problems.extend(put_aside(spool));
    Ok(report)
}

/// What going over all once came to, besides what the report says.
#[derive(Default)]
struct Pass {
    /// What had no room in the spool.
    no_room: Vec<Problem>,
    /// Whether there is more of it now.
    made_room: bool,
    /// The logs that there are.
    logs: Vec<PathBuf>,
}

/// Recovers, takes what is there, and ships. `stuck` are streams of which a segment could not be shipped in this run: it is
/// not tried again, and none goes before it.
fn once(
    settings: &Settings,
    spool: &mut Spool,
    stop: &Stop,
    report: &mut Report,
    stuck: &mut HashSet<StreamId>,
) -> Result<Pass, Failure> {
    let mut recovered = spool.recover()?;
    let mut discovery = discover::discover(settings, &settings.own_directories());
    report.found(&mut discovery.problems);
    report.empty = discovery.empty.len();
    let logs = discovery.logs();
    if nothing_to_do(&recovered, &discovery, spool)? {
        log::info!("nothing to do; {} logs are empty", discovery.empty.len());
        return Ok(Pass { logs, ..Pass::default() });
    }
    spool.make_durable()?;
    let instance = ec2::instance(settings.instance.as_ref(), spool.root());
    report.instance = Some(instance.clone());
    let mut to_ship = std::mem::take(&mut recovered.sealed);
    let Outcome { sealed, mut problems, no_room } =
        Rotation::new(spool, settings, instance, stop).run(&mut recovered, discovery);
    report.sealed.extend(items(&sealed));
    report.found(&mut problems);
    to_ship.extend(sealed);
    let (behind, to_ship) = to_ship.into_iter().partition(|sealed| stuck.contains(&sealed.segment.name.stream));
    let Shipped { confirmed, waiting, mut problems, .. } = ship::ship(spool, to_ship, &settings.s3, stop);
    stuck.extend(waiting.iter().map(|sealed| sealed.segment.name.stream));
    report.shipped.extend(items(&confirmed));
    report.waiting = items(&[behind, waiting].concat());
    report.found(&mut problems);
    report.problems.extend(drop_leftovers(spool, &recovered.shipped));
    let made_room = !(confirmed.is_empty() && recovered.shipped.is_empty());
    Ok(Pass { no_room, made_room, logs })
}

/// Has logrotate leave alone logs that have come since the installation. Arguments are not what was installed; and a
/// failure is only told, since all was shipped.
fn keep_logrotate_off(settings: &Settings, existing: Vec<PathBuf>) -> Option<Problem> {
    if settings.named_by == NamedBy::Arguments {
        return None;
    }
    let logs = Logs { sets: settings.sets.clone(), existing };
    match logrotate::refresh(&Host::running(), &logs) {
        Ok(Refreshed::Unchanged) => None,
        Ok(Refreshed::Edited) => {
            log::info!("{} was changed by hand since logferry wrote it; it names all logs still", logrotate::FRAGMENT);
            None
        }
        Ok(Refreshed::Changed) => {
            log::info!("logrotate's exclusion is brought up to date with the logs, and with the files of others");
            None
        }
        Err(problem) => Some(Problem { effect: Effect::Noted, ..*problem }),
    }
}

fn items(segments: &[SealedSegment]) -> Vec<Item> {
    segments.iter().map(Item::of).collect()
}

fn wait(instance: &Instance, settings: &Settings, stop: &Stop) {
    let wait = splay::wait(instance, settings.splay);
    log::info!("waiting {} s, as {instance} always does", wait.as_secs());
    stop.sleep(wait);
}

fn nothing_to_do(recovered: &Recovered, discovery: &Discovery, spool: &Spool) -> Result<bool, Failure> {
    let Recovered { unfinished, sealed, shipped, failed, blocked: _ } = recovered;
    let left = unfinished.is_empty() && sealed.is_empty() && shipped.is_empty() && failed.is_empty();
    Ok(left && discovery.found.is_empty() && discovery.claimed.is_empty() && spool.held()?.is_empty())
}

/// Drops segments that an earlier run shipped and did not come to drop.
fn drop_leftovers(spool: &Spool, leftovers: &[SealedSegment]) -> Option<Problem> {
    let failure = spool.drop_shipped(leftovers).err()?;
    Some(Problem::from_error(Effect::Noted, failure.path.clone(), &failure))
}

/// What was found damaged in the state directory and put aside.
fn put_aside(spool: &Spool) -> Vec<Problem> {
    let problem = |damage: &Damage| {
        let problem = Problem::new(Effect::Failed, &damage.path, format!("put aside: {}", damage.why));
        problem.hint("nothing else was held up by it; look at it, then remove it")
    };
    spool.damage().iter().map(problem).collect()
}
