//! Names that are asked for and are not there, with those that may be meant.

use super::meant::hint;
use super::{Filter, Looked, NamePattern, Selection};
use crate::model::names::Service;

/// A name that is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// A sentence that names it.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// What is asked for by name and is not there: services, then machines.
pub fn missing(filter: &Filter, selection: &Selection) -> Vec<Missing> {
    let services = filter.services.iter().filter(|service| !selection.is_known(service)).map(|service| {
        let others: Vec<String> = selection.others.iter().chain(&selection.known).map(Service::typed).collect();
        let elsewhere = match selection.looked {
            Looked::InSome => "; --any-layout looks everywhere",
            Looked::Everywhere => "",
        };
        let hint = hint(&service.typed(), &others, "service");
        Missing { what: format!("nothing of {} is there", service.typed()), hint: hint + elsewhere }
    });
    let services: Vec<_> = services.collect();
    // Of services that are not there, no machines are known either.
    if selection.known.is_empty() {
        return services;
    }
    let time = if filter.is_by_days() { " on the days that were looked at; --any-day looks at all" } else { "" };
    let machines = |kind: &'static str, asked: &[NamePattern], names: Vec<String>| -> Vec<Missing> {
        let absent = asked.iter().filter(|asked| !names.iter().any(|name| asked.takes(name)));
        let missing = absent.map(|asked| Missing {
            what: format!("nothing of {kind} {} is there{time}", asked.text()),
            hint: hint(asked.text(), &names, kind),
        });
        missing.collect()
    };
    let instances = selection.instances.iter().map(ToString::to_string).collect();
    let instances = machines("instance", &filter.instances, instances);
    let hosts = machines("host", &filter.hosts, selection.hosts.iter().cloned().collect());
    services.into_iter().chain(instances).chain(hosts).collect()
}
