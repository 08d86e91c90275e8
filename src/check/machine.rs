//! This machine: who we act as, what it is called in object keys, and which logferry this is.

use super::{Subject, lifecycle};
use crate::config::Settings;
use crate::ec2::{self, Facts, Metadata};
use crate::model::finding::Finding;
use crate::model::printable::is_hidden;
use crate::sys::host;

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let unknown = subject.settings.as_ref().ok().and_then(|settings| unknown(settings, &subject.facts));
    let known = [program(), metadata(subject)].into_iter().chain(unknown);
    known.chain(lifecycle::look(subject)).collect()
}

fn program() -> Finding {
    let path = std::env::current_exe().map_or_else(|_| "logferry".to_owned(), |path| path.display().to_string());
    let user = match host::user() {
        0 => "root".to_owned(),
        user => format!("user {user}; a run as another user may find more or less"),
    };
    Finding::ok(path, format!("version {}, as {user}", env!("CARGO_PKG_VERSION")))
}

fn metadata(subject: &Subject) -> Finding {
    const WHAT: &str = "instance metadata";
    let name = format!("{} in object keys", subject.instance);
    match &subject.metadata {
        Metadata::Answered(_) => Finding::ok(WHAT, format!("{}; this machine is {name}", told(&subject.facts))),
        Metadata::SwitchedOff => {
            Finding::ok(WHAT, format!("switched off (AWS_EC2_METADATA_DISABLED); this machine is {name}"))
        }
        Metadata::Silent if subject.remembered.instance.is_some() => Finding::warn(
            WHAT,
            format!("the service does not answer now; known of this boot: {}; this is {name}", told(&subject.facts)),
        )
        .hint("see the network, a firewall for 169.254.169.254, and the instance's metadata options"),
        Metadata::Silent if ec2::is_ec2_hardware() => {
            Finding::warn(WHAT, format!("this is an EC2 instance, but its service does not answer; it is {name}"))
                .hint("see the instance's metadata options, and a firewall for 169.254.169.254")
        }
        Metadata::Silent => Finding::ok(WHAT, format!("none, as is usual outside of EC2; this machine is {name}")),
    }
}

/// What the layout names and nobody knows: all objects of this machine would go to one place with those of others.
fn unknown(settings: &Settings, facts: &Facts) -> Option<Finding> {
    let names = settings.layout.unknown(facts);
    let finding = |names: String| {
        let detail = format!("{names} of this machine is not known, and stands as unknown in keys");
        Finding::warn("layout", detail).hint(
            "on EC2, tags and the group are seen when InstanceMetadataTags is enabled in the instance's metadata options; \
             or say what it is in [instance] of the configuration",
        )
    };
    (!names.is_empty()).then(|| finding(names.join(", ")))
}

/// What is known, on one line.
fn told(facts: &Facts) -> String {
    let Facts { instance, kind, zone, region, image, address, group, tags } = facts;
    let instance = instance.as_ref().map(|id| id.to_string());
    let (group, tags) = (group.as_ref().map(|group| format!("group {group}")), tags.iter());
    let values = [&instance, kind, zone, region, image, address, &group].into_iter().flatten().cloned();
    let all: Vec<String> = values.chain(tags.map(|(key, value)| format!("{key}={value}"))).collect();
    all.join(", ").replace(is_hidden, "\u{fffd}")
}
