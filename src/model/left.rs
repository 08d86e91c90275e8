//! What is not in the store yet: logs in their directories, segments in the spool.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::path_text::{serde_path, to_text};
use super::segment::SegmentName;
use crate::model::printable::is_hidden;

/// Something that is not in the store yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Left {
    /// A log in its directory, under its own name or claimed.
    Log {
        /// Its path.
        #[serde(with = "serde_path")]
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A segment in the spool.
    Segment {
        /// Its name there.
        segment: SegmentName,
        /// The log that it is of.
        #[serde(with = "serde_path")]
        path: PathBuf,
        /// Its size there.
        bytes: u64,
    },
}

impl Left {
    /// The log.
    pub fn path(&self) -> &Path {
        let (Self::Log { path, .. } | Self::Segment { path, .. }) = self;
        path
    }

    /// How many bytes it has where it is.
    pub fn bytes(&self) -> u64 {
        let (Self::Log { bytes, .. } | Self::Segment { bytes, .. }) = self;
        *bytes
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may hold anything; what is printed goes to a terminal or into root's mail.
        let clean = |path: &PathBuf| to_text(path).replace(is_hidden, "\u{fffd}");
        match self {
            Self::Log { path, bytes } => write!(f, "log {} ({bytes} bytes)", clean(path)),
            Self::Segment { segment, path, bytes } => {
                write!(f, "segment {segment} of {} ({bytes} bytes)", clean(path))
            }
        }
    }
}
