//! Many small logs against one large one of as many bytes.

use anyhow::Result;

use super::{Bench, Found};
use crate::figures::{in_turn, size, time};
use crate::table::{Goal, Line};

const GOAL: Goal = Goal::Most(1.5);

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let (many, one) = (bench.case("many")?, bench.case("one")?);
    let (count, small) = (bench.scale.many, bench.scale.small);
    many.make_logs(count, small)?;
    one.make_logs(1, count as u64 * small)?;
    for case in [&many, &one] {
        case.prove()?;
    }
    let figures = in_turn(bench.scale.times, &mut [&mut || many.run(), &mut || one.run()])?;
    let [many, one] = &figures[..] else { return Ok(Found::default()) };
    let total = count as u64 * small;
    let what = format!("whole run over {count} logs of {}, against 1 log of {}", size(small), size(total));
    let more = (many.wall() - one.wall()) / count as f64;
    let note = format!("each of the {count} logs costs {} more than its bytes do", time(more.max(0.0)));
    let line = Line::new(what, GOAL, many.wall() / one.wall(), many.with_speed(total), one.with_speed(total));
    Ok(Found { lines: vec![line], notes: vec![note] })
}
