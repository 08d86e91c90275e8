//! What a flush leaves: what is not in the store, and what may be missing and nobody can see.

use std::path::Path;

use super::Kind;
use crate::config::Settings;
use crate::model::left::Left;
use crate::model::problem::{Effect, Problem};
use crate::model::time::Moment;
use crate::rotate::discover::{self, Discovery};
use crate::rotate::growth::{self, State};
use crate::rotate::{moved, untaken};
use crate::spool::{self, Spool, Survey};
use crate::sys::failure::Result;

/// Every log and segment that is not in the store now, the largest first.
pub(super) fn all(settings: &Settings) -> Vec<Left> {
    let Discovery { found, claimed, families, current, .. } = discover::discover(settings, &settings.own_directories());
    // What can't be looked at was complained of.
    let Survey { sealed, .. } = spool::survey(&settings.state_dir).unwrap_or_default();
    let continued = spool::continued(&settings.state_dir).unwrap_or_default();
    let found = found.into_iter().chain(current).map(|found| (untaken::of(&continued, &found).bytes, found.path));
    let found = found.filter(|(bytes, _)| *bytes > 0).map(|(bytes, path)| Left::Log { path, bytes });
    let claimed = claimed.into_iter().map(|claimed| {
        let path = claimed.dir.join(claimed.claimed.as_os_str());
        Left::Log { bytes: size_of(&path), path }
    });
    let sealed = sealed.into_iter().map(|sealed| Left::Segment {
        segment: sealed.segment.name,
        path: sealed.segment.path,
        bytes: sealed.seal.packed,
    });
    let rotated = families.into_iter().flat_map(|family| family.files);
    let rotated = rotated.map(|file| Left::Log { path: file.path, bytes: file.status.size });
    let standings = spool::standings(&settings.state_dir).unwrap_or_default();
    let moved = moved::left(settings, &standings, &continued);
    let moved = moved.into_iter().map(|moved| Left::Log { path: moved.path, bytes: moved.bytes });
    let mut left: Vec<Left> = found.chain(claimed).chain(rotated).chain(sealed).collect();
    let more: Vec<Left> = moved.filter(|moved| !left.iter().any(|known| known.path() == moved.path())).collect();
    left.extend(more);
    left.sort_by_key(|left| std::cmp::Reverse(left.bytes()));
    left
}

fn size_of(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |metadata| metadata.len())
}

/// A log that is taken when its writer has rotated it: a flush can't have it rotated, and must not say that all is shipped.
pub(super) fn to_its_writer(path: &Path) -> Problem {
    let what = "its writer rotates it and goes on with it; what is in it now is not in the store";
    Problem::new(Effect::Failed, path, what).hint("stop its writer, or have it rotate its log, then flush once more")
}

/// Deleted logs that a writer may hold: of those that were taken before `began`, whether anybody can know what was written
/// to them since; and for a last flush, who holds one still.
pub(super) fn behind_deleted_logs(spool: &mut Spool, kind: Kind, began: Moment) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for growth::Watched { path, since, state } in growth::watched(spool)? {
        match state {
            State::Unseen if since.is_none_or(|since| since < began) => {
                let what = "its writer held the file that an earlier run took, and now not all processes can be looked into: \
                            nobody knows whether it has written to it since";
                let problem = Problem::new(Effect::Failed, &path, what);
                problems.push(problem.hint("as root, and outside of a container, every process can be seen"));
            }
            State::Held { writer } if kind != Kind::Usual => {
                let what = format!(
                    "{writer} still holds the file that was taken; what it writes there from now on is lost with this machine"
                );
                problems.push(Problem::new(Effect::Noted, &path, what).hint("stop it, then flush once more"));
            }
            State::Unseen | State::Held { .. } | State::LetGo => {}
        }
    }
    Ok(problems)
}

/// What earlier commands have put aside as damaged: it was told then, but goes with a machine that disappears now.
pub(super) fn put_aside_before(spool: &Spool) -> Result<Vec<Problem>> {
    let Survey { damaged, .. } = spool::survey(spool.root().path())?;
    let before = damaged.into_iter().filter(|path| !spool.damage().iter().any(|damage| damage.path == *path));
    let what = "it was put aside as damaged by an earlier command, so that it is not in the store, and is lost with this machine";
    let problem = |path| Problem::new(Effect::Failed, path, what).hint("copy it to another machine, or remove it");
    Ok(before.map(problem).collect())
}
