//! Where in a log that is in use a segment ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::model::in_place::{LONGEST_LINE, Reach, behind_last_line};

/// How much is read at a time.
const PIECE: u64 = 64 * 1024;

/// Where the segment ends that begins at `from`, of what the log holds up to `most`: behind the last whole line, or at the
/// end. `from` where there is nothing to take.
///
/// # Errors
/// Where the log can't be read.
pub(in crate::rotate) fn end(log: &File, from: u64, most: u64, reach: Reach) -> io::Result<u64> {
    match reach {
        Reach::End => Ok(most.max(from)),
        Reach::LastLine => last_line(log, from, most),
    }
}

fn last_line(log: &File, from: u64, most: u64) -> io::Result<u64> {
    let mut buffer = vec![0; PIECE as usize];
    let mut until = most;
    while until > from {
        if most - until > LONGEST_LINE {
            // These are no lines.
            return Ok(most);
        }
        let begin = until.saturating_sub(PIECE).max(from);
        let piece = &mut buffer[..(until - begin) as usize];
        match log.read_exact_at(piece, begin) {
            Ok(()) => {}
            // Someone has truncated it: the next run sees what it is then.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(from),
            Err(error) => return Err(error),
        }
        if let Some(behind) = behind_last_line(piece) {
            return Ok(begin + behind as u64);
        }
        until = begin;
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn end_of(bytes: &[u8], from: u64, reach: Reach) -> u64 {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("it is written");
        end(&file, from, bytes.len() as u64, reach).expect("it is read")
    }

    #[test]
    fn a_segment_ends_behind_the_last_whole_line_however_long_it_is() {
        assert_eq!(end_of(b"one\ntwo\nthr", 0, Reach::LastLine), 8);
        assert_eq!(end_of(b"one\ntwo\nthr", 8, Reach::LastLine), 8);
        assert_eq!(end_of(b"one\ntwo\nthr", 0, Reach::End), 11);
        let mut long = b"first\n".to_vec();
        long.extend(vec![b'x'; 1 << 20]);
        assert_eq!(end_of(&long, 0, Reach::LastLine), 6);
        long.extend(vec![b'x'; 1 << 17]);
        assert_eq!(end_of(&long, 0, Reach::LastLine), long.len() as u64, "these are no lines");
        assert_eq!(end_of(&long[..1 << 20], 6, Reach::LastLine), 6);
    }
}
