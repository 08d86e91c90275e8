//! The `[instance]` table: what the user says of this machine, for clouds that can't be asked and for bare metal. It wins
//! over what the metadata service of EC2 says.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ConfigError;
use super::section::{Mistakes, Section};
use crate::model::facts::Facts;
use crate::model::names::Instance;

/// The most bytes of a value: the longest that EC2 knows, a tag, has 256 characters.
const LONGEST: usize = 256;

pub(super) fn read(mut section: Section<'_>, mistakes: &mut Mistakes) -> Facts {
    let facts = Facts {
        instance: mistakes.or_default(section.parsed("id", Instance::parse)),
        kind: mistakes.or_default(section.parsed("type", value)),
        zone: mistakes.or_default(section.parsed("zone", value)),
        region: mistakes.or_default(section.parsed("region", value)),
        image: mistakes.or_default(section.parsed("image", value)),
        address: mistakes.or_default(section.parsed("address", address)),
        group: mistakes.or_default(section.parsed("group", value)),
        tags: mistakes.or_default(tags(&mut section)),
    };
    section.finish(mistakes);
    facts
}

fn value(text: &str) -> Result<String, String> {
    match text {
        "" => Err("it is empty; leave the key out where the value is not known".to_owned()),
        _ if text.len() > LONGEST => Err(format!("it is longer than {LONGEST} bytes")),
        _ if text.contains(char::is_control) => Err(format!("{text:?} holds a control character")),
        _ => Ok(text.to_owned()),
    }
}

fn address(text: &str) -> Result<String, String> {
    let address: Result<IpAddr, _> = text.parse();
    address.map(|address| address.to_string()).map_err(|_| format!("{text:?} is not an IP address such as 10.0.0.7"))
}

fn tags(section: &mut Section<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(tags) = section.table("tags")? else { return Ok(BTreeMap::new()) };
    let at = tags.error(String::new());
    let checked = |(key, text): (String, String)| match value(&key).and(value(&text)) {
        Ok(text) => Ok((key, text)),
        Err(why) => Err(ConfigError { what: format!("the tag {key:?} in [instance.tags]: {why}"), ..at.clone() }),
    };
    tags.into_strings()?.into_iter().map(checked).collect()
}
