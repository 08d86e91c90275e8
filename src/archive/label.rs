//! Labels: before each line, whose it is.
//!
//! Promise: the lines themselves stay as they are, to the byte, with their CRs, NULs and whatever else there is; a line that
//! is split between two segments has one label. What is added are the labels, and a line end where a line has none and does not
//! go on, behind a stream or before a gap in it, so that no two lines become one.

use std::io::{self, Write};

use super::joined::{Joint, Stream, Take, Wants};
use crate::model::key::Leaf;

/// Whether more than one service is read, so that a label must tell which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Services {
    /// One: the instance is all.
    One,
    /// Several.
    Several,
}

impl Services {
    /// Of segments.
    pub fn of<'l>(mut leaves: impl Iterator<Item = &'l Leaf>) -> Self {
        let first = leaves.next();
        match leaves.all(|leaf| first.is_some_and(|first| first.service == leaf.service)) {
            true => Self::One,
            false => Self::Several,
        }
    }

    /// Whose a segment is, in a few words: `i-0abc`, or `web i-0abc`. A service is written as in keys, without spaces.
    pub fn label(self, leaf: &Leaf) -> String {
        match self {
            Self::One => leaf.instance.to_string(),
            Self::Several => format!("{} {}", leaf.service.encoded(), leaf.instance),
        }
    }
}

/// Writes bytes as they come.
pub struct Plain<W>(pub W);

impl<W: Write> Take for Plain<W> {
    fn begin(&mut self, _: &Leaf, _: Joint) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn end(&mut self, _: Stream) -> io::Result<Wants> {
        Ok(Wants::AnyNext)
    }
}

/// Writes a label before each line.
pub struct Labelled<W> {
    output: W,
    services: Services,
    label: String,
    is_within_line: bool,
}

impl<W: Write> Labelled<W> {
    /// To an output, which should be buffered.
    pub fn new(output: W, services: Services) -> Self {
        Self { output, services, label: String::new(), is_within_line: false }
    }

    fn end_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_within_line) { self.output.write_all(b"\n") } else { Ok(()) }
    }
}

impl<W: Write> Take for Labelled<W> {
    fn begin(&mut self, leaf: &Leaf, joint: Joint) -> io::Result<()> {
        if joint == Joint::Broken {
            self.end_line()?;
        }
        self.label = format!("{}: ", self.services.label(leaf));
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.is_within_line {
                self.output.write_all(self.label.as_bytes())?;
            }
            let end = memchr::memchr(b'\n', rest);
            let (line, behind) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            self.output.write_all(line)?;
            self.is_within_line = end.is_none();
            rest = behind;
        }
        Ok(())
    }

    fn end(&mut self, stream: Stream) -> io::Result<Wants> {
        if stream == Stream::Ends {
            self.end_line()?;
        }
        Ok(Wants::AnyNext)
    }
}
