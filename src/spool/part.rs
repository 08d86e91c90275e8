//! A segment that is being written.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::gzip::{self, Block, Decoder, Extent, Member, Salvaged};
use crate::model::segment::{Ended, Seal, SealedSegment, Segment};
use crate::model::time::Moment;
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;

/// Whether a file holds nothing but zeros, which no part does.
fn is_all_zeros(mut file: &File) -> io::Result<bool> {
    let mut buffer = vec![0; gzip::BLOCK];
    file.seek(SeekFrom::Start(0))?;
    loop {
        match file.read(&mut buffer)? {
            0 => return file.seek(SeekFrom::Start(0)).map(|_| true),
            count if buffer[..count].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

/// An open `.part` file.
pub struct Part {
    segment: Segment,
    file: File,
    path: PathBuf,
    member: Member,
    /// Of a part that was salvaged: when it was last written to before.
    modified: Option<Moment>,
    /// CRC-32 of the bytes that it ends in.
    ending: Option<u32>,
}

impl Part {
    pub(super) fn start(segment: Segment, mut file: File, path: PathBuf) -> Result<Self> {
        let member = Member::begin(segment.format, &mut file).doing("write", &path)?;
        Ok(Self { segment, file, path, member, modified: None, ending: None })
    }

    pub(super) fn salvage(segment: Segment, mut file: File, path: PathBuf) -> Result<Self> {
        let status = Status::of_file(&file).doing("look at", &path)?;
        if status.size < gzip::header(segment.format).len() as u64 || is_all_zeros(&file).doing("read", &path)? {
            // Cut short before it held anything; or a power loss kept the length that it had and none of its bytes, which
            // were never synced then.
            file.set_len(0).doing("cut", &path)?;
            return Self::start(segment, file, path);
        }
        let Salvaged { member, window } = gzip::salvage(segment.format, &mut file).doing("salvage", &path)?;
        // Cutting counts as a change.
        let mut part = Self { segment, file, path, member, modified: Some(status.modified), ending: None };
        part.remember(&window);
        part.cut()?;
        part.keep_time()?;
        fault::reached(Point::PartCut);
        Ok(part)
    }

    /// What the segment is.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The part's path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes of the source inode were taken, this segment's and earlier ones.
    pub fn taken(&self) -> u64 {
        self.segment.source.from + self.member.raw()
    }

    /// When the part was last written to.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn modified(&self) -> Result<Moment> {
        match self.modified {
            Some(modified) => Ok(modified),
            None => Status::of_file(&self.file).map(|status| status.modified).doing("look at", &self.path),
        }
    }

    /// Gives the part the time at which its log was last changed, for a run that has only the part: durable with the next
    /// [`Self::sync`].
    ///
    /// # Errors
    /// Where it can't be set.
    pub fn set_modified(&mut self, modified: Moment) -> Result<()> {
        self.modified = Some(modified);
        self.keep_time()
    }

    /// Gives the part its time back, which each change of it takes away.
    fn keep_time(&self) -> Result<()> {
        let Some(modified) = self.modified else { return Ok(()) };
        self.file.set_modified(modified.to_system_time()).doing("set the time of", &self.path)
    }

    /// Whether a file has, from the byte `at` on, just the bytes that this segment holds: where an inode's number is not enough to
    /// know it by, since the file system keeps no birth time, or since someone may have truncated the file.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn is_piece_of(&self, file: &File, at: u64) -> Result<bool> {
        let mut crc = crc32fast::Hasher::new();
        let mut left = self.raw();
        let mut buffer = vec![0; gzip::BLOCK];
        let mut file = file;
        file.seek(SeekFrom::Start(at)).doing("seek in", &self.segment.path)?;
        let mut reader = file.take(left);
        while left > 0 {
            match reader.read(&mut buffer).doing("read", &self.segment.path)? {
                0 => return Ok(false),
                count => {
                    crc.update(&buffer[..count]);
                    left -= count as u64;
                }
            }
        }
        Ok(crc.finalize() == self.member.crc())
    }

    /// Whether this segment begins with all that a file holds from where the segment begins in it.
    ///
    /// # Errors
    /// Where one of them can't be read.
    pub fn begins_with(&mut self, file: &File) -> Result<bool> {
        self.file.seek(SeekFrom::Start(0)).doing("seek in", &self.path)?;
        let (mut ours, mut theirs) = (vec![0; gzip::BLOCK], vec![0; gzip::BLOCK]);
        let packed = BufReader::new(&self.file);
        let mut reader = Decoder::of(self.segment.format, Extent::First, packed).doing("read", &self.path)?;
        let mut file = file;
        file.seek(SeekFrom::Start(self.segment.source.from)).doing("seek in", &self.segment.path)?;
        let same = loop {
            let count = file.read(&mut theirs).doing("read", &self.segment.path)?;
            if count == 0 {
                break true;
            }
            // Where it ends before that, there is no trailer yet: not an error of the disk.
            if reader.read_exact(&mut ours[..count]).is_err() || ours[..count] != theirs[..count] {
                break false;
            }
        };
        self.cut().map(|()| same)
    }

    /// How many bytes the part has.
    pub fn packed(&self) -> u64 {
        self.member.packed()
    }

    /// Takes note of the bytes that the segment ends in so far, at most [`gzip::WINDOW`] of them.
    pub fn remember(&mut self, window: &[u8]) {
        self.ending = Some(crc32fast::hash(window));
    }

    /// Whether these are the bytes that were noted last, if any were.
    pub fn remembers(&self, window: &[u8]) -> bool {
        self.ending.is_none_or(|ending| ending == crc32fast::hash(window))
    }

    /// How many raw bytes this segment holds.
    pub fn raw(&self) -> u64 {
        self.member.raw()
    }

    /// How many of the bytes before the next one are in this segment, and may so prime its compression.
    pub fn window(&self) -> usize {
        usize::try_from(self.member.raw()).map_or(gzip::WINDOW, |raw| raw.min(gzip::WINDOW))
    }

    /// Appends a block that was compressed behind the bytes that this segment ends in.
    ///
    /// # Errors
    /// Where it can't be written; the part is cut back to its last whole block then.
    pub fn append(&mut self, block: &Block) -> Result<()> {
        let written = self.member.append_packed(&mut self.file, block.raw(), block.packed());
        let written = written.doing("write", &self.path);
        if written.is_err() {
            self.cut()?;
        }
        written
    }

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().doing("sync", &self.path)
    }

    fn cut(&mut self) -> Result<()> {
        let end = self.member.packed();
        self.file.set_len(end).doing("cut", &self.path)?;
        self.file.seek(SeekFrom::Start(end)).map(drop).doing("seek in", &self.path)
    }

    pub(super) fn finish(mut self, last: Moment, ended: Ended) -> Result<SealedSegment> {
        let whole = self.member.finish(&mut self.file).doing("write", &self.path)?;
        if let Some(modified) = self.modified {
            self.file.set_modified(modified.to_system_time()).doing("set the time of", &self.path)?;
        }
        fault::reached(Point::MemberEnded);
        self.file.sync_all().doing("sync", &self.path)?;
        fault::reached(Point::MemberDurable);
        let last = last.max(self.segment.first);
        let ending = self.ending.filter(|_| ended == Ended::Continued);
        let gzip::Whole { raw: length, lines, packed, sha256 } = whole;
        let seal = Seal { length, lines, packed, sha256, last, ended, ending, in_place: None };
        Ok(SealedSegment { segment: self.segment, seal })
    }
}
