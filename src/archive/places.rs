//! Where objects are looked for, and how a listing comes to them.

use super::Filter;
use crate::config::{Layout, Route, Step};
use crate::model::names::Service;

/// Where objects are looked for.
#[derive(Clone, Debug)]
pub enum Places {
    /// In the directories of these layouts; and where nothing is there, everywhere.
    Known(Vec<Layout>),
    /// In all directories: a request for each 1,000 objects that there are.
    Everywhere,
}

/// Where was looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Looked {
    /// In the directories of layouts that are known.
    InSome,
    /// In all: what was not found is not there.
    Everywhere,
}

/// What is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// All whose keys begin with this.
    Below(String),
    /// The directories of the days asked for.
    OnDays(Route),
}

impl Places {
    /// The layouts that are known.
    pub(super) fn layouts(&self) -> &[Layout] {
        match self {
            Self::Known(layouts) => layouts,
            Self::Everywhere => &[],
        }
    }

    /// What is listed for these services, or for all where none is named; nothing of it twice.
    pub(super) fn sources(&self, services: &[&Service], filter: &Filter) -> Vec<Source> {
        let Self::Known(layouts) = self else { return vec![Source::Below(String::new())] };
        let by_days = filter.is_by_days();
        let of = |service: Option<&Service>| -> Vec<Source> {
            let source = |layout: &Layout| match layout.route(service).filter(|_| by_days) {
                Some(route) => Source::OnDays(route),
                None => Source::Below(layout.prefix(service)),
            };
            layouts.iter().map(source).collect()
        };
        let sources = match services {
            [] => of(None),
            some => some.iter().flat_map(|&service| of(Some(service))).collect(),
        };
        without_doubles(sources)
    }
}

/// Leaves out what another source shows too.
fn without_doubles(sources: Vec<Source>) -> Vec<Source> {
    let (mut prefixes, mut routes) = (Vec::new(), Vec::new());
    for source in sources {
        match source {
            Source::Below(prefix) => prefixes.push(prefix),
            Source::OnDays(route) => routes.push(route),
        }
    }
    prefixes.sort();
    prefixes.dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
    let mut distinct: Vec<Route> = Vec::new();
    for route in routes {
        let is_below = |prefix: &String| route.begin().starts_with(prefix.as_str());
        if !distinct.contains(&route) && !prefixes.iter().any(is_below) {
            distinct.push(route);
        }
    }
    let steps: Vec<Vec<Step>> = distinct.iter().map(|route| route.steps.clone()).collect();
    for route in &mut distinct {
        route.is_shared |= steps.iter().filter(|steps| **steps == route.steps).count() > 1;
    }
    let prefixes = prefixes.into_iter().map(Source::Below);
    distinct.into_iter().map(Source::OnDays).chain(prefixes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(layouts: &[&str]) -> Places {
        Places::Known(layouts.iter().map(|layout| Layout::parse(layout).expect(layout)).collect())
    }

    fn shown(places: &Places, services: &[&str], filter: &Filter) -> Vec<String> {
        let services: Vec<_> = services.iter().filter_map(|name| Service::new(*name)).collect();
        let sources = places.sources(&services.iter().collect::<Vec<_>>(), filter);
        let show = |source| match source {
            Source::Below(prefix) => prefix,
            Source::OnDays(route) => format!("{}DAY", route.begin()),
        };
        sources.into_iter().map(show).collect()
    }

    #[test]
    fn nothing_is_listed_twice() {
        let since = crate::model::time::Moment::parse_stamp("20261121T000000Z");
        let (all, timed) = (Filter::default(), Filter { since, ..Filter::default() });
        let places = known(&["service={service}/dt={date}/{region}", "service={service}/dt={date}"]);
        assert_eq!(shown(&places, &["web", "db"], &all), ["service=db/", "service=web/"]);
        assert_eq!(shown(&places, &["web"], &timed), ["service=web/dt=DAY"]);
        // What has no days shows all, and what is below it too.
        let places = known(&["service={service}/dt={date}", "service={service}"]);
        assert_eq!(shown(&places, &["web"], &timed), ["service=web/"]);
        let places = known(&["logs/{date}", "service={service}"]);
        assert_eq!(shown(&places, &[], &timed), ["logs/DAY", "service="]);
        assert_eq!(shown(&places, &[], &Filter { days: crate::archive::Days::All, ..timed }), ["logs/", "service="]);
    }
}
