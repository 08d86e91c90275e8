//! Reading logs that were compressed already: gzip and zstd.
//!
//! Promise: memory is bounded however long the log is; what is damaged, cut short or followed by something else is refused
//! with its reason, never read in part as if it were whole; what would unpack to hundreds of times its size is not worth
//! the hours. [`verify`] reads all of it and keeps nothing, so that a file can be judged before it is touched.
//!
//! A gzip file may have several members and a zstd file several frames, as gzip(1) and zstd(1) read them; each member's
//! CRC-32 and length are verified, and each frame's checksum where it has one. Bytes behind the last member, which gzip(1)
//! ignores with a warning, are refused: they may be what is left of a member.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

use crate::gzip::LARGEST_WINDOW;
use crate::model::family::Packing;

/// How much a file may always unpack to, in bytes.
const SPARED: u64 = 4 << 30;

/// What is longer unpacked may have this many bytes for each that it is compressed to. Logs were seen at 9 to 12; a flood of
/// one and the same line comes to about 200.
const MOST_RATIO: u64 = 256;

/// How many bytes are read from the file at once.
const BUFFER: usize = 128 * 1024;

/// Why a compressed file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// What is in it is at fault: the sentence says how.
    #[error("{0}")]
    Content(String),
    /// It can't be read now.
    #[error(transparent)]
    Unread(#[from] io::Error),
    /// Someone asked us to stop.
    #[error("stopped by a signal")]
    Stopped,
}

/// What a compressed file holds, as bytes that can be read.
pub struct Unpacked<'f> {
    reader: Box<dyn Read + 'f>,
    made: u64,
    most: u64,
    packing: Packing,
}

impl<'f> Unpacked<'f> {
    /// Begins to read a file from its start. `packing` must be one that is read here, or none.
    ///
    /// # Errors
    /// Where the file can't be read, or is compressed in another way.
    pub fn of(file: &'f File, packing: Packing) -> Result<Self, Unsound> {
        let mut start = file;
        start.seek(SeekFrom::Start(0))?;
        let most = file.metadata()?.len().saturating_mul(MOST_RATIO).max(SPARED);
        let buffered = BufReader::with_capacity(BUFFER, file);
        let reader: Box<dyn Read + 'f> = match packing {
            Packing::None => Box::new(buffered),
            Packing::Gzip => Box::new(MultiGzDecoder::new(buffered)),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered)?;
                decoder.window_log_max(LARGEST_WINDOW)?;
                Box::new(decoder)
            }
            Packing::Other(end) => return Err(Unsound::Content(format!("what ends in {end} can't be read here"))),
        };
        Ok(Self { reader, made: 0, most, packing })
    }

    /// Fills `buffer`; less only at the end.
    ///
    /// # Errors
    /// What is wrong with the file's content, or why it can't be read.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Unsound> {
        let mut done = 0;
        while done < buffer.len() {
            match self.reader.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(count) => {
                    done += count;
                    self.made += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.judged(error)),
            }
        }
        match self.made > self.most && self.packing != Packing::None {
            true => Err(Unsound::Content(format!(
                "it unpacks to more than {} bytes, which no log of its size does",
                self.most
            ))),
            false => Ok(done),
        }
    }

    /// Leaves out that many bytes; whether there were so many. `stop` is asked now and then.
    ///
    /// # Errors
    /// As [`Self::fill`], and where someone asks us to stop.
    pub fn skip(&mut self, bytes: u64, stop: &dyn Fn() -> bool) -> Result<bool, Unsound> {
        let (mut left, mut buffer) = (bytes, vec![0; BUFFER]);
        while left > 0 {
            if stop() {
                return Err(Unsound::Stopped);
            }
            let wanted = usize::try_from(left).map_or(BUFFER, |left| left.min(BUFFER));
            let count = self.fill(&mut buffer[..wanted])?;
            if count < wanted {
                return Ok(false);
            }
            left -= count as u64;
        }
        Ok(true)
    }

    /// An error of the system has a number; any other one is about the content.
    fn judged(&self, error: io::Error) -> Unsound {
        if error.raw_os_error().is_some() || self.packing == Packing::None {
            return Unsound::Unread(error);
        }
        let kind = if self.packing == Packing::Gzip { "gzip" } else { "zstd" };
        Unsound::Content(match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("its {kind} data is cut short"),
            _ if self.made > 0 => format!("its {kind} data is damaged, or followed by something else ({error})"),
            _ => format!("it is no sound {kind} data ({error})"),
        })
    }
}

/// Reads all of a file and keeps nothing; returns how many bytes it unpacks to. `stop` is asked now and then.
///
/// # Errors
/// What is wrong with it.
pub fn verify(file: &File, packing: Packing, stop: &dyn Fn() -> bool) -> Result<u64, Unsound> {
    let mut unpacked = Unpacked::of(file, packing)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        if stop() {
            return Err(Unsound::Stopped);
        }
        if unpacked.fill(&mut buffer)? < buffer.len() {
            return Ok(unpacked.made);
        }
    }
}

/// Whether a compressed file holds just the bytes of another one. `stop` is asked now and then.
///
/// # Errors
/// What is wrong with the compressed one, as far as it was read.
pub fn same(plain: &File, packed: &File, packing: Packing, stop: &dyn Fn() -> bool) -> Result<bool, Unsound> {
    let (mut one, mut other) = (Unpacked::of(plain, Packing::None)?, Unpacked::of(packed, packing)?);
    let (mut ours, mut theirs) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        if stop() {
            return Err(Unsound::Stopped);
        }
        let (a, b) = (one.fill(&mut ours)?, other.fill(&mut theirs)?);
        if ours[..a] != theirs[..b] {
            return Ok(false);
        }
        if a < BUFFER {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn judge(bytes: &[u8], packing: Packing) -> Result<u64, String> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        verify(&file, packing, &|| false).map_err(|unsound| unsound.to_string())
    }

    #[test]
    fn members_and_frames_that_follow_one_another_are_all_read() {
        let line = b"a line\n".repeat(50_000);
        assert_eq!(judge(&gzip(&line), Packing::Gzip), Ok(350_000));
        assert_eq!(judge(&[gzip(&line), gzip(b"more\n")].concat(), Packing::Gzip), Ok(350_005));
        let frame = |bytes: &[u8]| zstd::encode_all(bytes, 3).expect("memory");
        assert_eq!(judge(&[frame(&line), frame(b"more\n")].concat(), Packing::Zstd), Ok(350_005));
        assert_eq!(judge(&gzip(b""), Packing::Gzip), Ok(0));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let line: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        for (packing, whole) in
            [(Packing::Gzip, gzip(&line)), (Packing::Zstd, zstd::encode_all(&*line, 3).expect("memory"))]
        {
            for cut in [whole.len() - 1, whole.len() - 9, whole.len() / 2, 30, 3] {
                let why = judge(&whole[..cut], packing).expect_err("it is cut");
                assert!(why.contains("cut short"), "{packing:?} at {cut}: {why}");
            }
            let why = judge(&[&whole[..], b"garbage"].concat(), packing).expect_err("there is something behind it");
            assert!(why.contains("followed by something else") || why.contains("cut short"), "{packing:?}: {why}");
            let mut damaged = whole.clone();
            damaged[whole.len() / 2] ^= 0x20;
            assert!(judge(&damaged, packing).is_err() || packing == Packing::Zstd, "{packing:?}");
            assert!(judge(b"plain text, and enough of it", packing).is_err(), "{packing:?}");
        }
    }

    #[test]
    fn a_window_that_would_take_all_memory_is_refused() {
        // A frame header with a window of 2^31 (RFC 8878, section 3.1.1.1.2), and one raw block.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x09, 0x00, 0x00, b'x'];
        assert!(judge(&frame, Packing::Zstd).is_err());
    }
}
