//! What a last flush has left behind, looked at anew before a hook is told to go on: whatever the flush itself says.

use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::config::Settings;
use crate::model::left::Left;
use crate::model::segment::Identity;
use crate::model::time::Moment;
use crate::rotate::discover::{self, ClaimedFile, Discovery, Found};
use crate::rotate::moved::{self, Left as Moved};
use crate::rotate::untaken::{self, Untaken};
use crate::spool::{self, Continued, Survey};

/// How long the look may take. It is one listing of the logs' directories and of the spool; whatever hangs is as bad as what is
/// left.
const LONGEST: Duration = Duration::from_secs(15);

/// What a look came to.
pub(super) enum Look {
    /// This is left. Nothing, where it is empty.
    Left(Vec<Left>),
    /// Nobody knows.
    Unknown,
}

/// Looks at what is left of what was there at `begun`. What is refused for what it is (a link, a FIFO) does not count: no wait
/// would help it.
pub(super) fn look(settings: &Settings, begun: Moment) -> Look {
    let (sender, receiver) = mpsc::channel();
    let settings = settings.clone();
    // A thread that hangs in the kernel ends with the process.
    std::thread::spawn(move || {
        let discovery = discover::discover(&settings, &settings.own_directories());
        let looked = spool::survey(&settings.state_dir)
            .and_then(|survey| {
                Ok((survey, spool::continued(&settings.state_dir)?, spool::standings(&settings.state_dir)?))
            })
            .map(|(survey, continued, standings)| {
                let moved = moved::left(&settings, &standings, &continued);
                left(discovery, moved, survey, &continued, begun)
            });
        // Nobody waits any more for one that comes too late.
        let _ = sender.send(looked);
    });
    match receiver.recv_timeout(LONGEST) {
        Ok(Ok(left)) => Look::Left(left),
        Ok(Err(failure)) => {
            log::info!("what is left is not known: {failure}: {}", failure.source);
            Look::Unknown
        }
        Err(_) => Look::Unknown,
    }
}

fn left(discovery: Discovery, moved: Vec<Moved>, survey: Survey, continued: &Continued, begun: Moment) -> Vec<Left> {
    let Discovery { found, current, families, claimed, .. } = discovery;
    let Survey { unfinished, sealed, .. } = survey;
    // A writer that goes on has a new log by now, which nobody can ever have taken to its end.
    let was_there = |found: &Found| found.identity.born.is_none_or(|born| born < begun);
    let logs = found.into_iter().chain(current).filter(was_there).filter_map(|found| {
        let Untaken { bytes, behind } = untaken::of(continued, &found);
        // Of a log that stays in its place all was taken that was there, and its writer goes on.
        let is_left = bytes > 0 && behind.is_none_or(|behind| behind < begun);
        is_left.then_some(Left::Log { path: found.path, bytes })
    });
    let listed: HashSet<Identity> =
        families.iter().flat_map(|family| &family.files).map(|file| file.status.identity).collect();
    let moved = moved.into_iter().filter(|moved| !listed.contains(&moved.file));
    let moved = moved.filter(|moved| moved.file.born.is_none_or(|born| born < begun));
    let logs = logs.chain(moved.map(|Moved { path, bytes, .. }| Left::Log { path, bytes }));
    let rotated = families.into_iter().flat_map(|family| family.files).filter(|file| file.status.size > 0);
    let rotated = rotated.filter(|file| file.status.identity.born.is_none_or(|born| born < begun));
    let logs = logs.chain(rotated.map(|file| Left::Log { path: file.path, bytes: file.status.size }));
    // What somebody else may have made up is none of ours.
    let claimed = claimed.into_iter().filter(|claimed| !claimed.foreign).map(|ClaimedFile { dir, claimed, .. }| {
        let path = dir.join(claimed.as_os_str());
        let bytes = size(&path);
        Left::Log { path, bytes }
    });
    let sealed = sealed.into_iter().map(|sealed| (sealed.segment, sealed.seal.packed));
    let segments = sealed.chain(unfinished.into_iter().map(|segment| (segment, 0)));
    let segments = segments.map(|(segment, bytes)| Left::Segment { segment: segment.name, path: segment.path, bytes });
    logs.chain(claimed).chain(segments).collect()
}

fn size(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |metadata| metadata.len())
}

/// The first few of what is left, for people.
pub(super) fn told(left: &[Left]) -> String {
    const MOST: usize = 3;
    let mut first: Vec<String> = left.iter().take(MOST).map(Left::to_string).collect();
    if left.len() > MOST {
        first.push(format!("and {} more", left.len() - MOST));
    }
    first.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Writer;
    use crate::model::names::Service;
    use crate::model::priority::Priority;

    fn found(path: &str, born: Option<i64>) -> Found {
        let identity = Identity { dev: 1, ino: 1, born: born.map(Moment::from_nanos) };
        let (service, priority) = (Service::new("web").expect("a service"), Priority::default());
        let (owner, modified, writer) = (0, Moment::from_nanos(0), Writer::Auto);
        Found { path: path.into(), service, identity, size: 7, priority, owner, modified, writer }
    }

    #[test]
    fn what_was_there_when_the_flush_began_counts_and_what_came_later_does_not() {
        let logs = vec![found("/old", Some(10)), found("/new", Some(30)), found("/unknown", None)];
        let discovery = Discovery { found: logs, ..Discovery::default() };
        let left = left(discovery, Vec::new(), Survey::default(), &Continued::default(), Moment::from_nanos(20));
        assert_eq!(told(&left), "log /old (7 bytes), log /unknown (7 bytes)");
    }
}
