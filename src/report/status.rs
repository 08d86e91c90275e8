//! How the state directory stands, for people and for programs (docs/status.md).

use std::collections::BTreeMap;

use serde::Serialize;

use super::lagging;
use crate::model::doubt::Doubt;
use crate::model::history::{Begun, History, Run, Skipped, Success, Trouble};
use crate::model::lag::Lag;
use crate::model::path_text::to_text;
use crate::model::printable::is_hidden;
use crate::model::probe::rough;
use crate::model::proof::news::is_to_come;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::model::size;
use crate::model::time::Moment;
use crate::spool::{Overview, Runs, Survey};

/// How many problems of the last run are listed for people.
const LISTED: usize = 10;

/// What is said of a segment whose end is still to come.
const TO_COME: &str = ", which is still to come: a clock was wrong, or someone has set the log's own time";

/// What a time of our own means that is still to come.
const SET_BACK: &str = "the clock was set back";

/// What is told.
#[derive(Serialize)]
pub struct Status {
    /// When it was looked.
    now: Moment,
    /// Whether any run has worked with this directory.
    used: bool,
    /// The last command that has ended.
    last_run: Option<Run>,
    /// The last one whose exit code was 0.
    last_success: Option<Success>,
    /// What is at work.
    at_work: Option<Begun>,
    /// How many commands in a row were cut short since the last one that has ended.
    cut_short: u64,
    /// The last one that found another at work, and did nothing.
    skipped: Option<Skipped>,
    /// Why it is not known what the runs came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<String>,
    /// The bytes of all files in the spool.
    spool_bytes: u64,
    /// What waits in the spool, for each store.
    waiting: Vec<Waiting>,
    /// Logs that a run took and did not come to the end with.
    unfinished: Vec<Unfinished>,
    /// Logs that lag behind their limits.
    #[serde(serialize_with = "lagging::shown")]
    lagging: Vec<Lag>,
    /// Deleted logs that a writer may still have open.
    held: usize,
    /// Files that made no sense and were put aside.
    damaged: Vec<String>,
    /// Where bytes may be missing.
    doubts: Vec<Doubt>,
    /// What was shipped.
    streams: Streams,
    /// Shipped segments that stay on this machine.
    kept: Kept,
}

#[derive(Serialize)]
struct Waiting {
    to: String,
    segments: usize,
    bytes: u64,
    since: Moment,
    /// The log of the oldest of them.
    oldest: String,
}

#[derive(Serialize)]
struct Unfinished {
    segment: SegmentName,
    path: String,
    since: Moment,
}

#[derive(Serialize)]
struct Streams {
    count: usize,
    newest: Option<Newest>,
}

/// The newest segment that was shipped.
#[derive(Serialize)]
struct Newest {
    path: String,
    to: String,
    key: String,
    last: Moment,
}

#[derive(Serialize)]
struct Kept {
    segments: usize,
    bytes: u64,
}

impl Status {
    /// What an overview tells.
    pub fn of(overview: Overview, now: Moment) -> Self {
        let Overview { survey, runs, streams, newest, kept, is_used, .. } = overview;
        let cut_short = runs.cut_short();
        let Runs { history, unread, skipped, at_work } = runs;
        let (last_run, last_success, lagging) =
            history.map_or_else(Default::default, |History { last, success, lagging, .. }| (last, success, lagging));
        let Survey { unfinished, sealed, doubts, held, damaged, used, .. } = survey;
        Self {
            now,
            used: is_used,
            last_run,
            last_success,
            at_work,
            cut_short,
            skipped,
            unread,
            spool_bytes: used,
            waiting: waiting(&sealed),
            unfinished: unfinished
                .into_iter()
                .map(|segment| Unfinished {
                    segment: segment.name,
                    path: to_text(&segment.path),
                    since: segment.claimed_at,
                })
                .collect(),
            lagging,
            held,
            damaged: damaged.iter().map(|path| to_text(path)).collect(),
            doubts,
            streams: Streams { count: streams, newest: newest.as_ref().map(Newest::of) },
            kept: Kept { segments: kept.count, bytes: kept.bytes },
        }
    }

    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.of_runs();
        let clean = lines.len();
        lines.extend(self.of_spool());
        if lines.len() == clean {
            lines.push("nothing waits, and nothing is known to be missing".to_owned());
        }
        if let Some(newest) = &self.streams.newest {
            let (count, last) = (super::count(self.streams.count, "stream"), newest.last.to_second());
            let doubt = if is_to_come(newest.last, self.now) { TO_COME } else { "" };
            lines.push(format!("shipped: {count}, the newest up to {last} ({}){doubt}", newest.path));
        }
        if self.kept.segments > 0 {
            let segments = super::count(self.kept.segments, "shipped segment");
            lines.push(format!("kept here: {segments}, {}", size::show(self.kept.bytes)));
        }
        lines
    }

    fn ago(&self, moment: Moment) -> String {
        match moment > self.now {
            false => format!("{} ({} ago)", moment.to_second(), rough(self.now.since(moment))),
            true => format!(
                "{} (which is still to come, in {}: {SET_BACK})",
                moment.to_second(),
                rough(moment.since(self.now))
            ),
        }
    }

    fn of_runs(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.last_run {
            Some(last) => lines.extend(self.of_last(last)),
            None => lines.push(match &self.unread {
                Some(why) => format!("last run: not known, since last.json makes no sense: {why}"),
                None => "last run: none has ended yet".to_owned(),
            }),
        }
        let failed = self.last_run.as_ref().is_some_and(|last| last.exit_code != 0);
        match &self.last_success {
            Some(success) if failed => lines.push(format!("last success: {}", self.ago(success.at))),
            None if failed => lines.push("last success: never".to_owned()),
            _ => {}
        }
        if let Some(begun) = &self.at_work {
            lines.push(format!("at work: {}, begun {}", begun.command.word(), self.ago(begun.at)));
        }
        if self.cut_short > 0 {
            let times = if self.cut_short == 1 { "the run" } else { "all runs" };
            let what = super::count(usize::try_from(self.cut_short).unwrap_or(usize::MAX), "run");
            lines.push(format!("cut short: {times} since then ({what}): killed, or the machine went down"));
        }
        let since = self.last_run.as_ref().map(|last| last.finished);
        if let Some(skipped) = self.skipped.filter(|skipped| since.is_none_or(|since| skipped.at > since)) {
            lines.push(format!("skipped: {} found another at work, {}", skipped.command.word(), self.ago(skipped.at)));
        }
        lines
    }

    fn of_last(&self, last: &Run) -> Vec<String> {
        let Run { command, finished, exit_code, shipped, problems, .. } = last;
        let segments = super::count(usize::try_from(shipped.segments).unwrap_or(usize::MAX), "segment");
        let mut lines = vec![format!(
            "last run: {}, ended {} after {:.1} s with exit code {exit_code}; shipped {segments} with {} of logs in {}",
            command.word(),
            self.ago(*finished),
            last.took().as_secs_f64(),
            size::show(shipped.raw_bytes),
            size::show(shipped.bytes),
        )];
        let told = problems.iter().take(LISTED).map(|Trouble { cause, path, what, .. }| {
            format!("  {}: {path}: {what}", cause.word()).replace(is_hidden, "\u{fffd}")
        });
        lines.extend(told);
        let all: u64 = last.problems_by_cause.values().sum();
        let more = all.saturating_sub(problems.len().min(LISTED) as u64);
        lines.extend((more > 0).then(|| format!("  and {more} more")));
        lines
    }

    fn of_spool(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for Waiting { to, segments, bytes, since, .. } in &self.waiting {
            let (segments, since) = (super::count(*segments, "segment"), since.to_second());
            lines.push(format!("waiting for {to}: {segments}, {bytes} bytes, the oldest taken at {since}"));
        }
        for Unfinished { path, since, .. } in &self.unfinished {
            lines.push(format!("unfinished: {path}, begun at {}; the next run goes on with it", since.to_second()));
        }
        lines.extend(lagging::lines(&self.lagging));
        if self.held > 0 {
            let logs = super::count(self.held, "deleted log");
            lines.push(format!("watched: {logs} that a writer may still have open"));
        }
        lines.extend(self.damaged.iter().map(|path| format!("put aside as damaged: {path}")));
        lines.extend(self.doubts.iter().map(|doubt| format!("{}: {doubt}", doubt.log())));
        lines
    }
}

impl Newest {
    fn of(sealed: &SealedSegment) -> Self {
        let SealedSegment { segment, seal } = sealed;
        let (path, to) = (to_text(&segment.path), segment.to.to_string());
        Self { path, to, key: sealed.key().to_string(), last: seal.last }
    }
}

fn waiting(sealed: &[SealedSegment]) -> Vec<Waiting> {
    let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
    for SealedSegment { segment, seal } in sealed {
        let (to, since, oldest) = (segment.to.to_string(), segment.claimed_at, to_text(&segment.path));
        let new = || Waiting { to: to.clone(), segments: 0, bytes: 0, since, oldest: oldest.clone() };
        let entry = waiting.entry(to.clone()).or_insert_with(new);
        entry.segments += 1;
        entry.bytes += seal.packed;
        if since < entry.since {
            (entry.since, entry.oldest) = (since, oldest);
        }
    }
    waiting.into_values().collect()
}
