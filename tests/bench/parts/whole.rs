//! A whole run, from the claim to the object that the loopback S3 server has confirmed, against compressing alone; and how
//! much of it the server takes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Bench, Found, compress};
use crate::figures::{in_turn, time};
use crate::observe;
use crate::programs::find;
use crate::server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY, Server};
use crate::table::{Goal, Line};

const GOAL: Goal = Goal::Most(1.10);

pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let case = bench.case("whole")?;
    case.make_logs(1, bench.scale.mixed)?;
    case.prove()?;
    let raw = case.path("raw/service-00000.log");
    let packed = case.path("alone.gz");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let alone = compress::engine(&raw, &packed, threads)?;
    let object = case.server.objects()?.pop().context("there is an object")?;
    let upload = put(&case.server, &object.path)?;
    let figures = in_turn(
        bench.scale.times,
        &mut [
            &mut || case.run(),
            // The same state of the disk before it.
            &mut || case.lay_out().and_then(|_| observe::run(&alone, bench.dir)),
            &mut || observe::run(&upload, bench.dir),
        ],
    )?;
    let [whole, alone, upload] = &figures[..] else { return Ok(Found::default()) };
    let what = "whole run, claim to confirmed object, of the mixed log, against compressing alone";
    let line = Line::new(
        what,
        GOAL,
        whole.wall() / alone.wall(),
        whole.with_speed(bench.scale.mixed),
        alone.with_speed(bench.scale.mixed),
    );
    let note = format!(
        "the S3 server takes the same object from curl in {}: {:.0} % of the run's time if nothing overlapped",
        time(upload.wall()),
        100.0 * upload.wall() / whole.wall()
    );
    Ok(Found { lines: vec![line], notes: vec![note] })
}

/// curl puts a file, signed.
fn put(server: &Server, file: &Path) -> Result<Command> {
    let mut command = Command::new(find("curl", "curl")?);
    command.args(["--fail", "--silent", "--show-error", "--output", "/dev/null", "--aws-sigv4"]);
    command.arg(format!("aws:amz:{REGION}:s3")).arg("--user").arg(format!("{ACCESS_KEY}:{SECRET_KEY}"));
    // Signing the body would be curl's work, not the server's.
    command.args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--upload-file"]).arg(file);
    command.arg(format!("{}/{BUCKET}/by-curl", server.endpoint()));
    Ok(command)
}
