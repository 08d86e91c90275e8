//! Whether a result is right, judged by gzip(1) and a comparison of bytes: before it is timed, never after.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::server::Object;

const BUFFER: usize = 1 << 20;

/// How often a log was shipped, one run behind another.
#[derive(Clone, Copy)]
pub(crate) enum Times {
    Once,
    Often(usize),
}

/// Fails unless the objects hold the bytes of the raw logs: each service's objects in order, joined, are its log so many
/// times; there is no object more, and none less.
pub(crate) fn objects_hold(objects: &[Object], raw: &Path, times: Times) -> Result<()> {
    let mut services: BTreeMap<String, Vec<(u64, PathBuf)>> = BTreeMap::new();
    for Object { key, path } in objects {
        let (service, seq) = parse(key).with_context(|| format!("{key} is not the key of a segment"))?;
        services.entry(service.to_owned()).or_default().push((seq, path.clone()));
    }
    let times = match times {
        Times::Once => 1,
        Times::Often(times) => times,
    };
    for entry in std::fs::read_dir(raw)? {
        let log = entry?.path();
        let service = log.file_stem().context("a log has a name")?.to_string_lossy().into_owned();
        let mut segments = services.remove(&service).with_context(|| format!("no object holds {service}"))?;
        segments.sort_unstable();
        let packed: Vec<_> = segments.into_iter().map(|(_, path)| path).collect();
        gzip_gives(&packed, Repeated::times(&log, times)?)?;
    }
    match services.pop_first() {
        Some((service, _)) => bail!("there are objects of {service}, which no log is about"),
        None => Ok(()),
    }
}

/// The service and the sequence number that a key tells; with no code of logferry's.
fn parse(key: &str) -> Option<(&str, u64)> {
    let leaf = key.rsplit('/').next()?;
    let (service, _) = leaf.split_once('_')?;
    let (_, stream) = leaf.strip_suffix(".log.gz")?.rsplit_once('_')?;
    Some((service, stream.split('-').nth(1)?.parse().ok()?))
}

/// Fails unless `gzip -dc` of some files gives those bytes.
pub(crate) fn gzip_gives(packed: &[PathBuf], expected: impl Read) -> Result<()> {
    gives("gzip", packed, expected)
}

/// Fails unless that program, with `-dc`, makes those bytes of some files.
pub(crate) fn gives(program: &str, packed: &[PathBuf], expected: impl Read) -> Result<()> {
    let mut reader = Command::new(program);
    // Their names in the server's directory don't end in .gz: it reads them as its input.
    let mut child = reader.arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("its input is a pipe")?;
    let files: Vec<_> = packed.to_vec();
    let feeding = std::thread::spawn(move || -> std::io::Result<()> {
        files.iter().try_for_each(|path| std::io::copy(&mut File::open(path)?, &mut input).map(drop))
    });
    let same = same_bytes(child.stdout.take().context("its output is a pipe")?, expected);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let what = || packed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    ensure!(output.status.success(), "{program} -dc can't read {}: {said}", what());
    feeding.join().map_err(|_| anyhow::anyhow!("feeding {program} failed"))??;
    same.with_context(|| format!("{} gives other bytes than were logged", what()))
}

/// Fails unless a reader gives the same bytes as another, to the same end.
pub(crate) fn same_bytes(theirs: impl Read, expected: impl Read) -> Result<()> {
    let mut theirs = BufReader::with_capacity(BUFFER, theirs);
    let mut expected = BufReader::with_capacity(BUFFER, expected);
    let mut at = 0_u64;
    loop {
        let (given, wanted) = (theirs.fill_buf()?, expected.fill_buf()?);
        let count = given.len().min(wanted.len());
        if count == 0 {
            ensure!(wanted.is_empty(), "it ends at byte {at}");
            ensure!(given.is_empty(), "it goes on behind byte {at}");
            return Ok(());
        }
        ensure!(given[..count] == wanted[..count], "a byte soon after byte {at} differs");
        theirs.consume(count);
        expected.consume(count);
        at += count as u64;
    }
}

/// The bytes of a file again and again, so many in all.
pub(crate) struct Repeated {
    file: File,
    left: u64,
}

impl Repeated {
    pub(crate) fn new(path: &Path, bytes: u64) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        ensure!(file.metadata()?.len() > 0, "{} is empty", path.display());
        Ok(Self { file, left: bytes })
    }

    /// A whole file so many times.
    pub(crate) fn times(path: &Path, times: usize) -> Result<Self> {
        let length = std::fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.len();
        Self::new(path, length * times as u64)
    }
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let mut count = self.file.read(&mut buffer[..wanted])?;
        if count == 0 {
            self.file.seek(SeekFrom::Start(0))?;
            count = self.file.read(&mut buffer[..wanted])?;
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Fails unless a run has left neither a log nor a segment behind.
pub(crate) fn nothing_left(log: &Path, spool: &Path) -> Result<()> {
    for directory in [log, spool] {
        for entry in walkdir::WalkDir::new(directory).min_depth(1) {
            let entry = entry?;
            ensure!(entry.file_type().is_dir(), "{} was left behind", entry.path().display());
        }
    }
    Ok(())
}
