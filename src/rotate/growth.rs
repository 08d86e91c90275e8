//! What writers wrote into inodes that were unlinked by an earlier run while they still held them.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::Rotation;
use super::queues::{Item, Queues};
use super::watch::Change;
use crate::model::doubt::{Doubt, Why};
use crate::model::problem::{Cause, Effect, Problem};
use crate::model::segment::{Identity, SegmentName};
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::spool::{Held, Spool};
use crate::sys::clock;
use crate::sys::failure::Result;
use crate::sys::file::{Kind, Status};
use crate::sys::procfs::{self, Holder, Holders};

/// What to do about a writer that does not reopen its log.
pub(super) const DOES_NOT_REOPEN: &str = "nothing is lost while that process lives: each run ships what it wrote; \
    but it must be one that reopens its log when the link count is 0, as Upstart's logger does, or be restarted";

/// What to do about a writer whose log somebody else has taken away.
const DELETED_BY_OTHERS: &str = "someone else has deleted, renamed or replaced it; each run ships what is written there while \
    that process lives; have it open its log anew, and find out what else handles the log";

/// Puts the growth of every held inode on the list, and forgets inodes that nobody holds any more.
pub(super) fn find(rotation: &mut Rotation<'_>, queues: &mut Queues) {
    let held = match rotation.spool.held() {
        Ok(held) => held,
        Err(failure) => {
            let state = rotation.settings.state_dir.clone();
            return rotation.failed(&state, &failure);
        }
    };
    let held: Vec<Held> = held.into_iter().filter(|held| !is_watched(rotation, held, queues)).collect();
    if held.is_empty() {
        return;
    }
    let holders = holders_of(rotation.spool, &held);
    for held in held {
        let looked_at = match holders.by_file.get(&held.file) {
            Some(holders) => look(rotation, held, holders, queues),
            None if holders.complete || is_stale(rotation, &held) => gone(rotation, &held),
            // A process that we may not look into could hold it still; but nobody will know.
            None => rotation.spool.confirm_doubt(name_of(&held)),
        };
        if let Err(failure) = looked_at {
            rotation.failed(&failure.path.clone(), &failure);
        }
    }
}

/// What became of a log that a writer held when it was taken.
pub struct Watched {
    /// The log.
    pub path: PathBuf,
    /// When it was taken; `None` where it was forgotten meanwhile.
    pub since: Option<Moment>,
    /// Who holds it now.
    pub state: State,
}

/// Who holds a deleted log.
pub enum State {
    /// A writer does.
    Held {
        /// Its name and pid, for people.
        writer: String,
    },
    /// Nobody does, or its writer has turned to a new file.
    LetGo,
    /// Not all processes can be looked into, and none that can is it.
    Unseen,
}

/// What became of every log that a writer held when it was taken, as far as that is remembered.
///
/// # Errors
/// Where that can't be read.
pub fn watched(spool: &mut Spool) -> Result<Vec<Watched>> {
    let held = spool.held()?;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let holders = holders_of(spool, &held);
    let mut watched = Vec::new();
    for held in held {
        let Some(last) = spool.newest_of(&held)? else { continue };
        // A writer that has opened its log anew has let go of the one before: that one was taken since.
        let was_reopened = !last.segment.source.file.is_same_but_for_device(&held.file);
        let path = last.segment.path;
        let state = match holders.by_file.get(&held.file).and_then(|holders| holders.first()) {
            Some(holder) => State::Held { writer: format!("{} (pid {})", holder.name, holder.pid) },
            None if holders.complete || was_reopened => State::LetGo,
            None => State::Unseen,
        };
        watched.push(Watched { path, since: spool.held_since(&held)?, state });
    }
    Ok(watched)
}

/// Who holds these inodes: those that we have unlinked, and logs that others have deleted or renamed while we left them in their
/// place.
fn holders_of(spool: &mut Spool, held: &[Held]) -> Holders {
    let files: Vec<Identity> = held.iter().map(|held| held.file).collect();
    let mut holders = procfs::holders_of_unlinked(&files);
    let paths = held.iter().filter_map(|held| {
        let last = spool.newest_of(held).ok().flatten()?;
        Some((last.segment.path, held.file))
    });
    let paths: Vec<(PathBuf, Identity)> = paths.filter(|(_, file)| !holders.by_file.contains_key(file)).collect();
    if !paths.is_empty() {
        let logs: Vec<(&Path, Identity)> = paths.iter().map(|(path, file)| (path.as_path(), *file)).collect();
        let moved = procfs::holders_of_moved(&logs);
        holders.complete &= moved.complete;
        holders.by_file.extend(moved.by_file);
    }
    holders
}

/// Deals with an inode that was kept open since it was sealed: nobody needs to be found who holds it, and nothing can be
/// lost of it. Whether it was.
fn is_watched(rotation: &mut Rotation<'_>, held: &Held, queues: &mut Queues) -> bool {
    let Some(watch) = &mut rotation.watch else { return false };
    let looked_at = match watch.look(held.file) {
        None => return false,
        Some(Change::Nothing) => Ok(()),
        Some(Change::LetGo) => {
            watch.forget(held.file);
            rotation.spool.settle_doubt(name_of(held)).and_then(|()| rotation.spool.let_go(held))
        }
        Some(Change::Grew) => match (watch.open(held.file), rotation.spool.newest_of(held)) {
            (Some(log), Ok(Some(last))) => {
                let path = last.segment.path;
                queues.push(path.clone(), Item::Growth { path, held: held.clone(), log });
                rotation.spool.settle_doubt(name_of(held))
            }
            _ => return false,
        },
    };
    if let Err(failure) = looked_at {
        rotation.failed(&failure.path.clone(), &failure);
    }
    true
}

/// How long an inode is remembered that no process is seen to hold, where not all processes can be seen: in nanoseconds.
const REMEMBERED_UNSEEN: i64 = 7 * 24 * 60 * 60 * 1_000_000_000;

fn is_stale(rotation: &Rotation<'_>, held: &Held) -> bool {
    let since = rotation.spool.held_since(held).ok().flatten();
    since.is_some_and(|since| since.nanos().saturating_add(REMEMBERED_UNSEEN) < clock::now().nanos())
}

/// No process holds the inode any more: it is forgotten, and if it may have held bytes that nobody has read, that is
/// remembered in its place.
fn gone(rotation: &mut Rotation<'_>, held: &Held) -> Result<()> {
    let name = name_of(held);
    rotation.spool.confirm_doubt(name)?;
    let last = rotation.spool.newest_of(held)?.filter(|last| last.segment.name == name);
    // Only a writer that never reopens its log makes it grow after it was taken.
    if let Some(last) = last.filter(|last| last.segment.claimed.is_none()) {
        let (from, until) = (last.seal.last, clock::now().max(last.seal.last));
        let (path, service) = (last.segment.path, last.segment.service);
        rotation.spool.doubt_for_good(&Doubt { segment: name, path, service, from, until, why: Why::WriterEnded })?;
    }
    rotation.spool.let_go(held)
}

fn look(rotation: &mut Rotation<'_>, held: Held, holders: &[Holder], queues: &mut Queues) -> Result<()> {
    let Some((holder, log, status)) = open_by_any(rotation.spool, &held, holders) else { return Ok(()) };
    rotation.spool.settle_doubt(name_of(&held))?;
    if status.size <= held.taken {
        rotation.silent(held.file, status.size, held.taken);
        return Ok(());
    }
    let writer = format!("{} (pid {})", holder.name, holder.pid);
    let Some(last) = rotation.spool.newest_of(&held)? else {
        let what = format!("{writer} holds a log of ours, but there is no record of its stream; its growth is left");
        rotation.problem(Problem::new(Effect::Failed, Path::new(&holder.through), what));
        return Ok(());
    };
    let path = last.segment.path.clone();
    let (what, hint) = match last.segment.way {
        Way::Holds { .. } => (
            format!("{writer} still writes to the file that was this log, and that is not beside it any more"),
            DELETED_BY_OTHERS,
        ),
        _ => {
            let when = last.segment.claimed_at.to_second();
            (format!("{writer} still writes to the file that was taken out of use at {when}"), DOES_NOT_REOPEN)
        }
    };
    rotation.problem(Problem::new(Effect::Noted, &path, what).because(Cause::Unreleased).hint(hint));
    queues.push(path.clone(), Item::Growth { path, held, log });
    Ok(())
}

fn name_of(held: &Held) -> SegmentName {
    SegmentName { stream: held.stream, seq: held.seq }
}

/// Opens a held inode through one of the processes that were found to hold it. They may all have ended or closed it since,
/// while another one, such as the parent of a child that was seen before its exec, holds it still.
fn open_by_any(spool: &mut Spool, held: &Held, holders: &[Holder]) -> Option<(Holder, File, Status)> {
    let by_one_of = |holders: &[Holder]| {
        holders.iter().find_map(|holder| open(held, holder).map(|(log, status)| (holder.clone(), log, status)))
    };
    by_one_of(holders).or_else(|| by_one_of(holders_of(spool, std::slice::from_ref(held)).by_file.get(&held.file)?))
}

/// Opens a held inode, if the process holds it still: it may have closed it and opened something else by that number.
fn open(held: &Held, holder: &Holder) -> Option<(File, Status)> {
    let file = holder.open().ok()?;
    let metadata = file.metadata().ok()?;
    let status = Status::of(&metadata);
    (Kind::of(&metadata) == Kind::Regular && status.identity == held.file).then_some((file, status))
}
