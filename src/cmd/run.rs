//! `logferry run`: recover, claim, seal, ship.

use std::path::PathBuf;

use super::plan::Form;
use crate::cli;
use crate::config::{Flags, Settings};
use crate::ec2;
use crate::exit::Exit;
use crate::model::destination::Destination;
use crate::model::names::Instance;
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
    let settings = match Settings::load(flags(args)) {
        Ok(settings) => settings,
        Err(error) => return super::misconfigured(&error),
    };
    if dry_run {
        let form = if json { Form::Json } else { Form::Lines };
        return super::plan::print(&settings, &own_directories(&settings), form);
    }
    let started = clock::now();
    let (stop, spool) = match signals::prepare().and_then(|stop| Ok((stop, Spool::open(&settings.state_dir)?))) {
        Ok(ready) => ready,
        Err(failure) => return no_state(&settings, &failure),
    };
    let mut spool = spool;
    let mut report = wait_and_work(&settings, &mut spool, &stop, started).unwrap_or_else(|failure| {
        let problem = Problem::from_error(Effect::Failed, failure.path.clone(), &failure);
        Report::of_problems(started, vec![problem])
    });
    report.problems.extend(doubts(&spool));
    report::print_problems(&report.problems);
    if let Err(failure) = spool.doubts_told(clock::now()) {
        // They are told once more by the next run.
        log::info!("{}", problem::chain(&failure));
    }
    let told = if json { report::print_json(&report) } else { Ok(()) };
    let exit = report::exit(&report.problems);
    told.map_or(exit.max(Exit::Failed), |()| exit)
}

fn no_state(settings: &Settings, failure: &Failure) -> Exit {
    let problem = Problem::from_error(Effect::Failed, &settings.state_dir, failure);
    report::print_problems(&[problem.hint(
        "the state directory must be a directory of our own (0700) on a local disk with room, its parent must exist, and \
         nobody else may be able to replace it: see --state-dir",
    )]);
    Exit::Config
}

fn flags(args: cli::Run) -> Flags {
    let cli::Writer::Reopens = args.writer;
    Flags {
        logs: args.logs,
        to: args.store.to,
        config: args.store.config,
        instance: args.instance,
        splay: args.splay,
        state_dir: args.state_dir,
    }
}

/// Waits for this machine's moment, then works unless another run does.
fn wait_and_work(settings: &Settings, spool: &mut Spool, stop: &Stop, started: Moment) -> Result<Report, Failure> {
    if !settings.splay.is_zero() {
        let instance = ec2::instance(settings.instance.as_ref(), spool.root());
        wait(&instance, settings, stop);
    }
    let Some(_lock) = spool.try_lock()? else {
        log::info!("another run is at work on {}; nothing to do", settings.state_dir.display());
        return Ok(Report { other_run: true, ..Report::of_problems(started, Vec::new()) });
    };
    work(settings, spool, stop, started)
}

/// How often a run goes over all again at the most, each time because shipping has made room for what had none.
const MOST_PASSES: usize = 20;

/// What happens between the lock and the report.
fn work(settings: &Settings, spool: &mut Spool, stop: &Stop, started: Moment) -> Result<Report, Failure> {
    let mut report = Report::of_problems(started, Vec::new());
    for pass in 1.. {
        let Pass { no_room, made_room } = once(settings, spool, stop, &mut report)?;
        if no_room.is_empty() || !made_room || pass == MOST_PASSES || stop.requested() {
            report.problems.extend(no_room);
            break;
        }
        log::info!("shipping has made room in the spool for {} logs that had none", no_room.len());
    }
    report.problems.extend(put_aside(spool));
    Ok(report.ended(clock::now()))
}

/// What going over all once came to, besides what the report says.
#[derive(Default)]
struct Pass {
    /// What had no room in the spool.
    no_room: Vec<Problem>,
    /// Whether there is more of it now.
    made_room: bool,
}

/// Recovers, takes what is there, and ships.
fn once(settings: &Settings, spool: &mut Spool, stop: &Stop, report: &mut Report) -> Result<Pass, Failure> {
    let mut recovered = spool.recover()?;
    let mut discovery = discover::discover(settings, &own_directories(settings));
    report.found(&mut discovery.problems);
    report.empty = discovery.empty;
    if nothing_to_do(&recovered, &discovery, spool)? {
        log::info!("nothing to do; {} logs are empty", discovery.empty);
        return Ok(Pass::default());
    }
    spool.make_durable()?;
    let instance = ec2::instance(settings.instance.as_ref(), spool.root());
    report.instance = Some(instance.clone());
    let mut to_ship = std::mem::take(&mut recovered.sealed);
    let Outcome { sealed, problems, no_room } =
        Rotation::new(spool, settings, instance, stop).run(&mut recovered, discovery);
    report.sealed.extend(items(&sealed));
    report.problems.extend(problems);
    to_ship.extend(sealed);
    let Shipped { confirmed, waiting, problems, .. } = ship::ship(spool, to_ship, &settings.s3, stop);
    report.shipped.extend(items(&confirmed));
    report.waiting = items(&waiting);
    report.problems.extend(problems);
    report.problems.extend(drop_leftovers(spool, &recovered.shipped));
    let made_room = !(confirmed.is_empty() && recovered.shipped.is_empty());
    Ok(Pass { no_room, made_room })
}

fn items(segments: &[SealedSegment]) -> Vec<Item> {
    segments.iter().map(Item::of).collect()
}

fn wait(instance: &Instance, settings: &Settings, stop: &Stop) {
    let wait = splay::wait(instance, settings.splay);
    log::info!("waiting {} s, as {instance} always does", wait.as_secs());
    stop.sleep(wait);
}

/// Where no logs are looked for: what we write there ourselves would be shipped again and again.
fn own_directories(settings: &Settings) -> Vec<PathBuf> {
    let mut own = vec![settings.state_dir.clone()];
    if let Destination::Directory(path) = &settings.to {
        own.push(path.clone());
    }
    own.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)).collect()
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

/// Where bytes may be missing, as far as nobody was told yet: a run that was killed could not.
fn doubts(spool: &Spool) -> Vec<Problem> {
    match spool.untold_doubts() {
        Ok(doubts) => doubts.iter().map(|doubt| Problem::new(Effect::Noted, &doubt.path, doubt)).collect(),
        Err(failure) => vec![Problem::from_error(Effect::Failed, failure.path.clone(), &failure)],
    }
}

/// What was found damaged in the state directory and put aside.
fn put_aside(spool: &Spool) -> Vec<Problem> {
    let problem = |damage: &Damage| {
        let problem = Problem::new(Effect::Failed, &damage.path, format!("put aside: {}", damage.why));
        problem.hint("nothing else was held up by it; look at it, then remove it")
    };
    spool.damage().iter().map(problem).collect()
}
