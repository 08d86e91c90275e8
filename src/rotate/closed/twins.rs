//! Files that are being compressed: for a while there are two of them, with the same bytes, and only one is to be taken.
//!
//! A compressor opens a file, makes another one beside it, fills that, and removes the first by its name. What is seen of
//! that, when a file has been claimed and copied, decides:
//!
//! | the compressed one | so |
//! | --- | --- |
//! | somebody writes it | the file gets its name back: the compressor removes it when it has come to its end |
//! | whole, the same bytes | the compressor was cut short, or could not find the file any more: its last step is done for it |
//! | whole, other bytes | they have only their names in common, since something was rotated between two runs: both are taken |
//! | anything else | both wait, and someone is told |

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Closed;
use super::error::NotTaken;
use crate::model::family::{self, Name, Packing, Rotated};
use crate::model::segment::ClaimedName;
use crate::sys::dir::Dir;
use crate::sys::failure::{Context, Failure};
use crate::sys::file::Status;
use crate::sys::lease::{self, Writers};
use crate::sys::readers;
use crate::unpack::{self, Unsound};

/// How long a compressor may need from opening a file to making the one that it compresses it to, on a busy machine. One that
/// opened a file before it was claimed goes on with it.
const UNTIL_IT_SHOWS: Duration = Duration::from_secs(2);

/// The same where all who have it open stand at its end, or can't be looked into: who only follows it (`tail -f`) makes none.
const WHERE_NOBODY_BEGINS: Duration = Duration::from_millis(50);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(5);

/// What a compressed file is to one that is not.
enum Twin {
    AtWork(File),
    Same(File),
    Other,
    Unclear(String),
}

impl Closed<'_, '_> {
    /// Fails where a compressed file's source is still there, with the same bytes or nobody knows which.
    pub(super) fn require_no_source(&self, dir: &Dir, packed: &File, name: &OsStr) -> Result<(), NotTaken> {
        let Some(rotated) = packed_one(name) else { return Ok(()) };
        let plain = match dir.open_read(&rotated.unpacked) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(()),
            opened => opened?,
        };
        match self.compare(&plain, packed, rotated.packing)? {
            Twin::Other => Ok(()),
            Twin::AtWork(_) | Twin::Same(_) => Err(waits(&rotated.unpacked, "it was compressed just now")),
            Twin::Unclear(why) => Err(waits(&rotated.unpacked, &why)),
        }
    }

    /// Fails where something is being made of a file that was claimed from its own name.
    pub(super) fn require_nothing_made_of_it(
        &self,
        dir: &Dir,
        claimed: &ClaimedName,
        log: &File,
    ) -> Result<(), NotTaken> {
        let Some((_, own)) = ClaimedName::parse(claimed.as_os_str()) else { return Ok(()) };
        let Name::Rotated(rotated) = family::read(&own) else { return Ok(()) };
        let made = rotated.made_of_it();
        if !made.is_empty() {
            wait_for_compressor(dir, claimed, log, &made)?;
        }
        for (name, packing) in made {
            self.require_not_made(dir, log, name, packing)?;
        }
        Ok(())
    }

    fn require_not_made(&self, dir: &Dir, log: &File, name: OsString, packing: Packing) -> Result<(), NotTaken> {
        let packed = match dir.open_read(&name) {
            Err(failure) if failure.is(io::ErrorKind::NotFound) => return Ok(()),
            opened => opened?,
        };
        match self.compare(log, &packed, packing)? {
            Twin::Other => Ok(()),
            Twin::AtWork(twin) => Err(NotTaken::AtWork { name, twin }),
            Twin::Same(twin) => Err(NotTaken::Redundant { name, twin }),
            Twin::Unclear(why) => Err(waits(&name, &why)),
        }
    }

    fn compare(&self, plain: &File, packed: &File, packing: Packing) -> Result<Twin, NotTaken> {
        let again = || packed.try_clone().map_err(|error| Failure::new("open", "a compressed log", error));
        if lease::writers(packed) == Writers::Some {
            return Ok(Twin::AtWork(again()?));
        }
        if !matches!(packing, Packing::Gzip | Packing::Zstd) {
            return Ok(Twin::Unclear("what it holds can't be compared".to_owned()));
        }
        match unpack::same(plain, packed, packing, &|| self.rotation.stop.requested()) {
            Ok(true) => Ok(Twin::Same(again()?)),
            Ok(false) => Ok(Twin::Other),
            Err(Unsound::Content(what)) => Ok(Twin::Unclear(what)),
            Err(Unsound::Unread(error)) => Err(Failure::new("read", "a compressed log", error).into()),
            Err(Unsound::Stopped) => Err(NotTaken::Stopped),
        }
    }
}

/// Waits while somebody has a claimed file open who may be about to make one of these of it.
fn wait_for_compressor(
    dir: &Dir,
    claimed: &ClaimedName,
    log: &File,
    made: &[(OsString, Packing)],
) -> Result<(), Failure> {
    let path = dir.path_of(claimed.as_os_str());
    let Status { identity, size, .. } = Status::of_file(log).doing("look at", &path)?;
    let begun = Instant::now();
    while lease::is_open_elsewhere(log) {
        for (name, _) in made {
            if dir.look(name)?.is_some() {
                return Ok(());
            }
        }
        let begins = readers::readers(&[(&path, identity)]).iter().any(|reader| reader.at < size);
        let long_enough = if begins { UNTIL_IT_SHOWS } else { WHERE_NOBODY_BEGINS };
        if begun.elapsed() >= long_enough {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn packed_one(name: &OsStr) -> Option<Rotated> {
    match family::read(name) {
        Name::Rotated(rotated) => Some(rotated).filter(|rotated| rotated.packing != Packing::None),
        Name::Plain | Name::Aside(_) => None,
    }
}

fn waits(name: &OsStr, why: &str) -> NotTaken {
    let name = Path::new(name).display();
    let what = format!("{name} is beside it, and one of them seems to be made of the other ({why}): both wait");
    NotTaken::Unclear { what }
}
