//! A writer that notes how long each of its writes took: Upstart's order of calls, fstat, reopen where the link count is 0,
//! write, at 80 bytes a line and some thousand lines a second.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// Between two writes.
const PAUSE: Duration = Duration::from_micros(100);

/// When a write began, in nanoseconds since 1970, and how long it took, in nanoseconds.
pub(crate) type Sample = (u64, u64);

/// Writes until stdin closes; a `ready` on stdout tells that it has begun. Samples are kept in memory until then.
pub(crate) fn until_stdin_closes(log: &Path, samples: &Path) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    std::thread::spawn(move || {
        // Whatever ends it: the one who started us wants no more.
        let _ = std::io::stdin().read(&mut [0; 1]);
        stopping.store(true, Ordering::Relaxed);
    });
    // Room for more than is ever written: growing it would be seen as a slow write.
    let mut noted: Vec<Sample> = Vec::with_capacity(4_000_000);
    let mut file = open(log)?;
    let mut number = 0_u64;
    println!("ready");
    while !stop.load(Ordering::Relaxed) {
        if file.metadata()?.nlink() == 0 {
            file = open(log)?;
        }
        number += 1;
        let line = format!(
            "2026-11-21T00:00:03Z INFO request {number:010} was answered in {:03} ms, status 200\r\n",
            number % 997
        );
        let at = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
        let begun = Instant::now();
        file.write_all(line.as_bytes())?;
        noted.push((at, u64::try_from(begun.elapsed().as_nanos())?));
        std::thread::sleep(PAUSE);
    }
    let mut sink = BufWriter::new(File::create(samples).with_context(|| format!("create {}", samples.display()))?);
    noted.iter().try_for_each(|(at, took)| writeln!(sink, "{at} {took}"))?;
    Ok(sink.flush()?)
}

fn open(log: &Path) -> Result<File> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o640).open(log);
    opened.with_context(|| format!("open {}", log.display()))
}

/// Reads back what a writer has noted.
pub(crate) fn samples(path: &Path) -> Result<Vec<Sample>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let sample = |line: &str| {
        let (at, took) = line.split_once(' ')?;
        Some((at.parse().ok()?, took.parse().ok()?))
    };
    text.lines().map(|line| sample(line).with_context(|| format!("{line:?} is no sample"))).collect()
}
