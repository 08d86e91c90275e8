//! The way to objects of certain days, through the directories of a layout.
//!
//! ```text
//! service={service}/dt={date}                    into `service=web`, then the days that begin with `dt=`
//! region={region}/service={service}/dt={date}    each directory that begins with `region=`, and so on in it
//! {date}/{service}                               the days themselves
//! {service}/{region}-{date}                      none: whoever does not know the region finds no day
//! ```

use super::{Field, Layout, Piece, shown};
use crate::model::names::Service;

/// The way to objects by their day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// One directory after another.
    pub steps: Vec<Step>,
    /// What stands before the day, in the directory that names it.
    pub days: String,
    /// What all that belongs to the services asked for begins with, whatever directory it is in.
    pub all: String,
    /// Whether other ways lead to the place where the days are: what is of no day there is theirs, or anybody's.
    pub is_shared: bool,
}

/// A step of a way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Into the directory of this name.
    Into(String),
    /// Into each directory whose name begins with this.
    Each(String),
}

impl Route {
    /// What all keys on this way begin with.
    pub fn begin(&self) -> String {
        let mut begin = String::new();
        for step in &self.steps {
            match step {
                Step::Into(name) => begin = format!("{begin}{name}/"),
                Step::Each(name) => return begin + name,
            }
        }
        begin + &self.days
    }

    /// What is listed in a directory that the way has led to: all that is in it where all of it belongs to the services asked for,
    /// else what begins as days do.
    pub fn listed(&self, above: &str) -> String {
        match above.starts_with(&self.all) {
            true => above.to_owned(),
            false => above.to_owned() + &self.days,
        }
    }
}

impl Layout {
    /// How to come to the objects of a service, or of all, that begin on certain days; none where the layout's days can't be
    /// told from what is before them.
    pub fn route(&self, service: Option<&Service>) -> Option<Route> {
        let mut steps = Vec::new();
        for pieces in &self.parts {
            let mut known = String::new();
            let unknown = pieces.iter().find(|piece| match (piece, service) {
                (Piece::Text(text), _) => {
                    known.push_str(text);
                    false
                }
                (Piece::Field(Field::Service), Some(service)) => {
                    known.push_str(&service.encoded());
                    false
                }
                (Piece::Field(_), _) => true,
            });
            // What is hidden at the beginning of a part would be so at the beginning of its known part.
            let known = shown(&known).into_owned();
            match unknown {
                Some(Piece::Field(Field::Date)) => {
                    let is_shared = steps.is_empty();
                    return Some(Route { steps, days: known, all: self.prefix(service), is_shared });
                }
                Some(_) => steps.push(Step::Each(known)),
                None => steps.push(Step::Into(known)),
            }
        }
        None
    }

    /// The directories of services, where the layout gives each one of its own and all above it is known.
    pub fn service_directories(&self) -> Option<ServiceDirectories> {
        let mut above = String::new();
        for pieces in &self.parts {
            match pieces.as_slice() {
                [Piece::Text(text)] => above = format!("{above}{text}/"),
                [Piece::Text(text), Piece::Field(Field::Service)] => return Some(ServiceDirectories(above + text)),
                [Piece::Field(Field::Service)] => return Some(ServiceDirectories(above)),
                _ => return None,
            }
        }
        None
    }
}

/// The directories of services.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ServiceDirectories(String);

impl ServiceDirectories {
    /// What stands before the services' names.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The service that a directory is of; none where it is of none.
    pub fn service(&self, directory: &str) -> Option<Service> {
        let name = directory.strip_prefix(&self.0)?.trim_end_matches('/');
        let begins_part = self.0.is_empty() || self.0.ends_with('/');
        let hidden = [("%2E", "."), ("%5F", "_")].into_iter().filter(|_| begins_part);
        let plain = hidden.filter_map(|(escape, plain)| Some(format!("{plain}{}", name.strip_prefix(escape)?))).next();
        Service::decode(plain.as_deref().unwrap_or(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_route(layout: &str, service: Option<&str>) -> Option<Route> {
        let service = service.and_then(Service::new);
        Layout::parse(layout).expect(layout).route(service.as_ref())
    }

    fn route(layout: &str, service: Option<&str>) -> Option<(Vec<Step>, String)> {
        whole_route(layout, service).map(|route| (route.steps, route.days))
    }

    fn of<const N: usize>(steps: [Step; N], days: &str) -> Option<(Vec<Step>, String)> {
        Some((steps.into(), days.to_owned()))
    }

    #[test]
    fn all_of_a_directory_is_listed_where_all_of_it_is_of_the_services_asked_for() {
        for (layout, service, above, listed) in [
            ("service={service}/dt={date}", Some("web"), "service=web/", "service=web/"),
            ("service={service}/dt={date}", None, "service=web/", "service=web/"),
            ("dt={date}/service={service}", Some("web"), "", "dt="),
            ("logs/dt={date}/service={service}", None, "logs/", "logs/dt="),
            ("a/{service}-{date}", Some("web"), "a/", "a/web-"),
            (
                "region={region}/service={service}/dt={date}",
                Some("web"),
                "region=x/service=web/",
                "region=x/service=web/",
            ),
        ] {
            assert_eq!(whole_route(layout, service).expect("it has days").listed(above), listed, "{layout}");
        }
    }

    fn into(name: &str) -> Step {
        Step::Into(name.to_owned())
    }

    fn each(begin: &str) -> Step {
        Step::Each(begin.to_owned())
    }

    #[test]
    fn days_are_come_to_through_what_is_known_and_each_of_what_is_not() {
        let web = Some("web");
        assert_eq!(route("service={service}/dt={date}", web), of([into("service=web")], "dt="));
        assert_eq!(route("service={service}/dt={date}", None), of([each("service=")], "dt="));
        assert_eq!(route("env=prod/{date}/{service}", web), of([into("env=prod")], ""));
        assert_eq!(route("{date}T{hour}/{service}", None), of([], ""));
        assert_eq!(route("a/{service}-{date}", web), of([into("a")], "web-"));
        let expected = of([each("region="), into("service=web")], "dt=");
        assert_eq!(route("region={region}-x/service={service}/dt={date}/{hour}", web), expected);
        // Whatever would be hidden is escaped, as in keys.
        assert_eq!(route("{service}/{date}", Some(".x")), of([into("%2Ex")], ""));
    }

    #[test]
    fn layouts_without_days_of_their_own_have_no_such_way() {
        for layout in ["service={service}", "{service}/{region}-{date}", "all", "{service}-{date}"] {
            assert_eq!(route(layout, None), None, "{layout}");
        }
    }

    #[test]
    fn services_have_directories_of_their_own_where_all_above_is_known() {
        for (layout, before) in [
            ("service={service}/dt={date}", Some("service=")),
            ("env=prod/{service}/{date}", Some("env=prod/")),
            ("{service}", Some("")),
            ("{date}/{service}", None),
            ("{service}-{date}", None),
            ("all", None),
        ] {
            let found = Layout::parse(layout).expect(layout).service_directories();
            assert_eq!(found.as_ref().map(ServiceDirectories::prefix), before, "{layout}");
        }
        for (layout, service) in
            [("{service}", "a b"), ("{service}", ".x"), ("s={service}", "_x"), ("x/{service}", "_")]
        {
            let layout = Layout::parse(layout).expect("a layout");
            let service = Service::new(service).expect("a name");
            let directories = layout.service_directories().expect("they have their own");
            assert_eq!(directories.service(&layout.prefix(Some(&service))), Some(service));
        }
    }
}
