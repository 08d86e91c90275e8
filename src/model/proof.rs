//! What proves that an archive is complete, without I/O: the laws that a listing keeps ([`laws`]), those that an object
//! keeps ([`object`], [`chain`]), who should have shipped ([`expected`]), which objects are read ([`sample`]), and a chart
//! of it all ([`chart`]). What breaks a law is a [`Finding`].

pub mod chain;
pub mod chart;
pub mod expected;
mod expiry;
pub mod laws;
pub mod news;
pub mod object;
pub mod progress;
pub mod sample;
mod sense;
pub mod verdict;
mod window;

use serde::Serialize;

use super::names::{Instance, Seq, Service, StreamId};
use super::time::Moment;

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Numbers are missing between two segments of a stream.
    Gap,
    /// A stream's first segments are missing.
    Beginning,
    /// A number is there twice.
    Doubled,
    /// An object is not what was shipped.
    Damaged,
    /// An object doesn't follow the one before it: digest or offset say so.
    Chain,
    /// An object could not be read now.
    Unread,
    /// The store could not be listed now, or not all of it.
    Unlisted,
    /// A host that is expected has shipped nothing, or not lately.
    Absent,
    /// Nothing has arrived lately.
    Stale,
    /// There is nothing to be proved.
    Nothing,
    /// Times contradict each other.
    Clock,
    /// An object lost its metadata.
    Bare,
    /// An object's metadata tells of something that went wrong on its machine.
    Notice,
    /// What was before a stream's first segment may have expired, or is lost: that can't be told.
    Cut,
}

/// What a finding means for the proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gravity {
    /// Nothing is proved with it.
    Fails,
    /// Someone should know.
    Warns,
}

impl Kind {
    /// What it means.
    pub fn gravity(self) -> Gravity {
        match self {
            Self::Gap | Self::Beginning | Self::Doubled => Gravity::Fails,
            Self::Damaged | Self::Chain | Self::Unread | Self::Unlisted => Gravity::Fails,
            Self::Absent | Self::Stale | Self::Nothing => Gravity::Fails,
            Self::Clock | Self::Bare | Self::Notice | Self::Cut => Gravity::Warns,
        }
    }

    /// A word for it, in front of what was found.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Beginning => "beginning",
            Self::Doubled => "doubled",
            Self::Damaged => "damaged",
            Self::Chain => "chain",
            Self::Unread => "not read",
            Self::Unlisted => "not listed",
            Self::Absent => "absent",
            Self::Stale => "stale",
            Self::Nothing => "nothing",
            Self::Clock => "clock",
            Self::Bare => "no metadata",
            Self::Notice => "notice",
            Self::Cut => "cut",
        }
    }

    /// So many of them, for people.
    pub fn count(self, count: usize) -> String {
        let (one, more) = match self {
            Self::Gap => ("gap", "gaps"),
            Self::Beginning => ("missing beginning", "missing beginnings"),
            Self::Doubled => ("doubled number", "doubled numbers"),
            Self::Damaged => ("damaged object", "damaged objects"),
            Self::Chain => ("break of a chain", "breaks of chains"),
            Self::Unread => ("object that could not be read", "objects that could not be read"),
            Self::Unlisted => ("listing that is not whole", "listings that are not whole"),
            Self::Absent => ("absent host", "absent hosts"),
            Self::Stale => ("stale service", "stale services"),
            Self::Nothing => ("name of which nothing is there", "names of which nothing is there"),
            Self::Clock => ("contradiction of clocks", "contradictions of clocks"),
            Self::Bare => ("object without metadata", "objects without metadata"),
            Self::Notice => ("notice", "notices"),
            Self::Cut => ("stream whose beginning may have expired", "streams whose beginning may have expired"),
        };
        format!("{count} {}", if count == 1 { one } else { more })
    }
}

/// Something that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: Kind,
    /// What it means for the proof.
    pub gravity: Gravity,
    /// The service that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// The stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// The first and the last number that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<(Seq, Seq)>,
    /// From when to when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<(Moment, Moment)>,
    /// The object's key, under the store's prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A sentence that stands alone.
    pub what: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// A finding of no certain place.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            gravity: kind.gravity(),
            service: None,
            instance: None,
            stream: None,
            numbers: None,
            between: None,
            key: None,
            what: what.into(),
            hint: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether nothing is proved with it.
    pub fn fails(&self) -> bool {
        self.gravity == Gravity::Fails
    }

    /// Gravest first; of one kind, by place and time.
    pub fn order(findings: &mut [Self]) {
        findings.sort_by(|a, b| {
            let place =
                |finding: &Self| (finding.kind, finding.service.clone(), finding.instance.clone(), finding.between);
            (place(a), &a.key, &a.what).cmp(&(place(b), &b.key, &b.what))
        });
    }
}

/// How many of each kind there are, gravest first.
pub fn counted<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<String> {
    let mut kinds = std::collections::BTreeMap::new();
    findings.for_each(|finding| *kinds.entry(finding.kind).or_insert(0) += 1);
    kinds.into_iter().map(|(kind, count)| kind.count(count)).collect()
}
