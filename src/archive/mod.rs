//! Reading back what was shipped: which objects there are, and their bytes in order; from the store, or from what is
//! still on this machine ([`local`]).
//!
//! An object is known by the last part of its key, in whatever directory it is. Directories only make the listing short:
//! what is listed is what the layouts that are known begin with ([`Places`]).

pub mod ahead;
mod at_fault;
mod breaks;
pub mod by_time;
mod days;
mod details;
mod edges;
pub mod fetch;
pub mod filter;
mod hosts;
pub mod joined;
pub mod label;
pub mod local;
mod meant;
mod missing;
pub mod notices;
mod order;
mod patience;
mod pattern;
mod places;
pub mod prove;
mod segment;
mod segments;
mod select;
mod selection;
mod shipped;
mod side_by_side;
mod stream_key;
pub mod streams;
pub mod sums;

use std::io;

pub use breaks::{Break, breaks};
pub use days::Extent;
pub use details::{Details, details};
pub use filter::{Days, Filter};
pub use missing::{Missing, missing};
pub use pattern::NamePattern;
pub use places::{Looked, Places};
pub use segment::{Ended, Form};
pub use segments::{InStore, Segments};
pub use select::select;
pub use selection::{LOOK_FURTHER, Selection, not_looked_at, not_looked_behind};
pub use shipped::Shipped;
pub use stream_key::StreamKey;

use crate::model::problem;
use crate::store::{Kind, StoreError};

/// Why an object's bytes did not all arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store did not give it out.
    #[error("{why}")]
    Refused {
        /// What the store said.
        why: String,
        /// What that means.
        kind: Kind,
    },
    /// The object could not be read, or is damaged.
    #[error("{0}")]
    Store(String),
}

impl ReadError {
    fn refused(error: &StoreError) -> Self {
        Self::Refused { why: problem::chain(error), kind: error.kind }
    }

    /// What went wrong while a body was read: the store's own failure, or what decompressing it says.
    fn of_body(name: &str, error: io::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => Self::refused(&error),
            Err(error) => Self::Store(format!("read {name}: {error}")),
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { kind, .. } => kind.hint(),
            Self::Store(_) => None,
        }
    }
}
