//! What the commands that ship have in common: settings, the passes over all that there is, and how it is told.
//!
//! ```text
//! settings ─> spool ─> lock ─> pass: recover ─> discover ─> rotate ─────────> drop ─┐
//!                               ^                                 ╲─> ship ─╱       │
//!                               └──────────── again, where there is reason to ──────┘  ─> report ─> told
//! ```

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli;
use crate::config::{Backlog, Flags, NamedBy, Settings};
use crate::ec2::{self, Want};
use crate::exit::Exit;
use crate::install::Logs;
use crate::install::host::Host;
use crate::install::logrotate::{self, Refreshed};
use crate::model::doubt::{Doubt, Why};
use crate::model::facts::Facts;
use crate::model::meter::Meter;
use crate::model::names::StreamId;
use crate::model::problem::{self, Cause, Effect, Problem};
use crate::model::segment::SealedSegment;
use crate::model::time::Moment;
use crate::report::told::Told;
use crate::report::{self, Item, Report};
use crate::rotate::discover::{self, Discovery};
use crate::rotate::{Outcome, Rotation, moved};
use crate::ship::{self, Behind, How, Order, Shipped, Terms};
use crate::spool::{Damage, Recovered, Spool};
use crate::sys::clock;
use crate::sys::failure::Failure;
use crate::sys::host;
use crate::sys::signals::Stop;

/// Joins what a command line says with the configuration. A mistake was complained of.
pub(super) fn settings(args: cli::LogArgs, splay: Option<Duration>, backlog: Backlog) -> Result<Settings, Problem> {
    let flags = Flags {
        logs: args.logs,
        to: args.store.to,
        config: args.store.config,
        instance: args.instance,
        splay,
        writer: args.writer,
        backlog,
        threads: args.threads,
        state_dir: args.state_dir,
    };
    Settings::load(flags).map_err(|error| {
        super::misconfigured(&error);
        Problem::from(&error)
    })
}

/// The end of a command that could not begin, with its report for a program.
pub(super) fn not_begun(json: bool, started: Moment, problem: Problem) -> Exit {
    let exit = Exit::Config;
    if json {
        let report = Report { exit_code: exit as u8, ..Report::of_problems(started, vec![problem]) };
        let _ = report::print_json(&report);
    }
    exit
}

/// Opens the spool, which keeps of what was shipped what the settings say.
pub(super) fn open_spool(settings: &Settings) -> Result<Spool, Failure> {
    let mut spool = Spool::open(&settings.state_dir)?;
    spool.keep(settings.keep);
    Ok(spool)
}

/// A state directory that is of no use.
pub(super) fn no_state(settings: &Settings, failure: &Failure) -> Problem {
    let problem = Problem::from_error(Effect::Failed, &settings.state_dir, failure);
    problem.hint(
        "the state directory must be a directory of our own (0700) on a local disk with room, its parent must exist, and \
         nobody else may be able to replace it: see --state-dir",
    )
}

/// What it means that it can't be known of a log whether bytes are missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubts {
    /// The command has done all that it is for; someone should know.
    Noted,
    /// The command's exit code says that nothing is missing, and nobody can know that.
    Grave,
}

/// Prints what a command came to, but for what was `told` already, with the doubts that nobody was told of yet; they count
/// as told if they could be.
pub(super) fn tell(mut report: Report, spool: &Spool, meaning: Doubts, told: &Told) -> Report {
    let effect = match meaning {
        Doubts::Noted => Effect::Noted,
        Doubts::Grave => Effect::Failed,
    };
    let doubts = spool.untold_doubts().unwrap_or_else(|failure| {
        report.problems.push(Problem::from_error(Effect::Failed, failure.path.clone(), &failure));
        Vec::new()
    });
    // Each of them is marked by itself once it was told: two of one log are two.
    let doubtful: Vec<Problem> = doubts.iter().map(|doubt| doubtful(effect, doubt)).collect();
    let printed = told.print(&report.problems).and_then(|()| report::print_problems(&doubtful));
    report.problems.extend(doubtful);
    let marked = printed.is_ok().then(|| spool.doubts_told(&doubts, clock::now()));
    if let Some(Err(failure)) = marked {
        // They are told once more by the next run.
        log::info!("{}", problem::chain(&failure));
    }
    report.ended(clock::now())
}

fn doubtful(effect: Effect, doubt: &Doubt) -> Problem {
    let cause = match doubt.why {
        Why::RunCutShort | Why::WriterEnded => Cause::Interrupted,
        Why::Replaced | Why::Truncated => Cause::Truncated,
    };
    let problem = Problem::new(effect, &doubt.path, doubt).because(cause);
    Problem { hint: doubt.hint().map(str::to_owned), ..problem }
}

/// The exit code of a command whose report was told to people; programs get it here.
pub(super) fn ended(report: &Report, json: bool) -> Exit {
    let told = if json { report::print_json(report) } else { Ok(()) };
    let exit = report::exit(&report.problems);
    told.map_or(exit.max(Exit::Failed), |()| exit)
}

/// How often a run goes over all again at the most, each time because shipping has made room for what had none.
const MOST_PASSES: usize = 20;

/// How often a run goes over all again at the most, each time because it goes on with logs of which it has taken a slice.
pub(super) const MOST_SLICES: usize = 1000;

pub(super) fn goes_on(path: &Path, why: &str) -> Problem {
    let what = format!("{why}; the next run goes on behind what was taken of it");
    Problem::new(Effect::Waits, path, what)
}

/// What a command works with, once it has the lock.
pub(super) struct Work<'a> {
    pub(super) settings: &'a Settings,
    pub(super) stop: &'a Stop,
    /// When the command began.
    pub(super) started: Moment,
}

/// What going over all once came to, besides what the report says.
#[derive(Default)]
struct Pass {
    /// What had no room in the spool.
    no_room: Vec<Problem>,
    /// Whether there is more of it now.
    made_room: bool,
    /// Logs of which a slice was taken, and that go on.
    more: Vec<PathBuf>,
    /// The logs that there are.
    logs: Vec<PathBuf>,
}

/// What holds from one pass to the next.
#[derive(Default)]
struct Lasting {
    /// Streams of which a segment could not be shipped in this run: it is not tried again, and none goes before it.
    stuck: HashSet<StreamId>,
    /// What is known of this machine, once it was needed: it is one machine from the first pass to the last.
    machine: Option<Facts>,
}

impl Work<'_> {
    /// The report of a command that could not do its work at all.
    pub(super) fn failed(&self, failure: &Failure) -> Report {
        let problem = Problem::from_error(Effect::Failed, failure.path.clone(), failure);
        Report::of_problems(self.started, vec![problem])
    }

    /// What happens between the lock and the report.
    pub(super) fn in_passes(&self, spool: &mut Spool) -> Result<Report, Failure> {
        let mut report = Report::of_problems(self.started, Vec::new());
        let mut lasting = Lasting::default();
        let (mut only, mut slices) = (None, 0);
        for pass in 1.. {
            let Pass { no_room, made_room, more, logs } = self.once(spool, &only, &mut report, &mut lasting)?;
            if pass == 1 {
                report.problems.extend(keep_logrotate_off(self.settings, logs));
            }
            if self.stop.requested() {
                report.problems.extend(no_room);
                report.problems.extend(more.iter().map(|path| goes_on(path, "stopped by a signal")));
                break;
            }
            if !no_room.is_empty() && made_room && pass - slices < MOST_PASSES {
                log::info!("shipping has made room in the spool for {} logs that had none", no_room.len());
                only = None;
            } else if !more.is_empty() && slices < MOST_SLICES {
                // What has no room will have none now either, but the slices do: it is told by the pass that looks again.
                log::info!("{} large logs go on behind what was taken of them", more.len());
                slices += 1;
                only = no_room.is_empty().then(|| more.into_iter().collect());
            } else {
                report.problems.extend(no_room);
                report
                    .problems
                    .extend(more.iter().map(|path| goes_on(path, "more is written to it than one run takes")));
                break;
            }
        }
        report.problems.extend(put_aside(spool));
        Ok(report)
    }

    /// Recovers, takes what is there, and ships. `only` are the logs in use that are taken, where not all are.
    fn once(
        &self,
        spool: &mut Spool,
        only: &Option<HashSet<PathBuf>>,
        report: &mut Report,
        lasting: &mut Lasting,
    ) -> Result<Pass, Failure> {
        let (Self { settings, stop, .. }, Lasting { stuck, machine }) = (self, lasting);
        let (mut recovered, looked_at) = (spool.recover()?, clock::now());
        let mut discovery = discover::discover(settings, &settings.own_directories());
        note(spool, settings, &discovery.problems)?;
        report.found(&mut discovery.problems);
        report.empty = discovery.empty.len();
        spool.looked(looked_at, None, discovery.silent());
        let logs = discovery.logs();
        if let Some(only) = only {
            discovery.keep_only(only);
        }
        if nothing_to_do(&recovered, &discovery, spool)? {
            log::info!("nothing to do; {} empty", report::count(discovery.empty.len(), "log"));
            return Ok(Pass { logs, ..Pass::default() });
        }
        spool.make_durable()?;
        let found = || ec2::facts(settings, Want::ForKeys, spool.root());
        let machine = machine.get_or_insert_with(found).clone();
        report.instance = Some(machine.name(&host::name()));
        let (mut behind, sealed_before) = (Vec::new(), std::mem::take(&mut recovered.sealed));
        let (terms, meter) = (Terms::of(settings), Meter::default());
        let how = How { terms: &terms, order: Order::Oldest, behind: Behind::Waits, stop, meter: &meter };
        let (outcome, shipped) = ship::alongside(&spool.shelf(), &how, |dock| {
            let mut hand_over = |sealed: Vec<SealedSegment>| {
                let (later, now) = sealed.into_iter().partition(|sealed| stuck.contains(&sealed.segment.name.stream));
                behind.extend::<Vec<_>>(later);
                dock.add(now);
            };
            hand_over(sealed_before);
            let rotation = Rotation::new(spool, settings, machine, stop);
            rotation.handing_over(&mut hand_over).run(&mut recovered, discovery)
        });
        spool.looked(looked_at, outcome.files(), outcome.silent.iter().copied());
        let Outcome { sealed, mut problems, no_room, stopped, mut more, limited, .. } = outcome;
        report.sealed.extend(items(&sealed));
        report.limited.extend(limited);
        problems.extend(stopped.problem(stop.why(), &settings.state_dir));
        report.found(&mut problems);
        let Shipped { confirmed, waiting, mut problems, .. } = shipped.settled(spool);
        stuck.extend(waiting.iter().map(|sealed| sealed.segment.name.stream));
        // While the store is away, bytes are as safe in the log as in the spool, and take no room twice.
        more.retain(|path| !waiting.iter().any(|sealed| sealed.segment.path == *path));
        report.shipped.extend(items(&confirmed));
        report.waiting = items(&[behind, waiting].concat());
        report.found(&mut problems);
        report.problems.extend(drop_leftovers(spool, &recovered.shipped));
        let made_room = !(confirmed.is_empty() && recovered.shipped.is_empty());
        Ok(Pass { no_room, made_room, more, logs })
    }
}

/// Has logrotate leave alone logs that have come since the installation. Arguments are not what was installed; and a
/// failure is only told, since all was shipped.
pub(super) fn keep_logrotate_off(settings: &Settings, existing: Vec<PathBuf>) -> Option<Problem> {
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

/// Remembers what was refused for those who read the logs later.
pub(super) fn note(spool: &mut Spool, settings: &Settings, problems: &[Problem]) -> Result<(), Failure> {
    if !problems.is_empty() {
        spool.make_durable()?;
        problems.iter().for_each(|problem| spool.note(problem, &settings.to));
    }
    Ok(())
}

pub(super) fn items(segments: &[SealedSegment]) -> Vec<Item> {
    segments.iter().map(Item::of).collect()
}

pub(super) fn nothing_to_do(recovered: &Recovered, discovery: &Discovery, spool: &mut Spool) -> Result<bool, Failure> {
    let Recovered { unfinished, sealed, shipped, failed, blocked: _ } = recovered;
    let left = unfinished.is_empty() && sealed.is_empty() && shipped.is_empty() && failed.is_empty();
    let found = discovery.found.is_empty() && discovery.families.is_empty();
    let nothing_left = left && found && discovery.claimed.is_empty() && spool.held()?.is_empty();
    // A log that was taken in its place may be elsewhere now, and rotated files may have come after it.
    Ok(nothing_left && spool.rests(|standings| !moved::looks_for_any(standings))?)
}

/// Drops segments that an earlier run shipped and did not come to drop.
pub(super) fn drop_leftovers(spool: &Spool, leftovers: &[SealedSegment]) -> Option<Problem> {
    let failure = spool.drop_shipped(leftovers).err()?;
    Some(Problem::from_error(Effect::Noted, failure.path.clone(), &failure))
}

/// What was found damaged in the state directory and put aside.
pub(super) fn put_aside(spool: &Spool) -> Vec<Problem> {
    let problem = |damage: &Damage| {
        let problem = Problem::new(Effect::Failed, &damage.path, format!("put aside: {}", damage.why));
        let problem = problem.because(Cause::Damaged);
        problem.hint("nothing else was held up by it; look at it, then remove it")
    };
    spool.damage().iter().map(problem).collect()
}
