//! logferry's own compression of one file, through the library: the one place that knows its functions.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use logferry::gzip::{BLOCK, Encoder, Member, WINDOW};

/// On how many threads the engine can compress one log.
pub(crate) const MOST_THREADS: usize = 1;

/// The level that logferry has by default.
pub(crate) const LEVEL: u32 = logferry::gzip::DEFAULT_LEVEL;

/// Reads a file and writes it as one gzip member, as `gzip -c INPUT >OUTPUT` does.
pub(crate) fn compress(input: &Path, output: &Path, level: u32, threads: usize) -> Result<()> {
    ensure!((1..=MOST_THREADS).contains(&threads), "the engine has {MOST_THREADS} thread(s), not {threads}");
    let mut log = File::open(input).with_context(|| format!("open {}", input.display()))?;
    let mut sink = File::create(output).with_context(|| format!("create {}", output.display()))?;
    let (mut encoder, mut buffer, mut window) = (Encoder::new(level), vec![0; WINDOW + BLOCK], 0);
    let mut member = Member::begin(&mut sink)?;
    loop {
        let count = fill(&mut log, &mut buffer[window..window + BLOCK])?;
        if count == 0 {
            break;
        }
        let (before, block) = buffer.split_at(window);
        member.append(&mut encoder, &mut sink, before, &block[..count])?;
        let filled = window + count;
        window = filled.min(WINDOW);
        buffer.copy_within(filled - window..filled, 0);
    }
    member.finish(&mut sink)?;
    Ok(())
}

fn fill(log: &mut File, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match log.read(&mut buffer[done..])? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}
