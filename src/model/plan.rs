//! What a run would do, as data.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::destination::Destination;
use super::names::Service;
use super::path_text::{serde_path, to_text};
use super::segment::SegmentName;
use super::way::Way;

/// One step that a run would take.
#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// Bring to its end what an earlier run began.
    Finish {
        /// The log.
        #[serde(with = "serde_path")]
        path: PathBuf,
    },
    /// Put a segment of the spool into the store.
    Ship {
        /// The segment.
        segment: SegmentName,
        /// Its size.
        bytes: u64,
        /// Where to.
        to: Destination,
    },
    /// Take a log out of use and ship it.
    Take {
        /// The log.
        #[serde(with = "serde_path")]
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What it is about.
        service: Service,
        /// Where to.
        to: Destination,
        /// How it is taken.
        way: Way,
        /// Why so.
        since: String,
    },
    /// Leave a log to its writer.
    Leave {
        /// The log.
        #[serde(with = "serde_path")]
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finish { path } => write!(f, "finish {}, which an earlier run began to take", to_text(path)),
            Self::Ship { segment, bytes, to } => write!(f, "ship {segment} ({bytes} bytes) to {to}"),
            Self::Leave { path, why } => write!(f, "leave {} to its writer: {why}", to_text(path)),
            Self::Take { path, bytes, service, to, way, since } => {
                let path = to_text(path);
                write!(
                    f,
                    "take {path} ({bytes} bytes) as service {service} and ship it to {to}; as {way}, since {since}"
                )
            }
        }
    }
}
