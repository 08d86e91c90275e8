//! Holes in files (`SEEK_HOLE`, `SEEK_DATA`, `lseek(2)`), and zeros, of which some are on the disk and others are a hole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use super::file::Status;
use crate::model::gap::Hole;

/// How much is read at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// The first hole from `from` on, if there is one before the end. A log has none, unless someone has made it, or taking its
/// head away was cut short (`model/gap.rs`).
///
/// # Errors
/// Where the file can't be asked.
pub fn first(file: &File, from: u64) -> io::Result<Option<Hole>> {
    let size = Status::of_file(file)?.size;
    if from >= size {
        return Ok(None);
    }
    let begin = match seek(file, from, Whence::SeekHole)? {
        Some(begin) if begin < size => begin,
        _ => return Ok(None),
    };
    Ok(Some(Hole { begin, end: seek(file, begin, Whence::SeekData)?.unwrap_or(size) }))
}

/// Whether a file has nothing but zeros from `from` to `to`. Of what is a hole nothing is read.
///
/// # Errors
/// Where it can't be read, or ends before.
pub fn is_zeros(file: &File, from: u64, to: u64) -> io::Result<bool> {
    let mut at = from;
    let mut buffer = vec![0; PIECE];
    while let Some(data) = seek(file, at, Whence::SeekData)?.filter(|data| *data < to) {
        let piece = &mut buffer[..usize::try_from(to - data).map_or(PIECE, |rest| rest.min(PIECE))];
        file.read_exact_at(piece, data)?;
        if piece.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at = data + piece.len() as u64;
    }
    Ok(true)
}

/// How many zeros a file has right before `end`, of the bytes from `from` on.
///
/// # Errors
/// Where it can't be read.
pub fn zeros_before(file: &File, from: u64, end: u64) -> io::Result<u64> {
    let length = end.saturating_sub(from).min(PIECE as u64);
    let mut piece = vec![0; length as usize];
    file.read_exact_at(&mut piece, end - length)?;
    Ok(piece.iter().rev().take_while(|byte| **byte == 0).count() as u64)
}

/// `None` where there is no more data behind `from`.
fn seek(file: &File, from: u64, whence: Whence) -> io::Result<Option<u64>> {
    let offset = libc::off_t::try_from(from).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    match lseek(file, offset, whence) {
        Ok(at) => Ok(u64::try_from(at).ok()),
        Err(Errno::ENXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn zeros_are_told_from_what_was_written_whether_they_are_on_the_disk_or_not() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"some\0\0\0").expect("it is written");
        file.set_len(300_000).expect("it is longer");
        file.write_all_at(b"end", 299_997).expect("it is written");
        assert_eq!(zeros_before(&file, 0, 7).expect("read"), 3);
        assert_eq!(zeros_before(&file, 5, 7).expect("read"), 2);
        assert!(is_zeros(&file, 4, 299_997).expect("read"));
        assert!(!is_zeros(&file, 3, 299_997).expect("read"));
        assert!(!is_zeros(&file, 4, 299_998).expect("read"));
        let hole = first(&file, 0).expect("asked").expect("a hole");
        assert!(hole.begin <= 65_536 && hole.end >= 200_000, "{hole:?}");
        assert_eq!(first(&file, hole.end).expect("asked"), None);
    }
}
