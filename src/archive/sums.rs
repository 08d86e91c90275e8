//! Segments summed up: how many, how large, from when to when; of all, or of each service, instance, day or hour.

use std::collections::BTreeMap;
use std::fmt;

use super::Details;
use crate::model::key::Leaf;
use crate::model::names::{Instance, Service};
use crate::model::time::Moment;

/// An hour and a day in nanoseconds.
const HOUR: i64 = 3600 * 1_000_000_000;
const DAY: i64 = 24 * HOUR;

/// What is summed up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// What is of one service.
    Service,
    /// What one machine shipped.
    Instance,
    /// What begins on one day.
    Day,
    /// What begins in one hour.
    Hour,
}

/// Segments that are summed up together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    /// Those of a service.
    Service(Service),
    /// Those of a machine.
    Instance(Instance),
    /// Those of the day that begins with this moment.
    Day(Moment),
    /// Those of the hour that begins with it.
    Hour(Moment),
}

impl Group {
    fn of(by: By, leaf: &Leaf) -> Self {
        let floor = |span: i64| Moment::from_nanos(leaf.first.nanos().div_euclid(span).saturating_mul(span));
        match by {
            By::Service => Self::Service(leaf.service.clone()),
            By::Instance => Self::Instance(leaf.instance.clone()),
            By::Day => Self::Day(floor(DAY)),
            By::Hour => Self::Hour(floor(HOUR)),
        }
    }

    /// The group after this one, where that can be told.
    pub fn next(&self) -> Option<Self> {
        let after = |moment: &Moment, span| Moment::from_nanos(moment.nanos().saturating_add(span));
        match self {
            Self::Service(_) | Self::Instance(_) => None,
            Self::Day(begin) => Some(Self::Day(after(begin, DAY))),
            Self::Hour(begin) => Some(Self::Hour(after(begin, HOUR))),
        }
    }
}

/// For people.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => service.fmt(f),
            Self::Instance(instance) => instance.fmt(f),
            Self::Day(begin) => f.write_str(&begin.day()),
            Self::Hour(begin) => write!(f, "{}T{}Z", begin.day(), begin.hour()),
        }
    }
}

/// A sum.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sum {
    /// How many segments.
    pub segments: u64,
    /// Their compressed bytes.
    pub bytes: u64,
    /// Their raw bytes, where objects were asked for them.
    pub raw: Option<u64>,
    /// Their lines, where objects were asked for them.
    pub lines: Option<u64>,
    /// From when to when they are.
    pub span: Option<(Moment, Moment)>,
}

impl Sum {
    fn add(&mut self, leaf: &Leaf, bytes: u64, details: Option<&Details>) {
        self.segments += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(Details { raw, lines, .. }) = details {
            let and = |sum: Option<u64>, more: &Option<u64>| Some(sum.unwrap_or(0).saturating_add(more.unwrap_or(0)));
            self.raw = and(self.raw, raw);
            self.lines = and(self.lines, lines);
        }
        let (first, last) = self.span.unwrap_or((leaf.first, leaf.last));
        self.span = Some((first.min(leaf.first), last.max(leaf.last)));
    }
}

/// Sums of groups, and of all.
#[derive(Default)]
pub struct Sums {
    by: Option<By>,
    /// Each group that has something.
    pub groups: BTreeMap<Group, Sum>,
    /// All of it.
    pub total: Sum,
}

impl Sums {
    /// Nothing yet; of groups, or of all alone.
    pub fn new(by: Option<By>) -> Self {
        Self { by, ..Self::default() }
    }

    /// Adds a segment.
    pub fn add(&mut self, leaf: &Leaf, bytes: u64, details: Option<&Details>) {
        self.total.add(leaf, bytes, details);
        if let Some(by) = self.by {
            self.groups.entry(Group::of(by, leaf)).or_default().add(leaf, bytes, details);
        }
    }
}
