//! Printing the lines that were selected.

use std::io::{self, Write};

use grep_matcher::Matcher;
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkContext, SinkMatch};
use serde::Serialize;

use crate::archive::Segments;
use crate::archive::label::Services;
use crate::archive::streams::Marks;
use crate::cli::Grep;
use crate::model::names::{Instance, Service, StreamId};
use crate::model::printable::printable_lines;

/// What is printed of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Nothing: lines are only counted.
    Nothing,
    /// Whose it is, its time, and the line.
    Labelled,
    /// The line alone.
    Plain,
    /// A JSON object.
    Json,
}

impl Shape {
    pub(super) fn of(args: &Grep) -> Self {
        match () {
            () if args.count || args.list || args.quiet => Self::Nothing,
            () if args.json => Self::Json,
            () if args.no_label => Self::Plain,
            () => Self::Labelled,
        }
    }
}

/// How much of a line that was selected is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Parts {
    /// All of it.
    Line,
    /// What matches, each on a line of its own.
    Matches,
}

impl Parts {
    pub(super) fn of(args: &Grep) -> Self {
        if args.only_matching { Self::Matches } else { Self::Line }
    }
}

/// How lines are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) shape: Shape,
    pub(super) parts: Parts,
    pub(super) services: Services,
    pub(super) is_terminal: bool,
}

/// Whether a line was selected, or stands beside one that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Selected,
    Context,
}

impl Role {
    /// What stands between what is said of a line and the line, as in grep(1).
    fn sign(self) -> char {
        if self == Self::Selected { ':' } else { '-' }
    }
}

/// Where a line is, since the searcher has begun.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    /// Its number, where lines are counted.
    number: Option<u64>,
}

/// A line as JSON.
#[derive(Serialize)]
struct Json<'l> {
    service: &'l Service,
    instance: &'l Instance,
    stream: StreamId,
    /// The span of the segment in which the line begins.
    first: String,
    last: String,
    key: &'l str,
    /// Its number in what is read of the stream, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    selected: bool,
    /// The line, without its end; as Base64 where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
}

/// Prints lines.
pub(super) struct Lines<'s, W> {
    pub(super) style: Style,
    segments: &'s dyn Segments,
    matcher: &'s RegexMatcher,
    pub(super) output: W,
    /// Whether anything was printed: what stands apart is separated from it.
    has_printed: bool,
}

/// The lines of one stream.
pub(super) struct OfStream<'l, 's, W> {
    lines: &'l mut Lines<'s, W>,
    marks: &'l Marks,
    /// Where the searcher has begun in the stream: how many bytes and lines are before.
    begin: (u64, u64),
    /// The segment that the last line began in, and what stands before its lines.
    segment: Option<(usize, String)>,
    /// Whether the next line that is printed is the first since the searcher has begun.
    is_first: bool,
    /// How many were selected.
    pub(super) selected: u64,
    /// Why the output could not be written.
    pub(super) failed: Option<io::Error>,
}

impl<'s, W: Write> Lines<'s, W> {
    pub(super) fn new(style: Style, segments: &'s dyn Segments, matcher: &'s RegexMatcher, output: W) -> Self {
        Self { style, segments, matcher, output, has_printed: false }
    }

    pub(super) fn of_stream<'l>(&'l mut self, marks: &'l Marks) -> OfStream<'l, 's, W> {
        OfStream { lines: self, marks, begin: (0, 0), segment: None, is_first: true, selected: 0, failed: None }
    }

    /// A line of our own.
    pub(super) fn print(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.output, "{line}")?;
        if self.style.is_terminal { self.output.flush() } else { Ok(()) }
    }
}

impl<W: Write> OfStream<'_, '_, W> {
    /// A searcher begins there: what it says of places is behind so many bytes and lines.
    pub(super) fn begin_at(&mut self, offset: u64, lines: u64) {
        (self.begin, self.is_first) = ((offset, lines), true);
    }

    fn print_selected(&mut self, place: Place, line: &[u8]) -> io::Result<()> {
        if self.lines.style.parts == Parts::Line || self.lines.style.shape == Shape::Nothing {
            return self.print(Role::Selected, place, line);
        }
        let (matcher, line) = (self.lines.matcher, line.strip_suffix(b"\n").unwrap_or(line));
        let mut printed = Ok(());
        let each = |found: grep_matcher::Match| {
            if !found.is_empty() {
                printed = self.print(Role::Selected, place, &line[found]);
            }
            printed.is_ok()
        };
        matcher.find_iter(line, each).map_err(io::Error::other)?;
        printed
    }

    fn print(&mut self, role: Role, place: Place, line: &[u8]) -> io::Result<()> {
        let index = self.marks.at(self.begin.0 + place.offset).unwrap_or_default();
        let number = place.number.map(|number| self.begin.1 + number);
        self.is_first = false;
        self.lines.has_printed = true;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        match self.lines.style.shape {
            Shape::Nothing => return Ok(()),
            Shape::Json => self.print_json(role, index, number, text.strip_suffix(b"\r").unwrap_or(text))?,
            Shape::Plain => {
                if let Some(number) = number {
                    write!(self.lines.output, "{number}{}", role.sign())?;
                }
                self.print_text(text)?;
            }
            Shape::Labelled => {
                self.print_label(role, index, number)?;
                self.print_text(text)?;
            }
        }
        if self.lines.style.is_terminal { self.lines.output.flush() } else { Ok(()) }
    }

    fn print_label(&mut self, role: Role, index: usize, number: Option<u64>) -> io::Result<()> {
        if self.segment.as_ref().is_none_or(|(of, _)| *of != index) {
            let leaf = self.lines.segments.leaf(index);
            self.segment =
                Some((index, format!("{} {}", self.lines.style.services.label(leaf), leaf.first.to_second())));
        }
        let label = self.segment.as_ref().map_or("", |(_, label)| label.as_str());
        let output = &mut self.lines.output;
        match number {
            Some(number) => write!(output, "{label} {number}{} ", role.sign()),
            None => write!(output, "{label}{} ", role.sign()),
        }
    }

    /// The line as it is; a terminal gets no control characters, which could make it do anything.
    fn print_text(&mut self, text: &[u8]) -> io::Result<()> {
        let output = &mut self.lines.output;
        if !self.lines.style.is_terminal {
            output.write_all(text)?;
            return output.write_all(b"\n");
        }
        let text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text));
        writeln!(output, "{}", printable_lines(&text))
    }

    fn print_json(&mut self, role: Role, index: usize, number: Option<u64>, line: &[u8]) -> io::Result<()> {
        let (leaf, text) = (self.lines.segments.leaf(index), std::str::from_utf8(line).ok());
        let json = Json {
            service: &leaf.service,
            instance: &leaf.instance,
            stream: leaf.stream,
            first: leaf.first.to_second(),
            last: leaf.last.to_second(),
            key: &self.lines.segments.name(index),
            line: number,
            selected: role == Role::Selected,
            text,
            bytes: text.is_none().then(|| base64_simd::STANDARD.encode_to_string(line)),
        };
        serde_json::to_writer(&mut self.lines.output, &json)?;
        self.lines.output.write_all(b"\n")
    }

    /// What could not be written ends the search.
    fn unless_failed(&mut self, written: io::Result<()>) -> io::Result<bool> {
        self.failed = written.err();
        Ok(self.failed.is_none())
    }

    fn separate(&mut self) -> io::Result<()> {
        match self.lines.style.shape {
            Shape::Labelled | Shape::Plain => self.lines.output.write_all(b"--\n"),
            Shape::Nothing | Shape::Json => Ok(()),
        }
    }
}

impl<W: Write> Sink for &mut OfStream<'_, '_, W> {
    type Error = io::Error;

    fn matched(&mut self, searcher: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        self.selected += 1;
        let has_context = searcher.before_context() > 0 || searcher.after_context() > 0;
        let written = match has_context && self.is_first && self.lines.has_printed {
            true => self.separate(),
            false => Ok(()),
        };
        let written = written.and_then(|()| {
            self.print_selected(
                Place { offset: found.absolute_byte_offset(), number: found.line_number() },
                found.bytes(),
            )
        });
        self.unless_failed(written)
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> io::Result<bool> {
        let written = match self.is_first && self.lines.has_printed {
            true => self.separate(),
            false => Ok(()),
        };
        let written = written.and_then(|()| {
            let place = Place { offset: context.absolute_byte_offset(), number: context.line_number() };
            self.print(Role::Context, place, context.bytes())
        });
        self.unless_failed(written)
    }

    fn context_break(&mut self, _: &Searcher) -> io::Result<bool> {
        let written = self.separate();
        self.unless_failed(written)
    }
}
