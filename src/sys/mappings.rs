//! Which processes have mapped a file so that what they write to memory is written to it (`/proc/<pid>/maps`,
//! proc_pid_maps(5)): such a process needs no descriptor of it, and writes wherever it likes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::model::segment::Identity;

use super::procfs::Process;

/// For each file that is mapped for shared writing: the processes that have.
pub type Mappings = HashMap<Identity, Vec<Process>>;

/// Looks for processes that have one of these logs mapped for shared writing. A process that may not be looked into, as some
/// may not even by root, is not seen.
pub fn shared_writable(logs: &[(&Path, Identity)]) -> Mappings {
    let mut found = Mappings::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let maps = fs::read(process.path().join("maps")).unwrap_or_default();
        for line in maps.split(|&byte| byte == b'\n') {
            for (_, file) in logs.iter().filter(|(path, file)| is_mapping_of(line, path, *file)) {
                let processes = found.entry(*file).or_default();
                if processes.iter().all(|known| known.pid != pid) {
                    let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                    processes.push(Process { pid, name: name.trim_end().to_owned() });
                }
            }
        }
    }
    found
}

/// Whether a line of `maps` is a shared writable mapping of that file: `7f3a-7f3b rw-s 00000000 08:02 131 /var/log/web.log`.
/// The device that stands there is the file system's own, which `stat` doesn't show on overlayfs and btrfs: there the name
/// must do, which stands there too.
fn is_mapping_of(line: &[u8], path: &Path, file: Identity) -> bool {
    let Ok(line) = std::str::from_utf8(line).map(str::trim_end).or_else(|error| {
        // The name may hold anything; what stands before it is ASCII.
        std::str::from_utf8(&line[..error.valid_up_to()])
    }) else {
        return false;
    };
    let mut words = line.splitn(6, ' ');
    let (Some(_), Some(rights), Some(_), Some(device), Some(inode)) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let shared = rights.as_bytes().get(1) == Some(&b'w') && rights.as_bytes().get(3) == Some(&b's');
    if !shared || inode.parse() != Ok(file.ino) {
        return false;
    }
    let (major, minor) = (nix::sys::stat::major(file.dev), nix::sys::stat::minor(file.dev));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    device == format!("{major:02x}:{minor:02x}") || words.next().is_some_and(|mapped| mapped.contains(&*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shared_writable_mappings_of_the_file_count() {
        let file = Identity { dev: nix::sys::stat::makedev(8, 2), ino: 131, born: None };
        let is = |line: &str| is_mapping_of(line.as_bytes(), Path::new("/var/log/web.log"), file);
        assert!(is("7f3a-7f3b rw-s 00000000 08:02 131                        /var/log/web.log"));
        assert!(is("7f3a-7f3b -w-s 00000000 08:02 131 "));
        assert!(is("7f3a-7f3b rw-s 00000000 00:2a 131                        /var/log/web.log (deleted)"));
        for other in [
            "7f3a-7f3b r--s 00000000 08:02 131                        /var/log/web.log",
            "7f3a-7f3b rw-p 00000000 08:02 131                        /var/log/web.log",
            "7f3a-7f3b rw-s 00000000 08:02 132                        /var/log/web.log",
            "7f3a-7f3b rw-s 00000000 08:03 131                        /var/log/other.log",
            "7f3a-7f3b rw-p 00000000 00:00 0 ",
            "",
        ] {
            assert!(!is(other), "{other}");
        }
    }
}
