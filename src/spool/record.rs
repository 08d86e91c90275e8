//! A segment's record: one JSON object with a version.

use serde::{Deserialize, Serialize};

use crate::model::segment::{FORMAT, Seal, SealedSegment, Segment};

/// What is written of a segment.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    #[serde(flatten)]
    pub(super) segment: Segment,
    /// Absent while the segment is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) seal: Option<Seal>,
}

impl Record {
    pub(super) fn open(segment: Segment) -> Self {
        Self { version: FORMAT, segment, seal: None }
    }

    pub(super) fn sealed(sealed: SealedSegment) -> Self {
        Self { version: FORMAT, segment: sealed.segment, seal: Some(sealed.seal) }
    }

    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// The version of a record that a newer program wrote: it is sound, but may have other fields.
    pub(super) fn newer_version(json: &str) -> Option<u32> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(json).ok()?;
        (version > FORMAT).then_some(version)
    }

    /// Reads a record; the error says what is wrong with it.
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }
}
