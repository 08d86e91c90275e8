//! One file a command: joins the services and prints what came of them.

mod call;
pub mod cat;
pub mod check;
pub mod fetch;
pub mod flush;
pub mod grep;
mod host;
pub mod install;
mod lagging;
pub mod lifecycle;
pub mod ls;
pub mod plan;
mod reading;
mod record;
pub mod run;
pub mod status;
pub mod uninstall;
pub mod verify;
mod work;

use std::io::ErrorKind;
use std::process::ExitCode;

use crate::archive::{self, Extent, Filter, Missing, Places, Selection, local};
use crate::cli::LogFormat;
use crate::cli::read::{LocalArgs, ReadArgs};
use crate::config::{self, ConfigError, Layout};
use crate::exit::Exit;
use crate::model::destination::Destination;
use crate::model::problem;
use crate::report;
use crate::report::steps::{self, Verbosity};
use crate::report::style::{self, Form};
use crate::spool::Locals;
use crate::store::{self, Store, StoreError};
use crate::sys::signals::Stop;

/// How much `-v` asks for.
fn verbosity(count: u8) -> Verbosity {
    match count {
        0 => Verbosity::Quiet,
        1 => Verbosity::Steps,
        _ => Verbosity::Everything,
    }
}

/// In which form a command tells things on standard error.
fn tell_as(format: LogFormat) {
    style::set(match format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::Json,
    });
}

/// Complains of a mistake in the configuration.
fn misconfigured(error: &ConfigError) -> Exit {
    steps::complain(&error.to_string());
    Exit::Config
}

/// Tells what the command line was not understood for, or the help that it asks for.
pub fn misunderstood(error: &clap::Error) -> ExitCode {
    match error.use_stderr() && style::is_journal() {
        // Each line has its priority there.
        true => steps::complain(&error.to_string()),
        // Where nobody reads, nobody can be told.
        false => drop(error.print()),
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Complains of a mistake in the arguments that shows only when they are taken together.
fn misused(why: &str) -> Exit {
    steps::complain(why);
    Exit::Usage
}

/// What a reading command reads from.
struct Archive {
    store: Box<dyn Store>,
    places: Places,
    /// Ends what is asked of the store.
    stop: Stop,
    /// How the store is called.
    to: Destination,
}

/// Why there is nothing to read from.
enum Unopened {
    /// What is asked for makes no sense; it was complained of.
    Misconfigured(Exit),
    /// That store can't be opened.
    Store(Destination, StoreError),
}

/// Opens the store that a reading command is to read from; complains where it can't.
fn open_archive(args: &ReadArgs) -> Result<Archive, Exit> {
    try_to_open_archive(args).map_err(|unopened| match unopened {
        Unopened::Misconfigured(exit) => exit,
        Unopened::Store(_, error) => unreadable(&error),
    })
}

/// As [`open_archive`]; what is wrong with the store is left to the caller.
fn try_to_open_archive(args: &ReadArgs) -> Result<Archive, Unopened> {
    let misconfigured = |error: &ConfigError| Unopened::Misconfigured(misconfigured(error));
    let ReadArgs { store: args, any_layout } = args;
    steps::tell(verbosity(args.verbose));
    let file = config::File::read(args.config.as_deref()).map_err(|error| misconfigured(&error))?;
    let to = args.to.clone().or(file.to).ok_or_else(|| {
        let error = ConfigError::new("--to", "no store is named").hint("give --to s3://bucket/prefix or file:///dir");
        misconfigured(&error)
    })?;
    let stop = Stop::default();
    let store = match store::open(&to, &file.s3, &stop) {
        Ok(store) => store,
        Err(error) => return Err(Unopened::Store(to, error)),
    };
    let places = match any_layout {
        true => Places::Everywhere,
        false => Places::Known([vec![file.layout, Layout::default()], file.former_layouts].concat()),
    };
    Ok(Archive { store, places, stop, to })
}

/// Says that there may be more where nobody looked; segments expire too, so that it is no failure.
fn tell_of_beginnings(filter: &Filter, selection: &Selection) {
    let count = selection.without_beginning();
    if count > 0 {
        let verb = if count == 1 { "begins" } else { "begin" };
        let streams = report::count(count, "stream");
        let elsewhere = match filter.longest() {
            Some(_) => ", is of a day that was not looked at (--longest),",
            None => ",",
        };
        let what = format!(
            "{streams} {verb} later than with the first segment: what came before has expired{elsewhere} or is in a directory of \
             another layout"
        );
        complain(&what, Some(ANY_LAYOUT));
    }
}

/// Complains of names that are asked for and are not there.
fn tell_missing(filter: &Filter, selection: &Selection) -> Exit {
    let undecided = tell_hostless(selection);
    let missing = archive::missing(filter, selection);
    missing.iter().for_each(|Missing { what, hint }| complain(what, Some(hint)));
    if missing.is_empty() { undecided } else { Exit::Failed }
}

/// Complains of streams that are left out since nobody knows whether they are of a host that is asked for: what is shown is then
/// not known to be all.
fn tell_hostless(selection: &Selection) -> Exit {
    if selection.hostless > 0 {
        let streams = report::count(selection.hostless, "stream");
        let what = format!("{streams} left out: their objects have lost the metadata that tell of which host they are");
        complain(&what, Some("name instances (--instance), which stand in the keys"));
    }
    if selection.hostless > 0 { Exit::Failed } else { Exit::Done }
}

/// Tells of objects that were put there by something else.
fn tell_foreign(selection: &Selection) {
    if selection.foreign > 0 {
        let count = usize::try_from(selection.foreign).unwrap_or(usize::MAX);
        log::info!("{} seen that logferry did not put there", report::count(count, "object"));
    }
}

/// What to do where only the directories of known layouts were looked into.
const ANY_LAYOUT: &str = "--any-layout looks everywhere; name layouts of earlier times in `former_layouts`";

/// Complains where what is before or behind the days asked for was not all looked at: something of it may be left out, or missing.
fn tell_before(selection: &Selection) -> Exit {
    let before = match selection.before {
        Extent::Since(since) => Some(archive::not_looked_at(since)),
        Extent::Whole => None,
    };
    let unseen: Vec<_> = before.into_iter().chain(selection.unseen_from.map(archive::not_looked_behind)).collect();
    unseen.iter().for_each(|what| complain(what, Some(archive::LOOK_FURTHER)));
    if unseen.is_empty() { Exit::Done } else { Exit::Failed }
}

/// Complains of a store that can't be read.
fn unreadable(error: &StoreError) -> Exit {
    let hint = match error.kind {
        store::Kind::NotWritable => {
            Some("the user that we run as must be allowed to read there (--to names another store)")
        }
        store::Kind::NoStore => Some("see --to, or `to` in the configuration; a directory may have to be mounted"),
        kind => kind.hint(),
    };
    complain(&problem::chain(error), hint);
    Exit::Failed
}

/// Complains, with what to do about it on a line of its own.
fn complain(what: &str, hint: Option<&str>) {
    let hint = hint.map_or(String::new(), |hint| format!("\n  hint: {hint}"));
    steps::complain(&format!("{what}{hint}"));
}

/// Lists what a reading command is to read on this machine; neither the configuration nor the store is asked.
fn local(verbose: u8, args: &LocalArgs, filter: &Filter) -> Result<Locals, Exit> {
    if !filter.hosts.is_empty() {
        return Err(misused("--host is for the store: with --local, all is of this machine"));
    }
    steps::tell(verbosity(verbose));
    local::select(&args.state_dir, filter).map_err(|failure| {
        let hint = match failure.source.kind() {
            ErrorKind::PermissionDenied => Some("it is root's alone: do it as root (sudo)"),
            ErrorKind::NotFound => Some("no run has made it yet, or it is another directory: see --state-dir"),
            _ => None,
        };
        complain(&problem::chain(&failure), hint);
        Exit::Failed
    })
}

/// Complains of what could not be told from the spool.
fn tell_unread(locals: &Locals) -> Exit {
    locals.unread.iter().for_each(|why| steps::complain(why));
    if locals.unread.is_empty() { Exit::Done } else { Exit::Failed }
}
