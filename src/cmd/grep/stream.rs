//! Searching one stream, whatever its lines are like.
//!
//! Promise: each line of at most [`LONGEST_LINE`] bytes is searched. The searcher has the line that it is at in memory, and the
//! lines before it that may have to be printed; where these come to more, it gives up. It is then begun anew:
//!
//! ```text
//! the line is too long       a searcher | ············ skipped ············ \n | a new searcher, behind its end
//! the lines before it are    a searcher ·················· \n | a new searcher, at the line that the first one was at
//! ```

use std::io::{self, Read, Write};

use grep_matcher::LineTerminator;
use grep_regex::RegexMatcher;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};

use super::lines::OfStream;
use crate::cli::Grep;

/// The longest line that is searched, in bytes: it is in memory.
pub(super) const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// How many bytes are read at once where a line is skipped.
const PIECE: usize = 64 * 1024;

/// What was not done.
pub(super) enum NotDone {
    /// A line was not searched: where it begins in the stream, how many lines are before it, how many bytes it has.
    Line { offset: u64, before: u64, length: u64 },
    /// Lines that stand beside one that is selected may not be printed: they are too much together.
    Context,
    /// The rest of the stream was not searched.
    Rest(io::Error),
}

/// Searches a stream to its end, or until so many lines are selected.
///
/// # Errors
/// What kept lines from being printed.
pub(super) fn search<W: Write>(
    args: &Grep,
    matcher: &RegexMatcher,
    most: Option<u64>,
    from: impl Read,
    sink: &mut OfStream<'_, '_, W>,
    told: &mut dyn FnMut(NotDone),
) -> io::Result<()> {
    let mut feed = Feed::new(from, Keeps::of(args));
    loop {
        let left = most.map(|most| most.saturating_sub(sink.selected));
        if left == Some(0) {
            return Ok(());
        }
        let begin = feed.line_begin;
        sink.begin_at(feed.line_begin, feed.lines);
        let searched = searcher(args, left).search_reader(matcher, &mut feed, &mut *sink);
        if let Some(error) = sink.failed.take() {
            return Err(error);
        }
        let Err(error) = searched else { return Ok(()) };
        match () {
            () if feed.line_length() >= LONGEST_LINE as u64 => {
                let (offset, before) = (feed.line_begin, feed.lines);
                told(NotDone::Line { offset, before, length: feed.skip_line()? });
            }
            () if feed.keeps == Keeps::Line && feed.line_begin > begin => {
                feed.go_back();
                told(NotDone::Context);
            }
            () => {
                told(NotDone::Rest(error));
                return Ok(());
            }
        }
    }
}

fn searcher(args: &Grep, most: Option<u64>) -> Searcher {
    let (before, after) = context(args);
    let mut builder = SearcherBuilder::new();
    builder
        .line_terminator(LineTerminator::crlf())
        .line_number(args.line_number)
        .invert_match(args.invert_match)
        .before_context(before)
        .after_context(after)
        .binary_detection(BinaryDetection::none())
        .bom_sniffing(false)
        .heap_limit(Some(LONGEST_LINE))
        .max_matches(most)
        .build()
}

/// How many lines are printed before and after each that is selected.
fn context(args: &Grep) -> (usize, usize) {
    match args.context {
        _ if args.count || args.list || args.quiet || args.only_matching => (0, 0),
        Some(context) => (context, context),
        None => (args.before_context, args.after_context),
    }
}

/// What is kept of what was handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    /// The line that is not over yet: its searcher may give up though it is not too long.
    Line,
}

impl Keeps {
    fn of(args: &Grep) -> Self {
        if context(args).0 > 0 { Self::Line } else { Self::Nothing }
    }
}

/// Hands a stream to searchers, and knows where in it they are.
struct Feed<R> {
    from: R,
    keeps: Keeps,
    /// What comes before the rest of `from`, and how much of it was handed out.
    first: (Vec<u8>, usize),
    /// What was handed out of the line that is not over yet, where that is kept.
    line: Vec<u8>,
    /// How many bytes were handed out.
    offset: u64,
    /// Where the line that is not over yet begins.
    line_begin: u64,
    /// How many lines are before it.
    lines: u64,
}

impl<R: Read> Feed<R> {
    fn new(from: R, keeps: Keeps) -> Self {
        let (first, line) = ((Vec::new(), 0), Vec::new());
        Self { from, keeps, first, line, offset: 0, line_begin: 0, lines: 0 }
    }

    /// How many bytes were handed out of the line that is not over yet.
    fn line_length(&self) -> u64 {
        self.offset - self.line_begin
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (first, taken) = &mut self.first;
        if *taken == first.len() {
            return self.from.read(buffer);
        }
        let count = (first.len() - *taken).min(buffer.len());
        buffer[..count].copy_from_slice(&first[*taken..*taken + count]);
        *taken += count;
        if *taken == first.len() {
            self.first = (Vec::new(), 0);
        }
        Ok(count)
    }

    fn put_back(&mut self, bytes: &[u8]) {
        let (first, taken) = std::mem::take(&mut self.first);
        self.first = ([bytes, &first[taken..]].concat(), 0);
    }

    /// Back to where the line begins that is not over yet.
    fn go_back(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.put_back(&line);
        self.offset = self.line_begin;
    }

    /// Goes on behind the end of the line that is not over yet; how many bytes it has.
    fn skip_line(&mut self) -> io::Result<u64> {
        let (begin, mut piece) = (self.line_begin, vec![0; PIECE]);
        self.line = Vec::new();
        loop {
            let count = self.take(&mut piece)?;
            let end = memchr::memchr(b'\n', &piece[..count]);
            self.offset += end.map_or(count, |end| end + 1) as u64;
            if let Some(end) = end {
                self.put_back(&piece[end + 1..count]);
                self.lines += 1;
            }
            if end.is_some() || count == 0 {
                self.line_begin = self.offset;
                return Ok(self.offset - begin);
            }
        }
    }

    fn handed(&mut self, bytes: &[u8]) {
        let rest = match memchr::memrchr(b'\n', bytes) {
            Some(end) => {
                self.line_begin = self.offset + end as u64 + 1;
                self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
                self.line.clear();
                &bytes[end + 1..]
            }
            None => bytes,
        };
        if self.keeps == Keeps::Line {
            self.line.extend_from_slice(rest);
        }
        self.offset += bytes.len() as u64;
    }
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.take(buffer)?;
        self.handed(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(feed: &mut Feed<impl Read>, most: usize) -> String {
        let mut bytes = vec![0; most];
        let count = feed.read(&mut bytes).expect("memory");
        String::from_utf8(bytes[..count].to_vec()).expect("text")
    }

    #[test]
    fn what_is_handed_out_again_or_skipped_is_a_line_and_no_byte_more() {
        let mut feed = Feed::new(&b"one\ntwo\nthree"[..], Keeps::Line);
        assert_eq!(read(&mut feed, 6), "one\ntw");
        assert_eq!((feed.line_begin, feed.lines, feed.line_length()), (4, 1, 2));
        feed.go_back();
        assert_eq!((read(&mut feed, 1), read(&mut feed, 9)), ("t".to_owned(), "w".to_owned()));
        assert_eq!((feed.skip_line().expect("memory"), feed.lines, feed.offset), (4, 2, 8));
        assert_eq!((read(&mut feed, 2), feed.line.as_slice()), ("th".to_owned(), &b"th"[..]));
        feed.go_back();
        assert_eq!((feed.skip_line().expect("memory"), feed.lines, feed.offset), (5, 2, 13));
        assert_eq!(read(&mut feed, 9), "");
    }
}
