//! Giving back the head of a log whose bytes are in a sealed segment.
//!
//! Just before the call it is looked once more whether the file is what it was, and whether all still append. What remains is
//! the time between that look and the call, some microseconds: see docs/writers.md.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::super::Rotation;
use super::super::known::{HANDLED, digest, known};
use super::readers;
use super::writers::{self, Refusal};
use super::{InUse, NotTaken, Owing};
use crate::model::gap::Gap;
use crate::model::in_place::{Able, Give, Head, InPlace, Known};
use crate::model::problem::{Effect, Problem};
use crate::model::segment::Identity;
use crate::model::size;
use crate::model::way::Holes;
use crate::sys::collapse::{self, Ability, Prospect};
use crate::sys::failure::{Context, Failure, Result};
use crate::sys::fault::{self, Point};
use crate::sys::file::Status;
use crate::sys::lease::Leased;

/// The largest unit that is tried, in bytes, where a file system wants larger ones than its blocks (ext4's `bigalloc`).
const LARGEST_UNIT: u64 = 1024 * 1024;

/// From how many bytes on it is said that a log keeps its head for who reads it.
const LARGE: u64 = 64 * 1024 * 1024;

/// By how much the unit grows at a time.
const LARGER: u64 = 16;

/// What can be done with the head of a log.
///
/// # Errors
/// Why nothing can.
pub(super) fn able(log: &InUse) -> std::result::Result<Able, NotTaken> {
    let path = &log.found.path;
    let prospect = collapse::prospect(&log.log).doing("look at the file system of", path)?;
    if prospect == Prospect::None && log.holes == Holes::Refused {
        return Err(NotTaken::Refused(unable()));
    }
    let for_writing = open(&log.log, path)?;
    let unit = collapse::unit(&for_writing).doing("look at the file system of", path)?;
    match (collapse::ability(&for_writing).doing("ask the file system of", path)?, log.holes) {
        (Ability::Collapse, _) => Ok(Able::Collapse { unit }),
        (Ability::Punch, Holes::Allowed) => Ok(Able::Punch { unit }),
        (Ability::Punch | Ability::None, _) => Err(NotTaken::Refused(unable())),
    }
}

/// Why a log can't be taken in its place where its file system can't do that.
pub(in crate::rotate) fn unable() -> Refusal {
    Refusal::new(
        "its file system can't take the head of a file away, as ext4 (with extents) and xfs can",
        "set holes = true beside writer = \"holds\", if the log may be a file with a hole in it (docs/writers.md); else move it \
         to another file system, or have its writer open it anew",
    )
}

/// Opens a log once more, to give back its head.
fn open(log: &File, path: &Path) -> std::result::Result<File, NotTaken> {
    let refused = |what: &str, hint: &str| Err(NotTaken::Refused(Refusal::new(what, hint)));
    match collapse::open(log) {
        Ok(file) => Ok(file),
        Err(error) if collapse::is_by_attribute(&error) => refused(
            "its head can't be given back, since it is append-only or immutable (chattr +a, +i)",
            "lsattr shows it; `chattr -a` lets its head go, but also lets everything else be overwritten",
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused(
            "its head can't be given back: it is not ours to write to",
            "run logferry as root, or as the user that the log belongs to",
        ),
        Err(error) => Err(Failure::new("open for writing", path, error).into()),
    }
}

/// Plans what to give back of a log whose bytes up to `end` are copied, and behind which there may be a gap.
pub(super) fn plan(log: &File, end: u64, hole: u64, able: Able, gap: Option<Gap>) -> io::Result<InPlace> {
    let there = |at, length| digest(log, at, length)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
    let planned: io::Result<InPlace> = InPlace::plan(end, hole, able, there);
    Ok(InPlace { gap, ..planned? })
}

/// Gives back what is planned of each log.
pub(super) fn give_back(rotation: &mut Rotation<'_>, owing: Vec<Owing>) {
    let planned = |owing: &Owing| owing.sealed.seal.in_place.is_some_and(|in_place| in_place.give.is_some());
    let (owing, nothing): (Vec<Owing>, Vec<Owing>) = owing.into_iter().partition(planned);
    for Owing { log, .. } in nothing {
        log::info!(
            "{}: nothing of it is given back this time: it is short, or its blocks are alike",
            log.found.path.display()
        );
    }
    let logs: Vec<(&Path, Identity)> =
        owing.iter().map(|owing| (owing.log.found.path.as_path(), owing.log.found.identity)).collect();
    let read: Vec<(&Path, Identity, u64)> =
        owing.iter().zip(&logs).map(|(owing, (path, file))| (*path, *file, owing.sealed.taken())).collect();
    let (seen, at_work) = (writers::look_for(&logs), readers::look(&read));
    let mut given = Vec::new();
    for mut owing in owing {
        let log = (owing.log.found.path.clone(), owing.log.found.identity);
        if let Some(who) = at_work.on(log.1) {
            match open(&owing.log.log, &log.0) {
                Ok(_) => say_kept(rotation, &log.0, &who, owing.sealed.taken()),
                // Who holds a lease on it, for one.
                Err(error) => rotation.problem(not_given(&log.0, error)),
            }
            continue;
        }
        let appended = seen.require_appending(log.1).map_err(NotTaken::Refused);
        match appended.and_then(|()| give_one(rotation, &mut owing)) {
            Ok(()) => given.push(log),
            Err(error) => rotation.problem(not_given(&log.0, error)),
        }
    }
    note_late_writers(rotation, &given);
}

/// Says that the head of a log stays for now: to those who ask, and where it has become large to everybody.
fn say_kept(rotation: &mut Rotation<'_>, path: &Path, who: &str, taken: u64) {
    let what = format!("its head is not given back now: {who} is in the middle of reading it");
    match taken {
        0..LARGE => log::info!("{}: {what}", path.display()),
        _ => {
            let what = format!("{what}; {} of it are in segments and stay in it meanwhile", size::show(taken));
            let hint =
                "nothing to do if that is a copy that will end; else end it, so that the log can become small again";
            rotation.problem(Problem::new(Effect::Noted, path, what).hint(hint));
        }
    }
}

/// Says who has come between the look and the call and doesn't append: it may write behind a hole.
fn note_late_writers(rotation: &mut Rotation<'_>, given: &[(PathBuf, Identity)]) {
    let logs: Vec<(&Path, Identity)> = given.iter().map(|(path, file)| (path.as_path(), *file)).collect();
    let seen = writers::look_for(&logs);
    for (path, file) in given {
        if let Err(Refusal { what, hint, .. }) = seen.require_appending(*file) {
            let what = format!("while its head was given back somebody came who does not append: {what}");
            rotation.problem(Problem::new(Effect::Noted, path, what).hint(hint));
        }
    }
    for (path, file) in given.iter().filter(|(path, file)| !is_at(path, *file)) {
        log::info!("{}: inode {} is not there any more", path.display(), file.ino);
        let what = "while its head was given back somebody renamed it: whoever read it in that moment (a compressor, cp) has a \
                    copy that lacks some of it";
        rotation.problem(Problem::new(Effect::Noted, path, what).hint(HANDLED));
    }
}

/// Whether a file is under its name still.
fn is_at(path: &Path, file: Identity) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| Status::of(&metadata).identity == file)
}

/// The bytes are safe; only their space is still taken. A log that grows for ever is for a person to see.
fn not_given(path: &Path, error: NotTaken) -> Problem {
    const SAFE: &str = "what it holds is in segments, but its space was not given back";
    match error {
        NotTaken::Refused(Refusal { what, hint, .. }) => {
            Problem::new(Effect::Failed, path, format!("{SAFE}: {what}")).hint(hint)
        }
        NotTaken::Failed(failure) => {
            let is_leased = Leased::is_why(&failure.source);
            let effect = if is_leased || failure.no_room() { Effect::Waits } else { Effect::Failed };
            let problem = Problem::from_error(effect, path, &failure);
            let hint = if is_leased { Leased::HINT } else { "the next run tries again" };
            Problem { what: format!("{SAFE}: {}", problem.what), ..problem }.hint(hint)
        }
    }
}

/// Gives back the head of one log, in larger units where the file system wants them.
fn give_one(rotation: &mut Rotation<'_>, owing: &mut Owing) -> std::result::Result<(), NotTaken> {
    let path = owing.log.found.path.clone();
    let file = open(&owing.log.log, &path)?;
    let mut unit = collapse::unit(&file).doing("look at the file system of", &path)?;
    loop {
        match give(owing, &file)? {
            Given::Yes => {
                rotation.spool.note_given(&owing.sealed);
                return Ok(());
            }
            Given::NotNow => return Ok(()),
            Given::OtherUnit if !owing.is_new => {
                // Its record is that of a segment which was shipped: the next segment plans anew.
                log::info!("{}: its head is given back with its next segment, in larger units", path.display());
                return Ok(());
            }
            Given::OtherUnit if unit >= LARGEST_UNIT => {
                let what = format!("its file system works in units of more than {unit} bytes");
                let hint =
                    "set holes = true, or move the log to a file system with smaller units (ext4 without bigalloc)";
                return Err(NotTaken::Refused(Refusal::new(what, hint)));
            }
            Given::OtherUnit => unit = (unit * LARGER).min(LARGEST_UNIT),
        }
        if !plan_anew(rotation, owing, unit)? {
            return Ok(());
        }
    }
}

/// Plans in other units. Whether there is anything then.
fn plan_anew(rotation: &mut Rotation<'_>, owing: &mut Owing, unit: u64) -> Result<bool> {
    let Owing { sealed, log, .. } = owing;
    let path = &log.found.path;
    let gap = sealed.seal.in_place.and_then(|in_place| in_place.gap);
    let in_place = plan(&log.log, sealed.taken(), 0, Able::Collapse { unit }, gap).doing("read", path)?;
    sealed.seal.in_place = Some(in_place);
    rotation.spool.plan_anew(sealed)?;
    fault::reached(Point::PlannedAnew);
    let same = |other: &&mut crate::model::segment::SealedSegment| other.segment.name == sealed.segment.name;
    if let Some(known) = rotation.outcome.sealed.iter_mut().find(same) {
        known.clone_from(sealed);
    }
    rotation.note_continued(sealed);
    Ok(in_place.give.is_some())
}

/// What became of one try.
enum Given {
    Yes,
    /// The file is not what it was: the next run sees what it is.
    NotNow,
    /// The file system works in other units.
    OtherUnit,
}

fn give(Owing { sealed, log, .. }: &Owing, file: &File) -> Result<Given> {
    let path = &log.found.path;
    let Some(InPlace { give: Some(give), .. }) = sealed.seal.in_place else { return Ok(Given::NotNow) };
    let (end, status) = (sealed.taken(), Status::of_file(file).doing("look at", path)?);
    let is_there = known(sealed, path, &log.log, status.size)? == Known::Same { position: end, head: Head::There };
    let under_its_name = log.dir.look(&log.name)?.is_some_and(|entry| entry.status.identity == status.identity);
    if !is_there || status.links != 1 || !under_its_name || status.size < end {
        log::info!("{}: its head is not given back now: someone else has changed it", path.display());
        return Ok(Given::NotNow);
    }
    fault::reached(Point::HeadGoing);
    let (length, given) = match give {
        Give::Collapse { length, .. } => (length, collapse::collapse(file, length)),
        Give::Punch { length } => (length, collapse::punch(file, length)),
    };
    match given {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(Given::OtherUnit),
        Err(error) => return Err(Failure::new("give back the head of", path, error)),
    }
    fault::reached(Point::HeadGone);
    log::info!("{}: the space of its first {length} bytes was given back", path.display());
    Ok(Given::Yes)
}
