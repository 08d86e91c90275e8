//! Who has a file open, from `/proc/*/fd` (`proc(5)`).

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::file::{self, Status};
use super::host;
use crate::model::segment::Identity;

/// A process that may write to a file.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its name, as `/proc/<pid>/comm` has it.
    pub name: String,
    /// The path through which the file can be opened even after it was unlinked.
    pub through: PathBuf,
}

impl Holder {
    /// Opens the held file for reading. The process may put something else in its place at any time, such as a FIFO or
    /// a device: only a regular file is opened, and the caller looks at which one it got.
    ///
    /// # Errors
    /// Where the process has ended, or it isn't ours to look into, or holds something else now.
    pub fn open(&self) -> io::Result<File> {
        // O_PATH goes to what the descriptor stands for without opening it.
        let found = File::options().read(true).custom_flags(libc::O_PATH).open(&self.through)?;
        file::open_regular(&found)
    }
}

/// What a look through `/proc` found.
#[derive(Debug, Default)]
pub struct Holders {
    /// For each file that is held open for writing: the processes that do. One may be a child of another that was seen
    /// before its exec, and have closed the file a moment later.
    pub by_file: HashMap<Identity, Vec<Holder>>,
    /// Whether every process could be looked into. If not, a file that isn't found may still be held.
    pub complete: bool,
}

/// Looks for processes that have one of `files`, all of them claimed and unlinked, open for writing.
pub fn holders_of_unlinked(files: &[Identity]) -> Holders {
    let wanted: HashMap<(u64, u64), Identity> = files.iter().map(|file| ((file.dev, file.ino), *file)).collect();
    let mut found = Holders { by_file: HashMap::new(), complete: all_processes_are_shown() };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Holders::default();
    };
    let own = std::process::id();
    for process in processes {
        let Ok(process) = process else {
            found.complete = false;
            continue;
        };
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()).filter(|&pid| pid != own)
        else {
            continue;
        };
        match wanted_files(&process.path(), &wanted) {
            Ok(held) => {
                let holder = |through| Holder { pid, name: comm(&process.path()), through };
                for (file, through) in held {
                    found.by_file.entry(file).or_default().push(holder(through));
                }
            }
            Err(_) => found.complete = false,
        }
    }
    found
}

/// Whether `/proc` has the processes of the whole machine: in a PID namespace of its own, as in a container, it shows those
/// of that namespace only. The first one's number is fixed (`PROC_PID_INIT_INO` in Linux's `include/linux/proc_ns.h`).
fn all_processes_are_shown() -> bool {
    const FIRST: &str = "pid:[4026531836]";
    fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace == Path::new(FIRST))
}

/// The wanted files that a process has open for writing.
///
/// # Errors
/// Where not all of its descriptors can be looked at. What a process has closed meanwhile, or one that has ended, holds
/// nothing.
fn wanted_files(process: &Path, wanted: &HashMap<(u64, u64), Identity>) -> io::Result<Vec<(Identity, PathBuf)>> {
    let mut found = Vec::new();
    let Some(descriptors) = unless_gone(fs::read_dir(process.join("fd")))? else { return Ok(found) };
    for descriptor in descriptors {
        let Some(descriptor) = unless_gone(descriptor)? else { break };
        found.extend(unless_gone(wanted_file(&descriptor.path(), wanted))?.flatten());
    }
    Ok(found)
}

/// `None` where the process has ended, or has closed what was looked at.
fn unless_gone<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The wanted file behind a descriptor, if it is one and is open for writing. Only what we have claimed
/// and the kernel marks as deleted is looked at more closely: a `stat` of some other file could hang on a dead network
/// mount, and inode numbers are used again.
fn wanted_file(descriptor: &Path, wanted: &HashMap<(u64, u64), Identity>) -> io::Result<Option<(Identity, PathBuf)>> {
    let target = match fs::read_link(descriptor) {
        // So the kernel answers for a process that is ending. One that we may not look into has not let us list it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        other => other?,
    };
    if !target.as_os_str().as_bytes().ends_with(b".claimed (deleted)") {
        return Ok(None);
    }
    let identity = Status::of(&fs::metadata(descriptor)?).identity;
    let is_wanted = wanted.get(&(identity.dev, identity.ino)) == Some(&identity);
    Ok((is_wanted && open_for_writing(descriptor)?).then(|| (identity, descriptor.to_owned())))
}

/// Whether `/proc/<pid>/fdinfo/<n>` shows an access mode other than reading.
fn open_for_writing(descriptor: &Path) -> io::Result<bool> {
    let number = descriptor.file_name().unwrap_or_default();
    let Some(process) = descriptor.parent().and_then(Path::parent) else { return Ok(false) };
    let info = fs::read_to_string(process.join("fdinfo").join(number))?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    Ok(flags.is_some_and(|flags| flags & 0o3 != 0))
}

/// Another process of our own name, ours or root's, that has a file open. Anyone may call a process like that: somebody
/// else's must not keep us from a file that he can read.
pub fn another_of_us_with(file: Identity) -> Option<u32> {
    let own = (std::process::id(), comm(Path::new("/proc/self")));
    let is_it = |descriptor: fs::DirEntry| {
        fs::metadata(descriptor.path()).is_ok_and(|metadata| Status::of(&metadata).identity == file)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|process| Some((process.file_name().to_str()?.parse().ok()?, process.path())));
    let trusted = |path: &Path| fs::metadata(path).is_ok_and(|is| is.uid() == 0 || is.uid() == host::user());
    let others = pids.filter(|(pid, path)| *pid != own.0 && comm(path) == own.1 && trusted(path));
    let holds = |path: &Path| fs::read_dir(path.join("fd")).into_iter().flatten().flatten().any(is_it);
    others.into_iter().find(|(_, path)| holds(path)).map(|(pid, _)| pid)
}

fn comm(process: &Path) -> String {
    fs::read_to_string(process.join("comm")).map_or_else(|_| "?".to_owned(), |name| name.trim_end().to_owned())
}
