//! What is not in the store yet: logs in their directories, segments in the spool.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::path_text::{serde_path, to_text};
use super::segment::SegmentName;

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
    /// How many bytes it has where it is.
    pub fn bytes(&self) -> u64 {
        let (Self::Log { bytes, .. } | Self::Segment { bytes, .. }) = self;
        *bytes
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log { path, bytes } => write!(f, "log {} ({bytes} bytes)", to_text(path)),
            Self::Segment { segment, path, bytes } => {
                write!(f, "segment {segment} of {} ({bytes} bytes)", to_text(path))
            }
        }
    }
}
