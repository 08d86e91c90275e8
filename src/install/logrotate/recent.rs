//! The logs that our fragment names and that are gone: most of them for a while only.
//!
//! A log that a run has taken is gone until its writer has something to say. Were its name dropped from the fragment in
//! between, logrotate would be let at it when it comes back: so a name stays, whoever makes the fragment anew, for as long as
//! the configuration covers it.

use std::collections::BTreeSet;

use super::fragment::Fragment;
use super::words;
use crate::install::Logs;

/// How many logs that are gone stay named, at most. Instances of jobs that never come back leave such names, and the fragment
/// is not to grow without end: but one run may have taken thousands of logs at once.
const MOST_GONE: usize = 10_000;

/// The logs that there are, and those that our fragment names and that may come back.
pub(super) fn with_recent(logs: &Logs, fragment: &Fragment) -> Logs {
    let mut logs = logs.clone();
    let there: BTreeSet<_> = logs.existing.iter().cloned().collect();
    let named = fragment.words.iter().filter_map(|word| words::path_of(word));
    let gone: Vec<_> = named.filter(|path| !there.contains(path) && logs.covers(path)).take(MOST_GONE).collect();
    logs.existing.extend(gone);
    logs.existing.sort();
    logs
}
