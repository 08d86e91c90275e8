//! From a log into a part: read where the part ends, compress, append.
//!
//! Each pass looks first whether the log still holds the bytes that the part ends in. A log that someone else has
//! truncated, and that its writer goes on with from its start, would else be joined to what it held before; and blocks
//! are primed with these bytes, so that the member could not even be read back.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::trail::Trail;
use crate::gzip::{Block, Press};
use crate::model::meter::Meter;
use crate::model::problem::Cause;
use crate::spool::Part;
use crate::sys::failure::{self, Context, Failure};
use crate::sys::file::Status;
use crate::sys::signals::Stop;

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

    fn count(self, bytes: u64) {
        if let Self::Stopped { meter, .. } = self {
            meter.read(bytes);
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
    press: &mut dyn Press,
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
    let copied = copy_up_to(press, part, log, end, until)?;
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
    press: &mut dyn Press,
    part: &mut Part,
    log: &File,
    end: u64,
    until: Until<'_>,
) -> Result<u64, CopyError> {
    let mut trail = Trail::new(log, part.taken(), end);
    let Some(last) = ending_in_log(press, part, log)? else { return Err(CopyError::Truncated) };
    let (begin, path) = (part.taken(), part.segment().path.clone());
    let mut at = begin;
    let read = |room: &mut [u8]| {
        let wanted = usize::try_from(end - at).map_or(room.len(), |left| left.min(room.len()));
        let count = read_at(&path, log, &mut room[..wanted], at)?;
        at += count as u64;
        trail.came_to(at);
        // Less than it should be: someone truncated it.
        Ok(count)
    };
    let (last, ended) = append_all(press, part, last, read, until);
    // Also where it ended early: whoever comes back, when there is room again, goes on from here.
    part.remember(last.ending());
    press.reuse(last);
    ended.map(|()| part.taken() - begin)
}

/// Appends what `read` gives, block by block, until it gives nothing more; `last` holds the bytes that the part ends in.
/// Gives those that it ends in now. The log is read once, by this thread: blocks are primed with the very bytes that were
/// compressed before them, whatever becomes of the log meanwhile.
pub(super) fn append_all(
    press: &mut dyn Press,
    part: &mut Part,
    mut last: Block,
    mut read: impl FnMut(&mut [u8]) -> Result<usize, CopyError>,
    until: Until<'_>,
) -> (Block, Result<(), CopyError>) {
    let format = last.format();
    let mut following = press.block(format);
    following.begin(last.ending());
    let mut ended = None;
    let appended = loop {
        if let Err(error) = until.check(part) {
            break Err(error);
        }
        while ended.is_none() && !press.is_full() {
            match read(following.room()) {
                Ok(0) => ended = Some(Ok(())),
                Ok(count) => {
                    following.fill(count);
                    let mut next = press.block(format);
                    next.begin(following.ending());
                    press.put(std::mem::replace(&mut following, next));
                }
                // What was read before is appended all the same.
                Err(error) => ended = Some(Err(error)),
            }
        }
        let Some(packed) = press.take() else { break ended.unwrap_or(Ok(())) };
        match append(part, packed) {
            Ok(block) => press.reuse(std::mem::replace(&mut last, block)),
            Err(failure) => break Err(CopyError::Part(failure)),
        }
        until.count(last.packed().raw());
    };
    press.clear();
    press.reuse(following);
    (last, appended)
}

fn append(part: &mut Part, packed: io::Result<Block>) -> failure::Result<Block> {
    let block = packed.doing("compress for", part.path())?;
    part.append(&block).map(|()| block)
}

/// Whether the log still holds the bytes that the part ends in.
pub(super) fn still_has(press: &mut dyn Press, part: &Part, log: &File) -> Result<bool, CopyError> {
    let ending = ending_in_log(press, part, log)?;
    let is_there = ending.is_some();
    ending.into_iter().for_each(|block| press.reuse(block));
    Ok(is_there)
}

/// The bytes that the part ends in, as the log has them; `None` where it has others.
fn ending_in_log(press: &mut dyn Press, part: &Part, log: &File) -> Result<Option<Block>, CopyError> {
    let (window, mut block) = (part.window(), press.block(part.segment().format));
    let ending = &mut block.room()[..window];
    let there = read_at(&part.segment().path, log, ending, part.taken() - window as u64)?;
    if there != window || !part.remembers(ending) {
        press.reuse(block);
        return Ok(None);
    }
    block.fill(window);
    Ok(Some(block))
}

/// Fills `buffer` from an offset of the log on; less only at its end.
fn read_at(path: &Path, log: &File, buffer: &mut [u8], offset: u64) -> Result<usize, CopyError> {
    let mut done = 0;
    while done < buffer.len() {
        match log.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Log(Failure::new("read", path, error))),
        }
    }
    Ok(done)
}
