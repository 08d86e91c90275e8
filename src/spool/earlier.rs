//! Files that streams went on from: what is remembered of one when the stream's newest segment is of another file.
//!
//! A file for each, `STREAM-SEQ.STATE`: the record of the last segment that was made of it, as it is in `streams/`. The state is
//! in the name:
//!
//! | state | meaning |
//! | --- | --- |
//! | `open` | there may be more in it: runs look for it |
//! | `instead` | as `open`; it is not the one that the segment was made of, but stands for it, since it begins with what was taken |
//! | `over` | nobody looks for it any more; if it turns up all the same, it is known how much of it is in segments |
//! | `removed` | all of it is in segments, and we have removed it: nothing that turns up is it, or was made of it |
//!
//! A record is durable here before its stream goes on in another file. It goes when the file has been taken to its end and
//! unlinked, after [`REMEMBERED`], or when a stream has more than [`MOST`].

use std::collections::HashMap;
use std::io::{self, Read};

use super::record::Record;
use crate::model::names::StreamId;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};

/// How long a record is kept of which nothing is looked for any more, in nanoseconds: longer than logrotate keeps files
/// anywhere.
const REMEMBERED: i64 = 400 * 24 * 60 * 60 * 1_000_000_000;

/// How many are kept of one stream. A log is seldom given another file that often while the ones before are still there.
const MOST: usize = 64;

/// Whether a file is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Search {
    /// There may be more in it.
    Open,
    /// The same. No segment was made of it: it stands for the file of one, since it begins with what was taken of that.
    Instead,
    /// It was taken to its end, or can't be found.
    Over,
    /// It was taken to its end, and removed then.
    Removed,
}

const STATES: [(Search, &str); 4] =
    [(Search::Open, "open"), (Search::Instead, "instead"), (Search::Over, "over"), (Search::Removed, "removed")];

impl Search {
    /// Whether runs look for the file.
    pub fn goes_on(self) -> bool {
        matches!(self, Self::Open | Self::Instead)
    }
}

/// What is remembered of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Earlier {
    /// The last segment that was made of it.
    pub sealed: SealedSegment,
    /// Whether it is looked for.
    pub search: Search,
}

/// All of them. One that makes no sense is nobody's.
pub(super) fn list(dir: &Dir) -> Result<Vec<Earlier>> {
    let mut all = Vec::new();
    for file_name in dir.names()? {
        let Some(text) = file_name.to_str() else { continue };
        let state = STATES.iter().find_map(|(search, end)| Some((*search, text.strip_suffix(end)?.strip_suffix('.')?)));
        let Some((search, name)) = state.and_then(|(search, name)| Some((search, SegmentName::parse(name)?))) else {
            continue;
        };
        let mut json = String::new();
        let read = match dir.open_read(&file_name) {
            // A run at work has renamed it since.
            Err(failure) if failure.is(io::ErrorKind::NotFound) => continue,
            other => other?.read_to_string(&mut json),
        };
        let record = read.ok().and_then(|_| Record::parse(&json).ok()).filter(|record| record.segment.name == name);
        let sealed = record.and_then(|Record { segment, seal, .. }| Some(SealedSegment { segment, seal: seal? }));
        all.extend(sealed.map(|sealed| Earlier { sealed, search }));
    }
    Ok(all)
}

/// Remembers a file durably.
pub(super) fn note(dir: &Dir, sealed: &SealedSegment, search: Search) -> Result<()> {
    let name = file_name(sealed.segment.name, search);
    let json = Record::sealed(sealed.clone()).to_json().doing("write", dir.path_of(&name))?;
    dir.write_durable(&name, json.as_bytes())?;
    fault::reached(Point::EarlierNoted);
    for (before, _) in STATES.iter().filter(|(before, _)| before.goes_on() && *before != search) {
        dir.unlink_if_there(file_name(sealed.segment.name, *before))?;
    }
    if !search.goes_on() {
        fault::reached(Point::EarlierOver);
    }
    Ok(())
}

/// Forgets a file.
pub(super) fn forget(dir: &Dir, name: SegmentName) -> Result<()> {
    for (search, _) in STATES {
        dir.unlink_if_there(file_name(name, search))?;
    }
    fault::reached(Point::EarlierForgotten);
    dir.sync()
}

/// Forgets what is too old, and what is too much.
pub(super) fn clear_out(dir: &Dir, now: Moment) -> Result<()> {
    let oldest = now.nanos().saturating_sub(REMEMBERED);
    let mut by_stream: HashMap<StreamId, Vec<Earlier>> = HashMap::new();
    for earlier in list(dir)? {
        by_stream.entry(earlier.sealed.segment.name.stream).or_default().push(earlier);
    }
    for mut files in by_stream.into_values() {
        files.sort_by_key(|file| std::cmp::Reverse((file.search.goes_on(), file.sealed.segment.name.seq)));
        let too_old = |file: &Earlier| !file.search.goes_on() && file.sealed.segment.claimed_at.nanos() < oldest;
        let mut gone = files.iter().enumerate().filter(|(place, file)| *place >= MOST || too_old(file));
        gone.try_for_each(|(_, file)| forget(dir, file.sealed.segment.name))?;
    }
    Ok(())
}

fn file_name(name: SegmentName, search: Search) -> String {
    let end = match search {
        Search::Open => "open",
        Search::Instead => "instead",
        Search::Over => "over",
        Search::Removed => "removed",
    };
    format!("{name}.{end}")
}
