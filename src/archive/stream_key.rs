//! Whose a segment is: streams are told apart by service, instance and id together.
//!
//! An id alone is six random characters. In a large store two streams have come to the same one, and whoever may put objects
//! may take another's on purpose; neither must make one stream of two.

use std::fmt;

use crate::model::key::Leaf;
use crate::model::names::{Instance, Service, StreamId};

/// What tells a stream from all others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamKey {
    /// What it is about.
    pub service: Service,
    /// The machine.
    pub instance: Instance,
    /// Its name there.
    pub id: StreamId,
}

impl StreamKey {
    /// The stream that a segment is of.
    pub fn of(leaf: &Leaf) -> Self {
        Self { service: leaf.service.clone(), instance: leaf.instance.clone(), id: leaf.stream }
    }

    /// Whether two segments are of one stream.
    pub fn is_one(a: &Leaf, b: &Leaf) -> bool {
        a.stream == b.stream && a.instance == b.instance && a.service == b.service
    }
}

/// As `verify` names streams.
impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}, stream {}", self.service, self.instance, self.id)
    }
}
