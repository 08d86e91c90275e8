//! What starting costs, and a run that finds nothing to do.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Bench, Found};
use crate::case::Case;
use crate::figures::in_turn;
use crate::programs::find;
use crate::table::{Goal, Line};

const IDLE: Goal = Goal::Millis(10.0);
const VERSION: Goal = Goal::Millis(5.0);

pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let case = bench.case("starts")?;
    let count = bench.scale.empty;
    for number in 0..count {
        std::fs::write(case.path(format!("log/service-{number:05}.log")), "")?;
    }
    let (idle, version, nothing) = (case.run_command(), case.logferry(&["--version"]), Command::new("/bin/true"));
    case.observe(&idle)?; // it makes the state directory
    let calls = network_calls(&case, &idle)?;
    ensure!(case.server.count()? == 0, "a run over empty logs has put something");
    let figures = in_turn(
        bench.scale.starts,
        &mut [&mut || case.observe(&idle), &mut || case.observe(&version), &mut || case.observe(&nothing)],
    )?;
    let [idle, version, nothing] = &figures[..] else { return Ok(Found::default()) };
    let peer = format!("/bin/true: {}", nothing.shown());
    let what = format!("nothing to do, {count} empty logs");
    let lines = vec![
        Line::new(what, IDLE, idle.wall() * 1e3, idle.shown(), peer.clone())
            .also(format!("{calls} network calls"), calls == 0),
        Line::new("start-up (`--version`)", VERSION, version.wall() * 1e3, version.shown(), peer),
    ];
    Ok(Found { lines, notes: Vec::new() })
}

/// How many calls of the kind (socket, connect, send and their kin) a run makes, in any of its threads.
fn network_calls(case: &Case<'_>, run: &Command) -> Result<usize> {
    let (strace, record) = (find("strace", "strace")?, case.path("strace"));
    let mut traced = Command::new(strace);
    traced.args(["-f", "-qq", "-e", "trace=network", "-e", "signal=none", "-o"]).arg(&record);
    traced.arg(run.get_program()).args(run.get_args());
    traced.env_clear().envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = traced.output().context("start strace")?;
    ensure!(output.status.success(), "strace failed: {}", String::from_utf8_lossy(&output.stderr));
    lines_of(&record)
}

fn lines_of(path: &Path) -> Result<usize> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(text.lines().count())
}
