//! Where it can't be known whether bytes are missing: of which log, between which times, and why.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::names::Service;
use super::path_text::{serde_path, to_text};
use super::segment::SegmentName;
use super::time::Moment;

/// Bytes that a writer may have written and that nobody can see any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Doubt {
    /// The segment behind whose end they would be.
    pub segment: SegmentName,
    /// The log.
    #[serde(with = "serde_path")]
    pub path: PathBuf,
    /// What it is about.
    pub service: Service,
    /// They were not written before this.
    pub from: Moment,
    /// They were not written after this.
    pub until: Moment,
    /// How that came.
    pub why: Why,
}

/// How it came that bytes may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The run was cut short between unlink and release, and when the next one looked, no process held the file any
    /// more: what was written in the instant of the unlink may be gone with it.
    RunCutShort,
    /// A writer that does not reopen its log has ended: what it wrote after the last run is gone with the file.
    WriterEnded,
    /// The log was read in its place, and someone else has deleted it, renamed it to where nobody finds it, or put another
    /// file in its place.
    Replaced,
    /// The log was read in its place, and someone else has truncated it or written it anew.
    Truncated,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, from, until, .. } = self;
        match self.why {
            Why::RunCutShort => write!(
                f,
                "not known to be complete between {from} and {until}: the run that took it was cut short, and its writer \
                 has closed the file since; what was written in the instant of the unlink may be missing behind segment \
                 {segment}"
            ),
            Why::WriterEnded => write!(
                f,
                "not known to be complete between {from} and {until}: its writer never reopened it and has ended; what it \
                 wrote since the run before is missing behind segment {segment}"
            ),
            Why::Replaced => write!(
                f,
                "not known to be complete between {from} and {until}: someone else has deleted or replaced it, and its file is \
                 neither beside it nor open in any process that can be seen; what it got behind segment {segment} may be missing"
            ),
            Why::Truncated => write!(
                f,
                "not known to be complete between {from} and {until}: it was truncated or written anew by someone else; what it \
                 holds now is taken from its start, what it got before that behind segment {segment} may be missing"
            ),
        }
    }
}

impl Doubt {
    /// What to do about it, where something can be.
    pub fn hint(&self) -> Option<&'static str> {
        match self.why {
            Why::RunCutShort | Why::WriterEnded => None,
            Why::Replaced | Why::Truncated => {
                Some("find out what else handles this log: logrotate, a cron job, its own program")
            }
        }
    }

    /// The log's path, for people.
    pub fn log(&self) -> String {
        to_text(&self.path)
    }
}
