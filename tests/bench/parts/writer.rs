//! A writer's slowest writes, while its log is claimed, copied and drained, against the same time in quiet.
//!
//! The writer appends a line every 100 microseconds to a log that holds a mixed log already. A busy watch is one run of
//! logferry on it, from its start to its end; a quiet one is as long, with nothing else going on. Only writes that began
//! within the watch count.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::{Bench, Found};
use crate::case::Case;
use crate::figures::time;
use crate::programs::ourselves;
use crate::proof;
use crate::table::{Goal, Line};
use crate::write::{self, Sample};

const GOAL: Goal = Goal::Most(1.2);

pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let case = bench.case("writer")?;
    case.make_logs(1, bench.scale.mixed)?;
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..bench.scale.watched {
        let took = watch(&case, During::Run, &mut busy)?;
        watch(&case, During::Quiet(took), &mut quiet)?;
    }
    let (of_quiet, of_busy) = (permille(&mut quiet, 999)?, permille(&mut busy, 999)?);
    let what = "a writer's write(), 99.9th percentile, while its log is claimed, copied and drained, against quiet";
    let shown = |samples: &[u64], slow: f64| {
        let middle = samples.get(samples.len() / 2).copied().unwrap_or(0);
        let most = samples.last().copied().unwrap_or(0);
        format!(
            "{} (median {}, slowest {}, of {} writes)",
            time(slow),
            time(seconds(middle)),
            time(seconds(most)),
            samples.len()
        )
    };
    let line = Line::new(what, GOAL, of_busy / of_quiet, shown(&busy, of_busy), shown(&quiet, of_quiet));
    Ok(Found { lines: vec![line], notes: Vec::new() })
}

/// What goes on during a watch.
enum During {
    /// A run of logferry.
    Run,
    /// Nothing, for so long.
    Quiet(Duration),
}

/// Has a writer write, keeps how long the writes of the watch took, in nanoseconds; how long the watch was.
fn watch(case: &Case<'_>, during: During, kept: &mut Vec<u64>) -> Result<Duration> {
    case.lay_out()?;
    let (log, samples) = (case.path("log/service-00000.log"), case.path("samples"));
    let mut command = ourselves("write")?;
    command.arg("--samples").arg(&samples).arg(&log).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut writer = command.spawn().context("start the writer")?;
    let mut ready = [0; 6];
    writer.stdout.as_mut().context("its output is a pipe")?.read_exact(&mut ready)?;
    let begun = now()?;
    let ran = match during {
        During::Run => case.observe(&case.run_command()).map(drop),
        During::Quiet(time) => {
            std::thread::sleep(time);
            Ok(())
        }
    };
    let ended = now()?;
    stop(writer)?;
    ran?;
    if let During::Run = during {
        ensure!(case.server.count()? > 0, "the run shipped nothing");
    }
    // What was written after the claim is the writer's new log.
    std::fs::remove_file(&log).with_context(|| format!("remove {}", log.display()))?;
    proof::nothing_left(&case.path("log"), &case.path("state/spool"))?;
    let samples = write::samples(&samples)?;
    let within = |(at, _): &&Sample| (begun..ended).contains(at);
    kept.extend(samples.iter().filter(within).map(|(_, took)| *took));
    Ok(Duration::from_nanos(ended - begun))
}

fn stop(mut writer: Child) -> Result<()> {
    drop(writer.stdin.take());
    let status = writer.wait()?;
    ensure!(status.success(), "the writer failed: {status}");
    Ok(())
}

fn now() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?)
}

/// What so many of a thousand samples don't exceed, in seconds; sorts them.
fn permille(samples: &mut [u64], rank: usize) -> Result<f64> {
    samples.sort_unstable();
    let index = (samples.len() * rank).div_ceil(1000).saturating_sub(1);
    samples.get(index).copied().map(seconds).context("the writer has written nothing in that time")
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
