//! From a file that was compressed already into a part: unpacked block by block, and compressed again.
//!
//! It is not shipped as it is: every object is one gzip member (FACTS, "Readers of gzip"), and says how many bytes and
//! lines it holds, which nobody knows of a file without reading all of it.

use std::fs::File;

use super::copy::{Buffer, CopyError, Until};
use crate::gzip::{BLOCK, Encoder, WINDOW};
use crate::model::family::Packing;
use crate::spool::Part;
use crate::sys::failure::Failure;
use crate::unpack::{Unpacked, Unsound};

/// Copies what `file` holds, unpacked, into an empty part: from where its segment begins, if a part of it was taken before it
/// was compressed.
pub(super) fn copy(
    encoder: &mut Encoder,
    buffer: &mut Buffer,
    part: &mut Part,
    file: &File,
    packing: Packing,
    until: Until<'_>,
) -> Result<(), CopyError> {
    let path = part.segment().path.clone();
    let unread = |unsound: Unsound| CopyError::Log(Failure::new("unpack", &path, error_of(unsound)));
    let mut unpacked = Unpacked::of(file, packing).map_err(unread)?;
    let from = part.segment().source.from;
    unpacked.skip(from, &|| until.check(part).is_err()).map_err(|unsound| match unsound {
        Unsound::Stopped => CopyError::Stopped,
        other => unread(other),
    })?;
    let bytes = buffer.bytes();
    let mut window = 0;
    loop {
        until.check(part)?;
        let count = unpacked.fill(&mut bytes[window..window + BLOCK]).map_err(unread)?;
        if count == 0 {
            return Ok(());
        }
        let (before, block) = bytes.split_at(window);
        part.append(encoder, before, &block[..count]).map_err(CopyError::Part)?;
        let filled = window + count;
        window = filled.min(WINDOW);
        bytes.copy_within(filled - window..filled, 0);
    }
}

fn error_of(unsound: Unsound) -> std::io::Error {
    match unsound {
        Unsound::Unread(error) => error,
        other => std::io::Error::new(std::io::ErrorKind::InvalidData, other.to_string()),
    }
}
