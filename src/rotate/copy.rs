//! From a log into a part: read where the part ends, compress, append.
//!
//! Each pass looks first whether the log still holds the bytes that the part ends in. A log that someone else has
//! truncated, and that its writer goes on with from its start, would else be joined to what it held before; and blocks
//! are primed with these bytes, so that the member could not even be read back.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::gzip::{BLOCK, Encoder, WINDOW};
use crate::model::meter::Meter;
use crate::model::problem::Cause;
use crate::spool::Part;
use crate::sys::failure::{Context, Failure};
use crate::sys::file::Status;
use crate::sys::signals::Stop;

/// What a copy is made in: the bytes before the block, then the block.
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    /// All of it.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; WINDOW + BLOCK])
    }
}

/// Which side of a copy failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    /// The log can't be read.
    #[error(transparent)]
    Log(Failure),
    /// The part can't be written.
    #[error(transparent)]
    Part(Failure),
    /// The log no longer holds what was read of it.
    #[error("it was truncated by someone else while it was copied")]
    Truncated,
    /// Hardly any of the bytes that it should have are on the disk.
    #[error(
        "someone has given it a length of {size} bytes, of which {allocated} are on the disk; the rest is a hole, and not \
         worth hours of copying"
    )]
    Hollow {
        /// Its length.
        size: u64,
        /// What the disk has of it, in bytes.
        allocated: u64,
    },
    /// The part would be larger than there is room for.
    #[error("there is no room for it")]
    TooLarge,
    /// A signal asked us to stop, or the time is over.
    #[error("stopped")]
    Stopped,
}

impl CopyError {
    /// What lies behind it.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Truncated => Cause::Truncated,
            Self::Hollow { .. } => Cause::Hollow,
            Self::TooLarge => Cause::NoRoom,
            Self::Log(_) | Self::Part(_) | Self::Stopped => Cause::Other,
        }
    }
}

/// Whether a copy may be broken off.
#[derive(Clone, Copy)]
pub(super) enum Until<'s> {
    /// To the end: the log is unlinked, and what is not read now may be gone.
    TheEnd,
    /// Until we are to stop, or the part is larger than that: the log is still there. What is read is counted.
    Stopped { stop: &'s Stop, most: u64, meter: &'s Meter },
}

impl Until<'_> {
    pub(super) fn check(self, part: &Part) -> Result<(), CopyError> {
        match self {
            Self::Stopped { stop, .. } if stop.requested() => Err(CopyError::Stopped),
            Self::Stopped { most, .. } if part.packed() > most => Err(CopyError::TooLarge),
            _ => Ok(()),
        }
    }

    fn count(self, bytes: usize) {
        if let Self::Stopped { meter, .. } = self {
            meter.read(bytes as u64);
        }
    }
}

/// How far a copy goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// To the end that the log has when the copy begins: what its writer adds meanwhile is left to the next copy. A writer
    /// that is faster than the compressor would else keep it busy for ever.
    ItsEnd,
    /// To that byte of the log, which must have so many.
    Byte(u64),
}

/// Copies what the log holds behind the part's end. Returns how many bytes that were.
pub(super) fn copy(
    encoder: &mut Encoder,
    buffer: &mut Buffer,
    part: &mut Part,
    log: &File,
    to: To,
    until: Until<'_>,
) -> Result<u64, CopyError> {
    let size = look(part, log)?;
    let end = match to {
        To::ItsEnd => size,
        To::Byte(end) if end > size => return Err(CopyError::Truncated),
        To::Byte(end) => end,
    };
    if end <= part.taken() {
        return Ok(0);
    }
    let copied = copy_up_to(encoder, buffer, part, log, end, until)?;
    // Whether it was truncated meanwhile.
    let size = look(part, log)?;
    match to {
        To::Byte(end) if end > size => Err(CopyError::Truncated),
        _ => Ok(copied),
    }
}

/// The size of a log that still has what was read of it, as far as that can be told from its size.
fn look(part: &Part, log: &File) -> Result<u64, CopyError> {
    let status = Status::of_file(log).doing("look at", &part.segment().path).map_err(CopyError::Log)?;
    let Status { size, allocated, .. } = status;
    match () {
        () if status.is_hollow() => Err(CopyError::Hollow { size, allocated }),
        () if size < part.taken() && part.raw() > 0 => Err(CopyError::Truncated),
        () => Ok(size),
    }
}

/// Copies what the log holds behind the part's end, up to the byte `end`; less where someone else truncates it meanwhile.
/// Returns how many bytes that were.
pub(super) fn copy_up_to(
    encoder: &mut Encoder,
    buffer: &mut Buffer,
    part: &mut Part,
    log: &File,
    end: u64,
    until: Until<'_>,
) -> Result<u64, CopyError> {
    if !still_has(buffer, part, log)? {
        return Err(CopyError::Truncated);
    }
    let (begin, mut window, Buffer(buffer)) = (part.taken(), part.window(), buffer);
    let mut blocks = || {
        while part.taken() < end {
            until.check(part)?;
            let wanted = usize::try_from(end - part.taken()).map_or(BLOCK, |left| left.min(BLOCK));
            let count = read_at(part, log, &mut buffer[window..window + wanted], part.taken())?;
            if count == 0 {
                break; // someone truncated it
            }
            let (before, block) = buffer.split_at(window);
            part.append(encoder, before, &block[..count]).map_err(CopyError::Part)?;
            until.count(count);
            let filled = window + count;
            window = filled.min(WINDOW);
            buffer.copy_within(filled - window..filled, 0);
        }
        until.check(part)
    };
    let ended = blocks();
    // Also where it ended early: whoever comes back, when there is room again, goes on from here.
    part.remember(&buffer[..window]);
    ended.map(|()| part.taken() - begin)
}

/// Whether the log still holds the bytes that the part ends in.
pub(super) fn still_has(Buffer(buffer): &mut Buffer, part: &Part, log: &File) -> Result<bool, CopyError> {
    let window = part.window();
    let there = read_at(part, log, &mut buffer[..window], part.taken() - window as u64)?;
    Ok(there == window && part.remembers(&buffer[..window]))
}

/// Fills `buffer` from an offset of the log on; less only at its end.
fn read_at(part: &Part, log: &File, buffer: &mut [u8], offset: u64) -> Result<usize, CopyError> {
    let mut done = 0;
    while done < buffer.len() {
        match log.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Log(Failure::new("read", &part.segment().path, error))),
        }
    }
    Ok(done)
}
