//! Who has a file open, from `/proc/*/fd` (`proc(5)`).

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{self, Status};
use super::host;
use crate::model::segment::Identity;
use crate::model::way::ProcessName;

/// A process that may write to a file.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its name, as `/proc/<pid>/comm` has it. Any process may call itself anything.
    pub name: String,
    /// The user that it belongs to; `None` where it has ended.
    pub owner: Option<u32>,
    /// The file name of the program that it runs; `None` where it can't be seen.
    pub program: Option<String>,
    /// The path through which the file can be opened even after it was unlinked.
    pub through: PathBuf,
    /// Where its writes go.
    pub writes: Writes,
}

/// Where the writes through a descriptor go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writes {
    /// To the end of the file, wherever that is then (`O_APPEND`).
    ToTheEnd,
    /// To the descriptor's own position.
    Anywhere,
}

impl Holder {
    /// Whether it bears that name: as the name of the program that it runs, or as what the kernel calls it, which is cut
    /// behind 15 bytes and so proves nothing of a longer one.
    pub fn is_called(&self, name: &ProcessName) -> bool {
        let called = name.as_str().len() <= ProcessName::COMM && self.name == name.as_str();
        called || self.program.as_deref() == Some(name.as_str())
    }

    /// The process as it is now, if it still has that file open for writing through the same descriptor.
    pub fn again(&self, file: Identity) -> Option<Self> {
        let process = self.through.parent()?.parent()?;
        let wanted = Wanted::new(&[file], &|_| true);
        let Descriptor { writes, through, .. } = wanted_file(&self.through, &wanted).ok()??;
        Some(holder(process, self.pid, through, writes))
    }

    /// The process that has started it, or has taken it over from that.
    pub fn parent(&self) -> Option<u32> {
        parent(self.pid)
    }

    /// What to call it in a message.
    pub fn shown(&self) -> String {
        format!("{} (pid {})", self.name, self.pid)
    }

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
    /// Whether it was not complete since somebody opens and closes files faster than they can be looked at: another look may be.
    pub restless: bool,
}

/// Looks for processes that have one of `files`, all of them claimed and unlinked, open for writing.
pub fn holders_of_unlinked(files: &[Identity]) -> Holders {
    holders(files, &|target| target.as_os_str().as_bytes().ends_with(b".claimed (deleted)"))
}

/// Looks for processes that have one of these logs open for writing, wherever they are now: each has been renamed or deleted
/// since it was by its path. Its name may have got something behind it; since Linux 5.14 it may be any other one.
pub fn holders_of_moved(logs: &[(&Path, Identity)]) -> Holders {
    let names: HashSet<&[u8]> = logs.iter().filter_map(|(path, _)| Some(path.file_name()?.as_bytes())).collect();
    let files: Vec<Identity> = logs.iter().map(|(_, file)| *file).collect();
    let begins_like_one = |name: &[u8]| (1..=name.len()).any(|length| names.contains(&name[..length]));
    let suspect = |target: &Path| target.file_name().is_some_and(|name| begins_like_one(name.as_bytes()));
    holders_of(&Wanted { by_number: true, ..Wanted::new(&files, &suspect) })
}

/// Looks for processes that have one of these logs, each under its path, open for writing.
pub fn holders_in_use(logs: &[(&Path, Identity)]) -> Holders {
    let names: HashSet<&OsStr> = logs.iter().filter_map(|(path, _)| path.file_name()).collect();
    let files: Vec<Identity> = logs.iter().map(|(_, file)| *file).collect();
    // Its directories may have other names there, in a container for one.
    holders(&files, &|target| target.file_name().is_some_and(|name| names.contains(name)))
}

/// Looks for processes that have one of `files` open for writing. Only what is `suspect` by the name that the kernel has
/// for it is looked at more closely: a `stat` of some other file could hang on a dead network mount.
fn holders(files: &[Identity], suspect: &dyn Fn(&Path) -> bool) -> Holders {
    holders_of(&Wanted::new(files, suspect))
}

fn holders_of(wanted: &Wanted<'_>) -> Holders {
    let mut found = Holders { complete: all_processes_are_shown(), ..Holders::default() };
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
        match wanted_files(&process.path(), wanted) {
            Ok(held) => {
                for Descriptor { file, through, writes } in held {
                    let holder = holder(&process.path(), pid, through, writes);
                    found.by_file.entry(file).or_default().push(holder);
                }
            }
            Err(error) => {
                found.complete = false;
                found.restless |= error.kind() == io::ErrorKind::WouldBlock;
            }
        }
    }
    found
}

fn holder(process: &Path, pid: u32, through: PathBuf, writes: Writes) -> Holder {
    let owner = fs::metadata(process).ok().map(|is| is.uid());
    Holder { pid, name: comm(process), owner, program: program(process), through, writes }
}

/// The file name of the program that a process runs, also where an upgrade has replaced it since.
fn program(process: &Path) -> Option<String> {
    let program = fs::read_link(process.join("exe")).ok()?;
    let name = program.file_name()?.to_str()?;
    Some(name.strip_suffix(" (deleted)").unwrap_or(name).to_owned())
}

/// Whether `/proc` has the processes of the whole machine: in a PID namespace of its own, as in a container, it shows those
/// of that namespace only. The first one's number is fixed (`PROC_PID_INIT_INO` in Linux's `include/linux/proc_ns.h`).
fn all_processes_are_shown() -> bool {
    const FIRST: &str = "pid:[4026531836]";
    fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace == Path::new(FIRST))
}

/// A descriptor of some process for a wanted file, open for writing.
struct Descriptor {
    file: Identity,
    through: PathBuf,
    writes: Writes,
}

/// The wanted files that a process has open for writing.
///
/// # Errors
/// Where not all of its descriptors can be looked at. What a process has closed meanwhile, or one that has ended, holds
/// nothing.
fn wanted_files(process: &Path, wanted: &Wanted<'_>) -> io::Result<Vec<Descriptor>> {
    let mut found = Vec::new();
    let Some(descriptors) = unless_gone(fs::read_dir(process.join("fd")))? else { return Ok(found) };
    for descriptor in descriptors {
        let Some(descriptor) = unless_gone(descriptor)? else { break };
        match wanted_file(&descriptor.path(), wanted) {
            // So the kernel answers for a process that is ending. One that we may not look into has not let us list it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            looked => found.extend(unless_gone(looked)?.flatten()),
        }
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

/// What is looked for.
struct Wanted<'a> {
    /// The files, by device and inode.
    files: HashMap<(u64, u64), Identity>,
    /// Whether what the kernel says a descriptor stands for may be one of them.
    suspect: &'a dyn Fn(&Path) -> bool,
    /// Whether a descriptor is suspect, too, whose inode has the number of one of them, by whatever name.
    by_number: bool,
}

impl<'a> Wanted<'a> {
    fn new(files: &[Identity], suspect: &'a dyn Fn(&Path) -> bool) -> Self {
        let files = files.iter().map(|file| ((file.dev, file.ino), *file)).collect();
        Self { files, suspect, by_number: false }
    }

    /// Whether a descriptor that stands for that file is to be looked at.
    fn is_suspect(&self, descriptor: &Path, target: &Path) -> io::Result<bool> {
        if (self.suspect)(target) || !self.by_number {
            return Ok((self.suspect)(target));
        }
        let Opened { inode, writes } = opened(descriptor)?;
        Ok(writes.is_some() && self.files.keys().any(|(_, number)| inode == Some(*number)))
    }
}

/// How many looks at a descriptor, one right after another, must say the same, and how many there are at the most.
const ALIKE: usize = 5;
const MOST_LOOKS: usize = 50;

/// How many must, where the number of the inode that is open in that way is another one than the file's. A file system may
/// have two numbers for one file (overlayfs over several others); else another file was there at each of these looks.
const ALIKE_BY_ANOTHER_NUMBER: usize = 25;

/// The wanted file behind a descriptor, if it is one and is open for writing. What the descriptor stands for and how that is
/// open are asked for one after the other, and its process may put another file behind it in between, as shells do all the
/// time: only what several looks say is so.
fn wanted_file(descriptor: &Path, wanted: &Wanted<'_>) -> io::Result<Option<Descriptor>> {
    let Some(mut file) = wanted_behind(descriptor, wanted)? else { return Ok(None) };
    let (mut before, mut alike) = (None, 0);
    for _ in 0..MOST_LOOKS {
        let Opened { writes, inode } = opened(descriptor)?;
        let Some(after) = wanted_behind(descriptor, wanted)? else {
            alike = 0;
            continue;
        };
        alike = if (after, before) == (file, Some((writes, inode))) { alike + 1 } else { 0 };
        (file, before) = (after, Some((writes, inode)));
        let is_the_file = inode.is_none_or(|inode| inode == file.ino);
        if alike >= if is_the_file { ALIKE } else { ALIKE_BY_ANOTHER_NUMBER } {
            return Ok(writes.map(|writes| Descriptor { file, through: descriptor.to_owned(), writes }));
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "it stands for another file each time that it is looked at"))
}

/// Which wanted file a descriptor stands for. Inode numbers are used again: its birth must be the same too.
fn wanted_behind(descriptor: &Path, wanted: &Wanted<'_>) -> io::Result<Option<Identity>> {
    let target = fs::read_link(descriptor)?;
    if !wanted.is_suspect(descriptor, &target)? {
        return Ok(None);
    }
    let identity = Status::of(&fs::metadata(descriptor)?).identity;
    Ok(Some(identity).filter(|identity| wanted.files.get(&(identity.dev, identity.ino)) == Some(identity)))
}

/// How a file is open, as `/proc/<pid>/fdinfo/<n>` says it in one look (proc_pid_fdinfo(5)).
#[derive(Default)]
struct Opened {
    /// Where writes go, if the access mode is another one than reading.
    writes: Option<Writes>,
    /// Its inode's number, since Linux 5.14.
    inode: Option<u64>,
}

fn opened(descriptor: &Path) -> io::Result<Opened> {
    let number = descriptor.file_name().unwrap_or_default();
    let Some(process) = descriptor.parent().and_then(Path::parent) else { return Ok(Opened::default()) };
    let info = fs::read_to_string(process.join("fdinfo").join(number))?;
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let flags = field("flags:").and_then(|flags| i32::from_str_radix(flags, 8).ok());
    let writes =
        flags.filter(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY).map(|flags| match flags & libc::O_APPEND {
            0 => Writes::Anywhere,
            _ => Writes::ToTheEnd,
        });
    Ok(Opened { writes, inode: field("ino:").and_then(|inode| inode.parse().ok()) })
}

/// Another process of our own name, ours or root's, that has a file open. Anyone may call a process like that: somebody
/// else's must not keep us from a file that he can read. Its output and input are not what it works on: they may well be
/// appended to a log that is shipped.
pub fn another_of_us_with(file: Identity) -> Option<u32> {
    let own = (std::process::id(), comm(Path::new("/proc/self")));
    let is_it = |descriptor: fs::DirEntry| {
        let number: Option<u32> = descriptor.file_name().to_str().and_then(|number| number.parse().ok());
        number.is_some_and(|number| number > 2)
            && fs::metadata(descriptor.path()).is_ok_and(|metadata| Status::of(&metadata).identity == file)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|process| Some((process.file_name().to_str()?.parse().ok()?, process.path())));
    let trusted = |path: &Path| fs::metadata(path).is_ok_and(|is| is.uid() == 0 || is.uid() == host::user());
    let others = pids.filter(|(pid, path)| *pid != own.0 && comm(path) == own.1 && trusted(path));
    let holds = |path: &Path| fs::read_dir(path.join("fd")).into_iter().flatten().flatten().any(is_it);
    others.into_iter().find(|(_, path)| holds(path)).map(|(pid, _)| pid)
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// Root's processes of one of these names: who else calls his like that is none.
pub fn roots_processes_named(names: &[&str]) -> Vec<Process> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let name = comm(&process.path());
        let is_roots = || fs::metadata(process.path()).is_ok_and(|is| is.uid() == 0);
        (names.contains(&name.as_str()) && is_roots()).then_some(Process { pid, name })
    });
    found.collect()
}

/// The process that holds the lock ([`super::lock`]) of a file, by `/proc/locks`: nothing is locked for that, so that no
/// run finds the lock taken.
pub fn holder_of_lock(file: Identity) -> Option<u32> {
    holder_by_locks("FLOCK", file)
}

/// The process that holds a lease on a file, or lets go of one, by `/proc/locks`: what to call it in a message.
pub(super) fn holder_of_lease(file: Identity) -> Option<String> {
    let pid = holder_by_locks("LEASE", file)?;
    Some(format!("{} (pid {pid})", comm(&Path::new("/proc").join(pid.to_string()))))
}

fn holder_by_locks(wanted: &str, file: Identity) -> Option<u32> {
    let (major, minor) = (nix::sys::stat::major(file.dev), nix::sys::stat::minor(file.dev));
    let of_file = format!("{major:02x}:{minor:02x}:{}", file.ino);
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        // `1: FLOCK  ADVISORY  WRITE 1234 fd:00:5678 0 EOF`, `2: LEASE  BREAKING  READ …` (proc_locks(5)); who waits has `->` in the second place.
        let mut words = line.split_whitespace().skip(1);
        let (kind, pid) = (words.next()?, words.nth(2)?);
        (kind == wanted && words.next()? == of_file).then(|| pid.parse().ok())?
    })
}

/// What `/proc/<pid>/stat` says from its third field on: the name before that, in brackets, may hold anything.
fn stat(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.to_owned())
}

/// Whether a process runs, or would if it was let to (the state `R`, proc_pid_stat(5)).
pub(super) fn is_runnable(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.trim_start().starts_with('R'))
}

/// The process that has started another, or has taken it over from that.
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.split_whitespace().nth(1)?.parse().ok()
}

/// How long ago a process began.
pub fn age(pid: u32) -> Option<Duration> {
    let (_, begun) = state_and_begin(pid)?;
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    let uptime: f64 = fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64((uptime - begun as f64 / ticks as f64).max(0.0)).ok()
}

/// When a process began that nobody has waited for yet, in ticks since the system's start: with its id, that tells it from all
/// others of this boot.
pub fn begin(pid: u32) -> Option<u64> {
    state_and_begin(pid).map(|(_, begun)| begun)
}

/// The same of a process that has not ended yet.
pub fn begin_of_running(pid: u32) -> Option<u64> {
    let (state, begun) = state_and_begin(pid)?;
    // One that has ended and that nobody has waited for.
    (!['Z', 'X', 'x'].contains(&state)).then_some(begun)
}

/// The state of a process, and its begin in ticks.
fn state_and_begin(pid: u32) -> Option<(char, u64)> {
    let stat = stat(pid)?;
    // The state is the third field, the begin the 22nd (proc_pid_stat(5)).
    let mut fields = stat.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.nth(18)?.parse().ok()?))
}

/// The program that this process runs, as the kernel has it, for whatever it was started by.
pub fn own_program() -> PathBuf {
    "/proc/self/exe".into()
}

fn comm(process: &Path) -> String {
    fs::read_to_string(process.join("comm")).map_or_else(|_| "?".to_owned(), |name| name.trim_end().to_owned())
}
