//! `logferry grep`: the lines that match, each with whose it is and when.
//!
//! Each stream is searched as one text, its segments joined, so that a match in a line that is split between two segments is
//! found. Exit codes are those of grep(1): people write `if logferry grep …`.

mod lines;
mod pattern;
mod stream;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::ops::Range;

use grep_regex::RegexMatcher;

use super::reading::{self, Complaints, Found};
use crate::archive::ahead::{self, Taker};
use crate::archive::joined::Order;
use crate::archive::label::Services;
use crate::archive::streams::{self, Marks, StreamReader};
use crate::archive::{Form, Segments};
use crate::cli::Grep;
use crate::exit::Exit;
use crate::model::meter::Meter;
use crate::model::size;
use crate::report::{self, steps};
use crate::sys::{clock, stdio};
use lines::{Lines, Parts, Shape, Style};
use stream::{LONGEST_LINE, NotDone};

/// How many lines that were not searched are told one by one.
const TOLD: u64 = 8;

/// Prints the lines that match.
pub fn grep(args: &Grep) -> Exit {
    let (filter, matcher) = match (args.filter.filter(&args.services(), clock::now()), pattern::matcher(args)) {
        (Ok(filter), Ok(matcher)) => (filter, matcher),
        (Err(why), _) | (_, Err(why)) => return super::misused(&why),
    };
    let found = match args.local.local {
        true => reading::on_machine(args.from.store.verbose, &args.local, &filter),
        false => reading::in_store(&args.from, &filter),
    };
    let searched = match &found {
        Ok(found) => found.read(|segments| search(args, found, segments, &matcher)),
        Err(exit) => return trouble(*exit),
    };
    searched.unwrap_or_else(|error| trouble(reading::ended(&error)))
}

/// What isn't the pattern's not being there: 2, as grep(1) has it for trouble of all kinds.
fn trouble(exit: Exit) -> Exit {
    if exit == Exit::Failed { Exit::Usage } else { exit }
}

fn search(args: &Grep, found: &Found, segments: &dyn Segments, matcher: &RegexMatcher) -> io::Result<Exit> {
    let order = Order::StreamByStream.of(segments);
    if !args.quiet {
        stdio::is_output_open()?;
    }
    let output = reading::output()?;
    let style = Style {
        shape: Shape::of(args),
        parts: Parts::of(args),
        services: Services::of((0..segments.count()).map(|index| segments.leaf(index))),
        is_terminal: output.is_terminal(),
    };
    let (meter, progress) = reading::progress(segments, reading::beside(&output));
    let is_wanted = || args.quiet || reading::is_read();
    let selected = ahead::read(segments, &order, Form::Text, &is_wanted, |taker| {
        let lines = Lines::new(style, segments, matcher, io::BufWriter::with_capacity(128 * 1024, output));
        let complaints = Complaints::after(found.exit);
        Search { args, segments, order: &order, matcher, meter: &meter, complaints, lines, unsearched: 0 }.all(taker)
    });
    drop(progress);
    selected
}

struct Search<'s> {
    args: &'s Grep,
    segments: &'s dyn Segments,
    order: &'s [usize],
    matcher: &'s RegexMatcher,
    meter: &'s Meter,
    complaints: Complaints,
    lines: Lines<'s, io::BufWriter<std::fs::File>>,
    /// How many lines were too long to be searched.
    unsearched: u64,
}

/// How it goes on behind a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Next,
    /// The store is at fault, which was told.
    End,
    /// Nobody reads the output any more.
    Unwanted,
}

impl Search<'_> {
    fn all(mut self, taker: &mut Taker<'_>) -> io::Result<Exit> {
        // Of each instance, under the label that is printed.
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for places in streams::streams(self.segments, self.order) {
            let label = self.lines.style.services.label(self.segments.leaf(self.order[places.start]));
            let so_far = counts.get(&label).copied().unwrap_or(0);
            let most = match self.args.list || self.args.quiet {
                true => Some(1),
                false => self.args.max_count,
            };
            let left = most.map(|most| most.saturating_sub(so_far));
            if left == Some(0) {
                continue;
            }
            let (selected, then) = self.one(places, left, taker)?;
            if selected > 0 && self.args.list && so_far == 0 {
                self.lines.print(&label)?;
            }
            *counts.entry(label).or_default() += selected;
            if then == Then::Unwanted {
                // It is not known whether the rest holds a line: as where a line can't be written to a reader that has gone.
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if then == Then::End || (selected > 0 && self.args.quiet) {
                break;
            }
        }
        self.tell_others_unsearched();
        if self.args.count {
            let counted = counts.iter().filter(|(_, count)| **count > 0);
            counted.map(|(label, count)| format!("{label}: {count}")).try_for_each(|line| self.lines.print(&line))?;
        }
        self.lines.output.flush()?;
        let is_found = counts.values().any(|count| *count > 0);
        Ok(match (is_found, self.complaints.exit) {
            (true, _) if self.args.quiet => Exit::Done,
            (true, Exit::Done) => Exit::Done,
            (false, Exit::Done) => Exit::Failed,
            (_, exit) => trouble(exit),
        })
    }

    /// Searches one stream; how many lines were selected.
    fn one(&mut self, places: Range<usize>, most: Option<u64>, taker: &mut Taker<'_>) -> io::Result<(u64, Then)> {
        let (marks, at) = (Marks::default(), self.order[places.start]);
        let (segments, meter, complaints) = (self.segments, self.meter, &mut self.complaints);
        let mut left = self.order.len() - places.start;
        let mut is_at_fault = false;
        let mut told = |index, read| {
            left -= 1;
            meter.shipped(segments.size(index));
            let flow = complaints.hear(&read, left);
            is_at_fault = flow.is_break();
            flow
        };
        let mut reader = StreamReader::new(segments, self.order, places, taker, &marks, &mut told);
        let mut sink = self.lines.of_stream(&marks);
        let mut not_done = Unsearched {
            segments,
            marks: &marks,
            at,
            lines: &mut self.unsearched,
            is_context_cut: false,
            is_rest_left: false,
        };
        let mut tell = |what| not_done.tell(what);
        stream::search(self.args, self.matcher, most, &mut reader, &mut sink, &mut tell)?;
        let (selected, is_over, is_context_cut) = (sink.selected, reader.is_over, not_done.is_context_cut);
        let is_rest_left = not_done.is_rest_left;
        if is_context_cut && selected > 0 {
            tell_context(segments, at);
        }
        if self.unsearched > 0 || is_rest_left || (is_context_cut && selected > 0) {
            self.complaints.exit = self.complaints.exit.max(Exit::Failed);
        }
        let then = match (is_over, is_at_fault) {
            (false, _) => Then::Next,
            (true, true) => Then::End,
            (true, false) => Then::Unwanted,
        };
        Ok((selected, then))
    }

    fn tell_others_unsearched(&self) {
        if self.unsearched > TOLD {
            let others = usize::try_from(self.unsearched - TOLD).unwrap_or(usize::MAX);
            steps::complain(&format!("as long, and not searched either: {}", report::count(others, "line")));
        }
    }
}

/// What of a stream is too much to be searched or printed.
struct Unsearched<'u> {
    segments: &'u dyn Segments,
    marks: &'u Marks,
    /// A segment of it.
    at: usize,
    /// How many lines were told, of all streams.
    lines: &'u mut u64,
    /// Whether lines beside others may be missing.
    is_context_cut: bool,
    /// Whether some of the stream was not searched at all.
    is_rest_left: bool,
}

impl Unsearched<'_> {
    fn tell(&mut self, what: NotDone) {
        let limit = size::show(LONGEST_LINE as u64);
        match what {
            NotDone::Line { offset, before, length } => {
                let index = self.marks.at(offset).unwrap_or(self.at);
                *self.lines += 1;
                if *self.lines > TOLD {
                    return;
                }
                let leaf = self.segments.leaf(index);
                let what = format!(
                    "a line of {} was not searched: number {} of what is read of {} on {}, {}, in {}",
                    size::show(length),
                    before + 1,
                    leaf.service,
                    leaf.instance,
                    leaf.first.to_second(),
                    self.segments.name(index)
                );
                let hint = format!("lines of more than {limit} are not searched; logferry cat writes them as they are");
                super::complain(&what, Some(&hint));
            }
            // Whether that matters shows when lines were selected.
            NotDone::Context => self.is_context_cut = true,
            NotDone::Rest(error) => {
                self.is_rest_left = true;
                steps::complain(&format!("search the stream of {}: {error}", self.segments.name(self.at)));
            }
        }
    }
}

/// Tells that lines beside those selected may be missing, of the stream that this segment is of.
fn tell_context(segments: &dyn Segments, at: usize) {
    let (leaf, limit) = (segments.leaf(at), size::show(LONGEST_LINE as u64));
    let what = format!(
        "of the lines beside those selected of {} on {}, some may not be printed: they come to more than {limit}",
        leaf.service, leaf.instance
    );
    super::complain(&what, Some("all lines were searched; ask for fewer with -B or -C"));
}
