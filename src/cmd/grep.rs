//! `logferry grep`: the lines that match, each with whose it is and when.
//!
//! Each stream is searched as one text, its segments joined, so that a match in a line that is split between two segments is
//! found. Exit codes are those of grep(1): people write `if logferry grep …`.

mod lines;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};

use super::reading::{self, Complaints, Found};
use crate::archive::ahead::{self, Taker};
use crate::archive::joined::Order;
use crate::archive::label::Services;
use crate::archive::streams::{self, Marks, StreamReader};
use crate::archive::{Form, Segments};
use crate::cli::Grep;
use crate::exit::Exit;
use crate::model::meter::Meter;
use crate::sys::clock;
use lines::{Lines, Shape, Style};

/// The longest line that is searched, in bytes: it is in memory.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// Prints the lines that match.
pub fn grep(args: &Grep) -> Exit {
    let (filter, matcher) = match (args.filter.filter(&args.services, clock::now()), matcher(args)) {
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

/// The pattern. `$` matches before a CR, as the logs of terminals have CRLF.
fn matcher(args: &Grep) -> Result<RegexMatcher, String> {
    let mut builder = RegexMatcherBuilder::new();
    builder.crlf(true).multi_line(true).case_insensitive(args.ignore_case);
    builder.word(args.word_regexp).fixed_strings(args.fixed_strings);
    let why = |error| format!("the pattern: {error}\n  hint: --fixed-strings (-F) takes it as it is");
    builder.build(&args.pattern).map_err(why)
}

fn searcher(args: &Grep, most: Option<u64>) -> Searcher {
    let (before, after) = match args.context {
        Some(context) => (context, context),
        None => (args.before_context, args.after_context),
    };
    let is_of_lines = !(args.count || args.list || args.quiet);
    let context = |lines| if is_of_lines { lines } else { 0 };
    let mut builder = SearcherBuilder::new();
    builder
        .line_terminator(LineTerminator::crlf())
        .line_number(false)
        .invert_match(args.invert_match)
        .before_context(context(before))
        .after_context(context(after))
        .binary_detection(BinaryDetection::none())
        .bom_sniffing(false)
        .heap_limit(Some(LONGEST_LINE))
        .max_matches(most)
        .build()
}

fn search(args: &Grep, found: &Found, segments: &dyn Segments, matcher: &RegexMatcher) -> io::Result<Exit> {
    let order = Order::StreamByStream.of(segments);
    let output = reading::output()?;
    let style = Style {
        shape: Shape::of(args),
        services: Services::of((0..segments.count()).map(|index| segments.leaf(index))),
        is_terminal: output.is_terminal(),
    };
    let (meter, progress) = reading::progress(segments, reading::beside(&output));
    let is_wanted = || args.quiet || reading::is_read();
    let selected = ahead::read(segments, &order, Form::Text, &is_wanted, |taker| {
        let lines = Lines::new(style, segments, io::BufWriter::with_capacity(128 * 1024, output));
        let complaints = Complaints::after(found.exit);
        Search { args, segments, order: &order, matcher, meter: &meter, complaints, lines }.all(taker)
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
            let (selected, is_over) = self.one(places, left, taker)?;
            if selected > 0 && self.args.list && so_far == 0 {
                self.lines.print(&label)?;
            }
            *counts.entry(label).or_default() += selected;
            if is_over || (selected > 0 && self.args.quiet) {
                break;
            }
        }
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

    /// Searches one stream; how many lines were selected, and whether nothing more is to be read at all.
    fn one(
        &mut self,
        places: std::ops::Range<usize>,
        most: Option<u64>,
        taker: &mut Taker<'_>,
    ) -> io::Result<(u64, bool)> {
        let (marks, name) = (Marks::default(), self.segments.name(self.order[places.start]));
        let (segments, meter, complaints) = (self.segments, self.meter, &mut self.complaints);
        let mut left = self.order.len() - places.start;
        let mut told = |index, read| {
            left -= 1;
            meter.shipped(segments.size(index));
            complaints.hear(&read, left)
        };
        let mut reader = StreamReader::new(segments, self.order, places, taker, &marks, &mut told);
        let mut sink = self.lines.of_stream(&marks);
        let searched = searcher(self.args, most).search_reader(self.matcher, &mut reader, &mut sink);
        let (selected, failed, is_over) = (sink.selected, sink.failed.take(), reader.is_over);
        if let Some(error) = failed {
            return Err(error);
        }
        if let Err(error) = searched {
            super::complain(
                &format!("search the stream of {name}: {error}"),
                Some("a line is too long to be searched: logferry cat writes it as it is"),
            );
            self.complaints.exit = Exit::Failed;
        }
        Ok((selected, is_over))
    }
}
