//! What the runs came to, in the state directory: `last.json`, and `skipped.json` for one that found another at work.
//!
//! `last.json` belongs to who holds the lock. It is written when a command begins, and when it ends: one that is killed in
//! between is seen by the next. Nothing depends on it: what can't be written is told with `-v`, and where it makes no sense it
//! is begun anew. So only a command that has taken or shipped something waits for the disk to have it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

use crate::model::history::{Amount, Begun, Command, History, Run, Skipped};
use crate::model::lag::Lag;
use crate::model::names::Service;
use crate::model::problem;
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::procfs;

/// What the runs came to.
const LAST: &str = "last.json";

/// That the newest run was not made.
const SKIPPED: &str = "skipped.json";

/// The largest file that is read, in bytes: what is written is far below that.
const LARGEST: u64 = 1024 * 1024;

/// What is known of the runs.
#[derive(Clone, Default, Debug)]
pub struct Runs {
    /// What they came to; `None` where none has begun yet, or that makes no sense.
    pub history: Option<History>,
    /// Why that makes no sense.
    pub unread: Option<String>,
    /// The last one that found another at work.
    pub skipped: Option<Skipped>,
    /// The command that is at work.
    pub at_work: Option<Begun>,
}

impl Runs {
    /// How many commands in a row did not come to their end since the last one that did.
    pub fn cut_short(&self) -> u64 {
        let Some(history) = &self.history else { return 0 };
        history.cut_short + u64::from(history.begun.is_some() && self.at_work.is_none())
    }
}

/// Takes note that a command begins.
pub(super) fn begin(root: &Dir, command: Command, now: Moment) {
    let Some(mut history) = known(root, now) else { return };
    let pid = std::process::id();
    history.begin(Begun { command, at: now, pid, ticks: procfs::begin(pid).unwrap_or_default() });
    write(root, LAST, &history, Dir::write_unsynced);
    fault::reached(Point::BeginNoted);
}

/// Takes note of how it ended; gives what all of them came to, whether that could be written or not. `None` where what there
/// was before can't be read now.
pub(super) fn end(root: &Dir, run: Run, shipped: &BTreeMap<Service, Amount>, lagging: Vec<Lag>) -> Option<History> {
    let mut history = known(root, run.started)?;
    let write_it: Write = if run.is_idle() { Dir::write_unsynced } else { Dir::write_durable };
    history.end(run, shipped, lagging);
    write(root, LAST, &history, write_it);
    fault::reached(Point::EndNotedOfRun);
    Some(history)
}

/// The logs that lagged after the command before; none where that is not known.
pub(super) fn lagged(root: &Dir) -> Vec<Lag> {
    let json = read(root, LAST).ok().flatten();
    json.and_then(|json| History::parse(&json).ok()).map_or_else(Vec::new, |history| history.lagging)
}

/// Takes note that a command found another one at work. Several may do so at once: the last one counts.
pub(super) fn skip(root: &Dir, command: Command, now: Moment) {
    write(root, SKIPPED, &Skipped { command, at: now }, Dir::write_unsynced);
}

/// What the runs came to.
///
/// # Errors
/// Where the directory is there and can't be opened.
pub(super) fn survey(state_dir: &Path) -> Result<Runs> {
    let root = match Dir::open(state_dir) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(Runs::default()),
        other => other?,
    };
    let mut runs = Runs::default();
    match read(&root, LAST) {
        Ok(Some(json)) => match History::parse(&json) {
            Ok(history) => {
                runs.at_work = history.begun.filter(|begun| procfs::begin_of_running(begun.pid) == Some(begun.ticks));
                runs.history = Some(history);
            }
            Err(why) => runs.unread = Some(why),
        },
        Ok(None) => {}
        // All else of the state directory can be told.
        Err(failure) => runs.unread = Some(problem::chain(&failure)),
    }
    let skipped = read(&root, SKIPPED).unwrap_or_default();
    runs.skipped = skipped.and_then(|json| serde_json::from_slice(&json).ok());
    Ok(runs)
}

/// What was written before, or a new one. `None` where it can't be read now: it may be sound, and is not written over.
fn known(root: &Dir, now: Moment) -> Option<History> {
    let json = match read(root, LAST) {
        Ok(json) => json,
        Err(failure) => {
            log::info!("{}: status and metrics won't tell of this run", problem::chain(&failure));
            return None;
        }
    };
    let parsed = json
        .and_then(|json| History::parse(&json).inspect_err(|why| log::info!("{LAST}: {why}; it is begun anew")).ok());
    Some(parsed.unwrap_or_else(|| History::new(now)))
}

fn read(root: &Dir, name: &str) -> Result<Option<Vec<u8>>> {
    let file = match root.open_read(name) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(None),
        other => other?,
    };
    let mut json = Vec::new();
    file.take(LARGEST).read_to_end(&mut json).doing("read", root.path_of(name))?;
    Ok(Some(json))
}

/// A way to write a whole file.
type Write = fn(&Dir, &str, &[u8]) -> Result<()>;

fn write(root: &Dir, name: &str, what: &impl Serialize, write: Write) {
    let text = serde_json::to_vec_pretty(what).map_err(io::Error::other).doing("write", root.path_of(name));
    if let Err(failure) = text.and_then(|text| write(root, name, &text)) {
        log::info!("{}: status and metrics won't tell of this run", problem::chain(&failure));
    }
}
