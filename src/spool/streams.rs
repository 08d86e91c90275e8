//! Where each stream stands: its last segment's record, either still in the spool or kept when that was dropped.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read};

use crate::model::digest::Digest;
use crate::model::looks::Records;
use crate::model::names::{Seq, StreamId};
use crate::model::notice::Notice;
use crate::model::segment::{Ended, OwnerTag, SealedSegment, SegmentName, StreamOwner};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{self, Context, Failure};
use crate::sys::file::Status;

use super::record::Record;

/// What the next segment of a stream begins with.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Its name.
    pub name: SegmentName,
    /// Raw bytes of the stream before it.
    pub offset: u64,
    /// Digest of the segment before it.
    pub previous: Option<Digest>,
    /// When the segment before it was claimed.
    pub last_claim: Moment,
    /// How that ended.
    pub ended: Ended,
    /// When its file was last changed.
    pub last: Moment,
    /// What it has told its readers.
    pub told: Notice,
}

/// The last segments of all streams.
pub(super) struct Streams {
    dir: Dir,
    /// Of those in the spool: the last of each stream.
    in_spool: HashMap<StreamId, SealedSegment>,
    /// Numbers that are used up by segments that were put aside as damaged: their gaps stay visible.
    used_up: HashMap<StreamId, Seq>,
}

/// Why there is no telling where a stream stands.
pub(super) enum Unknown {
    /// The record that was kept is of no use.
    Unsound {
        /// Its file.
        file_name: String,
        /// What is wrong with it.
        why: String,
    },
    /// It can't be read now: it may be sound.
    Unread(Failure),
}

impl Streams {
    pub(super) fn new(dir: Dir) -> Self {
        Self { dir, in_spool: HashMap::new(), used_up: HashMap::new() }
    }

    /// Takes note that a number of a stream must not be used again.
    pub(super) fn use_up(&mut self, name: SegmentName) {
        let used = self.used_up.entry(name.stream).or_insert(name.seq);
        *used = name.seq.max(*used);
    }

    /// Takes note of a segment that is in the spool.
    pub(super) fn advance(&mut self, sealed: SealedSegment) {
        let SegmentName { stream, seq } = sealed.segment.name;
        if self.in_spool.get(&stream).is_none_or(|known| known.segment.name.seq < seq) {
            self.in_spool.insert(stream, sealed);
        }
    }

    /// Changes what is known of a segment that is the last one of its stream in the spool.
    pub(super) fn replace(&mut self, sealed: SealedSegment) {
        let SegmentName { stream, seq } = sealed.segment.name;
        if self.in_spool.get(&stream).is_some_and(|known| known.segment.name.seq == seq) {
            self.in_spool.insert(stream, sealed);
        }
    }

    /// The last segment of each stream that has one in the spool.
    pub(super) fn in_spool(&self) -> impl Iterator<Item = &SealedSegment> {
        self.in_spool.values()
    }

    /// The directory of the records, as it is now.
    pub(super) fn records(&self) -> failure::Result<Records> {
        let Status { identity, modified, .. } = self.dir.status()?;
        Ok(Records { dev: identity.dev, ino: identity.ino, changed: modified })
    }

    /// Whose records were kept.
    pub(super) fn tags(&self) -> failure::Result<Vec<OwnerTag>> {
        let names = self.dir.names()?;
        let tag = |name: &OsString| OwnerTag::parse(name.to_str()?.strip_suffix(".json")?);
        Ok(names.iter().filter_map(tag).collect())
    }

    /// What comes next in an owner's stream.
    pub(super) fn head(&self, owner: &StreamOwner) -> Result<Option<Head>, Unknown> {
        let last = self.newest(&OwnerTag::of(owner))?;
        Ok(last.map(|last| self.after(&last)))
    }

    /// What comes after a segment.
    pub(super) fn after(&self, last: &SealedSegment) -> Head {
        let SegmentName { stream, seq } = last.segment.name;
        let used = self.used_up.get(&stream).copied().unwrap_or(seq);
        Head {
            name: SegmentName { stream, seq: seq.max(used).next() },
            offset: last.segment.offset + last.seal.length,
            previous: Some(last.seal.sha256),
            last_claim: last.segment.claimed_at,
            ended: last.seal.ended,
            last: last.seal.last,
            told: last.segment.notice,
        }
    }

    /// The newest segment of that owner.
    pub(super) fn newest(&self, tag: &OwnerTag) -> Result<Option<SealedSegment>, Unknown> {
        let kept = self.kept(tag)?;
        let owned = |sealed: &&SealedSegment| OwnerTag::of(&StreamOwner::of(&sealed.segment)) == *tag;
        let in_spool = self.in_spool.values().filter(owned);
        Ok(in_spool.cloned().chain(kept).max_by(by_age))
    }

    /// The last segment of whatever stream of which something is so. A record that can't be read says nothing here: whoever
    /// needs it for its stream is told.
    pub(super) fn last_of(&self, is_it: impl Fn(&SealedSegment) -> bool) -> failure::Result<Option<SealedSegment>> {
        if let Some(sealed) = self.in_spool.values().find(|sealed| is_it(sealed)) {
            return Ok(Some(sealed.clone()));
        }
        for file_name in self.dir.names()? {
            let tag = file_name.to_str().and_then(|name| OwnerTag::parse(name.strip_suffix(".json")?));
            let kept = tag.and_then(|tag| self.kept(&tag).unwrap_or_default());
            if let Some(sealed) = kept.filter(|sealed| is_it(sealed)) {
                return Ok(Some(sealed));
            }
        }
        Ok(None)
    }

    /// The record that was kept of an owner whose segments were dropped.
    pub(super) fn kept(&self, tag: &OwnerTag) -> Result<Option<SealedSegment>, Unknown> {
        let file_name = file_name(tag);
        let unsound = |why: String| Unknown::Unsound { file_name: file_name.clone(), why };
        let mut bytes = Vec::new();
        match self.dir.open_read(&file_name) {
            Ok(mut file) => {
                let read = file.read_to_end(&mut bytes).doing("read", self.dir.path_of(&file_name));
                read.map_err(Unknown::Unread)?
            }
            Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(None),
            Err(failure) => return Err(Unknown::Unread(failure)),
        };
        let text = String::from_utf8_lossy(&bytes);
        if let Some(version) = Record::newer_version(&text) {
            let why = std::io::Error::other(format!("a later version of logferry wrote it (format {version})"));
            return Err(Unknown::Unread(Failure::new("read", self.dir.path_of(&file_name), why)));
        }
        let record = Record::parse(&text).map_err(unsound)?;
        let seal = record.seal.ok_or_else(|| unsound("its segment was never sealed".to_owned()))?;
        Ok(Some(SealedSegment { segment: record.segment, seal }))
    }

    /// Moves the record of a segment that is dropped here, if it is the newest known of its owner; else removes it.
    pub(super) fn keep_last(&self, segments: &Dir, record_file: &str, sealed: &SealedSegment) -> failure::Result<()> {
        let tag = OwnerTag::of(&StreamOwner::of(&sealed.segment));
        let kept = match self.kept(&tag) {
            Ok(kept) => kept,
            // It is replaced: this one is sound.
            Err(Unknown::Unsound { .. }) => None,
            Err(Unknown::Unread(failure)) => return Err(failure),
        };
        let moved = match kept.is_some_and(|kept| by_age(&kept, sealed).is_gt()) {
            true => segments.unlink_if_there(record_file),
            false => segments.rename_into(record_file, &self.dir, file_name(&tag)),
        };
        match moved {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => Ok(()),
            other => other,
        }
    }

    pub(super) fn sync(&self) -> failure::Result<()> {
        self.dir.sync()
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }
}

/// Which of two segments of an owner is the newer one: within a stream its number says so, whatever the clock did.
/// Another stream of the same owner begins only after the record of the first was lost; then the time must do.
pub(super) fn by_age(a: &SealedSegment, b: &SealedSegment) -> Ordering {
    match a.segment.name.stream == b.segment.name.stream {
        true => a.segment.name.seq.cmp(&b.segment.name.seq),
        false => a.segment.claimed_at.cmp(&b.segment.claimed_at),
    }
}

fn file_name(tag: &OwnerTag) -> String {
    format!("{}.json", tag.as_str())
}
