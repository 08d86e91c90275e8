//! `logferry lifecycle`: one look at what becomes of this instance, and a last flush before it goes.

mod end;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{flush, work};
use crate::cli;
use crate::config::Backlog;
use crate::ec2::imds::Imds;
use crate::ec2::lifecycle::hook::Named;
use crate::ec2::lifecycle::record::{self, Record};
use crate::ec2::{self, lifecycle};
use crate::exit::Exit;
use crate::model::fate::{Fate, Omens, Target, Verdict};
use crate::model::names::Instance;
use crate::model::problem::{Effect, Problem};
use crate::model::time::Moment;
use crate::report::{self, Report, steps};
use crate::sys::clock;
use crate::sys::dir::Dir;
use crate::sys::failure::Failure;
use crate::sys::signals;
use end::{Came, End};

/// What is printed for a program.
#[derive(Default, Serialize)]
struct Told {
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
    steps::tell(super::verbosity(args.logs.store.verbose));
    let json = args.logs.json;
    let mut told = Told { version: env!("CARGO_PKG_VERSION"), ..Told::default() };
    let exit = look(args, &mut told);
    told.exit_code = exit as u8;
    let printed = if json { report::print_json(&told) } else { Ok(()) };
    printed.map_or(exit.max(Exit::Failed), |()| exit)
}

fn look(args: cli::Lifecycle, told: &mut Told) -> Exit {
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
    match Dir::open(state_dir).and_then(|state| record::forget(&state)) {
        Err(failure) if !failure.is(std::io::ErrorKind::NotFound) => {
            complain(&[Problem::from_error(Effect::Failed, failure.path.clone(), &failure)])
        }
        _ => Exit::Done,
    }
}

/// The machine goes.
fn goes(args: cli::Lifecycle, imds: &Imds, omens: Omens, told: &mut Told) -> Exit {
    let named = Named { hook: args.hook, group: args.group };
    let settings = match work::settings(args.logs, None, Backlog::Left) {
        Ok(settings) => settings,
        Err(_) => return Exit::Config,
    };
    let prepared = signals::prepare().and_then(|stop| Ok((stop, Dir::open_private(&settings.state_dir)?)));
    let (stop, state) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            // What the logs hold can't be kept then, but the hook goes by its own rule.
            let _ = report::print_problems(&[work::no_state(&settings, &failure)]);
            return Exit::Config;
        }
    };
    let named = Named {
        hook: named.hook.or(settings.lifecycle.hook.clone()),
        group: named.group.or(settings.lifecycle.group.clone()),
    };
    let (instance, record) = match noted(imds, &omens, &state) {
        Noted::As(instance, record) => (instance, record),
        Noted::ByAnother => return Exit::Done,
        // What is there can be shipped all the same.
        Noted::Not(exit) => return exit.max(flush::last_flush(&settings, deadline(&omens), &stop).exit),
    };
    log::info!("{instance}: {omens}");
    let (region, settings, stop, came) = (lifecycle::region(imds), &settings, &stop, Came::default());
    let Came { exit, flushed, hook_told, flush } =
        End { settings, omens, named, instance, region, record, stop, came }.come();
    (told.hook_told, told.flush) = (hook_told, flush);
    exit.max(flushed)
}

/// Whether what is done can be noted.
enum Noted<'a> {
    /// It can, for this instance.
    As(Instance, Record<'a>),
    /// Another call is at work on it.
    ByAnother,
    /// It can't; what was complained of comes to this.
    Not(Exit),
}

fn noted<'a>(imds: &Imds, omens: &Omens, state: &'a Dir) -> Noted<'a> {
    let Some(instance) = lifecycle::instance(imds) else {
        log::info!("the metadata service does not say which instance this is; the next call asks again");
        return Noted::Not(Exit::Done);
    };
    match Record::open(state, instance.clone(), omens.fate(), clock::now()) {
        Ok(Some(record)) => Noted::As(instance, record),
        Ok(None) => {
            log::info!("another lifecycle is at work on {}; nothing to do", state.path().display());
            Noted::ByAnother
        }
        // As on a full disk.
        Err(failure) => Noted::Not(complain(&[failed(&failure)])),
    }
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
