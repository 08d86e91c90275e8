//! From a file that was compressed already into a part: unpacked block by block, and compressed again.
//!
//! It is not shipped as it is: every object is one gzip member or zstd frame (FACTS, "Readers of gzip"), and says how many bytes and
//! lines it holds, which nobody knows of a file without reading all of it.

use std::fs::File;

use super::copy::{CopyError, Until, append_all};
use crate::gzip::Press;
use crate::model::family::Packing;
use crate::spool::Part;
use crate::sys::failure::Failure;
use crate::unpack::{Unpacked, Unsound};

/// Copies what `file` holds, unpacked, into an empty part: from where its segment begins, if a part of it was taken before it
/// was compressed.
pub(super) fn copy(
    press: &mut dyn Press,
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
    let begin = press.block(part.segment().format);
    let (last, ended) = append_all(press, part, begin, |room| unpacked.fill(room).map_err(unread), until);
    press.reuse(last);
    ended
}

fn error_of(unsound: Unsound) -> std::io::Error {
    match unsound {
        Unsound::Unread(error) => error,
        other => std::io::Error::new(std::io::ErrorKind::InvalidData, other.to_string()),
    }
}
