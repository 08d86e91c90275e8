//! Compressing one mixed log: against gzip, against pigz, against the backend alone, on one thread and on two.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use logferry::model::format::Format;

use super::{Bench, Found};
use crate::figures::{Figures, in_turn, size};
use crate::logs::Kind;
use crate::observe::{self, Observed};
use crate::programs::{find, ourselves, shell};
use crate::proof::{self, Repeated};
use crate::table::{Goal, Line};

const GZIP: Goal = Goal::Least(2.7);
const PIGZ: Goal = Goal::Least(2.2);
const BACKEND: Goal = Goal::Least(0.93);
const THREADS: Goal = Goal::Least(1.9);

pub(super) fn measure(bench: &Bench<'_>) -> Result<Found> {
    let pigz = find("pigz", "pigz")?;
    let raw = bench.dir.join("mixed.log");
    crate::make_log(Kind::Mixed, 7, bench.scale.mixed, raw.clone())?;
    let packed = |name: &str| bench.dir.join(format!("{name}.gz"));
    let (of_one, of_two, of_gzip, of_pigz) = (packed("one"), packed("two"), packed("gzip"), packed("pigz"));
    let of_zstd = bench.dir.join("one.zst");
    let (one, two) = (engine(&raw, &of_one, 1)?, engine(&raw, &of_two, 2)?);
    let zstd = in_format(Format::Zstd, &raw, &of_zstd, 1)?;
    let gzip = shell("gzip -6c \"$1\" >\"$2\"", [&*raw, &of_gzip]);
    let pigz = shell("\"$3\" -6 -p 2 -c \"$1\" >\"$2\"", [&*raw, &of_pigz, &pigz]);
    for (command, output) in [(&one, &of_one), (&two, &of_two), (&gzip, &of_gzip), (&pigz, &of_pigz)] {
        observe::run(command, bench.dir)?;
        proof::gzip_gives(std::slice::from_ref(output), Repeated::times(&raw, 1)?)?;
    }
    find("zstd", "zstd")?;
    observe::run(&zstd, bench.dir)?;
    proof::gives("zstd", std::slice::from_ref(&of_zstd), Repeated::times(&raw, 1)?)?;
    let figures = in_turn(
        bench.scale.times,
        &mut [
            &mut || observe::run(&one, bench.dir),
            &mut || observe::run(&gzip, bench.dir),
            &mut || observe::run(&two, bench.dir),
            &mut || observe::run(&pigz, bench.dir),
            &mut || backend(&raw, 1),
            &mut || observe::run(&zstd, bench.dir),
        ],
    )?;
    let length = |path: &Path| std::fs::metadata(path).map(|status| status.len());
    let sizes = Sizes {
        raw: length(&raw)?,
        one: length(&of_one)?,
        two: length(&of_two)?,
        gzip: length(&of_gzip)?,
        pigz: length(&of_pigz)?,
        zstd: length(&of_zstd)?,
    };
    let lines = lines(&figures, &sizes);
    for path in [&raw, &of_one, &of_two, &of_gzip, &of_pigz, &of_zstd] {
        std::fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let ratio = sizes.raw as f64 / sizes.gzip as f64;
    let note = format!(
        "the mixed log: {}, of which gzip -6 makes one part in {ratio:.2}; logferry's level is {}",
        size(sizes.raw),
        Format::Gzip.default_level()
    );
    Ok(Found { lines, notes: vec![note] })
}

struct Sizes {
    raw: u64,
    one: u64,
    two: u64,
    gzip: u64,
    pigz: u64,
    zstd: u64,
}

fn lines(figures: &[Figures], sizes: &Sizes) -> Vec<Line> {
    let [one, gzip, two, pigz, backend, zstd] = figures else { return Vec::new() };
    let shown = |figures: &Figures, packed| format!("{}, {}", figures.with_speed(sizes.raw), size(packed));
    let larger = |ours: u64, theirs: u64| match ours <= theirs {
        true => (format!("{} smaller", size(theirs - ours)), true),
        false => (format!("{} LARGER", size(ours - theirs)), false),
    };
    let (than_gzip, than_pigz) = (larger(sizes.one, sizes.gzip), larger(sizes.two, sizes.pigz));
    let what = "compress one mixed log on one core, against gzip -6";
    let what_pigz = "compress it on two cores, against pigz -6 -p 2";
    let what_backend = "compress it on one core, against the backend alone, in memory, at the same level";
    let than_one = larger(sizes.zstd, sizes.one);
    let what_zstd = "compress it on one core as a zstd frame, against as a gzip member, each at its default level";
    let what_threads = "compress it on two threads, against one";
    vec![
        Line::new(what, GZIP, gzip.wall() / one.wall(), shown(one, sizes.one), shown(gzip, sizes.gzip))
            .also(than_gzip.0, than_gzip.1),
        Line::new(what_pigz, PIGZ, pigz.wall() / two.wall(), shown(two, sizes.two), shown(pigz, sizes.pigz))
            .also(than_pigz.0, than_pigz.1),
        Line::new(what_backend, BACKEND, backend.wall() / one.wall(), one.shown(), backend.with_speed(sizes.raw)),
        Line::new(what_threads, THREADS, one.wall() / two.wall(), two.shown(), one.shown()),
        Line::new(what_zstd, Goal::Told, one.wall() / zstd.wall(), shown(zstd, sizes.zstd), shown(one, sizes.one))
            .also(than_one.0, than_one.1),
    ]
}

/// logferry's own compression in a process of its own.
pub(super) fn engine(raw: &Path, packed: &Path, threads: usize) -> Result<Command> {
    in_format(Format::Gzip, raw, packed, threads)
}

fn in_format(format: Format, raw: &Path, packed: &Path, threads: usize) -> Result<Command> {
    let (mut command, level) = (ourselves("compress")?, format.default_level().to_string());
    command
        .args(["--format", format.name(), "--level", &level, "--threads", &threads.to_string()])
        .arg(raw)
        .arg(packed);
    Ok(command)
}

fn backend(raw: &Path, threads: usize) -> Result<Observed> {
    let mut command = ourselves("backend")?;
    command.args(["--level", &Format::Gzip.default_level().to_string(), "--threads", &threads.to_string()]).arg(raw);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let micros = said.split(' ').next().and_then(|micros| micros.parse().ok());
    micros
        .map(Observed::of_micros)
        .with_context(|| format!("the backend failed: {}", String::from_utf8_lossy(&output.stderr)))
}
