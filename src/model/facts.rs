//! What is known of this machine: its name, and what else may stand in a key.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::names::Instance;

/// What a cloud, or the user, says of a machine. Whatever is not known is `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Its name: on EC2 the instance id.
    pub instance: Option<Instance>,
    /// What kind of machine it is: `m5.large`.
    pub kind: Option<String>,
    /// The availability zone: `eu-central-1a`.
    pub zone: Option<String>,
    /// The region: `eu-central-1`.
    pub region: Option<String>,
    /// What it was made from: `ami-0abcdef1234567890`.
    pub image: Option<String>,
    /// Its private address.
    pub address: Option<String>,
    /// The Auto Scaling group that it is in.
    pub group: Option<String>,
    /// Tags, by their keys: those that were asked for and are there.
    pub tags: BTreeMap<String, String>,
}

impl Facts {
    /// These facts, and of `others` those that are missing here.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        let mut tags = others.tags;
        tags.extend(self.tags);
        Self {
            instance: self.instance.or(others.instance),
            kind: self.kind.or(others.kind),
            zone: self.zone.or(others.zone),
            region: self.region.or(others.region),
            image: self.image.or(others.image),
            address: self.address.or(others.address),
            group: self.group.or(others.group),
            tags,
        }
    }

    /// What the machine goes by in keys: its name, else the nearest to its host name.
    pub fn name(&self, host: &OsStr) -> Instance {
        self.instance.clone().unwrap_or_else(|| Instance::from_host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_wins_one_by_one() {
        let tags = |of: &[(&str, &str)]| of.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let said = Facts { zone: Some("a".into()), tags: tags(&[("team", "web")]), ..Facts::default() };
        let found = Facts {
            zone: Some("b".into()),
            region: Some("r".into()),
            tags: tags(&[("team", "db"), ("env", "prod")]),
            ..Facts::default()
        };
        let both = said.or(found);
        assert_eq!((both.zone.as_deref(), both.region.as_deref()), (Some("a"), Some("r")));
        assert_eq!(both.tags, tags(&[("team", "web"), ("env", "prod")]));
        assert_eq!(both.name("web_1".as_ref()).as_str(), "web-1");
    }
}
