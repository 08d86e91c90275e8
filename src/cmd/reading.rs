//! What commands that read segments back have in common: finding them, telling what is missing or can't be read, showing how
//! far they are, and ending when nobody reads what they write.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::Archive;
use crate::archive::{self, Break, Filter, InStore, Looked, ReadError, Segments, Selection};
use crate::cli::read::{LocalArgs, ReadArgs};
use crate::exit::Exit;
use crate::model::meter::Meter;
use crate::model::names::Service;
use crate::model::problem;
use crate::report::progress::{Progress, Show};
use crate::report::steps;
use crate::spool::Locals;
use crate::store::{Kind, Store};
use crate::sys::pipe;
use crate::sys::signals::Stop;

/// Where segments are read from.
pub(super) enum Source {
    Store { store: Box<dyn Store>, stop: Stop, selection: Box<Selection> },
    Machine(Locals),
}

/// What was found to be read.
pub(super) struct Found {
    pub(super) source: Source,
    /// What is missing, as an exit code; it was told.
    pub(super) exit: Exit,
}

impl Found {
    /// Has `read` read the segments.
    pub(super) fn read<T>(&self, read: impl FnOnce(&dyn Segments) -> T) -> T {
        match &self.source {
            Source::Store { store, stop, selection } => {
                read(&InStore { store: store.as_ref(), stop, shipped: &selection.segments })
            }
            Source::Machine(locals) => read(locals),
        }
    }
}

/// Finds what the store has of what is asked for.
pub(super) fn in_store(args: &ReadArgs, filter: &Filter) -> Result<Found, Exit> {
    let Archive { store, places, stop, .. } = super::open_archive(args)?;
    let selection = archive::select(store.as_ref(), &places, filter).map_err(|error| super::unreadable(&error))?;
    super::tell_of_beginnings(filter, &selection);
    super::tell_foreign(&selection);
    let exit =
        tell_troubles(&selection).max(super::tell_before(&selection)).max(super::tell_missing(filter, &selection));
    let broken = tell_breaks(&selection.breaks(), selection.looked);
    if selection.segments.is_empty() {
        if exit == Exit::Done {
            // Of a service that has lost all its objects its directory may still be there.
            let of = if filter.has_time() { "of the time that" } else { "of what" };
            let what = format!("nothing is there {of} is asked for; `logferry ls` shows what is");
            steps::complain(&what);
        }
        return Err(Exit::Failed);
    }
    let selection = Box::new(selection);
    Ok(Found { source: Source::Store { store, stop, selection }, exit: exit.max(broken) })
}

fn is_among<'s>(asked: &Service, known: impl IntoIterator<Item = &'s Service>) -> bool {
    known.into_iter().any(|service| service.encoded() == asked.encoded())
}

/// Finds what is on this machine of what is asked for.
pub(super) fn on_machine(verbose: u8, args: &LocalArgs, filter: &Filter) -> Result<Found, Exit> {
    let locals = super::local(verbose, args, filter)?;
    let mut exit = super::tell_unread(&locals);
    for service in filter.distinct_services() {
        let of_service = locals.found.iter().map(|local| &local.leaf).filter(|leaf| is_among(service, [&leaf.service]));
        match of_service.map(|leaf| leaf.first).min() {
            Some(first) => log::info!("what is on this machine of {service} reaches back to {first}"),
            None => {
                steps::complain(&format!(
                    "nothing of {service} is on this machine{}; `logferry ls --local` shows what is, `logferry cat \
                     {service}` reads the store",
                    if filter.has_time() || !filter.instances.is_empty() { " that is asked for" } else { "" }
                ));
                exit = Exit::Failed;
            }
        }
    }
    let breaks = archive::breaks(locals.found.iter().map(|local| &local.leaf));
    let exit = exit.max(tell_breaks(&breaks, Looked::Everywhere));
    if locals.found.is_empty() { Err(Exit::Failed) } else { Ok(Found { source: Source::Machine(locals), exit }) }
}

/// Complains of what could not be looked at.
pub(super) fn tell_troubles(selection: &Selection) -> Exit {
    let told = selection.troubles.iter().chain(&selection.untold).map(super::unreadable);
    told.fold(Exit::Done, Exit::max)
}

/// Tells where streams are not whole; what to do about it is said once, behind all of a kind.
fn tell_breaks(breaks: &[Break], looked: Looked) -> Exit {
    let (gaps, doubled): (Vec<_>, Vec<_>) = breaks.iter().partition(|found| matches!(found, Break::Gap(_)));
    let tell = |breaks: &[&Break], hint: Option<&str>| {
        breaks.iter().for_each(|found| steps::complain(&found.to_string()));
        if let Some(hint) = hint.filter(|_| !breaks.is_empty()) {
            steps::complain(&format!("  hint: {hint}"));
        }
    };
    tell(&gaps, (looked == Looked::InSome).then_some(super::ANY_LAYOUT));
    tell(&doubled, Some("which bytes are the log's, nobody can tell from here; `logferry verify` names the objects"));
    if breaks.is_empty() { Exit::Done } else { Exit::Failed }
}

/// Tells what can't be read; what to do about it is said once, as thousands may be refused for one reason. Where it must be
/// the store that is at fault, no more are tried.
pub(super) struct Complaints {
    pub(super) exit: Exit,
    hint: Option<&'static str>,
    /// How many were refused one after another, and why.
    refused: Option<(Kind, u32)>,
}

impl Complaints {
    /// After what was told already.
    pub(super) fn after(exit: Exit) -> Self {
        Self { exit, hint: None, refused: None }
    }

    /// Hears how a segment was read, of which so many are left; breaks off where the others need not be tried.
    pub(super) fn hear(&mut self, read: &Result<(), ReadError>, left: usize) -> ControlFlow<()> {
        let Err(error) = read else {
            self.refused = None;
            return ControlFlow::Continue(());
        };
        self.exit = self.exit.max(Exit::Failed);
        let hint = error.hint().filter(|hint| self.hint.replace(hint) != Some(*hint));
        super::complain(&problem::chain(error), hint);
        match self.is_store_at_fault(error) && left > 0 {
            true => {
                let segments = crate::report::count(left, "segment");
                steps::complain(&format!("the store is at fault: {segments} more were not tried"));
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        }
    }

    fn is_store_at_fault(&mut self, error: &ReadError) -> bool {
        // That one is not there any more says nothing of the next one: whole days expire at once.
        let ReadError::Refused { kind, .. } = error else { return false };
        if *kind == Kind::NoObject {
            return false;
        }
        let count = self.refused.filter(|(last, _)| last == kind).map_or(1, |(_, count)| count + 1);
        self.refused = Some((*kind, count));
        kind.objects_in_doubt().is_some_and(|most| count >= most)
    }
}

/// Standard output without a buffer that looks at each line.
///
/// # Errors
/// Where there is none.
pub(super) fn output() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Whether someone still reads standard output.
pub(super) fn is_read() -> bool {
    pipe::is_read(io::stdout())
}

/// A reader that has seen enough (`head`) is no failure.
pub(super) fn ended(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Done;
    }
    steps::complain(&format!("write the output: {error}"));
    Exit::Failed
}

/// How progress is shown on a terminal, and nowhere else.
pub(super) fn on_terminal() -> Show {
    match Show::fitting() {
        Show::InPlace => Show::InPlace,
        Show::Lines | Show::Nothing => Show::Nothing,
    }
}

/// As [`on_terminal`], unless the output goes to a terminal too.
pub(super) fn beside(output: &impl IsTerminal) -> Show {
    if output.is_terminal() { Show::Nothing } else { on_terminal() }
}

/// Shows how many of the segments were read, until it is dropped.
pub(super) fn progress(segments: &dyn Segments, show: Show) -> (Arc<Meter>, Progress) {
    let meter = Arc::new(Meter::default());
    (0..segments.count()).for_each(|index| meter.sealed(segments.size(index)));
    let progress = Progress::start_reading(show, &meter);
    (meter, progress)
}
