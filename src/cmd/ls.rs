//! `logferry ls`: what was shipped.

use std::io::{self, Write};

use super::Archive;
use crate::archive::{self, Shipped};
use crate::cli::Ls;
use crate::exit::Exit;
use crate::model::names::Service;
use crate::report::steps;

/// Lists the objects of a service, or of all, a line each.
pub fn ls(args: Ls) -> Exit {
    let Archive { store, places } = match super::open_archive(&args.from) {
        Ok(archive) => archive,
        Err(exit) => return exit,
    };
    let service = args.service.and_then(Service::new);
    let listing = match archive::list(store.as_ref(), service.as_ref(), &places) {
        Ok(listing) => listing,
        Err(error) => return super::unreadable(&error),
    };
    super::tell_of_beginnings(&listing);
    match print(&listing.shipped) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            steps::complain(&format!("write the output: {error}"));
            Exit::Failed
        }
    }
}

fn print(shipped: &[Shipped]) -> io::Result<()> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let column = |width: fn(&Shipped) -> usize| shipped.iter().map(width).max().unwrap_or(0);
    let services = column(|object| object.leaf.service.to_string().len());
    let instances = column(|object| object.leaf.instance.as_str().len());
    for Shipped { leaf, size, .. } in shipped {
        let (service, instance) = (leaf.service.to_string(), leaf.instance.as_str());
        let (first, last) = (leaf.first.to_string(), leaf.last.to_string());
        let (first, last) = (&first[..19], &last[..19]);
        writeln!(
            output,
            "{service:services$}  {first}Z  {last}Z  {instance:instances$}  {}-{}  {size:>12}",
            leaf.stream, leaf.seq
        )?;
    }
    output.flush()
}
