//! Peak memory of a whole run, of a large log against a small one: real bytes, and the peak that the kernel noted.

use anyhow::Result;

use super::{Bench, Found};
use crate::figures::{in_turn, size};
use crate::logs::Kind;
use crate::table::{Goal, Line};

const GOAL: Goal = Goal::Most(1.10);

/// On two cores.
const MOST: u64 = 64 << 20;

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let case = bench.case("memory")?;
    let base = case.path("base.log");
    let [small, large] = bench.scale.memory;
    crate::make_log(Kind::Mixed, 7, small, base.clone())?;
    // What a peak is differs little from run to run: the largest of three of the small log, one of the large one.
    let of_small = in_turn(3, &mut [&mut || case.run_repeated(&base, small)])?;
    let of_large = in_turn(1, &mut [&mut || case.run_repeated(&base, large)])?;
    let ([of_small], [of_large]) = (&of_small[..], &of_large[..]) else { return Ok(Found::default()) };
    let what = format!("peak memory of a run, {} log against {} log", size(large), size(small));
    let ratio = of_large.peak() as f64 / of_small.peak() as f64;
    let peak = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let line = Line::new(what, GOAL, ratio, peak(of_large.peak()), peak(of_small.peak()))
        .also(format!("at most {} wanted", peak(MOST)), of_large.peak() <= MOST);
    Ok(Found { lines: vec![line], notes: Vec::new() })
}
