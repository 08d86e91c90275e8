//! `logferry lifecycle`: one look at what becomes of this instance, and a last flush before it goes.

mod before;
mod end;
mod flushing;
mod left;
mod parks;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::flush::Kind;
use super::{flush, work};
use crate::cli;
use crate::config::{Backlog, DEFAULT_FILE, Settings};
use crate::ec2::imds::Imds;
use crate::ec2::lifecycle::hook::Named;
use crate::ec2::lifecycle::record::{self, Noted, Opened, Record};
use crate::ec2::{self, lifecycle};
use crate::exit::Exit;
use crate::model::fate::{Fate, Omens, Target, Verdict};
use crate::model::problem::{Effect, Problem};
use crate::model::time::Moment;
use crate::report::told::Told;
use crate::report::{self, Report, steps};
use crate::sys::clock;
use crate::sys::dir::Dir;
use crate::sys::failure::Failure;
use crate::sys::signals::{self, Stop};
use crate::sys::walk;
use end::{Came, End};

/// What is printed for a program.
#[derive(Default, Serialize)]
struct Answer {
    version: &'static str,
    /// What becomes of the instance; `null` where nobody says.
    fate: Option<Fate>,
    target: Option<Target>,
    /// When a spot instance is taken away.
    notice: Option<Moment>,
    /// What the hook was told, now or earlier.
    hook_told: Option<Verdict>,
    /// What the last flush of this call came to.
    flush: Option<Report>,
    exit_code: u8,
}

/// Looks, and does what is to be done.
pub fn lifecycle(args: cli::Lifecycle) -> Exit {
    super::tell_as(args.logs.log.log_format);
    steps::tell(super::verbosity(args.logs.store.verbose));
    let json = args.logs.json;
    let mut told = Answer { version: env!("CARGO_PKG_VERSION"), ..Answer::default() };
    let exit = look(args, &mut told);
    told.exit_code = exit as u8;
    let printed = if json { report::print_json(&told) } else { Ok(()) };
    printed.map_or(exit.max(Exit::Failed), |()| exit)
}

fn look(args: cli::Lifecycle, told: &mut Answer) -> Exit {
    let state_dir = args.logs.state_dir.clone();
    if ec2::imds::is_switched_off() || ec2::is_known_to_be_silent(&state_dir) {
        log::info!("no metadata service says anything of this machine; nothing to do");
        return Exit::Done;
    }
    let imds = Imds::new();
    let Some(omens) = lifecycle::omens(&imds) else {
        log::info!("the metadata service does not answer; nothing to do");
        ec2::note_silence(&state_dir);
        return Exit::Done;
    };
    (told.fate, told.target) = (Some(omens.fate()), omens.target);
    told.notice = omens.notice.as_ref().map(|notice| notice.at);
    match omens.fate() {
        Fate::Stays => stays(&omens, &state_dir),
        Fate::Parks | Fate::Ends => goes(args, &imds, omens, told),
    }
}

/// Nothing is up, or not any more.
fn stays(omens: &Omens, state_dir: &Path) -> Exit {
    log::info!("{omens}; nothing to do");
    if omens.unclear {
        return Exit::Done;
    }
    match Dir::open(state_dir).and_then(|state| record::forget(&state)) {
        Err(failure) if !failure.is(std::io::ErrorKind::NotFound) => {
            complain(&[Problem::from_error(Effect::Failed, failure.path.clone(), &failure)])
        }
        _ => Exit::Done,
    }
}

/// The machine goes.
fn goes(args: cli::Lifecycle, imds: &Imds, omens: Omens, answer: &mut Answer) -> Exit {
    let (hook, group) = (args.hook, args.group);
    let config = args.logs.store.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    // Before it is read: what nobody else can change now, nobody else has any say in when it is read.
    let trusted = walk::trusted_file(&config);
    let settings = match work::settings(args.logs, None, Backlog::Left) {
        Ok(settings) => settings,
        Err(_) => return Exit::Config,
    };
    let Some((stop, state)) = prepared(&settings) else { return Exit::Config };
    let Some(instance) = lifecycle::instance(imds) else {
        log::info!("the metadata service does not say which instance this is; the next call asks again");
        // What is there can be shipped all the same.
        return flush::last_flush(&settings, Kind::Awaited, deadline(&omens), &stop, &Told::default()).exit;
    };
    log::info!("{instance}: {omens}");
    let begin = |noted: &mut Noted| noted.damaged = flushing::damaged(&settings);
    let Opened::Ours(record, unnoted) = Record::open(&state, instance.clone(), omens.fate(), begin) else {
        log::info!("another lifecycle is at work on {}; nothing to do", state.path().display());
        return Exit::Done;
    };
    let lifecycle = settings.lifecycle.clone();
    let untrusted = trusted.err().filter(|_| !lifecycle.before.is_empty());
    let end = End {
        untrusted: untrusted.map(|why| before::untrusted(&config, &why)),
        named: Named { hook: hook.or(lifecycle.hook), group: group.or(lifecycle.group) },
        region: lifecycle::region(imds),
        told: Told::before(&record.noted().told),
        left: Vec::new(),
        came: Came::default(),
        settings: &settings,
        stop: &stop,
        omens,
        instance,
        record,
    };
    let Came { exit, flushed, hook_told, flush } = end.come(unnoted);
    (answer.hook_told, answer.flush) = (hook_told, flush);
    exit.max(flushed)
}

/// What is needed for anything to be done. Where it can't be had, that was complained of: what the logs hold can't be kept then,
/// and the hook goes by its own rule.
fn prepared(settings: &Settings) -> Option<(Stop, Dir)> {
    let prepared = signals::prepare().and_then(|stop| Ok((stop, Dir::open_private(&settings.state_dir)?)));
    let no_state = |failure| report::print_problems(&[work::no_state(settings, &failure)]);
    prepared.map_err(no_state).ok()
}

/// How long a flush may take at the most where nothing waits for its end.
const ONE_FLUSH: Duration = Duration::from_secs(300);

/// When a single flush is to be over.
fn deadline(omens: &Omens) -> Option<Instant> {
    deadline_of(omens).or(Instant::now().checked_add(ONE_FLUSH))
}

/// When the time of a notice is over.
fn deadline_of(omens: &Omens) -> Option<Instant> {
    omens.notice.as_ref().map(|notice| Instant::now() + notice.time_left(clock::now()))
}

fn failed(failure: &Failure) -> Problem {
    Problem::from_error(Effect::Failed, failure.path.clone(), failure)
}

fn complain(problems: &[Problem]) -> Exit {
    let _ = report::print_problems(problems);
    report::exit(problems)
}
