//! `logferry cat`: what a service has logged, in order.

use std::io::{self, Write};

use crate::archive::{self, ReadError};
use crate::cli::Cat;
use crate::exit::Exit;
use crate::model::names::Service;
use crate::model::problem;
use crate::report::steps;

/// Writes all objects of a service, decompressed, to standard output.
pub fn cat(args: Cat) -> Exit {
    let store = match super::open_store(&args.store) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let Some(service) = Service::new(args.service) else {
        steps::complain("a service has a name");
        return Exit::Usage;
    };
    let shipped = match archive::list(store.as_ref(), Some(&service)) {
        Ok(shipped) => shipped,
        Err(error) => return super::unreadable(&error),
    };
    if shipped.is_empty() {
        steps::complain(&format!("nothing of {service} is there; `logferry ls` shows what is"));
        return Exit::Failed;
    }
    let mut output = io::BufWriter::with_capacity(128 * 1024, io::stdout().lock());
    for object in &shipped {
        match archive::read(store.as_ref(), object, &mut output) {
            Ok(()) => {}
            Err(error) => return ended(&error),
        }
    }
    output.flush().map_or_else(|error| ended(&ReadError::Output(error)), |()| Exit::Done)
}

/// A reader that has seen enough (`head`) is no failure.
fn ended(error: &ReadError) -> Exit {
    match error {
        ReadError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        error => {
            steps::complain(&problem::chain(error));
            Exit::Failed
        }
    }
}
