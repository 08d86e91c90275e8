//! This machine: its name, the id of its present boot, how many files a process may open.

use std::ffi::OsString;
use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The host name; `localhost` where the system has none.
pub fn name() -> OsString {
    hostname::get().ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".into())
}

/// The kernel's random id of this boot (`proc(5)`, `random/boot_id`); empty where there is none.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

/// Raises the limit of open files as far as this process may, and returns it.
pub fn raise_open_files() -> u64 {
    /// Enough for any host; more only makes the kernel's tables larger.
    const ENOUGH: u64 = 16_384;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 256 };
    let wanted = hard.min(ENOUGH).max(soft);
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => wanted,
        Err(_) => soft,
    }
}

/// The user that this process acts as.
pub fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Whether there is a user of that name, as far as the system's databases say so.
pub fn has_user(name: &str) -> bool {
    nix::unistd::User::from_name(name).is_ok_and(|user| user.is_some())
}

/// The group that this process acts as.
pub fn group() -> u32 {
    nix::unistd::getegid().as_raw()
}

/// Whether a user is in a group, by the system's lists.
pub fn is_in_group(user: u32, group: u32) -> bool {
    let Ok(Some(user)) = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(user)) else { return false };
    let Ok(name) = std::ffi::CString::new(user.name) else { return false };
    let groups = nix::unistd::getgrouplist(&name, user.gid).unwrap_or_default();
    user.gid.as_raw() == group || groups.iter().any(|found| found.as_raw() == group)
}
