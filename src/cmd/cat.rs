//! `logferry cat`: what services have logged, in order.

use std::io::{self, BufWriter, IsTerminal, Write};

use super::reading::{self, Complaints, Found};
use crate::archive::by_time::ByTime;
use crate::archive::joined::{self, Order, Take};
use crate::archive::label::{Labelled, Plain, Services};
use crate::archive::{Form, Segments};
use crate::cli::Cat;
use crate::exit::Exit;
use crate::sys::{clock, stdio};

/// How much labelled output is collected before it is written, in bytes.
const BUFFER: usize = 128 * 1024;

/// Writes what services have logged to standard output.
pub fn cat(args: &Cat) -> Exit {
    let filter = match args.filter.filter(&args.services, clock::now()) {
        Ok(filter) => filter,
        Err(why) => return super::misused(&why),
    };
    let found = match args.local.local {
        true => reading::on_machine(args.from.store.verbose, &args.local, &filter),
        false => reading::in_store(&args.from, &filter),
    };
    let found = match found {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let written = found.read(|segments| write(args, &found, segments));
    written.unwrap_or_else(|error| reading::ended(&error))
}

fn write(args: &Cat, found: &Found, segments: &dyn Segments) -> io::Result<Exit> {
    stdio::is_output_open()?;
    let mut output = reading::output()?;
    if args.raw && output.is_terminal() {
        super::complain("--raw writes compressed bytes, which are not for a terminal", Some("redirect the output"));
        return Ok(Exit::Usage);
    }
    if !args.label {
        return join(args, found, segments, &mut Plain(&mut output));
    }
    let services = Services::of((0..segments.count()).map(|index| segments.leaf(index)));
    let mut buffered = BufWriter::with_capacity(BUFFER, output);
    let exit = join(args, found, segments, &mut Labelled::new(&mut buffered, services))?;
    buffered.flush().map(|()| exit)
}

/// Joins the segments as they are asked for; one that can't be read is complained of, and the others follow.
fn join(args: &Cat, found: &Found, segments: &dyn Segments, take: &mut dyn Take) -> io::Result<Exit> {
    let (order, form) = (
        if args.by_time { Order::ByTime } else { Order::StreamByStream }.of(segments),
        if args.raw { Form::Packed } else { Form::Text },
    );
    let (meter, _progress) = reading::progress(segments, reading::beside(&io::stdout()));
    let (mut complaints, mut left) = (Complaints::after(found.exit), order.len());
    let mut told = |index, read| {
        left -= 1;
        meter.shipped(segments.size(index));
        complaints.hear(&read, left)
    };
    let joined = match args.by_time {
        true => joined::join(segments, &order, form, &reading::is_read, &mut ByTime::before(take), &mut told),
        false => joined::join(segments, &order, form, &reading::is_read, take, &mut told),
    };
    joined.map(|()| complaints.exit)
}
