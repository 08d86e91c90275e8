//! Looking beyond the days that are asked for: what reaches into them from before, what follows behind them, and what was written
//! between two segments of them and is dated elsewhere.

use std::ops::ControlFlow;

use super::super::breaks::Holes;
use super::super::days::{self, Allowance, Reach, Window};
use super::super::order::{order, order_and_dedup};
use super::super::places::Source;
use super::super::{Days, Filter, Looked, Selection};
use super::Search;
use crate::store::{Listed, StoreError};

/// How far is looked behind the time asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behind {
    /// As far as before it.
    AsBefore,
    /// As far as there is something: how long a segment lasts says nothing of how many are missing before the next one.
    ToTheEnd,
}

impl Search<'_> {
    /// Looks at the days before for what reaches into those asked for, and at those behind for what comes next; and at what is
    /// in the directory of no day, which may be of any time.
    pub(super) fn look_far(&mut self, behind: Behind) -> Result<(), StoreError> {
        if self.selection.looked == Looked::Everywhere {
            return Ok(());
        }
        let Some(asked) = Window::asked(self.filter) else { return Ok(()) };
        let reach = if self.filter.days == Days::Near { Reach::AllDays } else { Reach::NoDays };
        let behind = if behind == Behind::ToTheEnd { Reach::AllDays } else { reach };
        let windows = (asked.before(reach), asked.behind(behind));
        let (store, mut parts, left) = (self.store, Vec::new(), Allowance::of_command());
        for source in self.places.sources(&self.services, self.filter) {
            let Source::OnDays(route) = source else { continue };
            let mut see = |listed: Listed| self.see(&listed);
            let far = days::list_far(store, &route, windows, &left, &mut see, &mut parts)?;
            self.selection.before = self.selection.before.and(far.before);
            self.selection.unseen_from = [self.selection.unseen_from, far.unseen_from].into_iter().flatten().min();
        }
        parts.into_iter().for_each(|part| self.selection.note(part));
        Ok(())
    }

    /// Looks on all days for numbers that are missing between two that were found, or between these and what is next to the time
    /// asked for.
    pub(super) fn look_between(&mut self) -> Result<(), StoreError> {
        if !self.filter.has_time() {
            return Ok(());
        }
        order_and_dedup(&mut self.selection.segments);
        let holes = Holes::between(self.selection.segments.iter().map(|shipped| &shipped.leaf));
        let edges = std::mem::take(&mut self.selection.edges).relevant(&self.selection.segments);
        let mut places: Vec<_> = self.selection.segments.iter().chain(&edges).map(|shipped| &shipped.leaf).collect();
        order(&mut places, |leaf| leaf);
        let around_holes = Holes::between(places.into_iter());
        self.selection.around = edges;
        let services: Vec<_> = holes.services().union(&around_holes.services()).copied().collect();
        if services.is_empty() {
            return Ok(());
        }
        log::info!("numbers are missing between others; looking for them on all days");
        let sources = match self.selection.looked {
            Looked::Everywhere => vec![Source::Below(String::new())],
            Looked::InSome => self.places.sources(&services, &Filter { days: Days::All, ..self.filter.clone() }),
        };
        let (store, seen) = (self.store, &mut self.seen);
        let Selection { segments, around, .. } = &mut self.selection;
        let mut see = |listed: Listed| {
            match seen.shipped(&listed) {
                Some(shipped) if holes.hold(&shipped.leaf) => segments.push(shipped),
                Some(shipped) if around_holes.hold(&shipped.leaf) => around.push(shipped),
                Some(_) | None => {}
            }
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
