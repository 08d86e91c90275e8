//! What a flush owes: every log that was there when it began, until it is sealed; and the spool, until it is empty.
//!
//! Promise: a flush that comes to no problem has looked, at its end, at all that it owes, and found nothing of it left. Whatever
//! its passes did or forgot to say, exit code 0 is not possible without that.
//!
//! | at its end | so |
//! | --- | --- |
//! | the log is at its path still, with bytes in it | it waits |
//! | the log is empty, or not at its path any more, and was not sealed | someone else has its bytes: who called for the flush must know |
//! | a claimed file is there still | it waits |
//! | the spool has a segment that is not in the store | it waits |
//!
//! What was written to a log that came later is owed by nobody.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::model::problem::{Effect, Problem, chain};
use crate::model::segment::{Identity, Segment, Taken};
use crate::rotate::discover::{ClaimedFile, Discovery};
use crate::spool::{self, Survey};
use crate::sys::dir::Dir;
use crate::sys::failure::Result;

/// What is owed still of what was there when the flush began.
#[derive(Default)]
pub(super) struct Owed {
    /// The logs, by the files that they were then.
    logs: HashMap<Identity, PathBuf>,
    /// Claimed files, with their logs.
    claimed: Vec<(PathBuf, PathBuf)>,
}

/// How a log that is owed stands.
enum Standing {
    /// It is at its path, with bytes in it.
    There,
    /// It is at its path, and someone else has emptied it.
    Emptied,
    /// It is not at its path any more.
    Gone,
    /// It can't be looked at.
    Unknown(String),
}

impl Owed {
    /// All that was found when it began.
    pub(super) fn of(discovery: &Discovery) -> Self {
        let logs = discovery.found.iter().map(|found| (found.identity, found.path.clone()));
        let rotated = discovery.families.iter().flat_map(|family| &family.files).filter(|file| file.status.size > 0);
        let rotated = rotated.map(|file| (file.status.identity, file.path.clone()));
        // What somebody else may have made up is refused each time, and named.
        let ours = discovery.claimed.iter().filter(|claimed| !claimed.foreign);
        let paths =
            |ClaimedFile { dir, claimed, log, .. }: &ClaimedFile| (dir.join(claimed.as_os_str()), dir.join(log));
        Self { logs: logs.chain(rotated).collect(), claimed: ours.map(paths).collect() }
    }

    /// All that was in this file is in the spool now, which is looked at by itself, or in the store.
    pub(super) fn discharge(&mut self, file: &Identity) {
        self.logs.remove(file);
    }

    /// What is left of it, and what is left in the spool, as problems; but for what `told` says already.
    ///
    /// # Errors
    /// Where the spool can't be looked at.
    pub(super) fn reckon(mut self, state_dir: &Path, told: &[Problem]) -> Result<Vec<Problem>> {
        let Survey { unfinished, sealed, unread, .. } = spool::survey(state_dir)?;
        let begun = || unfinished.iter().chain(sealed.iter().map(|sealed| &sealed.segment));
        // A log that stays in its place has more than that segment, unless all of it was discharged.
        let away = |segment: &&Segment| segment.taken == Taken::Away;
        begun().filter(away).for_each(|segment| self.discharge(&segment.source.file));
        let mut waits: Vec<PathBuf> = begun().map(|segment| segment.path.clone()).chain(unread).collect();
        let (mut problems, mut dirs) = (Vec::new(), Dirs::default());
        for (file, path) in self.logs {
            match dirs.standing(&path, file) {
                Standing::There => waits.push(path),
                Standing::Emptied => problems.push(taken_away(&path, "emptied")),
                Standing::Gone => problems.push(taken_away(&path, "renamed or deleted")),
                Standing::Unknown(why) => problems.push(Problem::new(Effect::Failed, &path, why)),
            }
        }
        let named: HashSet<&Path> =
            told.iter().filter(|problem| problem.effect != Effect::Noted).map(path_of).collect();
        let there = self.claimed.into_iter().filter(|(claimed, _)| claimed.symlink_metadata().is_ok());
        waits.extend(there.filter(|(claimed, _)| !named.contains(&**claimed)).map(|(_, log)| log));
        problems.retain(|problem| !named.contains(path_of(problem)));
        waits.retain(|path| !named.contains(&**path));
        // What waits is listed one by one besides; why it does was mostly said of all of it together.
        if !waits.is_empty() && !told.iter().any(|problem| problem.effect == Effect::Waits) {
            let what = format!("left of the logs and segments that it had to ship: {}", waits.len());
            problems.push(Problem::new(Effect::Waits, state_dir, what));
        }
        problems.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(problems)
    }
}

fn path_of(problem: &Problem) -> &Path {
    &problem.path
}

/// Directories that were opened; thousands of logs may be in one.
#[derive(Default)]
struct Dirs(HashMap<PathBuf, std::result::Result<Dir, String>>);

impl Dirs {
    fn standing(&mut self, path: &Path, file: Identity) -> Standing {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Standing::Gone };
        let open = || Dir::open(parent).map_err(|failure| chain(&failure));
        let looked_at = match self.0.entry(parent.to_owned()).or_insert_with(open) {
            Ok(dir) => dir.look(name).map_err(|failure| chain(&failure)),
            Err(why) => Err(why.clone()),
        };
        match looked_at {
            Ok(Some(entry)) if entry.status.identity != file => Standing::Gone,
            Ok(Some(entry)) if entry.status.size == 0 => Standing::Emptied,
            Ok(Some(_)) => Standing::There,
            Ok(None) => Standing::Gone,
            Err(why) => Standing::Unknown(why),
        }
    }
}

fn taken_away(path: &Path, how: &str) -> Problem {
    let what = format!("it was there when the flush began, and was {how} by someone else before it could be taken");
    let problem = Problem::new(Effect::Failed, path, what);
    problem.hint("whoever did it has its bytes, or nobody; logferry check tells whether logrotate is kept off")
}
