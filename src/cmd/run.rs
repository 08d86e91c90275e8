//! `logferry run`: recover, claim, seal, ship.

use std::path::PathBuf;

use super::plan::Form;
use crate::cli;
use crate::config::{Flags, Settings};
use crate::ec2;
use crate::exit::Exit;
use crate::model::destination::Destination;
use crate::model::names::Instance;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::SealedSegment;
use crate::model::splay;
use crate::model::time::Moment;
use crate::report::{self, Item, Report, steps};
use crate::rotate::discover::{self, Discovery};
use crate::rotate::{Outcome, Rotation};
use crate::ship::{self, Shipped};
use crate::spool::{Recovered, Spool};
use crate::sys::failure::Failure;
use crate::sys::signals::{self, Stop};
use crate::sys::{clock, host};

/// Carries out a run.
pub fn run(args: cli::Run) -> Exit {
    steps::tell(super::verbosity(args.store.verbose));
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
    match work(&settings, started) {
        Ok(Some(report)) => {
            report::print_problems(&report.problems);
            if json {
                report::print_json(&report);
            }
            report::exit(&report.problems)
        }
        Ok(None) => Exit::Done,
        Err(failure) => {
            let hint = "the state directory must be a directory of our own (0700) on a local disk with room; \
                its parent must exist: see --state-dir";
            report::print_problems(&[report::fatal(&settings.state_dir, &failure).hint(hint)]);
            Exit::Config
        }
    }
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

/// What happens between the settings and the report; `None` when another run is at work.
fn work(settings: &Settings, started: Moment) -> Result<Option<Report>, Failure> {
    let stop = signals::prepare()?;
    let mut spool = Spool::open(&settings.state_dir)?;
    if !settings.splay.is_zero() {
        let instance = ec2::instance(settings.instance.as_ref(), spool.root());
        wait(&instance, settings, &stop);
    }
    let Some(_lock) = spool.try_lock()? else {
        log::info!("another run is at work on {}; nothing to do", settings.state_dir.display());
        return Ok(None);
    };
    let mut recovered = spool.recover()?;
    let discovery = discover::discover(settings, &own_directories(settings));
    if nothing_to_do(&recovered, &discovery, &spool)? {
        log::info!("nothing to do; {} logs are empty", discovery.empty);
        return Ok(Some(summary(started, None, discovery, Outcome::default(), Shipped::default(), &spool)));
    }
    host::raise_open_files();
    let instance = ec2::instance(settings.instance.as_ref(), spool.root());
    let Recovered { sealed: left, .. } = &mut recovered;
    let mut to_ship: Vec<SealedSegment> = std::mem::take(left);
    let (empty, refused) = (discovery.empty, discovery.problems.clone());
    let outcome = Rotation::new(&mut spool, settings, instance.clone(), &stop).run(&mut recovered, discovery);
    to_ship.extend(outcome.sealed.iter().cloned());
    let mut shipped = ship::ship(&mut spool, to_ship, &settings.s3, &stop);
    drop_leftovers(&mut spool, &recovered.shipped, &mut shipped);
    let discovery = Discovery { empty, problems: refused, ..Discovery::default() };
    Ok(Some(summary(started, Some(instance), discovery, outcome, shipped, &spool)))
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
    let Recovered { unfinished, sealed, shipped } = recovered;
    let left = unfinished.is_empty() && sealed.is_empty() && shipped.is_empty();
    Ok(left && discovery.found.is_empty() && discovery.claimed.is_empty() && spool.held()?.is_empty())
}

/// Segments that an earlier run shipped and did not come to drop.
fn drop_leftovers(spool: &mut Spool, leftovers: &[SealedSegment], shipped: &mut Shipped) {
    if let Err(failure) = spool.drop_shipped(leftovers) {
        shipped.problems.push(Problem::from_error(Effect::Noted, &failure.path, &failure));
    }
}

fn summary(
    started: Moment,
    instance: Option<Instance>,
    discovery: Discovery,
    outcome: Outcome,
    shipped: Shipped,
    spool: &Spool,
) -> Report {
    let mut problems = discovery.problems;
    problems.extend(spool.damage().iter().map(|damage| {
        let problem = Problem::new(Effect::Failed, &damage.path, format!("put aside: {}", damage.why));
        problem.hint("nothing else was held up by it; look at it, then remove it")
    }));
    problems.extend(outcome.problems);
    problems.extend(shipped.problems);
    let items = |segments: &[SealedSegment]| segments.iter().map(Item::of).collect();
    let exit_code = report::exit(&problems) as u8;
    Report {
        version: env!("CARGO_PKG_VERSION"),
        started,
        finished: clock::now(),
        instance,
        empty: discovery.empty,
        sealed: items(&outcome.sealed),
        shipped: items(&shipped.confirmed),
        waiting: items(&shipped.waiting),
        problems,
        exit_code,
    }
}
