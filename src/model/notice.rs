//! What a reader of a stream is told of what is missing in it, or comes late: a few words in the metadata of the next segment.
//!
//! Promise: one line of printable ASCII without spaces, of at most [`LONGEST`] bytes, whatever happened. It says for each
//! kind of trouble since when, the gravest first:
//!
//! ```text
//! truncated@20261121T005959Z,limited@20261121T010702Z+1048576
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::problem::Cause;
use super::segment::Ended;
use super::time::Moment;

/// The most bytes of a notice's text.
pub const LONGEST: usize = 200;

/// What kind of trouble it is, the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Someone else has truncated the log, or written it anew: some of it may be in no segment.
    Truncated,
    /// What was to be copied of it was a hole for the most part: no bytes that a writer wrote.
    Hollow,
    /// The segment before was cut short with its run: what was written in that instant may be missing.
    Interrupted,
    /// The log was refused for a while: what was written meanwhile is late, or missing if someone removed it.
    Refused,
    /// Its limits leave bytes of it on the machine: they come later.
    Limited,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Truncated, Self::Hollow, Self::Interrupted, Self::Refused, Self::Limited];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Hollow => "hollow",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Limited => "limited",
        }
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Truncated => "someone else has truncated the log or written it anew: some of it may be in no segment",
            Self::Hollow => "the log was a hole for the most part, which holds nothing that a writer wrote",
            Self::Interrupted => {
                "the run that made the segment before was cut short: a little may be missing between them"
            }
            Self::Refused => "the log was refused for a while: what was written meanwhile came late",
            Self::Limited => "limits leave some of the log on its machine for later segments",
        }
    }

    /// What the log's next segment is to tell of a problem, if anything.
    pub fn of(cause: Cause) -> Option<Self> {
        match cause {
            Cause::Truncated => Some(Self::Truncated),
            Cause::Hollow => Some(Self::Hollow),
            Cause::Refused => Some(Self::Refused),
            // The stream's own records say these.
            Cause::Interrupted | Cause::Limited => None,
            Cause::Unreleased | Cause::NoRoom | Cause::Store | Cause::Damaged | Cause::Other => None,
        }
    }
}

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Noted {
    /// What.
    pub kind: Kind,
    /// When it was first seen.
    pub at: Moment,
    /// How many bytes it is about at least, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What happened to a log since its last segment: at most one of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Noted>", into = "Vec<Noted>")]
pub struct Notice([Option<Noted>; Kind::ALL.len()]);

impl Notice {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All of it, the gravest first.
    pub fn iter(&self) -> impl Iterator<Item = &Noted> {
        self.0.iter().flatten()
    }

    /// What there is of a kind.
    pub fn of(&self, kind: Kind) -> Option<Noted> {
        self.0[kind as usize]
    }

    /// With something more, in place of what there was of that kind.
    #[must_use]
    pub fn with(mut self, noted: Noted) -> Self {
        self.0[noted.kind as usize] = Some(noted);
        self
    }

    /// What of it is not in `other`: of another time is another one.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            if mine.zip(theirs).is_some_and(|(mine, theirs)| mine.at == theirs.at) {
                *mine = None;
            }
        }
        self
    }

    /// What the segment before says by itself to the one that comes next.
    #[must_use]
    pub fn behind(self, ended: Ended, last: Moment) -> Self {
        match ended {
            Ended::Interrupted => self.with(Noted { kind: Kind::Interrupted, at: last, bytes: None }),
            Ended::Released | Ended::Settled | Ended::Continued => self,
        }
    }

    /// Reads what an object's metadata say; kinds that a later version may know are left out.
    pub fn parse(text: &str) -> Self {
        let noted = text.split(',').filter_map(parse_one).collect::<Vec<_>>();
        noted.into()
    }
}

fn parse_one(text: &str) -> Option<Noted> {
    let (word, rest) = text.split_once('@')?;
    let (at, bytes) = match rest.split_once('+') {
        Some((at, bytes)) => (at, Some(bytes.parse().ok()?)),
        None => (rest, None),
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
    Some(Noted { kind, at: Moment::parse_stamp(at)?, bytes })
}

/// As it stands in an object's metadata.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Noted { kind, at, bytes }) in self.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}@{}", kind.word(), at.stamp())?;
            if let Some(bytes) = bytes {
                write!(f, "+{bytes}")?;
            }
        }
        Ok(())
    }
}

impl From<Vec<Noted>> for Notice {
    fn from(all: Vec<Noted>) -> Self {
        all.into_iter().fold(Self::default(), Self::with)
    }
}

impl From<Notice> for Vec<Noted> {
    fn from(notice: Notice) -> Self {
        notice.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(kind: Kind, at: i64, bytes: Option<u64>) -> Noted {
        Noted { kind, at: Moment::from_nanos(at * 1_000_000_000), bytes }
    }

    #[test]
    fn the_longest_notice_fits_and_reads_back() {
        let all = Kind::ALL.map(|kind| noted(kind, 4_000_000_000, (kind == Kind::Limited).then_some(u64::MAX)));
        let notice = Notice::from(all.to_vec());
        let text = notice.to_string();
        assert!(text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
        assert_eq!(Notice::parse(&text), notice);
        assert!(text.starts_with("truncated@20961002T070640Z,hollow@"), "{text}");
    }

    #[test]
    fn what_a_later_version_says_is_left_out_and_the_rest_is_understood() {
        let notice = Notice::parse("eaten@20260101T000000Z,refused@20260101T000000Z,limited@x,hollow");
        assert_eq!(notice.iter().map(|noted| noted.kind).collect::<Vec<_>>(), [Kind::Refused]);
        assert!(Notice::parse("").is_empty());
    }

    #[test]
    fn only_what_was_carried_is_taken_away_and_not_what_came_later_of_the_same_kind() {
        let carried = Notice::default().with(noted(Kind::Refused, 1, None)).with(noted(Kind::Truncated, 2, None));
        let now = Notice::default().with(noted(Kind::Refused, 1, None)).with(noted(Kind::Truncated, 3, None));
        assert_eq!(now.without(&carried), Notice::default().with(noted(Kind::Truncated, 3, None)));
        assert!(carried.without(&carried).is_empty());
    }
}
