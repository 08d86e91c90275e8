//! From a file's name to the log that it was rotated from, and its place among the others of that log.
//!
//! Promise: pure, total (any bytes give an answer), and the one place that knows how writers, logrotate and compressors
//! name what they set aside. Nothing here looks at a disk: where a name alone can't tell, the answer says which log must
//! be there for it to be a rotated one.
//!
//! | name | made by | log | place |
//! | --- | --- | --- | --- |
//! | `web.log.1`, `web.log.2.gz` | logrotate, docker, Python, log4j | `web.log` | its number |
//! | `web.log-20261120`, `web.log-2026112003.gz` | logrotate with `dateext` | `web.log` | its date |
//! | `web.log-20261120-1763596800` | logrotate with `dateformat -%Y%m%d-%s` | `web.log` | its date, then the seconds |
//! | `web-20261120.log`, `web-2026-11-20.log` | logrotate with `extension .log`, loggers | `web.log` | its date |
//! | `app.2026-11-20.3.log`, `app-2026-11-20-13.log.gz` | logback, log4j | `app.log` | its date, then the rest |
//! | `app.log.2026-11-20-13` | log4j | `app.log` | its date, then the rest |
//! | `app-2026-11-20.log.1` | loggers that rotate within a day | `app.log` | its date, then its number |
//! | `@400000006920a1b2075bcd15.s` (`.u`) | svlogd, multilog, s6-log | `current` | its label |
//!
//! The formats are those of logrotate(8) (`dateext`, `dateformat`, `extension`), of the TAI64N labels that multilog
//! writes (<https://cr.yp.to/libtai/tai64.html>; svlogd(8)), of logback's `SizeAndTimeBasedRollingPolicy` and log4j's
//! `filePattern`.

mod date;
mod order;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

pub use date::Stamp;
pub use order::oldest_first;

use super::time::Moment;

/// What a file's name says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Name {
    /// Nothing: it may be a log in use.
    Plain,
    /// It was rotated, and its place is known.
    Rotated(Rotated),
    /// It was set aside, and its place is not known. Where a log is named, only if that is there.
    Aside(Option<OsString>),
}

/// A file that was rotated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotated {
    /// The name of the log that it was.
    pub log: OsString,
    /// Its place among the others.
    pub age: Age,
    /// How it is compressed.
    pub packing: Packing,
    /// Its name without what compressing has added.
    pub unpacked: OsString,
    /// Whether the name alone is enough.
    pub proof: Proof,
}

/// Whether a name alone shows that a file was rotated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// It does.
    Name,
    /// A log in use may be called that too: it does only if the log that it would have been is there.
    LogBesideIt,
}

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Packing {
    /// It is not.
    None,
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
    /// In a way that is not read here; the ending says which.
    Other(&'static str),
}

/// What a name says of a file's place in its family.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Age {
    /// A date or a label.
    pub stamp: Option<Stamp>,
    /// A number behind everything else. Whether a higher one is older is not in the name: see [`oldest_first`].
    pub number: Option<u32>,
}

/// The log of a directory that svlogd, multilog or s6-log keeps.
pub const CURRENT: &str = "current";

/// What compressors add.
const PACKINGS: [(&str, Packing); 10] = [
    (".gz", Packing::Gzip),
    (".zst", Packing::Zstd),
    (".bz2", Packing::Other(".bz2")),
    (".xz", Packing::Other(".xz")),
    (".lz4", Packing::Other(".lz4")),
    (".lzma", Packing::Other(".lzma")),
    (".Z", Packing::Other(".Z")),
    (".zip", Packing::Other(".zip")),
    (".tgz", Packing::Other(".tgz")),
    (".tar", Packing::Other(".tar")),
];

/// What editors, savelog and people add.
const ASIDE: [&str; 6] = [".old", ".bak", ".orig", ".save", ".swp", "~"];

/// Reads a file name.
pub fn read(name: &OsStr) -> Name {
    let bytes = name.as_bytes();
    if bytes.starts_with(b"@") {
        return labelled(bytes);
    }
    let (unpacked, packing) = packing(bytes);
    match rotated(unpacked) {
        Some((log, age, proof)) => {
            let unpacked = OsString::from_vec(unpacked.to_vec());
            Name::Rotated(Rotated { log: OsString::from_vec(log), age, packing, unpacked, proof })
        }
        None if packing != Packing::None || ASIDE.iter().any(|end| bytes.ends_with(end.as_bytes())) => {
            Name::Aside(None)
        }
        None => behind_log(bytes).map_or(Name::Plain, |log| Name::Aside(Some(log))),
    }
}

/// How a name says that its file is compressed.
pub fn packing_of(name: &OsStr) -> Packing {
    packing(name.as_bytes()).1
}

fn packing(name: &[u8]) -> (&[u8], Packing) {
    let stripped = |(end, packing): &(&str, Packing)| Some((name.strip_suffix(end.as_bytes())?, *packing));
    PACKINGS.iter().find_map(stripped).unwrap_or((name, Packing::None))
}

/// The log, the place and the proof of a name that is not compressed.
fn rotated(name: &[u8]) -> Option<(Vec<u8>, Age, Proof)> {
    if let Some((log, stamp)) = date::behind(name) {
        let proof = if stamp.is_compact() { Proof::Name } else { Proof::LogBesideIt };
        return Some((log.to_vec(), Age { stamp: Some(stamp), number: None }, proof));
    }
    if let Some((log, number)) = number_behind(name) {
        // What was rotated twice, by day and by size, is of the log that it was first.
        let (log, stamp) = match date::inside(log) {
            Some((log, stamp)) => (log, Some(stamp)),
            None => (log.to_vec(), None),
        };
        return Some((log, Age { stamp, number: Some(number) }, Proof::Name));
    }
    let (log, stamp) = date::inside(name)?;
    Some((log, Age { stamp: Some(stamp), number: None }, Proof::LogBesideIt))
}

/// `web.log.1`: a short number behind the last dot, and a name before it.
fn number_behind(name: &[u8]) -> Option<(&[u8], u32)> {
    let dot = name.iter().rposition(|&b| b == b'.').filter(|dot| *dot > 0)?;
    let digits = std::str::from_utf8(&name[dot + 1..]).ok()?;
    let short = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    short.then(|| digits.parse().ok()).flatten().map(|number| (&name[..dot], number))
}

/// `@`, a TAI64N label, and `.s` (complete) or `.u` (complete too, but its writer was interrupted). What else stands there
/// (`.t`: a processor's output while it is made) is nobody's log.
fn labelled(name: &[u8]) -> Name {
    let label = name.get(1..25).and_then(|label| std::str::from_utf8(label).ok()).and_then(date::label);
    match (label, name.get(25..)) {
        (Some(stamp), Some(b"" | b".s" | b".u")) => Name::Rotated(Rotated {
            log: CURRENT.into(),
            age: Age { stamp: Some(stamp), number: None },
            packing: Packing::None,
            unpacked: OsString::from_vec(name.to_vec()),
            proof: Proof::Name,
        }),
        (Some(_), _) => Name::Aside(None),
        (None, _) => Name::Plain,
    }
}

/// `web.log` for whatever else follows it behind a dash or a dot.
fn behind_log(name: &[u8]) -> Option<OsString> {
    let at = memchr::memmem::rfind(name, b".log")? + b".log".len();
    let follows = name.get(at).is_some_and(|b| b"-.".contains(b));
    follows.then(|| OsString::from_vec(name[..at].to_vec()))
}

impl Rotated {
    /// Whether it is a rotated file whatever else is in its directory.
    pub fn is_certain(&self) -> bool {
        self.proof == Proof::Name || self.packing != Packing::None
    }

    /// A time from its name before which its first byte was hardly written: the beginning of the day that it is named
    /// after. Labels tell when a file ended, so they tell none. Dates are those of the host's zone, taken as UTC here.
    pub fn begins(&self) -> Option<Moment> {
        self.age.stamp.as_ref().and_then(Stamp::begins)
    }

    /// What somebody may be making of a file that is not compressed: the same one, compressed. Of svlogd's `.u`, what its
    /// processor makes of it (`.t`).
    pub fn made_of_it(&self) -> Vec<(OsString, Packing)> {
        let with = |(end, packing): (&str, Packing)| {
            let mut name = self.unpacked.clone();
            name.push(end);
            (name, packing)
        };
        if let Some(label) = self.unpacked.as_bytes().strip_suffix(b".u").filter(|_| self.log == CURRENT) {
            return vec![(OsString::from_vec([label, b".t"].concat()), Packing::None)];
        }
        let packings = PACKINGS.into_iter().filter(|_| self.packing == Packing::None);
        packings.map(with).collect()
    }

    /// Whether the same file, compressed or not, may have both names.
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.unpacked == other.unpacked && self.packing != other.packing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Name {
        super::read(OsStr::new(name))
    }

    fn of(name: &str) -> (String, Proof) {
        match read(name) {
            Name::Rotated(Rotated { log, proof, .. }) => (log.to_string_lossy().into_owned(), proof),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn rotated_files_are_known_with_the_log_that_they_were() {
        for (name, log, proof) in [
            ("web.log.1", "web.log", Proof::Name),
            ("web.log.12", "web.log", Proof::Name),
            ("web.log.2.gz", "web.log", Proof::Name),
            ("web.log.1.zst", "web.log", Proof::Name),
            ("web.log-20261120", "web.log", Proof::Name),
            ("web.log-20261120.gz", "web.log", Proof::Name),
            ("web.log-2026112003", "web.log", Proof::Name),
            ("web.log-20261120-1763596800", "web.log", Proof::LogBesideIt),
            ("web.log-1700000000", "web.log", Proof::LogBesideIt),
            ("web-2026-11-20.log", "web.log", Proof::LogBesideIt),
            ("web-20261120.log", "web.log", Proof::LogBesideIt),
            ("app.2026-11-20.3.log", "app.log", Proof::LogBesideIt),
            ("app-2026-11-20-13.log.gz", "app.log", Proof::LogBesideIt),
            ("app.log.2026-11-20-13", "app.log", Proof::LogBesideIt),
            ("app-2026-11-20T13-04-05.123.log", "app.log", Proof::LogBesideIt),
            ("app-2026-11-20.log.1", "app.log", Proof::Name),
            ("0f3c-json.log.1.gz", "0f3c-json.log", Proof::Name),
            ("@400000006920a1b2075bcd15.s", "current", Proof::Name),
            ("@400000006920a1b2075bcd15.u", "current", Proof::Name),
            ("syslog.1", "syslog", Proof::Name),
        ] {
            assert_eq!(of(name), (log.to_owned(), proof), "{name}");
        }
    }

    #[test]
    fn jobs_with_numbers_in_their_names_may_be_logs_in_use() {
        for name in [
            "web.log",
            "app-2.log",
            "worker-12",
            "job-12345678.log",
            "svc.8080",
            "2026.log",
            ".1",
            "v1.2-beta.log",
            "@home",
            "web.log.old.log",
            "current",
            "20261120",
            "-20261120",
        ] {
            assert_eq!(read(name), Name::Plain, "{name}");
        }
        assert_eq!(of("day-20261120.log"), ("day.log".to_owned(), Proof::LogBesideIt));
        assert_eq!(of("job-1700000000.log"), ("job.log".to_owned(), Proof::LogBesideIt));
    }

    #[test]
    fn what_has_no_place_in_a_family_is_set_aside() {
        for name in
            ["a.xz", "a.tgz", "old.gz", "web.log.old", "web.log~", ".web.log.swp", "@400000006920a1b2075bcd15.t"]
        {
            assert_eq!(read(name), Name::Aside(None), "{name}");
        }
        assert_eq!(read("web.log.foo"), Name::Aside(Some("web.log".into())));
    }

    #[test]
    fn a_label_tells_its_time_and_a_date_its_day() {
        let Name::Rotated(labelled) = read("@400000006920a1b2075bcd15.s") else { panic!("a label") };
        assert_eq!(labelled.begins(), None, "it is the time at which the file ended");
        let Name::Rotated(dated) = read("web.log-20261120.gz") else { panic!("a date") };
        assert_eq!(dated.begins(), Moment::parse_stamp("20261120T000000Z"));
    }

    #[test]
    fn a_compressed_file_and_its_source_are_twins() {
        let rotated = |name| match read(name) {
            Name::Rotated(rotated) => rotated,
            other => panic!("{other:?}"),
        };
        assert!(rotated("web.log.1").is_twin_of(&rotated("web.log.1.gz")));
        assert!(rotated("web.log.1.zst").is_twin_of(&rotated("web.log.1.gz")));
        assert!(!rotated("web.log.1").is_twin_of(&rotated("web.log.2.gz")));
        assert!(!rotated("web.log.1").is_twin_of(&rotated("web.log.1")));
    }
}
