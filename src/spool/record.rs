//! A segment's record: one JSON object with a version.

use serde::{Deserialize, Serialize};

use crate::model::format::Format;
use crate::model::segment::{Ended, Seal, SealedSegment, Segment, Taken};
use crate::model::way::Way;

/// The version of a record that says nothing but what the first version of the format knows.
const FIRST: u32 = 1;

/// That of a record with a `key_directory`: who does not know it would put the segment under another key.
const WITH_KEY_DIRECTORY: u32 = 2;

/// That of a record of a log that is not taken by renaming and unlinking it: who does not know that would unlink it while
/// its writer still has it open, or take the same bytes once more.
const WITH_WAY: u32 = 3;

/// That of a record with a `format`: who does not know it would take what is in the part for damage, and would put a sealed
/// segment under a key that is not its own.
const WITH_FORMAT: u32 = 4;
/// The newest version that this program understands.
const NEWEST: u32 = WITH_FORMAT;

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
        Self { version: version(&segment, None), segment, seal: None }
    }

    /// Of a segment that is complete.
    pub fn sealed(sealed: SealedSegment) -> Self {
        let SealedSegment { segment, seal } = sealed;
        Self { version: version(&segment, Some(&seal)), segment, seal: Some(seal) }
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
        (version > NEWEST).then_some(version)
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

/// Whether it is the rest of a log of which something was taken in its place: the first versions took all of a claimed file.
fn goes_on_behind_others(segment: &Segment) -> bool {
    segment.claimed.is_some() && segment.source.from > 0
}

/// The oldest version that has all that the record of a segment says: so an older program goes on with what it understands.
fn version(segment: &Segment, seal: Option<&Seal>) -> u32 {
    let goes_on = seal.is_some_and(|seal| seal.ended == Ended::Continued);
    match () {
        () if segment.format != Format::Gzip => WITH_FORMAT,
        () if goes_on || goes_on_behind_others(segment) => WITH_WAY,
        () if segment.way != Way::Reopens || segment.taken != Taken::Away => WITH_WAY,
        () if segment.key_directory.is_some() => WITH_KEY_DIRECTORY,
        () => FIRST,
    }
}
