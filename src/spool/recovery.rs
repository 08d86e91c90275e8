//! Reading the spool's state from its file names.
//!
//! Each file is brought into a known state or put aside under `damaged/`, where it keeps its name; one damaged file
//! never stops the others. Doing it twice does no harm.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::PathBuf;

use sha2::Digest as _;

use crate::model::digest::Digest;
use crate::model::segment::{Seal, SealedSegment, Segment, SegmentName};
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};

use super::Spool;
use super::file_names::{part_file, record_file, sealed_file, shipped_file};
use super::record::Record;

/// What earlier runs left.
#[derive(Default)]
pub struct Recovered {
    /// Segments that were begun and not sealed, in the order of their streams.
    pub unfinished: Vec<Unfinished>,
    /// Segments to ship.
    pub sealed: Vec<SealedSegment>,
    /// Segments that the store has confirmed and that are to be dropped.
    pub shipped: Vec<SealedSegment>,
    /// Segments that could not be looked at now; they stay as they are.
    pub failed: Vec<Failure>,
    /// Logs of such segments: where their streams stand is not known now.
    pub blocked: Vec<PathBuf>,
}

/// A segment that was begun and not sealed.
pub struct Unfinished {
    /// What it was going to be.
    pub segment: Segment,
    /// Whether some of it was written.
    pub has_part: bool,
}

/// A file of the state directory that makes no sense and was put aside.
#[derive(Debug)]
pub struct Damage {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// The files of one segment.
#[derive(Default)]
pub(super) struct Files {
    record: bool,
    part: bool,
    sealed: bool,
    shipped: bool,
}

impl Files {
    /// Those of a segment of which only the record counts.
    pub(super) fn with_record() -> Self {
        Self { record: true, ..Self::default() }
    }
}

pub(super) fn recover(spool: &mut Spool) -> Result<Recovered> {
    for gap in spool.gaps.names()? {
        let name = gap.to_str().and_then(SegmentName::parse);
        name.into_iter().for_each(|name| spool.streams.use_up(name));
    }
    let mut segments: BTreeMap<SegmentName, Files> = BTreeMap::new();
    for file_name in spool.segments.names()? {
        match classify(&file_name) {
            Some((name, "json")) => segments.entry(name).or_default().record = true,
            Some((name, "part")) => segments.entry(name).or_default().part = true,
            Some((name, "gz")) => segments.entry(name).or_default().sealed = true,
            Some((name, "shipped")) => segments.entry(name).or_default().shipped = true,
            // It goes with its segment, and is dropped with it.
            Some((name, "upload")) => drop(segments.entry(name).or_default()),
            _ if is_temporary(&file_name) => spool.segments.unlink_if_there(&file_name)?,
            _ => spool.put_aside(&file_name, "it is none of the spool's files")?,
        }
    }
    let mut recovered = Recovered::default();
    for (name, files) in segments {
        // One segment that makes trouble must not keep the others from being shipped.
        if let Err(failure) = sort_out(spool, name, &files, &mut recovered) {
            recovered.failed.push(failure);
        }
    }
    if !recovered.sealed.is_empty() {
        // The run that sealed them may have been killed before that was durable. If a power loss undid a seal after the
        // put, the segment would be sealed anew, under another key, and its bytes be in the store twice.
        spool.segments.sync()?;
    }
    Ok(recovered)
}

fn sort_out(spool: &mut Spool, name: SegmentName, files: &Files, recovered: &mut Recovered) -> Result<()> {
    if !(files.record || files.part || files.sealed || files.shipped) {
        return spool.shelf().forget_upload(name);
    }
    let record = match read_record(&spool.segments, name, files)? {
        Ok(record) => record,
        Err(why) if files.shipped => {
            // Its record was moved already, or is of no use any more: the store has the segment.
            log::info!("{name}: {why}, but it was shipped");
            spool.discard(name)?;
            // If a power loss brought the record back without the mark, it would be taken for what is left of a loss.
            spool.streams.sync()?;
            spool.segments.sync()?;
            return spool.segments.unlink_if_there(shipped_file(name));
        }
        Err(why) => return put_all_aside(spool, name, files, &why),
    };
    let Record { segment, seal, .. } = record;
    match (seal, files) {
        (Some(seal), Files { shipped: true, .. }) => {
            let sealed = SealedSegment { segment, seal };
            spool.streams.advance(sealed.clone());
            recovered.shipped.push(sealed);
        }
        (Some(seal), Files { sealed: true, .. }) => take_sealed(spool, SealedSegment { segment, seal }, recovered)?,
        (Some(seal), Files { part: true, .. }) => take_cut_short(spool, segment, seal, recovered)?,
        (Some(seal), _) => take_record_alone(spool, SealedSegment { segment, seal }, recovered)?,
        (None, Files { sealed: true, .. }) => {
            // A power loss undid the renaming of the record, but not that of the part: the seal is made anew.
            spool.segments.rename_into(sealed_file(name), &spool.segments, part_file(name))?;
            fault::reached(Point::SealUndone);
            recovered.unfinished.push(Unfinished { segment, has_part: true });
        }
        (None, files) => recovered.unfinished.push(Unfinished { segment, has_part: files.part }),
    }
    Ok(())
}

/// A sealed segment, if its file has the length that its record says. Its digest is checked when it is shipped.
fn take_sealed(spool: &mut Spool, sealed: SealedSegment, recovered: &mut Recovered) -> Result<()> {
    let name = sealed.segment.name;
    spool.streams.advance(sealed.clone());
    let size = spool.segments.look(sealed_file(name))?.map_or(0, |entry| entry.status.size);
    if size != sealed.seal.packed {
        let why = format!("it has {size} bytes, not the {} of its record", sealed.seal.packed);
        return put_bytes_aside(spool, &sealed, &why);
    }
    recovered.sealed.push(sealed);
    Ok(())
}

/// A record that is all there is in the spool: its segment was confirmed, and is among those that are kept already; or it is
/// gone.
fn take_record_alone(spool: &mut Spool, sealed: SealedSegment, recovered: &mut Recovered) -> Result<()> {
    if spool.kept.holds(&sealed)? {
        spool.streams.advance(sealed.clone());
        recovered.shipped.push(sealed);
        return Ok(());
    }
    put_bytes_aside(spool, &sealed, "its segment is gone: only the record is left")
}

/// A part whose final record is written: all that is missing is its new name, if its bytes are the sealed ones.
fn take_cut_short(spool: &mut Spool, segment: Segment, seal: Seal, recovered: &mut Recovered) -> Result<()> {
    let digest = digest(&spool.segments, &part_file(segment.name));
    if digest.inspect_err(|_| recovered.blocked.push(segment.path.clone()))? == seal.sha256 {
        let sealed = SealedSegment { segment, seal };
        // First of all: if this fails now, the segment waits, and what is taken of its log meanwhile comes after it.
        spool.streams.advance(sealed.clone());
        spool.finish_seal(&sealed)?;
        recovered.sealed.push(sealed);
    } else {
        recovered.unfinished.push(Unfinished { segment, has_part: true });
    }
    Ok(())
}

fn classify(file_name: &OsStr) -> Option<(SegmentName, &str)> {
    let (name, extension) = file_name.to_str()?.split_once('.')?;
    Some((SegmentName::parse(name)?, extension))
}

pub(super) fn is_temporary(file_name: &OsStr) -> bool {
    file_name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"))
}

/// A segment's record, or what is wrong with it; a failure where it can't be read at all now.
pub(super) fn read_record(
    segments: &Dir,
    name: SegmentName,
    files: &Files,
) -> Result<std::result::Result<Record, String>> {
    if !files.record {
        return Ok(Err("it has no record".to_owned()));
    }
    let mut bytes = Vec::new();
    let path = segments.path_of(record_file(name));
    segments.open_read(record_file(name))?.read_to_end(&mut bytes).doing("read", &path)?;
    let text = String::from_utf8_lossy(&bytes);
    if let Some(version) = Record::newer_version(&text) {
        let why = format!("its record has version {version}, which a newer logferry wrote; this one can't ship it");
        return Err(Failure::new("read", &path, io::Error::new(io::ErrorKind::Unsupported, why)));
    }
    Ok(match Record::parse(&text) {
        Ok(record) if record.segment.name == name => Ok(record),
        Ok(record) => Err(format!("its record is that of {}", record.segment.name)),
        Err(why) => Err(format!("its record is damaged: {why}")),
    })
}

fn digest(segments: &Dir, file_name: &str) -> Result<Digest> {
    let mut file = segments.open_read(file_name)?;
    let mut sha = sha2::Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer).doing("read", segments.path_of(file_name))? {
            0 => return Ok(Digest(sha.finalize().into())),
            count => sha.update(&buffer[..count]),
        }
    }
}

/// Puts a segment aside whose record is of no use. Its number is used up, for good: the gap stays visible.
fn put_all_aside(spool: &mut Spool, name: SegmentName, files: &Files, why: &str) -> Result<()> {
    spool.use_up(name)?;
    let present = [(files.sealed, sealed_file(name)), (files.part, part_file(name)), (files.record, record_file(name))];
    for (_, file_name) in present.iter().filter(|(there, _)| *there) {
        spool.put_aside(file_name.as_ref(), why)?;
    }
    Ok(())
}

impl Spool {
    /// Moves a file of the spool to `damaged/`, under a name that is free there, and takes note of it.
    ///
    /// # Errors
    /// Where it can't be moved.
    pub(super) fn put_aside(&mut self, file_name: &OsStr, why: &str) -> Result<()> {
        let damage = move_aside(&self.segments, &self.damaged, file_name, why)?;
        self.damage.extend(damage);
        Ok(())
    }

    /// Makes sure that a number is never used again, whatever becomes of the files under `damaged/`.
    fn use_up(&mut self, name: SegmentName) -> Result<()> {
        self.streams.use_up(name);
        match self.gaps.create(name.to_string(), 0o600) {
            Err(failure) if !failure.is(io::ErrorKind::AlreadyExists) => Err(failure),
            _ => self.gaps.sync(),
        }?;
        fault::reached(Point::GapNoted);
        Ok(())
    }

    /// Puts an unfinished segment aside whose part can't be salvaged.
    ///
    /// # Errors
    /// Where it can't be moved.
    pub fn put_part_aside(&mut self, name: SegmentName, why: &str) -> Result<()> {
        self.use_up(name)?;
        self.put_aside(part_file(name).as_ref(), why)?;
        self.put_aside(record_file(name).as_ref(), why)
    }

    /// Puts a sealed segment aside whose bytes are not those that were sealed.
    ///
    /// # Errors
    /// Where it can't be moved.
    pub fn put_sealed_aside(&mut self, sealed: &SealedSegment, why: &str) -> Result<()> {
        put_bytes_aside(self, sealed, why)
    }
}

/// Puts a segment aside whose record is sound. The record is kept as the stream's last, so that the stream goes on
/// behind the gap with the right number, offset and digest.
fn put_bytes_aside(spool: &mut Spool, sealed: &SealedSegment, why: &str) -> Result<()> {
    let name = sealed.segment.name;
    spool.streams.advance(sealed.clone());
    let damage = move_aside(&spool.segments, &spool.damaged, sealed_file(name).as_ref(), why)?;
    let lost = || Damage { path: spool.segments.path_of(sealed_file(name)), why: why.to_owned() };
    let damage = damage.unwrap_or_else(lost);
    spool.damage.push(damage);
    spool.streams.keep_last(&spool.segments, &record_file(name), sealed)?;
    spool.streams.sync()
}

/// Moves a file to the directory of damaged ones. `None` when it is gone already.
pub(super) fn move_aside(from: &Dir, damaged: &Dir, file_name: &OsStr, why: &str) -> Result<Option<Damage>> {
    let mut free = file_name.to_owned();
    let mut count = 1;
    while damaged.look(&free)?.is_some() {
        count += 1;
        free = OsString::from(file_name);
        free.push(format!(".{count}"));
    }
    match from.rename_into(file_name, damaged, &free) {
        Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(None),
        other => other?,
    }
    fault::reached(Point::PutAside);
    damaged.sync()?;
    Ok(Some(Damage { path: damaged.path_of(&free), why: why.to_owned() }))
}
