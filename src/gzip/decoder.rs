//! Reading members and frames, whoever made them, as they come.
//!
//! Promise: memory is bounded, whatever stands in their headers; what is cut short ends in `UnexpectedEof`, what is damaged in
//! another error, and an error of the body that they are read from comes through as it is.

use std::io::{self, BufRead, Read};

use flate2::bufread::{GzDecoder, MultiGzDecoder};

use crate::model::format::Format;

/// The largest window of a zstd frame that is read, as a power of two: what zstd(1) reads by itself (128 MiB), and the most
/// memory that an object can make us use. Ours have one of 1 MiB.
pub const LARGEST_WINDOW: u32 = 27;

/// How zstd calls a frame with a larger one (its `ZSTD_error_frameParameter_windowTooLarge`).
const TOO_LARGE: &str = "Frame requires too much memory for decoding";

/// How much is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// One member or frame; what is behind it is left in the reader.
    First,
    /// All that follow one another.
    All,
}

/// A decoder of either format.
pub enum Decoder<R: BufRead> {
    /// Of one member.
    Member(Box<GzDecoder<R>>),
    /// Of all members.
    Members(Box<MultiGzDecoder<R>>),
    /// Of frames.
    Frames(Box<zstd::stream::read::Decoder<'static, R>>),
}

impl<R: BufRead> Decoder<R> {
    /// A decoder of that format.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn of(format: Format, extent: Extent, reader: R) -> io::Result<Self> {
        Ok(match (format, extent) {
            (Format::Gzip, Extent::First) => Self::Member(Box::new(GzDecoder::new(reader))),
            (Format::Gzip, Extent::All) => Self::Members(Box::new(MultiGzDecoder::new(reader))),
            (Format::Zstd, extent) => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
                decoder.window_log_max(LARGEST_WINDOW)?;
                let decoder = if extent == Extent::First { decoder.single_frame() } else { decoder };
                Self::Frames(Box::new(decoder))
            }
        })
    }

    /// What it reads from, behind what it has read.
    pub fn into_inner(self) -> R {
        match self {
            Self::Member(decoder) => decoder.into_inner(),
            Self::Members(decoder) => decoder.into_inner(),
            Self::Frames(decoder) => decoder.finish(),
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Member(decoder) => decoder.read(buffer),
            Self::Members(decoder) => decoder.read(buffer),
            Self::Frames(decoder) => decoder.read(buffer).map_err(told),
        }
    }
}

/// What zstd complains of, with what can be done where its own words don't tell.
fn told(error: io::Error) -> io::Error {
    match error.to_string().contains(TOO_LARGE) {
        true => io::Error::new(
            io::ErrorKind::InvalidData,
            "it is a zstd frame with a window of more than 128 MiB, which logferry does not make and does not read \
             (zstd -d --long=31 does)",
        ),
        false => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: Format, extent: Extent, bytes: &[u8]) -> io::Result<(Vec<u8>, usize)> {
        let (mut decoder, mut out) = (Decoder::of(format, extent, bytes)?, Vec::new());
        decoder.read_to_end(&mut out)?;
        Ok((out, decoder.into_inner().len()))
    }

    #[test]
    fn one_frame_or_all_are_read_as_asked_for() {
        let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("memory");
        let (one, other) = (frame(b"one\n"), frame(b"other\n"));
        let both = [&one[..], &other[..]].concat();
        assert_eq!(read(Format::Zstd, Extent::All, &both).expect("two frames"), (b"one\nother\n".to_vec(), 0));
        assert_eq!(read(Format::Zstd, Extent::First, &both).expect("two frames"), (b"one\n".to_vec(), other.len()));
        for cut in 0..one.len() {
            let error = read(Format::Zstd, Extent::First, &one[..cut]).expect_err("it is cut");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cut}: {error}");
        }
    }

    #[test]
    fn a_window_that_would_take_all_memory_is_refused_with_what_to_do() {
        // A frame header with a window of 2^31 (RFC 8878, section 3.1.1.1.2), and one raw block.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x09, 0x00, 0x00, b'x'];
        let error = read(Format::Zstd, Extent::All, &frame).expect_err("it is too much");
        assert!(error.to_string().contains("more than 128 MiB"), "{error}");
        // 128 MiB are read.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x09, 0x00, 0x00, b'x'];
        assert_eq!(read(Format::Zstd, Extent::All, &frame).expect("it is sound").0, b"x");
    }
}
