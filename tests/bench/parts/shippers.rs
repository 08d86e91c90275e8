//! A whole run against what many have in its place: logrotate, which has gzip compress, and then s3cmd.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Bench, Found};
use crate::case::Case;
use crate::figures::{in_turn, time};
use crate::observe::Observed;
use crate::programs::{find, shell};
use crate::proof::{self, Repeated};
use crate::server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};
use crate::table::{Goal, Line};

const TIME: Goal = Goal::Most(0.25);
const CPU: Goal = Goal::Most(1.0 / 3.0);

pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let (ours, theirs) = (bench.case("ours")?, bench.case("theirs")?);
    let (count, each) = (bench.scale.spread, bench.scale.mixed / bench.scale.spread as u64);
    for case in [&ours, &theirs] {
        case.make_logs(count, each)?;
    }
    let peer = peer(&theirs)?;
    ours.prove()?;
    run(&theirs, &peer)?;
    prove(&theirs, count)?;
    let figures = in_turn(bench.scale.times.min(3), &mut [&mut || ours.run(), &mut || run(&theirs, &peer)])?;
    let [ours, theirs] = &figures[..] else { return Ok(Found::default()) };
    let what = format!("whole run over {count} logs, against logrotate, gzip -6 and s3cmd put");
    let cpu = format!("{what}: processor time");
    let lines = vec![
        Line::new(what, TIME, ours.wall() / theirs.wall(), ours.shown(), theirs.shown()),
        Line::new(cpu, CPU, ours.cpu() / theirs.cpu(), time(ours.cpu()), time(theirs.cpu())),
    ];
    Ok(Found { lines, notes: Vec::new() })
}

/// Rotates, compresses, puts, removes; the server's part of the work is not counted, as it isn't for ours.
fn peer(case: &Case<'_>) -> Result<Command> {
    let (logrotate, s3cmd) = (find("logrotate", "logrotate")?, find("s3cmd", "s3cmd")?);
    let configuration = case.path("logrotate.conf");
    let stanza = "{\n  rotate 1\n  compress\n  compressoptions -6\n  nocreate\n  missingok\n}\n";
    std::fs::write(&configuration, format!("{}/*.log {stanza}", case.path("log").display()))?;
    let host = case.server.host();
    let script = format!(
        "\"$1\" -f -s \"$2.state\" \"$2\"\n\
         \"$3\" -q -c /dev/null --no-ssl --host={host} --host-bucket={host} --region={REGION} --access_key={ACCESS_KEY} \
         --secret_key={SECRET_KEY} put \"$4\"/*.gz s3://{BUCKET}/peer/\nrm \"$4\"/*.gz"
    );
    Ok(shell(&script, [&*logrotate, &configuration, &s3cmd, &case.path("log")]))
}

fn run(case: &Case<'_>, peer: &Command) -> Result<Observed> {
    case.lay_out()?;
    let observed = case.observe(peer)?;
    proof::nothing_left(&case.path("log"), &case.path("log"))?;
    Ok(observed)
}

/// The peer must have done it right too: else its time is none.
fn prove(case: &Case<'_>, count: usize) -> Result<()> {
    let objects = case.server.objects()?;
    ensure!(objects.len() == count, "the peer put {} objects, of {count} logs", objects.len());
    for object in objects {
        let name = object.key.strip_prefix("peer/").and_then(|name| name.strip_suffix(".1.gz"));
        let raw = case.path(Path::new("raw").join(name.with_context(|| format!("{} is of no log", object.key))?));
        proof::gzip_gives(&[object.path], Repeated::times(&raw, 1)?)?;
    }
    Ok(())
}
