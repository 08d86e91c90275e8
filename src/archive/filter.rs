//! Which segments a reading command is asked for.

use std::collections::HashSet;
use std::time::Duration;

use super::pattern::NamePattern;
use crate::model::key::Leaf;
use crate::model::names::Service;
use crate::model::time::Moment;

/// A key holds whole seconds: what it says of the last byte is up to this many nanoseconds too early.
const SECOND: i64 = 1_000_000_000;

/// Which segments are asked for. What is empty or not given takes all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Services, by their whole names.
    pub services: Vec<Service>,
    /// Those that may hold a byte of this moment or a later one.
    pub since: Option<Moment>,
    /// Those that may hold a byte of this moment or an earlier one.
    pub until: Option<Moment>,
    /// Machines, as keys name them.
    pub instances: Vec<NamePattern>,
    /// Machines by their host names, which keys don't hold.
    pub hosts: Vec<NamePattern>,
    /// Which days are looked at.
    pub days: Days,
}

/// Which days of the store are looked at where a time is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Days {
    /// Those asked for, and those before them for what reaches into them (see [`super::select()`]).
    #[default]
    Near,
    /// Those asked for, and those before them that are as far away: somebody says that no segment lasts longer.
    Within(Duration),
    /// All.
    All,
}

impl Filter {
    /// Whether a segment is asked for, as far as its key tells: all but [`Self::hosts`].
    ///
    /// Its span counts, from the moment at which its first byte can have been written to that of its last; both ends
    /// included, and rounded so that no segment is left out for the fractions of seconds that keys don't hold. A clock that
    /// was set back may have ended it before it began: then its beginning counts.
    pub fn takes(&self, leaf: &Leaf) -> bool {
        let last = leaf.last.max(leaf.first).nanos().saturating_add(SECOND - 1);
        self.takes_service(leaf)
            && self.takes_machine(leaf)
            && self.since.is_none_or(|since| last >= since.nanos())
            && self.until.is_none_or(|until| leaf.first <= until)
    }

    pub(super) fn takes_service(&self, leaf: &Leaf) -> bool {
        self.services.is_empty() || self.asks_for(&leaf.service)
    }

    pub(super) fn takes_machine(&self, leaf: &Leaf) -> bool {
        self.instances.is_empty() || self.instances.iter().any(|asked| asked.takes(leaf.instance.as_str()))
    }

    /// Whether a service is asked for that a key names so: long names are cut there.
    pub(super) fn asks_for(&self, service: &Service) -> bool {
        /// What is shorter is whole in a key, even if each byte of it is escaped.
        const SHORT: usize = Service::LONGEST_ENCODED / 3;
        let is_cut_to = |asked: &Service| asked.name().len() > SHORT && asked.encoded() == service.encoded();
        self.services.is_empty() || self.services.iter().any(|asked| asked == service || is_cut_to(asked))
    }

    /// Whether a time is asked for.
    pub fn has_time(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether only certain days are looked at.
    pub fn is_by_days(&self) -> bool {
        self.has_time() && self.days != Days::All
    }

    /// How long a segment lasts at the most, where somebody has said so.
    pub fn longest(&self) -> Option<Duration> {
        match self.days {
            Days::Within(longest) => Some(longest),
            Days::Near | Days::All => None,
        }
    }

    /// The services asked for, each once.
    pub fn distinct_services(&self) -> Vec<&Service> {
        let mut seen = HashSet::new();
        self.services.iter().filter(|service| seen.insert(service.encoded())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(first: &str, last: &str) -> Leaf {
        let leaf = format!("web_202611{first}Z_202611{last}Z_i-0abc_k3f9a2-00000017-9f86d081.log.gz");
        Leaf::parse(&leaf).expect("a leaf")
    }

    fn at(stamp: &str, nanos: i64) -> Option<Moment> {
        let moment = Moment::parse_stamp(&format!("202611{stamp}Z")).expect("a stamp");
        Some(Moment::from_nanos(moment.nanos() + nanos))
    }

    #[test]
    fn a_segment_is_taken_if_its_span_touches_the_time_asked_for() {
        let leaf = leaf("21T100000", "21T110000");
        for (since, until, takes) in [
            (None, None, true),
            (at("21T103000", 0), None, true),
            (at("21T110000", 0), None, true),
            // Its last byte may be of any fraction of that second.
            (at("21T110000", 999_999_999), None, true),
            (at("21T110001", 0), None, false),
            (None, at("21T100000", 0), true),
            (None, at("21T095959", 999_999_999), false),
            (at("21T080000", 0), at("21T090000", 0), false),
            (at("21T100500", 0), at("21T101000", 0), true),
        ] {
            assert_eq!(Filter { since, until, ..Filter::default() }.takes(&leaf), takes, "{since:?} {until:?}");
        }
    }

    #[test]
    fn a_segment_that_ended_before_it_began_counts_as_of_its_beginning() {
        let leaf = leaf("21T100000", "20T230000");
        let takes = |since, until| Filter { since, until, ..Filter::default() }.takes(&leaf);
        assert!(takes(at("21T100000", 0), None) && takes(None, at("21T100000", 0)));
        assert!(!takes(at("21T100001", 0), None) && !takes(None, at("21T090000", 0)));
    }

    #[test]
    fn services_and_instances_are_taken_by_name() {
        let leaf = leaf("21T100000", "21T110000");
        let of = |services: &[&str], instances: &[&str]| Filter {
            services: services.iter().filter_map(|name| Service::new(*name)).collect(),
            instances: instances.iter().map(|name| NamePattern::parse(name).expect("a pattern")).collect(),
            ..Filter::default()
        };
        assert!(of(&["db", "web"], &[]).takes(&leaf) && of(&[], &["i-1*", "i-0*"]).takes(&leaf));
        assert!(!of(&["db"], &[]).takes(&leaf) && !of(&["web"], &["i-1"]).takes(&leaf));
    }
}
