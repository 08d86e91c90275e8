//! Where objects are looked for.

use crate::config::Layout;
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

impl Places {
    /// What the keys of these services, or of all, begin with; none of them twice.
    pub(super) fn prefixes(&self, services: &[&Service]) -> Vec<String> {
        let Self::Known(layouts) = self else { return vec![String::new()] };
        let of = |service| layouts.iter().map(move |layout| layout.prefix(service));
        let mut prefixes: Vec<String> = match services {
            [] => of(None).collect(),
            some => some.iter().flat_map(|&service| of(Some(service))).collect(),
        };
        prefixes.sort();
        prefixes.dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
        prefixes
    }
}
