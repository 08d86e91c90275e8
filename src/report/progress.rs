//! How far a command is: on a terminal one line that is redrawn in place, elsewhere a plain line now and then.
//!
//! Promise: it never garbles what else is printed ([`super::steps`] sees to that), fits the terminal however narrow it is
//! or becomes, is quiet with nothing to do, and holds nothing up: it is drawn by a thread of its own, which only reads.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::steps;
use super::style::{self, Form, Level};
use crate::model::meter::{Meter, Progress as Part, Reading};
use crate::model::size;
use crate::sys::terminal;

/// How often the line is drawn.
const EACH: Duration = Duration::from_millis(200);

/// How often a plain line is printed.
const EACH_LINE: Duration = Duration::from_secs(10);

/// Over how long rates are taken: long enough to be steady, short enough to follow a store that becomes slow.
const RATES_OVER: Duration = Duration::from_secs(8);

/// How wide a terminal is that doesn't say.
const USUAL_WIDTH: usize = 80;

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Show {
    /// One line, redrawn in place.
    InPlace,
    /// Plain lines.
    Lines,
    /// Not at all.
    Nothing,
}

impl Show {
    /// What fits standard error.
    pub fn fitting() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        match std::io::stderr().is_terminal() && !dumb && style::form() == Form::Text {
            true => Self::InPlace,
            false => Self::Lines,
        }
    }
}

/// What is waited for before anything is done.
type Waiting = Arc<Mutex<Option<String>>>;

/// Progress that is being shown, until it is dropped.
pub struct Progress {
    waiting: Waiting,
    drawing: Option<(Arc<Mutex<bool>>, JoinHandle<()>)>,
}

impl Progress {
    /// Shows what the meter says from now on. `end` is the deadline, where there is one.
    pub fn start(show: Show, meter: &Arc<Meter>, end: Option<Instant>) -> Self {
        Self::start_of(Doing::Shipping, show, meter, end)
    }

    /// Shows how far reading segments is: those of the meter that are counted as shipped were read.
    pub fn start_reading(show: Show, meter: &Arc<Meter>) -> Self {
        Self::start_of(Doing::Reading, show, meter, None)
    }

    fn start_of(doing: Doing, show: Show, meter: &Arc<Meter>, end: Option<Instant>) -> Self {
        let waiting = Waiting::default();
        let over = Arc::new(Mutex::new(false));
        let samples = vec![Sample { at: Instant::now(), reading: meter.reading() }];
        let drawer = Drawer { doing, meter: Arc::clone(meter), waiting: Arc::clone(&waiting), end, samples };
        let until = Arc::clone(&over);
        let draw = move || match show {
            Show::InPlace => drawer.in_place(&until),
            Show::Lines => drawer.in_lines(&until),
            Show::Nothing => {}
        };
        let thread = (show != Show::Nothing).then(|| std::thread::spawn(draw));
        Self { waiting, drawing: thread.map(|thread| (over, thread)) }
    }

    /// Says what is waited for; `None`: nothing any more.
    pub fn waits_for(&self, what: Option<String>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((over, thread)) = self.drawing.take() {
            *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
            thread.thread().unpark();
            // It only draws: that it panicked must not keep a command from telling what it came to.
            let _ = thread.join();
        }
    }
}

struct Sample {
    at: Instant,
    reading: Reading,
}

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doing {
    Shipping,
    Reading,
}

struct Drawer {
    doing: Doing,
    meter: Arc<Meter>,
    waiting: Waiting,
    end: Option<Instant>,
    /// The readings of the last seconds, from which rates are taken.
    samples: Vec<Sample>,
}

impl Drawer {
    fn in_place(mut self, over: &Mutex<bool>) {
        while !is_over(over) {
            if let Some(line) = self.line(Instant::now()) {
                // One column stays free: some terminals wrap when the last one is written.
                let width = terminal::width(std::io::stderr()).unwrap_or(USUAL_WIDTH).saturating_sub(1);
                steps::draw(&fitted(&line, width));
            }
            std::thread::park_timeout(EACH);
        }
        steps::erase();
    }

    fn in_lines(mut self, over: &Mutex<bool>) {
        let mut next = Instant::now() + EACH_LINE;
        while !is_over(over) {
            let now = Instant::now();
            let line = self.line(now);
            if now >= next {
                next = now + EACH_LINE;
                line.iter().for_each(|line| steps::complain_at(Level::Info, &line.join(", ")));
            }
            std::thread::park_timeout(Duration::from_millis(500));
        }
    }

    /// What there is to say, in pieces, the most important first; `None` while there is nothing to do.
    fn line(&mut self, now: Instant) -> Option<Vec<String>> {
        let left = self.end.map(|end| end.saturating_duration_since(now));
        let until = left.map(|left| format!("{} to the deadline", seconds(left)));
        if let Some(what) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Some(std::iter::once(format!("waiting for {what}")).chain(until).collect());
        }
        let reading = self.meter.reading();
        if reading == Reading::default() {
            return None;
        }
        self.samples.push(Sample { at: now, reading });
        let recent = |sample: &Sample| now.saturating_duration_since(sample.at) <= RATES_OVER;
        let first = self.samples.iter().position(recent).unwrap_or(0);
        self.samples.drain(..first);
        let rates = Rates::between(&self.samples[0], &self.samples[self.samples.len() - 1]);
        Some(match self.doing {
            Doing::Shipping => pieces(&reading, rates, until),
            Doing::Reading => reading_pieces(&reading, rates),
        })
    }
}

fn is_over(over: &Mutex<bool>) -> bool {
    *over.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes a second.
#[derive(Clone, Copy, Default)]
struct Rates {
    read: u64,
    shipped: u64,
}

impl Rates {
    fn between(a: &Sample, b: &Sample) -> Self {
        let millis = u64::try_from(b.at.saturating_duration_since(a.at).as_millis()).unwrap_or(u64::MAX);
        let rate = |a: Part, b: Part| b.done.saturating_sub(a.done).saturating_mul(1000) / millis.max(1);
        Self { read: rate(a.reading.bytes, b.reading.bytes), shipped: rate(a.reading.packed, b.reading.packed) }
    }
}

/// The pieces of a line, the most important first.
fn pieces(reading: &Reading, rates: Rates, until: Option<String>) -> Vec<String> {
    let Reading { logs, bytes, segments, packed } = reading;
    let mut pieces = vec![
        format!("{}/{} logs taken", logs.done, logs.of),
        format!("{}/{} segments shipped", segments.done, segments.of),
    ];
    pieces.extend(left("to read", *bytes, rates.read));
    pieces.extend(left("to ship", *packed, rates.shipped));
    pieces.extend(until);
    pieces
}

/// The pieces of a line about segments that are read.
fn reading_pieces(Reading { segments, packed, .. }: &Reading, rates: Rates) -> Vec<String> {
    let mut pieces = vec![format!("{}/{} segments read", segments.done, segments.of)];
    pieces.extend(left("to read", *packed, rates.shipped));
    pieces
}

/// What is left of something, how fast it goes, and how long it takes at that.
fn left(what: &str, part: Part, rate: u64) -> Option<String> {
    match (part.left(), rate) {
        (0, _) => None,
        (left, 0) => Some(format!("{} {what}", size::show(left))),
        (left, rate) => {
            let time = Duration::from_secs(left / rate);
            Some(format!("{} {what} at {}/s ({})", size::show(left), size::show(rate), seconds(time)))
        }
    }
}

/// As many pieces as fit, and of the first one as much as fits.
fn fitted(pieces: &[String], width: usize) -> String {
    let mut line = String::new();
    for piece in pieces {
        let separator = if line.is_empty() { "" } else { ", " };
        if !line.is_empty() && line.len() + separator.len() + piece.len() > width {
            break;
        }
        line = format!("{line}{separator}{piece}");
    }
    line.chars().take(width).collect()
}

/// A time as people write it.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(done: u64, of: u64) -> Part {
        Part { done, of }
    }

    fn reading() -> Reading {
        Reading {
            logs: part(3, 12),
            bytes: part(1_000_000_000, 4_600_000_000),
            segments: part(2, 3),
            packed: part(0, 60_000_000),
        }
    }

    #[test]
    fn the_line_says_what_is_done_what_is_left_how_fast_and_until_when() {
        let rates = Rates { read: 120_000_000, shipped: 8_000_000 };
        let line = pieces(&reading(), rates, Some("62 s to the deadline".to_owned()));
        let wide = "3/12 logs taken, 2/3 segments shipped, 3.3 GiB to read at 114.4 MiB/s (30 s), 57.2 MiB to ship at \
                    7.6 MiB/s (7 s), 62 s to the deadline";
        assert_eq!(fitted(&line, 200), wide);
    }

    #[test]
    fn of_reading_it_says_how_many_segments_and_how_much_is_left() {
        let line = reading_pieces(&reading(), Rates { read: 0, shipped: 8_000_000 });
        assert_eq!(line.join(", "), "2/3 segments read, 57.2 MiB to read at 7.6 MiB/s (7 s)");
    }

    #[test]
    fn it_fits_every_width() {
        let line = pieces(&reading(), Rates::default(), Some("62 s to the deadline".to_owned()));
        for width in 0..150 {
            assert!(fitted(&line, width).len() <= width, "{width}");
        }
        assert_eq!(fitted(&line, 40), "3/12 logs taken, 2/3 segments shipped");
        assert_eq!(fitted(&line, 8), "3/12 log");
    }

    #[test]
    fn times_are_short() {
        let spelled = [5, 119, 120, 7199, 7200].map(|time| seconds(Duration::from_secs(time)));
        assert_eq!(spelled, ["5 s", "119 s", "2 min", "119 min", "2 h"]);
    }

    #[test]
    fn nothing_is_said_while_there_is_nothing_to_do() {
        let meter = Arc::new(Meter::default());
        let mut drawer = Drawer {
            doing: Doing::Shipping,
            meter: Arc::clone(&meter),
            waiting: Waiting::default(),
            end: None,
            samples: Vec::new(),
        };
        assert_eq!(drawer.line(Instant::now()), None);
        meter.found(1, 10);
        assert!(drawer.line(Instant::now()).is_some_and(|line| line[0] == "0/1 logs taken"));
    }
}
