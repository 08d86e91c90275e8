//! In which order logs are taken when there may not be time for all: the urgent ones first, then the smallest, so that
//! most services are complete.
//!
//! They go in rounds. What a round has sealed is shipped while the next one is taken, so that nothing has to wait until all
//! is copied. Each round may be larger than the one before, since each may have to wait for silent writers once: there are
//! few of them, however much there is.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::closed;
use super::discover::{Discovery, Found};
use super::leftovers::split;
use crate::model::segment::ClaimedName;
use crate::spool::{Recovered, Unfinished};
use crate::sys::dir::Dir;

/// What is taken together.
pub struct Round {
    /// What earlier runs left, and which logs are left alone.
    pub recovered: Recovered,
    /// The logs.
    pub discovery: Discovery,
}

/// All that there is to take, in rounds; at least one, for what nobody can see in advance.
///
/// What earlier runs left comes first, but for logs of which a large claimed file is left, or rotated files that are as
/// large: these come last, with all that there is of them, since such a file is copied from its start and would hold up
/// all others.
pub fn plan(recovered: Recovered, discovery: Discovery) -> Vec<Round> {
    let heavy = heavy(&recovered.unfinished, &discovery);
    let is_heavy = |path: &Path| heavy.contains(path);
    let (unfinished, failed, blocked) = (recovered.unfinished, recovered.failed, recovered.blocked);
    let (late_unfinished, unfinished): (Vec<_>, Vec<_>) =
        unfinished.into_iter().partition(|unfinished| is_heavy(&closed::queue_of(&unfinished.segment)));
    let (late_claimed, claimed): (Vec<_>, Vec<_>) =
        discovery.claimed.into_iter().partition(|claimed| is_heavy(&claimed.of_log()));
    let (late_families, families): (Vec<_>, Vec<_>) =
        discovery.families.into_iter().partition(|family| is_heavy(&family.path));
    let (late_found, found): (Vec<_>, Vec<_>) = discovery.found.into_iter().partition(|found| is_heavy(&found.path));
    let waiting = || Recovered { blocked: blocked.iter().chain(&heavy).cloned().collect(), ..Recovered::default() };
    let mut rounds: Vec<Round> = in_rounds(found)
        .into_iter()
        .map(|found| Round { recovered: waiting(), discovery: Discovery { found, ..Discovery::default() } })
        .collect();
    if rounds.is_empty() {
        rounds.push(Round { recovered: waiting(), discovery: Discovery::default() });
    }
    let first = &mut rounds[0];
    (first.recovered.unfinished, first.recovered.failed, first.discovery.claimed) = (unfinished, failed, claimed);
    for family in families {
        // Before the log itself, in the same round.
        let of_log = |round: &Round| round.discovery.found.iter().any(|found| found.path == family.path);
        let index = rounds.iter().position(of_log).unwrap_or_default();
        rounds[index].discovery.families.push(family);
    }
    if !heavy.is_empty() {
        let recovered = Recovered { unfinished: late_unfinished, blocked, ..Recovered::default() };
        let (found, claimed, families) = (late_found, late_claimed, late_families);
        let discovery = Discovery { found, claimed, families, ..Discovery::default() };
        rounds.push(Round { recovered, discovery });
    }
    rounds
}

/// The logs of which claimed files are left, or rotated ones, that are larger than a first round.
fn heavy(unfinished: &[Unfinished], discovery: &Discovery) -> HashSet<PathBuf> {
    let of_records = unfinished.iter().filter_map(|Unfinished { segment, .. }| {
        let claimed = segment.claimed.clone()?;
        Some((closed::queue_of(segment), split(&segment.path).0, claimed))
    });
    let seen = discovery.claimed.iter().map(|file| (file.of_log(), file.dir.clone(), file.claimed.clone()));
    let all: HashSet<(PathBuf, PathBuf, ClaimedName)> = of_records.chain(seen).collect();
    let mut sizes: HashMap<PathBuf, u64> = HashMap::new();
    for (log, dir, claimed) in all {
        // What can't be looked at is dealt with when it is taken.
        let entry = Dir::open(&dir).and_then(|dir| dir.look(claimed.as_os_str())).ok().flatten();
        *sizes.entry(log).or_default() += entry.map_or(0, |entry| entry.status.size);
    }
    for family in &discovery.families {
        *sizes.entry(family.path.clone()).or_default() += family.size();
    }
    sizes.into_iter().filter(|(_, size)| *size > FIRST.bytes).map(|(path, _)| path).collect()
}

/// How much the first round takes.
const FIRST: Limit = Limit { logs: 64, bytes: 64 * 1024 * 1024 };

/// How many times as much each round may take as the one before.
const GROWTH: u64 = 4;

#[derive(Clone, Copy)]
struct Limit {
    logs: u64,
    bytes: u64,
}

/// Logs in use in rounds. A round has logs of one priority only, and at least one.
fn in_rounds(mut found: Vec<Found>) -> Vec<Vec<Found>> {
    // From the back: the first to go is the last one here.
    found.sort_by(|a, b| Reverse(key(a)).cmp(&Reverse(key(b))));
    let mut rounds = Vec::new();
    let mut limit = FIRST;
    while let Some(first) = found.pop() {
        let (priority, mut bytes) = (first.priority, first.size);
        let mut round = vec![first];
        while let Some(next) = found.pop_if(|next| next.priority == priority && fits(&round, bytes, next, limit)) {
            bytes = bytes.saturating_add(next.size);
            round.push(next);
        }
        rounds.push(round);
        limit = Limit { logs: limit.logs * GROWTH, bytes: limit.bytes.saturating_mul(GROWTH) };
    }
    rounds
}

fn key(found: &Found) -> impl Ord {
    (found.priority, found.size, found.path.clone())
}

fn fits(round: &[Found], bytes: u64, next: &Found, limit: Limit) -> bool {
    (round.len() as u64) < limit.logs && bytes.saturating_add(next.size) <= limit.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Writer;
    use crate::model::names::Service;
    use crate::model::priority::Priority;
    use crate::model::segment::Identity;
    use crate::model::time::Moment;

    fn found(name: &str, size: u64, priority: Priority) -> Found {
        let identity = Identity { dev: 1, ino: 1, born: None };
        let service = Service::new(name).expect("a name");
        let (path, writer, modified) = (format!("/log/{name}").into(), Writer::Auto, Moment::from_nanos(0));
        Found { path, service, identity, size, priority, owner: 0, modified, writer }
    }

    fn names(rounds: &[Vec<Found>]) -> Vec<Vec<&str>> {
        let name = |found: &'_ Found| found.path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let names = rounds.iter().map(|round| round.iter().filter_map(name).collect::<Vec<_>>());
        names.map(|round| round.into_iter().map(|name| &*name.leak()).collect()).collect()
    }

    #[test]
    fn the_urgent_ones_go_first_and_then_the_smallest() {
        let rounds = in_rounds(vec![
            found("large", 5_000_000_000, Priority::Normal),
            found("small", 10, Priority::Normal),
            found("unimportant", 1, Priority::Low),
            found("urgent", 7_000_000_000, Priority::High),
            found("medium", 1_000_000, Priority::Normal),
        ]);
        assert_eq!(names(&rounds), [vec!["urgent"], vec!["small", "medium"], vec!["large"], vec!["unimportant"]]);
    }

    #[test]
    fn fifty_gigabytes_go_in_a_few_rounds_each_of_a_bounded_size() {
        let logs = (0..500).map(|n| found(&format!("{n:03}"), 100_000_000, Priority::Normal)).collect();
        let rounds = in_rounds(logs);
        assert!(rounds[0].len() == 1 && rounds[1].len() == 2, "{}", rounds[1].len());
        assert!(rounds.len() <= 8, "{}", rounds.len());
        assert_eq!(rounds.iter().map(Vec::len).sum::<usize>(), 500);
        let many = in_rounds((0..5000).map(|n| found(&format!("{n:04}"), 1, Priority::Normal)).collect());
        assert_eq!((many[0].len(), many[1].len()), (64, 256));
    }
}
