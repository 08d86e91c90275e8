//! `logferry cat`: what a service has logged, in order.

use std::io::{self, Write};

use super::Archive;
use crate::archive::{self, Listing, Looked, ReadError, Shipped};
use crate::cli::Cat;
use crate::exit::Exit;
use crate::model::names::Service;
use crate::model::problem;
use crate::report::steps;
use crate::store::Store;

/// Writes all objects of a service, decompressed, to standard output.
pub fn cat(args: Cat) -> Exit {
    let Archive { store, places } = match super::open_archive(&args.from) {
        Ok(archive) => archive,
        Err(exit) => return exit,
    };
    let Some(service) = Service::new(args.service) else {
        steps::complain("a service has a name");
        return Exit::Usage;
    };
    let listing = match archive::list(store.as_ref(), Some(&service), &places) {
        Ok(listing) => listing,
        Err(error) => return super::unreadable(&error),
    };
    super::tell_of_beginnings(&listing);
    let Listing { shipped, looked } = listing;
    if shipped.is_empty() {
        steps::complain(&format!("nothing of {service} is there; `logferry ls` shows what is"));
        return Exit::Failed;
    }
    let gaps = archive::gaps(&shipped);
    gaps.iter().for_each(|gap| steps::complain(gap));
    if !gaps.is_empty() && looked == Looked::InSome {
        steps::complain(&format!("  hint: {}", super::ANY_LAYOUT));
    }
    let exit = if gaps.is_empty() { Exit::Done } else { Exit::Failed };
    write(store.as_ref(), &shipped).map_or_else(|error| ended(&error), |written| written.max(exit))
}

/// Writes object after object; one that can't be read is complained of, and the others follow. What to do is said once:
/// thousands of objects may be refused for one reason.
fn write(store: &dyn Store, shipped: &[Shipped]) -> io::Result<Exit> {
    let mut output = io::BufWriter::with_capacity(128 * 1024, io::stdout().lock());
    let (mut exit, mut told) = (Exit::Done, None);
    for object in shipped {
        match archive::read(store, object, &mut output) {
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
