//! Unlinked inodes that a writer may still hold: what it writes there later is the stream's next segment.
//!
//! Each is an empty file whose name says it all, so that one fsync of the directory makes any number of them durable:
//! `TAG-STREAM-SEQ.DEV.INO.BORN.TAKEN` (numbers in decimal, `BORN` in nanoseconds or `x`). Of several of one stream
//! and inode the one with the highest number counts; the others are left over from a crash.

use std::collections::HashMap;
use std::io;

use crate::model::names::{Seq, StreamId};
use crate::model::segment::{Ended, Identity, OwnerTag, SealedSegment, SegmentName, StreamOwner};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};

/// An inode that a writer may still hold.
#[derive(Clone, Debug)]
pub struct Held {
    /// Whose.
    pub tag: OwnerTag,
    /// In which stream its bytes go.
    pub stream: StreamId,
    /// The last segment that was taken from it.
    pub seq: Seq,
    /// The inode.
    pub file: Identity,
    /// How many of its bytes were taken.
    pub taken: u64,
    pub(super) file_name: String,
}

impl Held {
    /// The mark of a segment's inode.
    pub fn of(sealed: &SealedSegment) -> Self {
        Self::at(sealed, sealed.taken())
    }

    /// The mark of a segment's inode of which so many bytes are in segments: its head may have been given back.
    pub(super) fn at(sealed: &SealedSegment, taken: u64) -> Self {
        let file = sealed.segment.source.file;
        let tag = OwnerTag::of(&StreamOwner::of(&sealed.segment));
        Self::named(tag, sealed.segment.name, file, taken)
    }

    fn named(tag: OwnerTag, name: SegmentName, file: Identity, taken: u64) -> Self {
        let born = file.born.map_or("x".to_owned(), |born| born.nanos().to_string());
        let file_name = format!("{}-{name}.{}.{}.{born}.{taken}", tag.as_str(), file.dev, file.ino);
        Self { tag, stream: name.stream, seq: name.seq, file, taken, file_name }
    }

    /// The mark's name.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Reads the name of a mark.
    pub fn parse(file_name: &str) -> Option<Self> {
        let mut parts = file_name.split('.');
        let mut names = parts.next()?.splitn(2, '-');
        let tag = OwnerTag::parse(names.next()?)?;
        let name = SegmentName::parse(names.next()?)?;
        let (dev, ino) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let born = match parts.next()? {
            "x" => None,
            nanos => Some(Moment::from_nanos(nanos.parse().ok()?)),
        };
        let taken = parts.next()?.parse().ok()?;
        let held = Self::named(tag, name, Identity { dev, ino, born }, taken);
        // Numbers have other forms too, which are not ours: `+1`, `01`.
        (held.file_name == file_name).then_some(held)
    }
}

/// Remembers the inode of a segment, unless every writer had let go of it.
pub(super) fn remember(dir: &Dir, sealed: &SealedSegment) -> Result<()> {
    // What goes on is there to be found under its own name.
    if matches!(sealed.seal.ended, Ended::Released | Ended::Continued) {
        return Ok(());
    }
    note(dir, &Held::of(sealed))
}

/// Makes a mark.
pub(super) fn note(dir: &Dir, held: &Held) -> Result<()> {
    match dir.create(&held.file_name, 0o600) {
        Ok(_) => {}
        Err(failure) if failure.is(io::ErrorKind::AlreadyExists) => {}
        Err(failure) => return Err(failure),
    }
    fault::reached(Point::HeldNoted);
    dir.sync()?;
    fault::reached(Point::HeldDurable);
    Ok(())
}

/// All that are remembered, one for each stream and inode. Names that are none of ours are removed: they hold nothing.
pub(super) fn list(dir: &Dir) -> Result<Vec<Held>> {
    let mut newest: HashMap<(StreamId, Identity), Held> = HashMap::new();
    for name in dir.names()? {
        let Some(held) = name.to_str().and_then(Held::parse) else {
            dir.unlink_if_there(&name)?;
            continue;
        };
        // By name, and so by number: the later one replaces the earlier.
        if let Some(older) = newest.insert((held.stream, held.file), held) {
            dir.unlink_if_there(older.file_name)?;
        }
    }
    let mut held: Vec<Held> = newest.into_values().collect();
    held.sort_by(|a, b| a.file_name.cmp(&b.file_name));
    Ok(held)
}
