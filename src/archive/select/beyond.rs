//! Looking beyond the days that are asked for: what reaches into them from before, what follows behind them, and what was written
//! between two segments of them and is dated elsewhere.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::super::breaks::Holes;
use super::super::days::{self, Allowance, Reach, Window};
use super::super::order::{order, order_and_dedup};
use super::super::places::Source;
use super::super::{Days, Filter, Looked, Selection};
use super::Search;
use crate::model::names::Service;
use crate::store::{Listed, StoreError};

/// How far is looked behind the time asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behind {
    /// A day, on which nearly all streams go on, and a week for those that don't.
    Near,
    /// As far as there is something: how long a segment lasts says nothing of how many are missing before the next one.
    ToTheEnd,
}

impl Search<'_> {
    /// Looks at what is in the directory of no day, which may be of any time, and at the days before those asked for: all of them
    /// where streams are judged, else those of services of which something shows that it may reach so far ([`Self::reaching`]).
    pub(super) fn look_far(&mut self, behind: Behind) -> Result<(), StoreError> {
        if self.selection.looked == Looked::Everywhere {
            return Ok(());
        }
        let Some(asked) = Window::asked(self.filter) else { return Ok(()) };
        let is_near = self.filter.days == Days::Near;
        let (before, behind) = match behind {
            Behind::ToTheEnd if is_near => (Reach::AllDays, Reach::AllDays),
            Behind::ToTheEnd => (Reach::NoDays, Reach::AllDays),
            Behind::Near => (Reach::NoDays, Reach::NoDays),
        };
        let left = Allowance::of_command();
        self.look_in(&self.services.clone(), (asked.before(before), asked.behind(behind)), &left)?;
        if !is_near || before == Reach::AllDays {
            return Ok(());
        }
        let silent = self.silent();
        let [reaching, ending] = [self.reaches(), self.ends()]
            .map(|names| self.known(|service| names.contains(&service.encoded()) && !silent.contains(service)));
        let (before, behind) = (asked.before(Reach::Dated), asked.behind(Reach::Dated));
        for (services, windows) in
            [(silent, (before, behind)), (reaching, (before, None)), (ending, (None, asked.behind(Reach::Near)))]
        {
            if !services.is_empty() && windows != (None, None) {
                log::info!(
                    "looking at other days of some services, for what reaches into the time asked for, or is missing of it"
                );
                self.look_in(&services.iter().collect::<Vec<_>>(), windows, &left)?;
            }
        }
        Ok(())
    }

    fn look_in(
        &mut self,
        services: &[&Service],
        windows: (Option<Window>, Option<Window>),
        left: &Allowance,
    ) -> Result<(), StoreError> {
        let (store, mut parts) = (self.store, Vec::new());
        for source in self.places.sources(services, self.filter) {
            let Source::OnDays(route) = source else { continue };
            let mut see = |listed: Listed| self.see(&listed);
            let far = days::list_far(store, &route, windows, left, &mut see, &mut parts)?;
            self.selection.before = self.selection.before.and(far.before);
            self.selection.unseen_from = [self.selection.unseen_from, far.unseen_from].into_iter().flatten().min();
        }
        parts.into_iter().for_each(|part| self.selection.note(part));
        Ok(())
    }

    /// The services that are asked for by name and of which nothing of that time was found. That needs looking at all days:
    /// something may have lasted so long, or all of it is missing.
    fn silent(&self) -> Vec<Service> {
        if self.services.is_empty() {
            return Vec::new();
        }
        let found: HashSet<String> = self.selection.segments.iter().map(|s| s.leaf.service.encoded()).collect();
        self.known(|service| !found.contains(&service.encoded()))
    }

    /// The services, as keys name them, of which a segment may have begun before the days that were listed, and reach into the
    /// time asked for: segments of it last for days, as those of files that someone else rotates once a month; or of a stream the
    /// number before the first one that was found is not there, and that one began later than the time asked for.
    fn reaches(&self) -> HashSet<String> {
        let Some(since) = self.filter.since else { return HashSet::new() };
        let lasting = self.selection.lasting.iter().map(Service::encoded);
        lasting.chain(self.selection.begun_before(since).map(|leaf| leaf.service.encoded())).collect()
    }

    /// The services of which a stream ends within the time asked for, as far as was seen: it may go on later, with another number
    /// than the next one.
    fn ends(&self) -> HashSet<String> {
        let Some(until) = self.filter.until else { return HashSet::new() };
        self.selection.ended_before(until).map(|leaf| leaf.service.encoded()).collect()
    }

    /// Those of the services asked for that are there, and that this holds for.
    fn known(&self, is_meant: impl Fn(&Service) -> bool) -> Vec<Service> {
        let known: Vec<&Service> = match self.services.as_slice() {
            [] => self.selection.known.iter().collect(),
            named => named.iter().copied().filter(|service| self.selection.is_known(service)).collect(),
        };
        known.into_iter().filter(|service| is_meant(service)).cloned().collect()
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
