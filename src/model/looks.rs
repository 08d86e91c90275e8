//! When logs were last seen to hold nothing new: what comes behind that was written later.
//!
//! The argument: a run looked at a file, and all that was in it, `taken` bytes, was in segments, or it was empty. So the byte at
//! that place was written after the look, and a segment that begins there begins no earlier. Which file it is, is known by its
//! device, inode and birth time: an inode that is used again belongs to a file that was born later; devices get other numbers
//! with a reboot, and then nothing is known. A file without a birth time is not noted at all. The time of a look is one from
//! before it, so that it may be too early and never too late.
//!
//! Pure; and what is read of it is whole, or nothing: the text ends in its own checksum.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use super::segment::Identity;
use super::time::Moment;

/// How many files are remembered: those that were looked at last.
pub const MOST: usize = 100_000;

/// How long a file is remembered that is not looked at any more, in nanoseconds.
const REMEMBERED: i64 = 31 * 24 * 60 * 60 * 1_000_000_000;

/// The first line.
const FORM: &str = "logferry looks 1";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A file of which all was in segments when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Silent {
    /// The file.
    pub file: Identity,
    /// How many bytes it had, all of them taken.
    pub taken: u64,
}

/// The directory of the streams' records, as it was at some time: whatever is made, moved or removed in it changes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Records {
    /// Its device.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
    /// When it was last changed.
    pub changed: Moment,
}

/// When that was seen last of each file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Looks {
    by_file: HashMap<Identity, (Moment, u64)>,
    /// The records in which this program found no stream that goes on where no log is: they need not be read again.
    pub resting: Option<Records>,
}

impl Looks {
    /// Takes note of what was seen after that moment. Without a birth time nobody can know the file again.
    pub fn note(&mut self, at: Moment, Silent { file, taken }: Silent) {
        if file.born.is_some() {
            self.by_file.insert(file, (at, taken));
        }
    }

    /// Forgets a file, since it has got something; whether it was known.
    pub fn forget(&mut self, file: &Identity) -> bool {
        self.by_file.remove(file).is_some()
    }

    /// When what stands in a file from there on was not there yet, as far as is known.
    pub fn before(&self, file: &Identity, from: u64) -> Option<Moment> {
        let (at, taken) = *self.by_file.get(file)?;
        (taken == from).then_some(at)
    }

    /// Leaves out what was looked at too long ago, and what is too much.
    pub fn clear_out(&mut self) {
        let newest = self.by_file.values().map(|(at, _)| at.nanos()).max();
        let oldest = newest.map_or(i64::MIN, |newest| newest.saturating_sub(REMEMBERED));
        self.by_file.retain(|_, (at, _)| at.nanos() >= oldest);
        if self.by_file.len() > MOST {
            let mut all: Vec<(Moment, Identity)> = self.by_file.iter().map(|(file, (at, _))| (*at, *file)).collect();
            all.sort_unstable_by_key(|(at, file)| (*at, file.dev, file.ino));
            let too_many: HashSet<Identity> = all[..all.len() - MOST].iter().map(|(_, file)| *file).collect();
            self.by_file.retain(|file, _| !too_many.contains(file));
        }
    }

    /// Reads what was written; `None` where that is not whole, or not of this form.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (body, end) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        if end != ending(body) {
            return None;
        }
        let mut lines = body.split('\n');
        if lines.next() != Some(FORM) {
            return None;
        }
        let (mut looks, mut at) = (Self::default(), None);
        for line in lines {
            match line.split_once(' ')? {
                ("rest", records) => looks.resting = resting(records)?,
                ("at", moment) => at = Some(Moment::parse(moment)?),
                _ => looks.note(at?, entry(line)?),
            }
        }
        Some(looks)
    }

    /// The text of the file: the records, then the moments, the latest first, and below each the files that were looked at then.
    pub fn render(&self) -> String {
        let mut by_moment: BTreeMap<Moment, Vec<Silent>> = BTreeMap::new();
        for (file, (at, taken)) in &self.by_file {
            by_moment.entry(*at).or_default().push(Silent { file: *file, taken: *taken });
        }
        let mut text = String::with_capacity(64 * (self.by_file.len() + 4));
        text.push_str(FORM);
        if let Some(Records { dev, ino, changed }) = self.resting {
            // A String takes whatever is written to it.
            let _ = write!(text, "\nrest {dev} {ino} {} {VERSION}", changed.nanos());
        }
        for (at, mut files) in by_moment.into_iter().rev() {
            files.sort_unstable_by_key(|silent| (silent.file.dev, silent.file.ino, silent.file.born));
            let _ = write!(text, "\nat {at}");
            for Silent { file: Identity { dev, ino, born }, taken } in files {
                let born = born.map_or(0, Moment::nanos);
                let _ = write!(text, "\n{dev} {ino} {born} {taken}");
            }
        }
        let end = ending(&text);
        text + "\n" + &end + "\n"
    }
}

fn entry(line: &str) -> Option<Silent> {
    let mut numbers = line.split(' ');
    let (dev, ino) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    let born = Some(Moment::from_nanos(numbers.next()?.parse().ok()?));
    let silent = Silent { file: Identity { dev, ino, born }, taken: numbers.next()?.parse().ok()? };
    numbers.next().is_none().then_some(silent)
}

/// What another version of the program has found may not be what this one would.
fn resting(line: &str) -> Option<Option<Records>> {
    let mut words = line.split(' ');
    let (dev, ino) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let changed = Moment::from_nanos(words.next()?.parse().ok()?);
    Some((words.next()? == VERSION).then_some(Records { dev, ino, changed }))
}

/// The last line.
fn ending(body: &str) -> String {
    format!("end {:08x}", crc32fast::hash(body.as_bytes()))
}

/// When the first byte of a segment can have been written at the earliest: not before the look at which it was not there, where
/// the clocks bear that out. A look that is to come, or is later than the file's last change, was noted by another clock.
pub fn not_before(first: Moment, look: Option<Moment>, modified: Moment, now: Moment) -> Moment {
    let sound = look.filter(|look| *look <= modified && *look <= now);
    sound.map_or(first, |look| first.max(look))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn file(ino: u64) -> Identity {
        Identity { dev: 7, ino, born: Some(Moment::from_nanos(1_795_219_199_123_456_789)) }
    }

    fn hour(count: i64) -> Moment {
        Moment::from_nanos(1_795_300_000_000_000_001 + count * HOUR)
    }

    fn looks(count: u64) -> Looks {
        let mut looks = Looks::default();
        (0..count).for_each(|ino| looks.note(hour(ino.cast_signed() % 3), Silent { file: file(ino), taken: ino * 10 }));
        looks
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for count in [0, 1, 2, 1000] {
            let looks = looks(count);
            let text = looks.render();
            assert_eq!(Looks::parse(text.as_bytes()), Some(looks), "{text}");
        }
        let before_1970 = Identity { born: Some(Moment::from_nanos(-1)), ..file(u64::MAX) };
        let mut looks = Looks::default();
        looks.note(Moment::from_nanos(-5), Silent { file: before_1970, taken: u64::MAX });
        assert_eq!(Looks::parse(looks.render().as_bytes()), Some(looks));
    }

    #[test]
    fn records_at_rest_are_believed_of_this_version_only() {
        let records = Records { dev: 1, ino: u64::MAX, changed: hour(0) };
        let looks = Looks { resting: Some(records), ..looks(3) };
        let text = looks.render();
        assert_eq!(Looks::parse(text.as_bytes()), Some(looks.clone()));
        let of = |line: &str| {
            let body = format!("logferry looks 1\n{line}");
            Looks::parse(format!("{body}\n{}\n", ending(&body)).as_bytes())
        };
        assert_eq!(of("rest 1 2 3 0.0.1"), Some(Looks::default()), "of another version");
        assert_eq!((of("rest 1 2 3"), of("rest 1 2"), of("rest")), (None, None, None));
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        let text = looks(20).render().into_bytes();
        for length in 0..text.len() {
            assert_eq!(Looks::parse(&text[..length]), None, "{length} bytes");
            let mut zeroed = text.clone();
            zeroed[length..].fill(0);
            assert_eq!(Looks::parse(&zeroed), None, "zeros from {length} on");
            let mut changed = text.clone();
            changed[length] ^= 1;
            assert_eq!(Looks::parse(&changed), None, "another byte at {length}");
        }
        let ended = |body: &str| format!("{body}\n{}\n", ending(body));
        for body in ["logferry looks 2", "logferry looks 1\n1 2 3 4", "logferry looks 1\nat noon", ""] {
            assert_eq!(Looks::parse(ended(body).as_bytes()), None, "{body}");
        }
        for line in ["1 2 3", "1 2 3 4 5", "a 2 3 4", "1 2 3 -4", "", "1  2 3 4"] {
            let body = format!("logferry looks 1\nat {}\n{line}", hour(0));
            assert_eq!(Looks::parse(ended(&body).as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_look_is_of_one_file_as_it_was_then() {
        let mut looks = looks(10);
        assert_eq!(looks.before(&file(4), 40), Some(hour(1)));
        assert_eq!(looks.before(&file(4), 41), None, "of another place");
        assert_eq!(looks.before(&Identity { dev: 8, ..file(4) }, 40), None, "of another device");
        assert_eq!(
            looks.before(&Identity { born: Some(hour(0)), ..file(4) }, 40),
            None,
            "an inode that was used again"
        );
        assert_eq!(looks.before(&Identity { born: None, ..file(4) }, 40), None, "of no birth");
        looks.note(hour(9), Silent { file: Identity { born: None, ..file(11) }, taken: 0 });
        assert_eq!(looks.before(&Identity { born: None, ..file(11) }, 0), None, "of no birth");
        looks.note(hour(9), Silent { file: file(4), taken: 41 });
        assert_eq!((looks.before(&file(4), 40), looks.before(&file(4), 41)), (None, Some(hour(9))));
        assert!(looks.forget(&file(4)) && !looks.forget(&file(4)));
        assert_eq!(looks.before(&file(4), 41), None);
    }

    #[test]
    fn what_nobody_looks_at_any_more_goes_and_what_is_too_much() {
        let mut looks = looks(3);
        looks.note(hour(31 * 24 + 1), Silent { file: file(9), taken: 0 });
        looks.clear_out();
        assert_eq!((looks.before(&file(0), 0), looks.before(&file(1), 10)), (None, Some(hour(1))));
        for ino in 0..MOST as u64 {
            looks.note(hour(31 * 24 + 1), Silent { file: file(100 + ino), taken: 0 });
        }
        looks.clear_out();
        assert_eq!(looks.by_file.len(), MOST);
        assert_eq!(looks.before(&file(1), 10), None, "the oldest make way");
    }

    #[test]
    fn a_look_counts_only_as_far_as_the_clocks_bear_it_out() {
        let [born, look, modified, now] = [0, 5, 6, 7].map(hour);
        assert_eq!(not_before(born, Some(look), modified, now), look);
        assert_eq!(not_before(born, None, modified, now), born);
        assert_eq!(not_before(modified, Some(look), modified, now), modified, "what is known better");
        assert_eq!(not_before(born, Some(look), hour(4), now), born, "behind the last change");
        assert_eq!(not_before(born, Some(look), modified, hour(4)), born, "to come");
    }
}
