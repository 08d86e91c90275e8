//! Who is at work on reading a file, from `/proc/*/fd` and `/proc/*/fdinfo` (proc_pid_fdinfo(5)).

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::file::Status;
use super::procfs;
use crate::model::segment::Identity;

/// A process that has a file open for reading only, and where it is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reader {
    /// Its id.
    pub pid: u32,
    /// Its name, as `/proc/<pid>/comm` has it.
    pub name: String,
    /// Which file.
    pub file: Identity,
    /// From which byte on it reads next.
    pub at: u64,
}

impl Reader {
    /// How long ago its process began; `None` where it has ended.
    pub fn age(&self) -> Option<Duration> {
        procfs::age(self.pid)
    }
}

/// Looks for processes that have one of these files, each under its path, open for reading only. Best effort: processes that may
/// not be looked into are left out, and so are mappings.
pub fn readers(files: &[(&Path, Identity)]) -> Vec<Reader> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|process| Some((process.file_name().to_str()?.parse().ok()?, process.path())));
    let others = pids.filter(|(pid, _)| *pid != own);
    others.flat_map(|(pid, process)| of_process(pid, &process, files)).collect()
}

fn of_process(pid: u32, process: &Path, files: &[(&Path, Identity)]) -> Vec<Reader> {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let found = descriptors.filter_map(|descriptor| {
        // A `stat` of some other file could hang on a dead network mount.
        let target = fs::read_link(descriptor.path()).ok()?;
        let is_named = |(path, _): &&(&Path, Identity)| path.file_name() == target.file_name();
        let _ = files.iter().find(is_named)?;
        let status = Status::of(&fs::metadata(descriptor.path()).ok()?);
        let (_, file) = files.iter().find(|(_, file)| *file == status.identity)?;
        let at = reads_at(process, &descriptor.file_name())?;
        let name = fs::read_to_string(process.join("comm")).ok()?.trim_end().to_owned();
        Some(Reader { pid, name, file: *file, at })
    });
    found.collect()
}

/// Where a descriptor stands that is open for reading only.
fn reads_at(process: &Path, number: &OsStr) -> Option<u64> {
    let info = fs::read_to_string(process.join("fdinfo").join(number)).ok()?;
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let flags = i32::from_str_radix(field("flags:")?, 8).ok()?;
    let reads = flags & libc::O_ACCMODE == libc::O_RDONLY && flags & libc::O_PATH == 0;
    field("pos:")?.parse().ok().filter(|_| reads)
}
