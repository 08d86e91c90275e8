//! Looking beyond the days that are asked for: what reaches into them from before, and what was written between two segments of
//! them and is dated elsewhere.

use std::ops::ControlFlow;

use super::super::breaks::Holes;
use super::super::days::{self, Allowance, Window};
use super::super::order::order_and_dedup;
use super::super::places::Source;
use super::super::{Days, Filter, Looked};
use super::Search;
use crate::store::{Listed, StoreError};

impl Search<'_> {
    /// Looks at the days before for what reaches into those asked for.
    pub(super) fn look_before(&mut self) -> Result<(), StoreError> {
        if self.selection.looked == Looked::Everywhere || self.filter.days != Days::Near {
            return Ok(());
        }
        let Some(before) = Window::asked(self.filter).and_then(Window::before) else { return Ok(()) };
        let (store, mut parts, left) = (self.store, Vec::new(), Allowance::of_command());
        for source in self.places.sources(&self.services, self.filter) {
            let Source::OnDays(route) = source else { continue };
            let mut see = |listed: Listed| self.see(&listed);
            let extent = days::list_before(store, &route, before, &left, &mut see, &mut parts)?;
            self.selection.before = self.selection.before.and(extent);
        }
        parts.into_iter().for_each(|part| self.selection.note(part));
        Ok(())
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
