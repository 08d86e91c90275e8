//! Proving that an archive is complete: what the listing shows ([`Evidence`]), and what objects hold when they are read
//! back ([`deep`]).
//!
//! ```text
//! list what is asked for ──> a number is missing? ──yes──> list those services again, whole ──> still missing: a gap
//!                                    └─no──> all is there
//! ```
//!
//! The second listing keeps two things from being taken for gaps: objects that were put while the first one was under way,
//! and in a window of time the segment before it, which a silent log may have shipped long ago. What comes behind a window is in the
//! first one, however late: a stream that goes on there with another number than the next has lost something of the window.

mod body;
pub mod deep;
mod hosts;
mod misplaced;
mod notices;

use std::collections::BTreeSet;

use super::select::select_all;
use super::{Days, Extent, Filter, Looked, Missing, Places, Selection, Shipped, missing};
use crate::model::key::{Leaf, ObjectKey};
use crate::model::names::Service;
use crate::model::problem;
use crate::model::proof::laws::{self, Searched, Seen, Stream, Window};
use crate::model::proof::verdict::many;
use crate::model::proof::{Finding, Kind};
use crate::model::time::Moment;
use crate::store::{Store, StoreError};

pub use hosts::absent;
pub use notices::{Asked, notices};

/// How much around a window is listed with it, in nanoseconds: where a log is written to at all hours, the segments
/// next to the window are in it.
const AROUND: i64 = 24 * 3600 * 1_000_000_000;

impl Seen for Shipped {
    fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn key(&self) -> ObjectKey {
        Self::key(self)
    }
}

/// What listings showed.
pub struct Evidence {
    /// What is asked for, and what is around it.
    pub selection: Selection,
    /// What another look at services with doubts showed.
    again: Vec<Shipped>,
    /// The time that is asked for.
    pub window: Window,
}

/// Lists what is asked for, and what is needed to judge it. Segments are kept since `kept_since`, where that is not for ever.
///
/// # Errors
/// What kept the store from being listed.
pub fn look(
    store: &dyn Store,
    places: &Places,
    filter: &Filter,
    kept_since: Option<Moment>,
) -> Result<Evidence, StoreError> {
    let window = Window { since: filter.since, until: filter.until, kept_since };
    let selection = select_all(store, places, &widened(filter))?;
    let mut evidence = Evidence { selection, again: Vec::new(), window };
    let doubtful = evidence.doubtful();
    if !doubtful.is_empty() {
        log::info!("numbers are missing; looking again, at all days, for {}", names(&doubtful));
        let whole = Filter { services: doubtful, since: None, until: None, days: Days::All, ..filter.clone() };
        let again = select_all(store, places, &whole)?;
        again.troubles.into_iter().for_each(|trouble| evidence.selection.note(trouble));
        evidence.again = again.segments;
    }
    Ok(evidence)
}

/// The filter with some time around what it asks for.
fn widened(filter: &Filter) -> Filter {
    let moved =
        |moment: Option<Moment>, by: i64| moment.map(|moment| Moment::from_nanos(moment.nanos().saturating_add(by)));
    Filter { since: moved(filter.since, -AROUND), until: moved(filter.until, AROUND), ..filter.clone() }
}

fn names(services: &[Service]) -> String {
    services.iter().map(Service::to_string).collect::<Vec<_>>().join(", ")
}

impl Evidence {
    /// What is there, by stream.
    pub fn streams(&self) -> Vec<Stream<'_>> {
        let Selection { segments, around, .. } = &self.selection;
        laws::streams(segments.iter().chain(around).chain(&self.again).map(|shipped| shipped as &dyn Seen))
    }

    /// Services of which numbers are missing so far.
    fn doubtful(&self) -> Vec<Service> {
        let streams = self.streams();
        let doubtful = streams.iter().filter(|stream| stream.is_doubtful(&self.window));
        doubtful.map(|stream| stream.service.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What breaks the laws of listings.
    pub fn judge(&self, streams: &[Stream<'_>], now: Moment) -> Vec<Finding> {
        let searched = match self.selection.looked {
            Looked::Everywhere => Searched::Everywhere,
            Looked::InSome => Searched::KnownLayouts,
        };
        streams.iter().flat_map(|stream| stream.judge(&self.window, searched, now)).collect()
    }

    /// What could not be looked at, while all else was: it proves nothing, and hides nothing.
    pub fn unlooked(&self) -> Vec<Finding> {
        let found = |kind: Kind, error: &StoreError, otherwise: &str| {
            Finding::new(kind, problem::chain(error)).hint(error.kind.hint().unwrap_or(otherwise))
        };
        let listed = "mend that: what is there and can't be looked at proves nothing; numbers that seem to be missing may be in it";
        let read = "nobody knows of which host that stream is: name instances (--instance), which stand in the keys";
        let unlisted = self.selection.troubles.iter().map(|error| found(Kind::Unlisted, error, listed));
        unlisted.chain(self.selection.untold.iter().map(|error| found(Kind::Unread, error, read))).collect()
    }

    /// What there is nothing of, though it is asked for: that proves nothing.
    pub fn nothing(&self, filter: &Filter, streams: &[Stream<'_>]) -> Vec<Finding> {
        // What is there may be where nobody could look.
        let missing = if self.selection.troubles.is_empty() { missing(filter, &self.selection) } else { Vec::new() };
        let unseen = |since| Finding::new(Kind::Unlisted, super::not_looked_at(since)).hint(super::LOOK_FURTHER);
        let mut findings: Vec<_> =
            missing.into_iter().map(|Missing { what, hint }| Finding::new(Kind::Nothing, what).hint(hint)).collect();
        if let Extent::Since(since) = self.selection.before {
            findings.push(unseen(since));
        }
        if let Some(from) = self.selection.unseen_from {
            let found = Finding::new(Kind::Unlisted, super::not_looked_behind(from));
            findings.push(found.hint("--any-day looks at all"));
        }
        if self.selection.hostless > 0 {
            let streams = many(self.selection.hostless as u64, "more stream");
            let what =
                format!("{streams} may be of a host that is asked for: their objects have lost the metadata that tell");
            findings
                .push(Finding::new(Kind::Unread, what).hint("name instances (--instance), which stand in the keys"));
        }
        if !self.selection.troubles.is_empty() || !self.selection.untold.is_empty() {
            // What was found of it may be all that could be looked at.
            return findings;
        }
        let has_any = |of: &Stream<'_>| of.within(&self.window).next().is_some();
        let hint = "see --since, --until, --instance and --host; `logferry ls` shows what is there";
        for service in filter.distinct_services().into_iter().filter(|service| self.selection.is_known(service)) {
            let encoded = service.encoded();
            if !streams.iter().any(|stream| stream.service.encoded() == encoded && has_any(stream)) {
                let what = format!("nothing of {service} is there of the time and the machines asked for");
                let found = Finding::new(Kind::Nothing, what).hint(hint);
                findings.push(Finding { service: Some(service.clone()), ..found });
            }
        }
        if findings.is_empty() && !streams.iter().any(has_any) {
            let hint = format!("is it the right store (--to)? {hint}");
            findings.push(Finding::new(Kind::Nothing, "nothing of what is asked for is there").hint(hint));
        }
        findings
    }
}
