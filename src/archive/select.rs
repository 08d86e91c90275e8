//! Which shipped segments there are of what is asked for.
//!
//! ```text
//! list        what the known layouts hold of it; where a time is asked for, the days that it may have begun on
//! missing     services of which nothing is there: is there one of nearly that name? else they are looked for everywhere
//! before      the days before those, for what lasted so long that it reaches into them
//! behind      the days behind those, for the numbers that streams go on with
//! between     numbers that are missing between two that were found: are they on other days?
//! hosts       asked of one object of each stream
//! order
//! ```
//!
//! What is between two segments of a stream was written between them, whatever its key says: the clock of a machine that was
//! set back dates it elsewhere, and its numbers go on.
//!
//! Nothing that touches the time asked for is missed, unless there are more objects before the days asked for than a command looks
//! at: [`Selection::before`] tells of that, and who reads it must.

mod beyond;

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use beyond::Behind;

use super::days::{self, Window};
use super::order::{leave_out_copies, order_and_dedup};
use super::places::Source;
use super::shipped::Known;
use super::{Filter, Looked, Places, Selection, hosts};
use crate::config::{Layout, ServiceDirectories};
use crate::model::names::Service;
use crate::model::proof::laws::Window as Asked;
use crate::store::{Listed, Store, StoreError};

/// The shipped segments that are asked for, each once: copies of one object are left out.
///
/// # Errors
/// What kept the store from being listed, or from telling the hosts of what it holds.
pub fn select(store: &dyn Store, places: &Places, filter: &Filter) -> Result<Selection, StoreError> {
    let mut search = Search::new(store, places, filter);
    search.look_on_days()?;
    search.look_far(Behind::AsBefore)?;
    search.look_between()?;
    let mut selection = search.end()?;
    selection.copies = leave_out_copies(&mut selection.segments);
    Ok(selection)
}

/// As [`select`], with all copies of an object, and without those of other days between them: for whoever judges what is there.
///
/// # Errors
/// As [`select`].
pub(super) fn select_all(store: &dyn Store, places: &Places, filter: &Filter) -> Result<Selection, StoreError> {
    let mut search = Search::new(store, places, filter);
    search.look_on_days()?;
    search.look_far(Behind::ToTheEnd)?;
    search.end()
}

/// Leaves what is of the hosts asked for, around the time asked for too.
fn ask_hosts(store: &dyn Store, filter: &Filter, selection: &mut Selection) -> Result<(), StoreError> {
    if filter.hosts.is_empty() {
        return Ok(());
    }
    let mut around: HashSet<String> = selection.around.iter().map(|shipped| shipped.key().to_string()).collect();
    // What a clock dates elsewhere, and its neighbours into the time asked for, is of it.
    for shipped in selection.segments.iter().filter(|shipped| !filter.takes(&shipped.leaf)) {
        around.remove(&shipped.key().to_string());
    }
    selection.segments.append(&mut selection.around);
    hosts::ask(store, filter, selection)?;
    let segments = std::mem::take(&mut selection.segments).into_iter();
    (selection.around, selection.segments) = segments.partition(|shipped| around.contains(&shipped.key().to_string()));
    Ok(())
}

struct Search<'a> {
    store: &'a dyn Store,
    places: &'a Places,
    filter: &'a Filter,
    services: Vec<&'a Service>,
    seen: Known,
    selection: Selection,
}

impl<'a> Search<'a> {
    fn new(store: &'a dyn Store, places: &'a Places, filter: &'a Filter) -> Self {
        let services = filter.distinct_services();
        let seen = Known::default();
        Self { store, places, filter, services, seen, selection: Selection::nothing(Looked::InSome) }
    }

    /// Lists what is asked for, as far as the days tell it.
    fn look_on_days(&mut self) -> Result<(), StoreError> {
        self.look()?;
        self.look_for_missing()
    }

    /// What was found, of the hosts asked for, in order.
    fn end(self) -> Result<Selection, StoreError> {
        let mut selection = self.selection;
        if selection.known.is_empty() && selection.others.is_empty() {
            // Nothing could be looked at: that is what is wrong, and not that nothing is there.
            selection.troubles.pop().map_or(Ok(()), Err)?;
        }
        selection.window = Asked { since: self.filter.since, until: self.filter.until, kept_since: None };
        let edges = std::mem::take(&mut selection.edges).relevant(&selection.segments);
        selection.around.extend(edges);
        ask_hosts(self.store, self.filter, &mut selection)?;
        order_and_dedup(&mut selection.segments);
        Ok(selection)
    }

    /// Lists what is there in the places that are known.
    fn look(&mut self) -> Result<(), StoreError> {
        let sources = self.places.sources(&self.services, self.filter);
        if sources == [Source::Below(String::new())] {
            self.selection.looked = Looked::Everywhere;
        }
        self.list(&sources, Window::asked(self.filter))
    }

    fn list(&mut self, sources: &[Source], window: Option<Window>) -> Result<(), StoreError> {
        let store = self.store;
        sources.iter().try_for_each(|source| {
            let mut parts = Vec::new();
            let listed = match (source, window) {
                (Source::OnDays(route), Some(window)) => {
                    days::list(store, route, window, &mut |listed| self.see(&listed), &mut parts)
                }
                (Source::OnDays(_), None) => Ok(()),
                (Source::Below(prefix), _) => store.list(prefix, &mut |listed| {
                    self.see(&listed);
                    ControlFlow::Continue(())
                }),
            };
            parts.into_iter().for_each(|part| self.selection.note(part));
            self.selection.listed(listed)
        })
    }

    fn see(&mut self, listed: &Listed) {
        match self.seen.shipped(listed) {
            Some(shipped) => self.selection.see(self.filter, shipped),
            None => self.selection.see_other(self.filter, listed),
        }
    }

    /// Finds out whether services of which nothing was seen are there at all, and looks everywhere for those that are not
    /// and whose name is no slip.
    fn look_for_missing(&mut self) -> Result<(), StoreError> {
        if self.selection.looked == Looked::Everywhere || !self.is_missing_any() {
            return Ok(());
        }
        let directories = self.places.layouts().iter().filter_map(Layout::service_directories);
        let distinct: BTreeSet<ServiceDirectories> = directories.collect();
        distinct.iter().try_for_each(|directories| self.note_names(directories))?;
        self.probe()?;
        let missing = self.missing();
        let all_are_slips = !missing.is_empty() && missing.iter().all(|service| self.selection.near(service).is_some());
        if !self.is_missing_any() || all_are_slips {
            return Ok(());
        }
        log::info!("nothing of it is in the directories of the layouts that are known; looking everywhere");
        self.selection = Selection::nothing(Looked::Everywhere);
        self.list(&[Source::Below(String::new())], None)
    }

    fn missing(&self) -> Vec<&'a Service> {
        self.services.iter().filter(|service| !self.selection.is_known(service)).copied().collect()
    }

    /// Whether something that is asked for was not seen; of a store in which all is asked for, whether nothing was.
    fn is_missing_any(&self) -> bool {
        match self.services.is_empty() {
            true => self.selection.known.is_empty(),
            false => !self.missing().is_empty(),
        }
    }

    /// Notes the services whose directories are there.
    fn note_names(&mut self, directories: &ServiceDirectories) -> Result<(), StoreError> {
        let (selection, filter) = (&mut self.selection, self.filter);
        let listed = self.store.list_directories(directories.prefix(), &mut |directory| {
            if let Some(service) = directories.service(directory) {
                selection.see_service(filter, &service);
            }
            ControlFlow::Continue(())
        });
        selection.listed(listed)
    }

    /// Looks for anything of what is missing on other days, where its layouts give services no directory of their own.
    fn probe(&mut self) -> Result<(), StoreError> {
        if !self.filter.is_by_days() {
            return Ok(());
        }
        let asked: Vec<Option<&Service>> = match self.services.is_empty() {
            true => vec![None],
            false => self.missing().into_iter().map(Some).collect(),
        };
        for service in asked {
            let unsure = |layout: &&Layout| service.is_none() || layout.service_directories().is_none();
            for layout in self.places.layouts().iter().filter(unsure) {
                self.probe_below(&layout.prefix(service), service)?;
            }
        }
        Ok(())
    }

    fn probe_below(&mut self, prefix: &str, service: Option<&Service>) -> Result<(), StoreError> {
        let (selection, filter, seen) = (&mut self.selection, self.filter, &mut self.seen);
        let is_there = |selection: &Selection| match service {
            Some(service) => selection.is_known(service),
            None => !selection.known.is_empty(),
        };
        if is_there(selection) {
            return Ok(());
        }
        let listed = self.store.list(prefix, &mut |listed| {
            if let Some(shipped) = seen.shipped(&listed) {
                selection.see_service(filter, &shipped.leaf.service);
            }
            if is_there(selection) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        selection.listed(listed)
    }
}
