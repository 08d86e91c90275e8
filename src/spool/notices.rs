//! What the next segment of a log is to tell its readers, where no record says it: that the log was refused, truncated, a hole.
//!
//! A file for each log, `TAG.json`, made when that is seen. The segment that is begun next holds a copy in its record, and
//! the file is removed when that segment is sealed. A run that is cut short in between leaves both: then the next segment
//! sees by the record of the one before what that has told already. So nothing is lost, and nothing told twice.
//!
//! None of this may hold a log up: what can't be written or read is told with `-v`, and given up.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::destination::Destination;
use crate::model::digest::Digest;
use crate::model::notice::{Kind, Noted, Notice};
use crate::model::path_text;
use crate::model::problem;
use crate::model::segment::{Segment, SegmentName};
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};

/// Of how many logs something is remembered.
const MOST: usize = 1000;

/// What is remembered of a log that no segment has come of, in nanoseconds. It begins anew each time that it is written.
const REMEMBERED: i64 = 31 * 24 * 60 * 60 * 1_000_000_000;

/// The largest file that is read, in bytes: longer ones are none of ours.
const LARGEST: u64 = 64 * 1024;

/// What waits for a log's next segment.
#[derive(Serialize, Deserialize)]
struct Waiting {
    /// The log, for people.
    log: String,
    noted: Notice,
}

/// The directory of what waits.
pub(super) struct Notices {
    dir: Dir,
    /// What segments tell that are being made, by the file that it is from.
    carried: HashMap<String, (SegmentName, Notice)>,
}

impl Notices {
    pub(super) fn new(dir: Dir) -> Self {
        Self { dir, carried: HashMap::new() }
    }

    /// Remembers something of a log for the next segment that is begun of it. What is remembered already stays as it is, so
    /// that it is known since when it is so.
    pub(super) fn note(&mut self, log: &Path, to: &Destination, kind: Kind, now: Moment) {
        let file_name = file_name(log, to);
        match self.try_note(&file_name, log, kind, now) {
            Ok(()) => {}
            Err(failure) => give_up(&failure),
        }
    }

    fn try_note(&mut self, file_name: &str, log: &Path, kind: Kind, now: Moment) -> Result<()> {
        let before = self.read(file_name)?;
        let noted = before.unwrap_or_default();
        let told = self.carried.get(file_name).and_then(|(_, notice)| notice.of(kind));
        match noted.of(kind) {
            // The segment that tells of it is begun, and this has happened since.
            Some(known) if told.is_some_and(|told| told.at == known.at) && now != known.at => {}
            Some(_) => return Ok(()),
            None if before.is_none() && !self.has_room(now)? => {
                log::info!("{}: its next segment won't tell that it was {}", log.display(), kind.word());
                return Ok(());
            }
            None => {}
        }
        self.write(file_name, log, noted.with(Noted { kind, at: now, bytes: None }))?;
        fault::reached(Point::NoticeNoted);
        Ok(())
    }

    /// What a segment that is begun is to tell. `before` is what the stream's segment before it has told.
    pub(super) fn of(&mut self, segment: &Segment, before: &Notice) -> Notice {
        let mut all = Notice::default();
        for log in logs_of(segment) {
            let file_name = file_name(&log, &segment.to);
            let waiting = match self.read(&file_name) {
                Ok(Some(waiting)) => waiting,
                Ok(None) => continue,
                Err(failure) => {
                    give_up(&failure);
                    continue;
                }
            };
            let new = waiting.without(before);
            if new != waiting {
                self.forget(&file_name, &log, before);
            }
            if !new.is_empty() {
                self.carried.insert(file_name, (segment.name, new));
            }
            all = new.iter().fold(all, |all, noted| all.with(*noted));
        }
        all
    }

    /// A segment is sealed: what it tells is remembered no more.
    pub(super) fn told(&mut self, segment: &Segment) {
        if segment.notice.is_empty() {
            return;
        }
        for log in logs_of(segment) {
            let file_name = file_name(&log, &segment.to);
            let told = self.carried.remove(&file_name).filter(|(name, _)| *name == segment.name);
            // A segment that an earlier run began is not known here.
            let told = told.map_or(segment.notice, |(_, told)| told);
            self.forget(&file_name, &log, &told);
        }
    }

    fn forget(&self, file_name: &str, log: &Path, told: &Notice) {
        let forgotten = self.read(file_name).and_then(|waiting| {
            let Some(waiting) = waiting else { return Ok(()) };
            let left = waiting.without(told);
            match left.is_empty() {
                true => {
                    self.dir.unlink_if_there(file_name)?;
                    self.dir.sync()?;
                }
                false if left != waiting => self.write(file_name, log, left)?,
                false => return Ok(()),
            }
            fault::reached(Point::NoticeTold);
            Ok(())
        });
        if let Err(failure) = forgotten {
            give_up(&failure);
        }
    }

    /// Whether something may be remembered of one more log. What is oldest makes way, once it is of no use.
    fn has_room(&self, now: Moment) -> Result<bool> {
        let names = self.dir.names()?;
        if names.len() < MOST {
            return Ok(true);
        }
        let mut left = names.len();
        for name in names {
            let Some(entry) = self.dir.look(&name)? else { continue };
            if entry.status.modified.nanos() < now.nanos().saturating_sub(REMEMBERED) {
                self.dir.unlink_if_there(&name)?;
                left -= 1;
            }
        }
        Ok(left < MOST)
    }

    /// What waits in a file; `None` where there is none. One that makes no sense is as none, and is replaced.
    fn read(&self, file_name: &str) -> Result<Option<Notice>> {
        let file = match self.dir.open_read(file_name) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(None),
            other => other?,
        };
        let mut text = Vec::new();
        file.take(LARGEST).read_to_end(&mut text).doing("read", self.dir.path_of(file_name))?;
        Ok(Some(serde_json::from_slice::<Waiting>(&text).map(|waiting| waiting.noted).unwrap_or_default()))
    }

    fn write(&self, file_name: &str, log: &Path, noted: Notice) -> Result<()> {
        let waiting = Waiting { log: path_text::to_text(log), noted };
        let text = serde_json::to_vec_pretty(&waiting).map_err(io::Error::other);
        self.dir.write_durable(file_name, &text.doing("write", self.dir.path_of(file_name))?)
    }
}

/// The paths under which something may be remembered of a segment's log: its stream's, and that of the file that it is made
/// of where that is a rotated one.
fn logs_of(segment: &Segment) -> Vec<std::path::PathBuf> {
    let own = segment.path.with_file_name(segment.own_name());
    let mut logs = vec![segment.path.clone()];
    logs.extend((own != segment.path).then_some(own));
    logs
}

/// 16 hex digits of a SHA-256 over log and store: no path and no destination holds a NUL.
fn file_name(log: &Path, to: &Destination) -> String {
    use std::os::unix::ffi::OsStrExt;
    let all = [log.as_os_str().as_bytes(), to.to_string().as_bytes()].join(&0);
    format!("{}.json", &Digest::of(&all).to_string()[..16])
}

fn give_up(failure: &Failure) {
    log::info!("a notice for the readers of a log: {}", problem::chain(failure));
}
