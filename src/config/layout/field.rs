//! What may stand in a layout, and how its values are written.

use std::ffi::OsStr;

use crate::config::section::nearest;
use crate::model::facts::Facts;
use crate::model::names::{Instance, Service, encoded};
use crate::model::printable::is_hidden;
use crate::model::time::Moment;

/// The longest key of a tag (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
const LONGEST_TAG: usize = 128;

/// What may stand in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Field {
    /// What the log is about.
    Service,
    /// The day of the segment's first byte, UTC.
    Date,
    /// Its hour, UTC.
    Hour,
    /// The machine, as it stands in the leaf too.
    Instance,
    /// Its host name.
    Host,
    /// Its region.
    Region,
    /// Its availability zone.
    Zone,
    /// What kind of machine it is.
    Kind,
    /// The Auto Scaling group that it is in.
    Group,
    /// A tag of it.
    Tag(String),
}

/// The fields, by what stands in the braces; a tag's is `tag:KEY`.
const FIELDS: [(&str, Field); 9] = [
    ("service", Field::Service),
    ("date", Field::Date),
    ("hour", Field::Hour),
    ("instance", Field::Instance),
    ("host", Field::Host),
    ("region", Field::Region),
    ("zone", Field::Zone),
    ("type", Field::Kind),
    ("group", Field::Group),
];

/// What a segment's directory is made of.
pub struct Values<'a> {
    /// What the log is about.
    pub service: &'a Service,
    /// When its first byte can have been written.
    pub first: Moment,
    /// The machine.
    pub instance: &'a Instance,
    /// Its host name.
    pub host: &'a str,
    /// What is known of it.
    pub facts: &'a Facts,
}

impl Field {
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some(key) = name.strip_prefix("tag:") {
            let is_key = !key.is_empty() && key.chars().count() <= LONGEST_TAG && !key.contains(char::is_control);
            let field = is_key.then(|| Self::Tag(key.to_owned()));
            return field.ok_or_else(|| format!("{{tag:KEY}}: the key of a tag has 1 to {LONGEST_TAG} characters"));
        }
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
            return Ok(field.clone());
        }
        let (names, name) = (FIELDS.map(|(name, _)| name), name.replace(is_hidden, "\u{fffd}"));
        let meant = nearest(&name, &names).map_or(String::new(), |meant| format!("did you mean {{{meant}}}? "));
        let all = names.map(|name| format!("{{{name}}}")).join(" ");
        Err(format!("{{{name}}} is not known; {meant}there are {all} {{tag:KEY}}"))
    }

    /// As it stands in a layout.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Tag(key) => format!("{{tag:{key}}}"),
            field => {
                FIELDS.iter().find(|(_, known)| known == field).map_or(String::new(), |(name, _)| format!("{{{name}}}"))
            }
        }
    }

    /// Whether its value is what somebody says of the machine.
    pub(super) fn is_of_machine(&self) -> bool {
        matches!(self, Self::Region | Self::Zone | Self::Kind | Self::Group | Self::Tag(_))
    }

    pub(super) fn fact<'f>(&self, facts: &'f Facts) -> Option<&'f str> {
        match self {
            Self::Region => facts.region.as_deref(),
            Self::Zone => facts.zone.as_deref(),
            Self::Kind => facts.kind.as_deref(),
            Self::Group => facts.group.as_deref(),
            Self::Tag(key) => facts.tags.get(key).map(String::as_str),
            Self::Service | Self::Date | Self::Hour | Self::Instance | Self::Host => None,
        }
    }

    /// The most bytes that it takes. Longer values are cut and marked, as those of services are.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::Service | Self::Group | Self::Tag(_) => Service::LONGEST_ENCODED,
            Self::Instance | Self::Host => Instance::LONGEST,
            Self::Region | Self::Zone | Self::Kind => 40,
            // Years have more than four digits far off.
            Self::Date => 12,
            Self::Hour => 2,
        }
    }

    /// Its value, encoded; `None` where it is not known.
    pub(super) fn render(&self, values: &Values<'_>) -> Option<String> {
        let encode = |value: &str| encoded(OsStr::new(value), self.longest());
        match self {
            Self::Service => Some(values.service.encoded()),
            Self::Date => Some(values.first.day()),
            Self::Hour => Some(values.first.hour()),
            Self::Instance => Some(values.instance.to_string()),
            Self::Host => Some(values.host).filter(|host| !host.is_empty()).map(encode),
            field => field.fact(values.facts).filter(|value| !value.is_empty()).map(encode),
        }
    }
}
