//! `logferry ls`: what was shipped.

use std::io::{self, Write};

use super::Archive;
use crate::archive::{self, Filter, Shipped};
use crate::cli::Ls;
use crate::exit::Exit;
use crate::model::key::Leaf;
use crate::report::steps;
use crate::spool::{Local, Stays};
use crate::sys::clock;

/// A segment's line.
struct Line<'l> {
    leaf: &'l Leaf,
    size: u64,
    /// What stands at its end.
    note: &'static str,
}

/// Lists the objects of a service, or of all, a line each.
pub fn ls(args: Ls) -> Exit {
    let filter = match args.filter.filter(&args.services, clock::now()) {
        Ok(filter) => filter,
        Err(why) => return super::misused(&why),
    };
    match args.local.local {
        true => ls_local(&args, &filter),
        false => ls_store(&args, &filter),
    }
}

fn ls_store(args: &Ls, filter: &Filter) -> Exit {
    let Archive { store, places, .. } = match super::open_archive(&args.from) {
        Ok(archive) => archive,
        Err(exit) => return exit,
    };
    let selection = match archive::select(store.as_ref(), &places, filter) {
        Ok(selection) => selection,
        Err(error) => return super::unreadable(&error),
    };
    super::tell_of_beginnings(filter, &selection);
    super::tell_foreign(&selection);
    let missing = super::tell_missing(filter, &selection);
    told(selection.segments.iter().map(line).collect()).max(missing)
}

fn ls_local(args: &Ls, filter: &Filter) -> Exit {
    let locals = match super::local(args.from.store.verbose, &args.local, filter) {
        Ok(locals) => locals,
        Err(exit) => return exit,
    };
    told(locals.found.iter().map(local_line).collect()).max(super::tell_unread(&locals))
}

fn line(Shipped { leaf, size, .. }: &Shipped) -> Line<'_> {
    Line { leaf, size: *size, note: "" }
}

fn local_line(local: &Local) -> Line<'_> {
    let note = match local.stays {
        Stays::Waits => "  waits",
        Stays::Kept => "  kept",
    };
    Line { leaf: &local.leaf, size: local.size, note }
}

fn told(lines: Vec<Line<'_>>) -> Exit {
    match print(&lines) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            steps::complain(&format!("write the output: {error}"));
            Exit::Failed
        }
    }
}

fn print(lines: &[Line<'_>]) -> io::Result<()> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let column = |width: fn(&Leaf) -> usize| lines.iter().map(|line| width(line.leaf)).max().unwrap_or(0);
    let services = column(|leaf| leaf.service.to_string().len());
    let instances = column(|leaf| leaf.instance.as_str().len());
    for Line { leaf, size, note } in lines {
        let (service, instance) = (leaf.service.to_string(), leaf.instance.as_str());
        let (first, last) = (leaf.first.to_string(), leaf.last.to_string());
        let (first, last) = (&first[..19], &last[..19]);
        writeln!(
            output,
            "{service:services$}  {first}Z  {last}Z  {instance:instances$}  {}-{}  {size:>12}{note}",
            leaf.stream, leaf.seq
        )?;
    }
    output.flush()
}
