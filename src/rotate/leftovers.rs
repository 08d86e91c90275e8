//! Segments that an earlier run began and did not seal: what the log's directory shows decides what becomes of them.
//!
//! | the log's directory | the spool | so |
//! | --- | --- | --- |
//! | the claimed file is there | a part or none | the part is discarded, the file is copied again |
//! | it is there, but shorter | a part that begins with it | a power loss took the rest: the part is kept, the file unlinked |
//! | the log is there, the same file | a part or none | it was never claimed, or was given back: discard |
//! | a log that stays in its place is there, or beside it, the same file | a part | discard, if the file has what the part has; else that is salvaged |
//! | something else by the claimed name | a part or none | a regular file with a part: left alone and named; else as if it was not there |
//! | neither | a part | it was unlinked: the part is salvaged and sealed as interrupted |
//! | neither | none | the log was never touched, or is gone: forget it |
//! | can't be opened, or is another one | a part or none | a lost mount: wait |

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::Rotation;
use super::claim::{self, Standing};
use super::closed;
use super::known;
use super::queues::{Item, Queues};
use crate::model::doubt::{Doubt, Why};
use crate::model::family::Packing;
use crate::model::in_place::Known;
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Ended, Segment, Taken};
use crate::model::way::Way;
use crate::spool::Unfinished;
use crate::sys::clock;
use crate::sys::dir::{Dir, Entry};
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::{Kind, Status};
use crate::sys::lease::{self, Writers};

enum Verdict {
    CopyAgain,
    Discard,
    Salvage,
}

/// Salvages or discards what can be at once, and puts claimed files on the list.
pub(super) fn sort_out(rotation: &mut Rotation<'_>, unfinished: Vec<Unfinished>, queues: &mut Queues) {
    for unfinished in unfinished {
        let (path, name) = (unfinished.segment.path.clone(), unfinished.segment.name);
        let queue = closed::queue_of(&unfinished.segment);
        queues.record(&unfinished.segment);
        match sort_out_one(rotation, unfinished, queues) {
            Ok(()) => {}
            Err(failure) => {
                let problem = Problem::from_error(Effect::Waits, &path, &failure);
                rotation.problem(problem.hint(format!(
                    "an earlier run took this log and did not come to its end; it waits. If that directory is gone for \
                     good, move {name}.json and {name}.part out of the spool"
                )));
                queues.block(queue);
            }
        }
    }
}

fn sort_out_one(rotation: &mut Rotation<'_>, unfinished: Unfinished, queues: &mut Queues) -> Result<()> {
    let Unfinished { segment, has_part } = unfinished;
    match judge(rotation, &segment, has_part)? {
        Verdict::CopyAgain if has_part && removed_as_shorter(rotation, &segment)? => salvage(rotation, segment),
        Verdict::CopyAgain => {
            let (path, before) = (segment.path.clone(), segment.way.clone());
            let segment = Segment { way: rotation.way_of_claimed(&path, before), ..segment };
            log::info!("{}: claimed by an earlier run, copied again", path.display());
            queues.push(closed::queue_of(&segment), Item::Claimed(Box::new(segment)));
            Ok(())
        }
        Verdict::Discard => {
            log::info!("{}: begun by an earlier run, but not taken: forgotten", segment.path.display());
            rotation.spool.discard(segment.name)
        }
        Verdict::Salvage => salvage(rotation, segment),
    }
}

fn judge(rotation: &mut Rotation<'_>, segment: &Segment, has_part: bool) -> Result<Verdict> {
    let no_claim = if has_part { Verdict::Salvage } else { Verdict::Discard };
    if segment.claimed.is_none() && segment.taken == Taken::Away {
        return Ok(no_claim);
    }
    let (parent, name) = (split(&segment.path).0, segment.own_name());
    let dir = Dir::open(&parent)?;
    let claimed = segment.claimed.as_ref().map(|claimed| dir.look(claimed.as_os_str())).transpose()?.flatten();
    match claimed {
        Some(found) if is_claimed_one(&found, segment) || found.kind == Kind::Regular && has_part => {
            return Ok(Verdict::CopyAgain);
        }
        // Someone has put something else there; whatever it is, it is not waited for.
        _ => {}
    }
    let now = dir.status()?.identity;
    if !now.is_same_but_for_device(&segment.directory) {
        let why = "it is not the directory that the log was claimed in: is a file system not mounted?";
        return Err(Failure::new("look for the log in", parent, io::Error::other(why)));
    }
    // If the unlink could still be undone by a power loss, the claimed file would come back after its bytes were shipped.
    dir.sync()?;
    let log = dir.look(&name)?.filter(|log| log.status.identity.is_same_but_for_device(&segment.source.file));
    match log {
        // Without a birth time it may be a new file by the number of the old one.
        Some(log) if has_part && (segment.taken == Taken::InPlace || log.status.identity.born.is_none()) => {
            Ok(if is_in(rotation, segment, &dir, &name)? { Verdict::Discard } else { Verdict::Salvage })
        }
        Some(_) => Ok(Verdict::Discard),
        None if has_part && segment.taken == Taken::InPlace && is_beside(rotation, &dir, segment)? => {
            Ok(Verdict::Discard)
        }
        None => Ok(no_claim),
    }
}

/// Whether the file that a segment was made of in its place has another name in its directory, and what was read of it is there.
fn is_beside(rotation: &mut Rotation<'_>, dir: &Dir, segment: &Segment) -> Result<bool> {
    for name in dir.names()? {
        let file = dir.look(&name)?.filter(|entry| is_claimed_one(entry, segment));
        if file.is_some() && is_in(rotation, segment, dir, &name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether what was read of a file is there still: someone may have truncated it since, and the part is all that is left.
fn is_in(rotation: &mut Rotation<'_>, segment: &Segment, dir: &Dir, name: &OsStr) -> Result<bool> {
    let part = match rotation.spool.salvage_part(segment.clone()) {
        // Nothing can be read in it, so that nothing is lost with it.
        Err(failure) if failure.is(io::ErrorKind::InvalidData) => return Ok(true),
        other => other?,
    };
    let file = dir.open_read(name)?;
    if part.is_piece_of(&file, segment.source.from)? {
        return Ok(true);
    }
    // A power loss may have brought a head back that had gone before the segment began.
    let Some(last) = rotation.continued()?.of(&segment.path, segment.source.file).cloned() else { return Ok(false) };
    let (path, size) = (dir.path_of(name), Status::of_file(&file).doing("look at", &segment.path)?.size);
    match known::known(&last, &path, &file, size)? {
        Known::Same { position, .. } if position != segment.source.from => part.is_piece_of(&file, position),
        Known::Same { .. } | Known::Changed => Ok(false),
    }
}

/// Unlinks a claimed file that holds less than its part does, and nothing else, and that nobody writes to: what its writer
/// wrote last was durable in the spool, and had not reached the disk in the log when the power went. Whether it did.
fn removed_as_shorter(rotation: &Rotation<'_>, segment: &Segment) -> Result<bool> {
    // What is compressed is shorter than its part anyway, and nobody can tell from its length whether the part is whole.
    if closed::packing_of(&segment.own_name()) != Packing::None {
        return Ok(false);
    }
    let (parent, _) = split(&segment.path);
    let (dir, Some(claimed)) = (Dir::open(&parent)?, &segment.claimed) else { return Ok(false) };
    let Some((log, status)) = claim::reopen(&dir, claimed, Some(segment.source.file))? else { return Ok(false) };
    let mut part = match rotation.spool.salvage_part(segment.clone()) {
        // It will be copied again; the part is of no use.
        Err(failure) if failure.is(io::ErrorKind::InvalidData) => return Ok(false),
        other => other?,
    };
    let has_less = status.size < part.taken() && status.size >= segment.source.from;
    let shorter = has_less && lease::writers(&log) == Writers::None && part.begins_with(&log)?;
    if !shorter || claim::standing(&dir, claimed, &log)? != Standing::Claimed {
        return Ok(false);
    }
    part.sync()?;
    dir.unlink(claimed.as_os_str())?;
    fault::reached(Point::ShorterUnlinked);
    dir.sync()?;
    Ok(true)
}

fn is_claimed_one(found: &Entry, segment: &Segment) -> bool {
    found.kind == Kind::Regular && found.status.identity.is_same_but_for_device(&segment.source.file)
}

fn salvage(rotation: &mut Rotation<'_>, segment: Segment) -> Result<()> {
    let (name, path, claimed_at) = (segment.name, segment.path.clone(), segment.claimed_at);
    let part = match rotation.spool.salvage_part(segment) {
        Err(failure) if failure.is(io::ErrorKind::InvalidData) => {
            return rotation.spool.put_part_aside(name, &failure.source.to_string());
        }
        other => other?,
    };
    if part.raw() == 0 {
        rotation.spool.settle_doubt(name)?;
        // A log is unlinked when its bytes are durable: that they are not there is damage.
        return match part.segment().claimed {
            Some(_) => rotation.spool.put_part_aside(name, &format!("nothing of {} is in it", path.display())),
            None => rotation.spool.discard(name),
        };
    }
    let modified = part.modified()?;
    if part.segment().way == Way::Closed {
        return closed::seal_unlinked(rotation, part, modified);
    }
    let ended = match part.segment().taken {
        Taken::Away => {
            rotation.spool.doubt(&doubt_about(part.segment())?)?;
            Ended::Interrupted
        }
        // Someone else has truncated, deleted or renamed it. What became of it is looked for (`moved.rs`), and doubted there if it
        // isn't found; whatever it is called then, it goes on behind what was read.
        Taken::InPlace if rotation.looks_for(part.segment()) => Ended::Continued,
        Taken::InPlace => {
            rotation.spool.doubt_for_good(&doubt_about(part.segment())?)?;
            Ended::Continued
        }
    };
    let sealed = rotation.spool.seal(part, modified, ended)?;
    let length = sealed.seal.length;
    let what = format!(
        "the run that took it at {} was cut short; the {length} bytes that it had read are kept",
        claimed_at.to_second()
    );
    rotation.problem(Problem::new(Effect::Noted, path, what).because(Cause::Interrupted));
    rotation.note_continued(&sealed);
    rotation.outcome.sealed.push(sealed);
    Ok(())
}

/// What may be missing behind an interrupted segment, until its inode is looked for.
fn doubt_about(segment: &Segment) -> Result<Doubt> {
    let Segment { name, path, service, claimed_at, .. } = segment.clone();
    // Its writer has reopened it at the latest when the log that is there now was made.
    let (parent, file_name) = split(&path);
    let now_there = match Dir::open(&parent).and_then(|dir| dir.look(&file_name)) {
        Ok(entry) => entry.filter(|entry| entry.status.identity != segment.source.file),
        Err(_) => None,
    };
    let reopened = now_there.and_then(|entry| entry.status.identity.born).filter(|born| *born > claimed_at);
    let until = reopened.unwrap_or_else(clock::now).max(claimed_at);
    Ok(Doubt { segment: name, path, service, from: claimed_at, until, why: Why::RunCutShort })
}

/// A log's directory and name.
pub(super) fn split(path: &Path) -> (PathBuf, std::ffi::OsString) {
    let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
    (parent, path.file_name().unwrap_or_default().to_owned())
}
