//! `logferry cat` from the loopback S3 server against `gzip -dc` of the same objects' files.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::{Bench, Found};
use crate::figures::in_turn;
use crate::observe;
use crate::programs::shell;
use crate::proof::{self, Repeated};
use crate::table::{Goal, Line};

const GOAL: Goal = Goal::Least(0.9);
const SEGMENTS: usize = 4;

pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let case = bench.case("reading")?;
    case.make_logs(1, bench.scale.read / SEGMENTS as u64)?;
    for _ in 0..SEGMENTS {
        case.run()?;
    }
    let (objects, raw) = (case.server.objects()?, case.path("raw/service-00000.log"));
    proof::objects_hold(&objects, &case.path("raw"), proof::Times::Often(SEGMENTS))?;
    let mut cat = case.logferry(&["cat", "service-00000"]);
    let mut child = cat.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("start logferry cat")?;
    proof::same_bytes(child.stdout.take().context("its output is a pipe")?, Repeated::times(&raw, SEGMENTS)?)?;
    ensure!(child.wait()?.success(), "logferry cat failed");
    // gzip goes by names.
    let named: Vec<PathBuf> = (0..objects.len()).map(|number| case.path(format!("{number}.gz"))).collect();
    for (object, name) in objects.iter().zip(&named) {
        std::fs::hard_link(&object.path, name).with_context(|| format!("link {}", name.display()))?;
    }
    let gzip = shell("gzip -dc \"$@\"", named.iter().map(|path| -> &Path { path }));
    let figures =
        in_turn(bench.scale.times, &mut [&mut || case.observe(&cat), &mut || observe::run(&gzip, bench.dir)])?;
    let [cat, gzip] = &figures[..] else { return Ok(Found::default()) };
    let what = format!(
        "cat of {} in {SEGMENTS} segments from the loopback store, against gzip -dc of its files",
        crate::figures::size(bench.scale.read)
    );
    let read = bench.scale.read;
    let line = Line::new(what, GOAL, gzip.wall() / cat.wall(), cat.with_speed(read), gzip.with_speed(read));
    Ok(Found { lines: vec![line], notes: Vec::new() })
}
