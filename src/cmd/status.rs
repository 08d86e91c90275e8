//! `logferry status`: what waits, and what is not known to be complete.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::Status;
use crate::exit::Exit;
use crate::model::doubt::Doubt;
use crate::model::path_text::to_text;
use crate::model::segment::SegmentName;
use crate::model::time::Moment;
use crate::report::{self, steps};
use crate::spool::{self, Survey};

/// What is told.
#[derive(Serialize)]
struct State {
    /// What waits in the spool, for each store.
    waiting: Vec<Waiting>,
    /// Logs that a run took and did not come to the end with.
    unfinished: Vec<Unfinished>,
    /// Deleted logs that a writer may still have open.
    held: usize,
    /// Files that made no sense and were put aside.
    damaged: Vec<String>,
    /// Where bytes may be missing.
    doubts: Vec<Doubt>,
}

#[derive(Serialize)]
struct Waiting {
    to: String,
    segments: usize,
    bytes: u64,
    since: Moment,
}

#[derive(Serialize)]
struct Unfinished {
    segment: SegmentName,
    path: String,
    since: Moment,
}

/// Tells how a state directory stands; changes nothing in it, and doesn't wait for a run.
pub fn status(args: &Status) -> Exit {
    let survey = match spool::survey(&args.state_dir) {
        Ok(survey) => survey,
        Err(failure) => {
            let _ = report::print_problems(&[report::fatal(&args.state_dir, &failure)]);
            return Exit::Failed;
        }
    };
    let state = state(survey);
    let told = match args.json {
        true => report::print_json(&state),
        false => lines(&state).iter().try_for_each(|line| steps::say(line)),
    };
    told.map_or(Exit::Failed, |()| Exit::Done)
}

fn state(survey: Survey) -> State {
    let Survey { unfinished, sealed, doubts, held, damaged, .. } = survey;
    let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
    for sealed in sealed {
        let (to, since) = (sealed.segment.to.to_string(), sealed.segment.claimed_at);
        let entry = waiting.entry(to.clone()).or_insert(Waiting { to, segments: 0, bytes: 0, since });
        entry.segments += 1;
        entry.bytes += sealed.seal.packed;
        entry.since = entry.since.min(since);
    }
    let unfinished = unfinished.into_iter().map(|segment| Unfinished {
        segment: segment.name,
        path: to_text(&segment.path),
        since: segment.claimed_at,
    });
    let damaged = damaged.iter().map(|path| to_text(path)).collect();
    State { waiting: waiting.into_values().collect(), unfinished: unfinished.collect(), held, damaged, doubts }
}

fn lines(state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for Waiting { to, segments, bytes, since } in &state.waiting {
        let (segments, since) = (report::count(*segments, "segment"), since.to_second());
        lines.push(format!("waiting for {to}: {segments}, {bytes} bytes, the oldest taken at {since}"));
    }
    for Unfinished { path, since, .. } in &state.unfinished {
        lines.push(format!("unfinished: {path}, begun at {}; the next run goes on with it", since.to_second()));
    }
    if state.held > 0 {
        let logs = report::count(state.held, "deleted log");
        lines.push(format!("watched: {logs} that a writer may still have open"));
    }
    lines.extend(state.damaged.iter().map(|path| format!("put aside as damaged: {path}")));
    lines.extend(state.doubts.iter().map(|doubt| format!("{}: {doubt}", doubt.log())));
    if lines.is_empty() {
        lines.push("nothing waits, and nothing is known to be missing".to_owned());
    }
    lines
}
