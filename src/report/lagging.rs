//! Logs that lag behind their limits, as reports and the status tell them.

use serde::{Serialize, Serializer};

use crate::model::lag::{Lag, Pace};
use crate::model::path_text::to_text;
use crate::model::size;
use crate::model::time::Moment;

/// How many are listed for people.
const LISTED: usize = 10;

/// One of them, for a program.
#[derive(Serialize)]
struct Shown {
    path: String,
    bytes: u64,
    since: Moment,
    /// Bytes an hour; null as long as they can't be told.
    given_an_hour: Option<u64>,
    taken_an_hour: Option<u64>,
    falls_behind: bool,
}

/// Writes them for a program.
pub(super) fn shown<S: Serializer>(lags: &[Lag], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(lags.iter().map(|lag| Shown {
        path: to_text(&lag.path),
        bytes: lag.bytes,
        since: lag.since,
        given_an_hour: lag.pace().map(|Pace { given, .. }| given),
        taken_an_hour: lag.pace().map(|Pace { taken, .. }| taken),
        falls_behind: lag.falls_behind(),
    }))
}

/// Lines for people: the first few, and how many more.
pub(super) fn lines(lags: &[Lag]) -> Vec<String> {
    let line = |lag: &Lag| {
        let (path, bytes) = (to_text(&lag.path), size::show(lag.bytes));
        let (since, outlook) = (lag.since.to_second(), lag.outlook().map_or(String::new(), |said| format!("; {said}")));
        format!("lagging: {path}: its limits leave {bytes} in it for later runs, since {since}{outlook}")
    };
    let mut lines: Vec<String> = lags.iter().take(LISTED).map(line).collect();
    lines.extend((lags.len() > LISTED).then(|| format!("  and {} more", lags.len() - LISTED)));
    lines
}
