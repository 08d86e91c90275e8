//! How the cost of a run grows with the number of logs, and with the size of one.
//!
//! Linear means: what one more log or byte costs does not grow. So the slope of the last step is compared with that of the
//! step before it; what a run costs by itself, before the first log, is in neither.

use anyhow::{Context, Result};

use super::{Bench, Found};
use crate::chart::{self, Panel};
use crate::figures::{in_turn, size, time};
use crate::logs::Kind;
use crate::table::{Goal, Line};

const GOAL: Goal = Goal::Most(1.25);

/// Of each of many logs, in bytes.
const SMALL: u64 = 4096;

/// So many and so long.
type Point = (f64, f64);

pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let (logs, bytes) = (by_logs(bench)?, by_bytes(bench)?);
    let path = bench.output.join("growth.svg");
    let panels = [
        Panel {
            title: format!("whole run over logs of {}", size(SMALL)),
            across: "logs",
            points: logs.clone(),
            shown: plain,
        },
        Panel {
            title: "whole run over one log".to_owned(),
            across: "size of the log",
            points: bytes.clone(),
            shown: bytes_of,
        },
    ];
    std::fs::write(&path, chart::svg(&panels)).with_context(|| format!("write {}", path.display()))?;
    let ends = |counts: &[usize]| format!("{} to {}", counts.first().unwrap_or(&0), counts.last().unwrap_or(&0));
    let sizes = bench.scale.growth_bytes;
    let (first, last) = (sizes.first().unwrap_or(&0), sizes.last().unwrap_or(&0));
    let lines = vec![
        line(
            format!(
                "cost of one more log, from {} logs, last step against the one before",
                ends(bench.scale.growth_logs)
            ),
            &logs,
        ),
        line(
            format!(
                "cost of one more byte, from {} to {}, last step against the one before",
                size(*first),
                size(*last)
            ),
            &bytes,
        ),
    ];
    Ok(Found { lines, notes: vec!["the plot of it: growth.svg".to_owned()] })
}

#[expect(clippy::cast_precision_loss, reason = "for a plot")]
fn by_logs(bench: &Bench<'_>) -> Result<Vec<Point>> {
    let points = bench.scale.growth_logs.iter().map(|&count| {
        let case = bench.case(&format!("logs-{count}"))?;
        case.make_logs(count, SMALL)?;
        case.prove()?;
        let figures = in_turn(bench.scale.times.min(3), &mut [&mut || case.run()])?;
        Ok((count as f64, figures[0].wall()))
    });
    points.collect()
}

#[expect(clippy::cast_precision_loss, reason = "for a plot")]
fn by_bytes(bench: &Bench<'_>) -> Result<Vec<Point>> {
    let sizes = bench.scale.growth_bytes;
    let case = bench.case("bytes")?;
    let base = case.path("base.log");
    crate::make_log(Kind::Mixed, 7, (*sizes.last().unwrap_or(&1)).min(100_000_000), base.clone())?;
    let points = sizes.iter().map(|&bytes| {
        // A run of a minute needs no second one.
        let times = if bytes > 1_000_000_000 { 1 } else { bench.scale.times.min(3) };
        let figures = in_turn(times, &mut [&mut || case.run_repeated(&base, bytes)])?;
        Ok((bytes as f64, figures[0].wall()))
    });
    points.collect()
}

fn line(what: String, points: &[Point]) -> Line {
    let &[.., before, middle, last] = points else { return Line::not(what, GOAL, "it takes three points") };
    let slope = |from: Point, to: Point| (to.1 - from.1) / (to.0 - from.0);
    let (early, late) = (slope(before, middle), slope(middle, last));
    if early <= 0.0 || late <= 0.0 {
        return Line::not(what, GOAL, "more took less time: the machine is too busy, or the steps are too small");
    }
    Line::new(what, GOAL, late / early, spoken(late, middle, last), spoken(early, before, middle))
}

fn spoken(slope: f64, from: Point, to: Point) -> String {
    match slope {
        // Seconds for a byte.
        ..1e-6 => format!("{:.0} MB/s ({} to {})", 1e-6 / slope, time(from.1), time(to.1)),
        _ => format!("{} each ({} to {})", time(slope), time(from.1), time(to.1)),
    }
}

fn plain(count: f64) -> String {
    format!("{count:.0}")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes of logs")]
fn bytes_of(count: f64) -> String {
    size(count as u64)
}
