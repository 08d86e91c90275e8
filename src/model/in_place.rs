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
//!
//! How a file begins proves nothing of what follows: services write the same banner at each start, tables have the same first
//! line. So a file is the one that the record tells of only if it agrees right before the place where the next segment would
//! begin, too: with the mark there, and with what the segment ended in.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::gap::Gap;

/// The fewest bytes by which a file is known again.
pub const SHORTEST: u64 = 256;

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

/// What is known of the segment behind which a log goes on, besides how its file begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Behind {
    /// Where in the file it ended.
    pub end: u64,
    /// What it ended in, if that is known.
    pub ending: Option<Ending>,
    /// What was noted of the head that was to be given back.
    pub noted: Noted,
}

/// The last bytes of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// How many.
    pub length: u64,
    /// Their CRC-32.
    pub crc: u32,
}

/// What was noted of a head that was to be given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noted {
    /// Nothing: it may be there or not.
    Nothing,
    /// That it went, in this boot.
    HeadWent,
}

impl Behind {
    /// Whether a file has, before that place, the bytes that the segment ended in, as far as these are known.
    ///
    /// # Errors
    /// Those of `piece`, which gives a piece of the file, or nothing where the file is shorter.
    pub fn ends_at<E>(
        &self,
        position: u64,
        piece: &mut impl FnMut(u64, u64) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<bool, E> {
        let Some(Ending { length, crc }) = self.ending else { return Ok(true) };
        let Some(at) = position.checked_sub(length) else { return Ok(false) };
        Ok(piece(at, length)?.is_some_and(|bytes| crc32fast::hash(&bytes) == crc))
    }
}

/// Whether there are zeros only right before that place: file systems take blocks away from behind.
fn is_hollow_before<E>(at: u64, piece: &mut impl FnMut(u64, u64) -> Result<Option<Vec<u8>>, E>) -> Result<bool, E> {
    let length = SHORTEST.min(at);
    Ok(length > 0 && piece(at - length, length)?.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0)))
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

    /// Looks whether a file is the one that this tells of, which the segment `behind` was made of. `piece` gives a piece of the
    /// file, or nothing where the file is shorter.
    ///
    /// # Errors
    /// Those of `piece`.
    pub fn look<E>(
        &self,
        behind: &Behind,
        mut piece: impl FnMut(u64, u64) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Known, E> {
        let Mark { at, length, sha256 } = self.mark;
        let end = behind.end;
        let known = |is_same, position, head| Ok(if is_same { Known::Same { position, head } } else { Known::Changed });
        let begin = match self.give {
            Some(Give::Collapse { length: given, head }) => {
                let begin = piece(0, length)?.map(|bytes| Digest::of(&bytes));
                if begin == Some(sha256) {
                    let position = end - given;
                    return known(self.reaches(end) || behind.ends_at(position, &mut piece)?, position, Head::Gone);
                }
                begin == Some(head)
            }
            Some(Give::Punch { .. }) | None => true,
        };
        if piece(at, length)?.is_none_or(|kept| Digest::of(&kept) != sha256) {
            return Ok(Known::Changed);
        }
        // All of it is there that is known to have gone: then it was written anew, with the same bytes.
        let is_back = behind.noted == Noted::HeadWent && self.give.is_some();
        let is_whole = begin && !is_back && behind.ends_at(end, &mut piece)?;
        // What was to go may be a hole: it was punched, or a power loss has left a collapse half done, with the rest where it was.
        let mut is_hollow = || Ok(self.give.is_some() && is_hollow_before(at, &mut piece)?);
        let is_same = is_whole || is_hollow()? && (self.reaches(end) || behind.ends_at(end, &mut piece)?);
        known(is_same, end, Head::There)
    }

    /// Whether nothing of the segment comes behind the mark.
    fn reaches(&self, end: u64) -> bool {
        self.mark.at.saturating_add(self.mark.length) >= end
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

    fn bytes(file: &[u8], at: u64, length: u64) -> Option<Vec<u8>> {
        file.get(usize::try_from(at).ok()?..usize::try_from(at + length).ok()?).map(<[u8]>::to_vec)
    }

    fn look_noted(planned: &InPlace, taken: &[u8], file: &[u8], noted: Noted) -> Known {
        let last = &taken[taken.len().saturating_sub(32 * 1024)..];
        let ending = Some(Ending { length: last.len() as u64, crc: crc32fast::hash(last) });
        let behind = Behind { end: taken.len() as u64, ending, noted };
        planned.look(&behind, |at, length| Ok::<_, ()>(bytes(file, at, length))).expect("no failure")
    }

    /// What `file` is to a record of which all of `taken` is in segments.
    fn look(planned: &InPlace, taken: &[u8], file: &[u8]) -> Known {
        look_noted(planned, taken, file, Noted::Nothing)
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
                assert_eq!(look(&planned, &file, &before), Known::Same { position: end as u64, head: Head::There });
                assert_eq!(look(&planned, &file, &after), Known::Same { position: kept, head: Head::Gone });
                // Cut short by a power loss.
                let mut hollow = before.clone();
                hollow[..usize::try_from(length).expect("small")].fill(0);
                assert_eq!(look(&planned, &file, &hollow), Known::Same { position: end as u64, head: Head::There });
            }
        }
    }

    #[test]
    fn a_file_that_someone_else_has_changed_is_told_apart() {
        let file = lines(1000);
        for planned in [plan(&file, 0, Able::Collapse { unit: UNIT }), plan(&file, 0, Able::Punch { unit: UNIT })] {
            let end = file.len();
            for other in [Vec::new(), b"one line\n".to_vec(), file[..100].to_vec(), file[3..].to_vec(), vec![0; end]] {
                assert_eq!(look(&planned, &file, &other), Known::Changed, "{} bytes", other.len());
            }
        }
    }

    /// A file of so many lines that all depend on `seed`, behind a banner of 5000 bytes that does not.
    fn behind_a_banner(seed: u32, count: u32) -> Vec<u8> {
        let banner = (0..125).flat_map(|n| format!("option {n:06} = its default value is it\n").into_bytes());
        banner.chain((0..count).flat_map(|n| format!("{seed:04} line {n:08} of a log\n").into_bytes())).collect()
    }

    #[test]
    fn a_file_that_begins_as_another_did_is_told_apart() {
        let able = [Able::Collapse { unit: UNIT }, Able::Collapse { unit: 64 * UNIT }, Able::Punch { unit: UNIT }];
        for able in able {
            // Shorter, as long, and longer; what is at the same place is seldom as short as a mark.
            for (count, others) in [(300, [200, 300, 400]), (9000, [8000, 9000, 12_000])] {
                let file = behind_a_banner(1, count);
                let planned = plan(&file, 0, able);
                for other in others {
                    let other = behind_a_banner(2, other);
                    assert_eq!(look(&planned, &file, &other), Known::Changed, "{able:?} {count} {}", other.len());
                }
                // With the same end, too, at the same place.
                let mut same_end = behind_a_banner(2, count);
                let kept = usize::try_from(planned.mark.at).expect("small");
                same_end[kept..].copy_from_slice(&file[kept..]);
                if planned.give.is_some() {
                    assert_eq!(look(&planned, &file, &same_end), Known::Changed, "{able:?} {count}");
                }
            }
        }
    }

    #[test]
    fn a_file_whose_head_went_and_that_has_it_again_was_written_anew() {
        let file = lines(1000);
        for able in [Able::Collapse { unit: UNIT }, Able::Punch { unit: UNIT }] {
            let planned = plan(&file, 0, able);
            let there = Known::Same { position: file.len() as u64, head: Head::There };
            assert_eq!(look_noted(&planned, &file, &file, Noted::Nothing), there);
            assert_eq!(look_noted(&planned, &file, &file, Noted::HeadWent), Known::Changed);
        }
        let short = plan(&file[..300], 0, Able::Collapse { unit: UNIT });
        let there = Known::Same { position: 300, head: Head::There };
        assert_eq!(look_noted(&short, &file[..300], &file, Noted::HeadWent), there, "nothing was to go");
    }

    #[test]
    fn blocks_that_are_all_alike_are_not_given_back() {
        let alike = b"tick, and nothing else to say..\n".repeat(1000);
        let planned = plan(&alike, 0, Able::Collapse { unit: UNIT });
        assert_eq!((planned.give, planned.mark.at), (None, 0));
        assert_eq!(look(&planned, &alike, &alike), Known::Same { position: 32_000, head: Head::There });
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
        let (end, taken) = (file.len(), file.clone());
        for punched in [false, true] {
            if punched {
                file[..usize::try_from(length).expect("small")].fill(0);
            }
            assert_eq!(look(&planned, &taken, &file), Known::Same { position: end as u64, head: Head::There });
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
