//! Looking beyond the days that are asked for: what reaches into them from before, and what was written between two segments of
//! them and is dated elsewhere.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::super::breaks::Holes;
use super::super::days::{self, Window};
use super::super::order::order_and_dedup;
use super::super::places::Source;
use super::super::{Days, Extent, Filter, Looked};
use super::{Earliest, Search};
use crate::model::names::{Seq, Service};
use crate::store::{Listed, StoreError};

/// How many days each further look at what was before goes back; the last one looks at all of it.
const FURTHER: [Option<i64>; 4] = [Some(16), Some(32), Some(64), None];

impl Search<'_> {
    /// Looks at a few objects of the days before.
    pub(super) fn look_before(&mut self) -> Result<(), StoreError> {
        let before = Window::asked(self.filter).and_then(|asked| asked.before(None));
        let (Some(before), Looked::InSome) = (before, self.selection.looked) else { return Ok(()) };
        let (store, mut parts) = (self.store, Vec::new());
        for source in self.places.sources(&self.services, self.filter) {
            let Source::OnDays(route) = source else { continue };
            // What is not ours there is not counted: reaching back may show it once more.
            let mut see = |listed: Listed| {
                if let Some(shipped) = self.seen.shipped(&listed) {
                    self.see_shipped(shipped);
                }
            };
            if days::list_few(store, &route, before, &mut see, &mut parts)? == Extent::Begun {
                self.selection.before = Extent::Begun;
            }
        }
        parts.into_iter().for_each(|part| self.selection.note(part));
        if self.selection.before == Extent::Begun {
            log::info!("of the days {before} only the first objects were looked at; --any-day looks at all");
        }
        Ok(())
    }

    /// Looks at earlier days for as long as there are streams that may have something there which reaches into the time asked for.
    pub(super) fn reach_back(&mut self) -> Result<(), StoreError> {
        let (Some(mut window), Looked::InSome) = (Window::asked(self.filter), self.selection.looked) else {
            return Ok(());
        };
        for days in FURTHER {
            let (streams, services) = self.reaching_back();
            let Some(before) = window.before(days).filter(|_| streams > 0) else { return Ok(()) };
            let services: Vec<_> = services.iter().collect();
            let sources = self.places.sources(&services, self.filter);
            let on_days = |source: &Source| matches!(source, Source::OnDays(_));
            let sources: Vec<_> = sources.into_iter().filter(on_days).collect();
            log::info!("{streams} streams go on from before; looking at the days {before}");
            self.list(&sources, Some(before))?;
            window = before;
        }
        Ok(())
    }

    /// How many streams there are whose segment before the earliest seen may be asked for, and of which services.
    fn reaching_back(&self) -> (usize, BTreeSet<Service>) {
        let Some(since) = self.filter.since else { return Default::default() };
        let goes_on = |earliest: &Earliest| earliest.seq != Seq::FIRST && earliest.first >= since;
        let streams = self.streams.iter().filter(|(_, earliest)| goes_on(earliest));
        let services: Vec<_> = streams.map(|(stream, _)| stream.service.clone()).collect();
        (services.len(), services.into_iter().collect())
    }

    /// Looks on all days for numbers that are missing between two that were found.
    pub(super) fn look_between(&mut self) -> Result<(), StoreError> {
        if !self.filter.has_time() {
            return Ok(());
        }
        order_and_dedup(&mut self.selection.segments);
        let holes = Holes::between(self.selection.segments.iter().map(|shipped| &shipped.leaf));
        let services: Vec<_> = holes.services().into_iter().collect();
        if services.is_empty() {
            return Ok(());
        }
        log::info!("numbers are missing between others; looking for them on all days");
        let sources = match self.selection.looked {
            Looked::Everywhere => vec![Source::Below(String::new())],
            Looked::InSome => self.places.sources(&services, &Filter { days: Days::All, ..self.filter.clone() }),
        };
        let (store, seen, segments) = (self.store, &mut self.seen, &mut self.selection.segments);
        let mut see = |listed: Listed| {
            segments.extend(seen.shipped(&listed).filter(|shipped| holes.hold(&shipped.leaf)));
            ControlFlow::Continue(())
        };
        let listed = |source: &Source| match source {
            Source::Below(prefix) => store.list(prefix, &mut see),
            Source::OnDays(_) => Ok(()),
        };
        let listed: Vec<_> = sources.iter().map(listed).collect();
        listed.into_iter().try_for_each(|listed| self.selection.listed(listed))
    }
}
