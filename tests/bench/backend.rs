//! The compression library alone: one call over bytes that are in memory, into memory. No file, no checksum, no blocks.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use flate2::{Compress, Compression, FlushCompress, Status};

/// Compresses a file's bytes in as many equal shares as there are threads; microseconds and bytes, as text.
pub(crate) fn compress(input: &Path, level: u32, threads: usize) -> Result<String> {
    let raw = std::fs::read(input).with_context(|| format!("read {}", input.display()))?;
    let shares: Vec<&[u8]> = raw.chunks(raw.len().div_ceil(threads.max(1)).max(1)).collect();
    // The room is there and touched before: what the memory costs is not the backend's doing.
    let mut room: Vec<Vec<u8>> = shares.iter().map(|share| vec![1; share.len() / 2 + 1024]).collect();
    let begun = Instant::now();
    let packed: Result<Vec<u64>> = std::thread::scope(|scope| {
        let threads = shares.iter().zip(&mut room);
        let threads: Vec<_> = threads.map(|(raw, room)| scope.spawn(move || deflate(raw, room, level))).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|ended| ended.map_err(|_| anyhow::anyhow!("a thread of the backend ended early"))?).collect()
    });
    let took = begun.elapsed().as_micros();
    Ok(format!("{took} {}", packed?.into_iter().sum::<u64>()))
}

fn deflate(raw: &[u8], room: &mut [u8], level: u32) -> Result<u64> {
    let mut deflate = Compress::new(Compression::new(level), false);
    let status = deflate.compress(raw, room, FlushCompress::Finish)?;
    ensure!(status == Status::StreamEnd, "these bytes don't compress to half their length: not a log");
    Ok(deflate.total_out())
}
