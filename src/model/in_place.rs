//! A log that is taken in its place: where the next segment of it begins, and what of its head can be given back.
//!
//! Promise: what is decided here, before anything is done to the log, tells a later run what was done. A file that others go
//! on appending to has nothing of ours in it, and its head goes away between two runs, or just before a power loss. So the
//! record of each segment says how to know the file again:
//!
//! ```text
//!  0                         length              end
//!  |------ to be given back ----|------ kept ------|--- the next segment ---> appended
//!  [ head ]                     [ mark ]
//! ```
//!
//! `mark` is the fingerprint of what is kept: bytes that are in segments and stay in the file, some hundred at least. If the
//! file begins with the mark, the head is gone; if it begins with `head`, it is not. The length is chosen so that the two
//! differ. If it begins with neither, someone else has changed it.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::gap::Gap;

/// The fewest bytes by which a file is known again.
const SHORTEST: u64 = 256;

/// The most bytes that a fingerprint is taken of: what is kept is seldom more than a block of the file system.
pub const LONGEST: u64 = 64 * 1024;

/// How many lengths are tried. A log of blocks that are all alike has none that can be told from another.
const MOST_TRIES: usize = 16;

/// How to know a log again that stays in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InPlace {
    /// What is kept of the segments' bytes, where it was when the segment was sealed.
    pub mark: Mark,
    /// What is to be given back once the segment is sealed; none where there is nothing that could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give: Option<Give>,
    /// Behind the segment, where it was when that was sealed: zeros that are no bytes of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

/// A piece of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Where it begins.
    pub at: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Their SHA-256.
    pub sha256: Digest,
}

/// How space is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Give {
    /// The head is taken away, and the file is shorter by as much.
    Collapse {
        /// How many bytes of it.
        length: u64,
        /// SHA-256 of as many bytes as the mark has, from the file's start.
        head: Digest,
    },
    /// The head becomes a hole, and the file keeps its length.
    Punch {
        /// How many bytes of it.
        length: u64,
    },
}

/// What the file system can do, and in which units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Able {
    /// Take the head away.
    Collapse {
        /// Multiples of so many bytes.
        unit: u64,
    },
    /// Make a hole of it.
    Punch {
        /// Multiples of so many bytes.
        unit: u64,
    },
}

/// What a file turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// The one that the record tells of.
    Same {
        /// How many bytes at its start are in segments, or are a hole.
        position: u64,
        /// Whether the head is still to be given back.
        head: Head,
    },
    /// It was truncated or written anew by someone else.
    Changed,
}

/// What has become of the head that was to be given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Head {
    /// It is there still, or only a hole is left of it, or there is no telling.
    There,
    /// It is gone, as far as it was to be.
    Gone,
}

impl InPlace {
    /// Whether the numbers agree with the end of the segment in the file, so that whoever adds them up can't go wrong.
    pub fn is_sound(&self, end: u64) -> bool {
        let Mark { at, length, .. } = self.mark;
        let kept_is_there = at.checked_add(length).is_some_and(|kept| kept <= end) && length <= LONGEST;
        let begins_behind = match self.give {
            Some(Give::Collapse { length, .. } | Give::Punch { length }) => length == at && length > 0,
            None => true,
        };
        let comes_later = self.gap.is_none_or(|gap| gap.at >= end && gap.at.checked_add(gap.length).is_some());
        kept_is_there && begins_behind && comes_later
    }

    /// How many bytes were to be taken away, of a file of which they have gone.
    pub fn taken_away(&self, head: Head) -> Option<u64> {
        match (self.give, head) {
            (Some(Give::Collapse { length, .. }), Head::Gone) => Some(length),
            _ => None,
        }
    }

    /// How many bytes at the file's start may be a hole of ours.
    pub fn hole(&self) -> u64 {
        match self.give {
            Some(Give::Collapse { .. }) => 0,
            Some(Give::Punch { .. }) | None => self.mark.at,
        }
    }

    /// Looks whether a file is the one that this tells of, where the segment ended at `end`. `digest` gives that of a piece of
    /// the file, or nothing where the file is shorter.
    ///
    /// # Errors
    /// Those of `digest`.
    pub fn look<E>(&self, end: u64, mut digest: impl FnMut(u64, u64) -> Result<Option<Digest>, E>) -> Result<Known, E> {
        let Mark { at, length, sha256 } = self.mark;
        let position = |position, head| Ok(Known::Same { position, head });
        if let Some(Give::Collapse { length: given, head }) = self.give {
            match digest(0, length)? {
                Some(begin) if begin == sha256 => return position(end - given, Head::Gone),
                Some(begin) if begin == head => return position(end, Head::There),
                // A power loss may have left it between the two: the head is a hole, the rest is where it was.
                _ => {}
            }
        }
        match digest(at, length)? {
            Some(kept) if kept == sha256 => position(end, Head::There),
            _ => Ok(Known::Changed),
        }
    }

    /// Plans what to give back of a file whose bytes up to `end` are in segments; of these, `hole` at its start are a hole.
    ///
    /// # Errors
    /// Those of `digest`, which gives that of a piece of the file.
    pub fn plan<E>(
        end: u64,
        hole: u64,
        able: Able,
        mut digest: impl FnMut(u64, u64) -> Result<Digest, E>,
    ) -> Result<Self, E> {
        match able {
            Able::Collapse { unit } => {
                for length in lengths(end, unit) {
                    let kept = LONGEST.min(end - length);
                    let (head, sha256) = (digest(0, kept)?, digest(length, kept)?);
                    if head != sha256 {
                        let mark = Mark { at: length, length: kept, sha256 };
                        return Ok(Self { mark, give: Some(Give::Collapse { length, head }), gap: None });
                    }
                }
            }
            Able::Punch { unit } => {
                if let Some(length) = lengths(end, unit).next().filter(|length| *length > hole) {
                    let mark = mark(length, end, digest)?;
                    return Ok(Self { mark, give: Some(Give::Punch { length }), gap: None });
                }
            }
        }
        Ok(Self { mark: mark(hole, end, digest)?, give: None, gap: None })
    }
}

fn mark<E>(at: u64, end: u64, mut digest: impl FnMut(u64, u64) -> Result<Digest, E>) -> Result<Mark, E> {
    let length = LONGEST.min(end.saturating_sub(at));
    Ok(Mark { at, length, sha256: digest(at, length)? })
}

/// How much could be given back, the most first: whole units, such that enough is kept to know the file by.
fn lengths(end: u64, unit: u64) -> impl Iterator<Item = u64> {
    let most = end.saturating_sub(SHORTEST) / unit;
    (1..=most).rev().take(MOST_TRIES).map(move |units| units * unit)
}

/// Where a segment of a log that is in use ends.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Reach {
    /// Behind the last whole line: its writer may be in the middle of the next one.
    #[default]
    LastLine,
    /// At the end: nothing comes after it, or nobody writes.
    End,
}

/// How many bytes may follow the last line feed before they are taken for what has no lines.
pub const LONGEST_LINE: u64 = 1024 * 1024;

/// Where a line ends last in these bytes; `None` where none does.
pub fn behind_last_line(bytes: &[u8]) -> Option<usize> {
    memchr::memrchr(b'\n', bytes).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: u64 = 1024;

    fn part(file: &[u8], at: u64, length: u64) -> Option<Digest> {
        let range = usize::try_from(at).ok()?..usize::try_from(at + length).ok()?;
        file.get(range).map(Digest::of)
    }

    fn plan(file: &[u8], hole: u64, able: Able) -> InPlace {
        let end = file.len() as u64;
        let planned = InPlace::plan(end, hole, able, |at, length| part(file, at, length).ok_or("out of the file"));
        let planned = planned.expect("within the file");
        assert!(planned.is_sound(end), "{planned:?}");
        planned
    }

    fn look(planned: &InPlace, end: usize, file: &[u8]) -> Known {
        planned.look(end as u64, |at, length| Ok::<_, ()>(part(file, at, length))).expect("no failure")
    }

    fn lines(count: usize) -> Vec<u8> {
        (0..count).flat_map(|n| format!("{n:08} a line of a log\n").into_bytes()).collect()
    }

    #[test]
    fn a_file_tells_whether_its_head_is_gone_whatever_was_appended() {
        for count in [60, 100, 1000, 5000] {
            let file = lines(count);
            let planned = plan(&file, 0, Able::Collapse { unit: UNIT });
            let Some(Give::Collapse { length, .. }) = planned.give else { panic!("{planned:?}") };
            let kept = file.len() as u64 - length;
            assert!(length % UNIT == 0 && (SHORTEST..SHORTEST + UNIT).contains(&kept), "{planned:?}");
            for more in [0, 1, 500] {
                let mut before = file.clone();
                before.extend(lines(more));
                let after = before[usize::try_from(length).expect("small")..].to_vec();
                let end = file.len();
                assert_eq!(look(&planned, end, &before), Known::Same { position: end as u64, head: Head::There });
                assert_eq!(look(&planned, end, &after), Known::Same { position: kept, head: Head::Gone });
                // Cut short by a power loss.
                let mut hollow = before.clone();
                hollow[..usize::try_from(length).expect("small")].fill(0);
                assert_eq!(look(&planned, end, &hollow), Known::Same { position: end as u64, head: Head::There });
            }
        }
    }

    #[test]
    fn a_file_that_someone_else_has_changed_is_told_apart() {
        let file = lines(1000);
        for planned in [plan(&file, 0, Able::Collapse { unit: UNIT }), plan(&file, 0, Able::Punch { unit: UNIT })] {
            let end = file.len();
            for other in [Vec::new(), b"one line\n".to_vec(), file[..100].to_vec(), file[3..].to_vec(), vec![0; end]] {
                assert_eq!(look(&planned, end, &other), Known::Changed, "{} bytes", other.len());
            }
        }
    }

    #[test]
    fn blocks_that_are_all_alike_are_not_given_back() {
        let alike = b"tick, and nothing else to say..\n".repeat(1000);
        let planned = plan(&alike, 0, Able::Collapse { unit: UNIT });
        assert_eq!((planned.give, planned.mark.at), (None, 0));
        assert_eq!(look(&planned, alike.len(), &alike), Known::Same { position: 32_000, head: Head::There });
        // One line that differs is enough.
        let mut begins_otherwise = alike;
        begins_otherwise[..4].copy_from_slice(b"boot");
        assert!(plan(&begins_otherwise, 0, Able::Collapse { unit: UNIT }).give.is_some());
    }

    #[test]
    fn a_hole_grows_and_what_follows_it_is_known() {
        let mut file = lines(200);
        let planned = plan(&file, 0, Able::Punch { unit: UNIT });
        let Some(Give::Punch { length }) = planned.give else { panic!("{planned:?}") };
        let end = file.len();
        for punched in [false, true] {
            if punched {
                file[..usize::try_from(length).expect("small")].fill(0);
            }
            assert_eq!(look(&planned, end, &file), Known::Same { position: end as u64, head: Head::There });
        }
        file.extend(b"a little more\n");
        let next = plan(&file, planned.hole(), Able::Punch { unit: UNIT });
        assert_eq!((next.give, next.hole()), (None, length));
        file.extend(lines(200));
        assert!(plan(&file, next.hole(), Able::Punch { unit: UNIT }).hole() > length);
    }

    #[test]
    fn short_files_and_damaged_records() {
        for length in [1, 255, 256, 1024, 1279] {
            let planned = plan(&lines(100)[..length], 0, Able::Collapse { unit: UNIT });
            assert_eq!(planned.give, None, "{length}");
        }
        let planned = plan(&lines(1000), 0, Able::Collapse { unit: UNIT });
        assert!(!planned.is_sound(planned.mark.at));
        let too_far = Mark { at: u64::MAX, ..planned.mark };
        assert!(!InPlace { mark: too_far, give: None, gap: None }.is_sound(u64::MAX));
        let before = Gap { at: 0, length: 1 };
        assert!(!InPlace { gap: Some(before), ..planned }.is_sound(u64::MAX));
        let elsewhere = Mark { at: 0, ..planned.mark };
        assert!(!InPlace { mark: elsewhere, ..planned }.is_sound(u64::MAX));
    }

    #[test]
    fn lines_end_behind_their_line_feed() {
        assert_eq!(behind_last_line(b"one\ntwo\nthr"), Some(8));
        assert_eq!(behind_last_line(b"thr"), None);
    }
}
