//! What writers wrote into inodes that were unlinked by an earlier run while they still held them.

use std::fs::File;
use std::path::Path;

use super::{Item, Queues, Rotation};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::Identity;
use crate::spool::Held;
use crate::sys::file::{Kind, Status};
use crate::sys::procfs::{self, Holder};

/// What to do about a writer that does not reopen its log.
pub(super) const DOES_NOT_REOPEN: &str = "nothing is lost while that process lives: each run ships what it wrote; \
    but it must be one that reopens its log when the link count is 0, as Upstart's logger does, or be restarted";

/// Puts the growth of every held inode on the list, and forgets inodes that nobody holds any more.
pub(super) fn find(rotation: &mut Rotation<'_>, queues: &mut Queues) {
    let held = match rotation.spool.held() {
        Ok(held) => held,
        Err(failure) => {
            let state = rotation.settings.state_dir.clone();
            return rotation.failed(&state, &failure);
        }
    };
    if held.is_empty() {
        return;
    }
    let files: Vec<Identity> = held.iter().map(|held| held.file).collect();
    let holders = procfs::holders_of_unlinked(&files);
    for held in held {
        let looked_at = match holders.by_file.get(&held.file) {
            Some(holders) => look(rotation, held, holders, queues),
            None if holders.complete => rotation.spool.let_go(&held),
            // A process that we may not look into could hold it still.
            None => Ok(()),
        };
        if let Err(failure) = looked_at {
            rotation.failed(&failure.path.clone(), &failure);
        }
    }
}

fn look(
    rotation: &mut Rotation<'_>,
    held: Held,
    holders: &[Holder],
    queues: &mut Queues,
) -> crate::sys::failure::Result<()> {
    let opened = holders.iter().find_map(|holder| open(&held, holder).map(|(_, status)| (holder, status)));
    let Some((holder, _)) = opened.filter(|(_, status)| status.size > held.taken) else { return Ok(()) };
    let writer = format!("{} (pid {})", holder.name, holder.pid);
    let Some(last) = rotation.spool.newest_of(&held)? else {
        let what = format!("{writer} holds a log of ours, but there is no record of its stream; its growth is left");
        rotation.problem(Problem::new(Effect::Failed, Path::new(&holder.through), what));
        return Ok(());
    };
    let path = last.segment.path.clone();
    let what = format!("{writer} still writes to the file that was taken out of use at {}", last.segment.claimed_at);
    rotation.problem(Problem::new(Effect::Noted, &path, what).hint(DOES_NOT_REOPEN));
    queues.push(path.clone(), Item::Growth { path, held, holder: holder.clone() });
    Ok(())
}

/// Opens a held inode, if the process holds it still: it may have closed it and opened something else by that number.
pub(super) fn open(held: &Held, holder: &Holder) -> Option<(File, Status)> {
    let file = holder.open().ok()?;
    let metadata = file.metadata().ok()?;
    let status = Status::of(&metadata);
    (Kind::of(&metadata) == Kind::Regular && status.identity == held.file).then_some((file, status))
}
