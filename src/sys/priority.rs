//! Leaving processor and disk to others.

use log::info;

/// How much nicer than usual; a service of the system runs at 0, nothing is nicer than 19.
const NICE: libc::c_int = 10;

/// `ioprio_set(2)`: the best-effort class at its lowest level. Not the idle class: on a disk that is never idle, a log
/// that was taken out of use would never be drained.
const BEST_EFFORT_LOWEST: libc::c_int = (2 << 13) | 7;

const IOPRIO_WHO_PROCESS: libc::c_int = 1;

/// Lowers this process's priority for the processor and the disk. To be called before there are other threads: on Linux
/// both are a thread's own, and go over to those that it starts. Where a system forbids it, the run goes on as it is.
#[allow(unsafe_code)] // nix wraps neither
pub fn lower() {
    // SAFETY: these calls take and return numbers only.
    let (nice, disk) = unsafe {
        let present = libc::getpriority(libc::PRIO_PROCESS, 0);
        let nice = if present < NICE { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } else { 0 };
        (nice, libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, BEST_EFFORT_LOWEST))
    };
    if nice != 0 || disk != 0 {
        info!("the priority could not be lowered: {}", std::io::Error::last_os_error());
    }
}
