//! A segment's record: one JSON object with a version.

use serde::{Deserialize, Serialize};

use crate::model::segment::{FORMAT, Seal, SealedSegment, Segment};

/// What is written of a segment.
#[derive(Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// What was fixed when it began.
    #[serde(flatten)]
    pub segment: Segment,
    /// Absent while the segment is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seal: Option<Seal>,
}

impl Record {
    /// Of a segment that was begun.
    pub fn open(segment: Segment) -> Self {
        Self { version: FORMAT, segment, seal: None }
    }

    /// Of a segment that is complete.
    pub fn sealed(sealed: SealedSegment) -> Self {
        Self { version: FORMAT, segment: sealed.segment, seal: Some(sealed.seal) }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// None that is known: all of it can be written as JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// The version of a record that a newer program wrote: it is sound, but may have other fields.
    pub fn newer_version(json: &str) -> Option<u32> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(json).ok()?;
        (version > FORMAT).then_some(version)
    }

    /// Reads a record; the error says what is wrong with it.
    ///
    /// # Errors
    /// A sentence that says so.
    pub fn parse(json: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        // Whoever adds these up later must not overflow.
        let length = record.seal.map_or(0, |seal| seal.length);
        let Segment { offset, source, .. } = &record.segment;
        let (Some(_), Some(end)) = (offset.checked_add(length), source.from.checked_add(length)) else {
            return Err("more bytes than there can be".to_owned());
        };
        match record.seal.and_then(|seal| seal.in_place).is_none_or(|in_place| in_place.is_sound(end)) {
            true => Ok(record),
            false => Err("it says what is to be given back of a log, and that is not in the segment".to_owned()),
        }
    }
}
