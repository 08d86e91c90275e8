//! `logferry cat`: what a service has logged, in order.

use std::io::{self, Write};

use super::Archive;
use crate::archive::{self, Filter, Looked, ReadError, Selection, local};
use crate::cli::Cat;
use crate::exit::Exit;
use crate::model::key::Leaf;
use crate::model::names::Service;
use crate::model::problem;
use crate::report::steps;

/// Writes all objects of a service, decompressed, to standard output.
pub fn cat(args: Cat) -> Exit {
    let Some(service) = Service::new(args.service.clone()) else {
        steps::complain("a service has a name");
        return Exit::Usage;
    };
    let filter = Filter { services: vec![service.clone()], ..Filter::default() };
    match args.local.local {
        true => cat_local(&args, &service, &filter),
        false => cat_store(&args, &service, &filter),
    }
}

fn cat_store(args: &Cat, service: &Service, filter: &Filter) -> Exit {
    let Archive { store, places, .. } = match super::open_archive(&args.from) {
        Ok(archive) => archive,
        Err(exit) => return exit,
    };
    let selection = match archive::select(store.as_ref(), &places, filter) {
        Ok(selection) => selection,
        Err(error) => return super::unreadable(&error),
    };
    super::tell_of_beginnings(filter, &selection);
    let Selection { segments: shipped, looked, .. } = selection;
    if shipped.is_empty() {
        steps::complain(&format!("nothing of {service} is there; `logferry ls` shows what is"));
        return Exit::Failed;
    }
    let exit = tell_gaps(shipped.iter().map(|shipped| &shipped.leaf));
    if exit != Exit::Done && looked == Looked::InSome {
        steps::complain(&format!("  hint: {}", super::ANY_LAYOUT));
    }
    let written = write(&shipped, |shipped, output| archive::read(store.as_ref(), shipped, output));
    written.map_or_else(|error| ended(&error), |written| written.max(exit))
}

fn cat_local(args: &Cat, service: &Service, filter: &Filter) -> Exit {
    let locals = match super::local(args.from.store.verbose, &args.local, filter) {
        Ok(locals) => locals,
        Err(exit) => return exit,
    };
    let Some(first) = locals.found.iter().map(|local| local.leaf.first).min() else {
        steps::complain(&format!(
            "nothing of {service} is on this machine; `logferry ls --local` shows what is, `logferry cat {service}` reads \
             the store"
        ));
        return Exit::Failed;
    };
    log::info!("what is on this machine of {service} reaches back to {first}");
    let exit = tell_gaps(locals.found.iter().map(|local| &local.leaf)).max(super::tell_unread(&locals));
    let mut reader = local::Reader::new(&locals);
    let written = write(&locals.found, |local, output| reader.read(local, output));
    written.map_or_else(|error| ended(&error), |written| written.max(exit))
}

fn tell_gaps<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Exit {
    let gaps = archive::gaps(leaves);
    gaps.iter().for_each(|gap| steps::complain(gap));
    if gaps.is_empty() { Exit::Done } else { Exit::Failed }
}

/// Writes segment after segment; one that can't be read is complained of, and the others follow. What to do is said once:
/// thousands may be refused for one reason.
fn write<T>(segments: &[T], mut read: impl FnMut(&T, &mut dyn Write) -> Result<(), ReadError>) -> io::Result<Exit> {
    let mut output = io::BufWriter::with_capacity(128 * 1024, io::stdout().lock());
    let (mut exit, mut told) = (Exit::Done, None);
    for segment in segments {
        match read(segment, &mut output) {
            Ok(()) => {}
            Err(ReadError::Output(error)) => return Err(error),
            Err(error) => {
                let hint = error.hint().filter(|hint| told.replace(*hint) != Some(*hint));
                super::complain(&problem::chain(&error), hint);
                exit = Exit::Failed;
            }
        }
    }
    output.flush().map(|()| exit)
}

/// A reader that has seen enough (`head`) is no failure.
fn ended(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Done;
    }
    steps::complain(&format!("write the output: {error}"));
    Exit::Failed
}
