//! logferry's own compression of one file, through the library: the one place that knows its functions.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use logferry::gzip::{Levels, Member, Pool, Press, Together};
use logferry::model::format::Format;

/// Reads a file and writes it as one gzip member or zstd frame, as `gzip -c INPUT >OUTPUT` does.
pub(crate) fn compress(format: Format, input: &Path, output: &Path, level: u32, threads: NonZeroUsize) -> Result<()> {
    let mut log = File::open(input).with_context(|| format!("open {}", input.display()))?;
    let mut sink = File::create(output).with_context(|| format!("create {}", output.display()))?;
    let mut press = Together::new(Pool::new(Levels::of(format, level), threads));
    let mut member = Member::begin(format, &mut sink)?;
    let (mut following, mut ended) = (press.block(format), false);
    loop {
        while !ended && !press.is_full() {
            let count = fill(&mut log, following.room())?;
            ended = count == 0;
            if !ended {
                following.fill(count);
                let mut next = press.block(format);
                next.begin(following.ending());
                press.put(std::mem::replace(&mut following, next));
            }
        }
        let Some(packed) = press.take() else { break };
        let block = packed?;
        member.append_packed(&mut sink, block.raw(), block.packed())?;
        press.reuse(block);
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
