//! Other processes: which one it is, so that a signal never goes to another one.
//!
//! A process id is used again as soon as its process has ended. A pidfd stands for one process for good (`pidfd_open(2)`, Linux
//! 5.3): who opens it first, then looks at the process by its number, then signals it through the descriptor, has looked at the
//! one that gets the signal, or at none that does.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::model::way::SignalName;

/// A process, by a descriptor where the kernel has such.
pub struct Process {
    pid: libc::pid_t,
    /// `None` before Linux 5.3: there, nothing but the short time between look and signal keeps the number from standing for
    /// another process.
    descriptor: Option<OwnedFd>,
}

impl Process {
    /// The process that has that number now. What it is must be looked at after this.
    ///
    /// # Errors
    /// Where there is none (`NotFound`), or it can't be opened.
    pub fn open(pid: u32) -> io::Result<Self> {
        let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
        match pidfd_open(pid) {
            Ok(descriptor) => Ok(Self { pid, descriptor: Some(descriptor) }),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(Self { pid, descriptor: None }),
            Err(error) => Err(none_as_not_found(error)),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// Where it has ended (`NotFound`), or isn't ours to signal (`PermissionDenied`).
    pub fn send(&self, signal: SignalName) -> io::Result<()> {
        let signal = number(signal);
        let sent = match &self.descriptor {
            Some(descriptor) => pidfd_send_signal(descriptor, signal),
            None => kill(self.pid, signal),
        };
        sent.map_err(none_as_not_found)
    }
}

/// The number of a signal.
pub(super) fn number(signal: SignalName) -> libc::c_int {
    match signal {
        SignalName::Hup => libc::SIGHUP,
        SignalName::Usr1 => libc::SIGUSR1,
        SignalName::Usr2 => libc::SIGUSR2,
        SignalName::Winch => libc::SIGWINCH,
    }
}

fn none_as_not_found(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ESRCH) => io::Error::from(io::ErrorKind::NotFound),
        _ => error,
    }
}

#[allow(unsafe_code)] // no crate at hand wraps it
fn pidfd_open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers, and what it gives is a descriptor that nobody else has.
    match unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } {
        -1 => Err(io::Error::last_os_error()),
        descriptor => {
            let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
            // SAFETY: as above.
            Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
        }
    }
}

#[allow(unsafe_code)] // no crate at hand wraps it
fn pidfd_send_signal(descriptor: &OwnedFd, signal: libc::c_int) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open for as long as it is borrowed, and no information goes with the signal.
    match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor.as_raw_fd(), signal, no_info, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn kill(pid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    let signal = nix::sys::signal::Signal::try_from(signal)?;
    Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_gets_no_signal_whoever_has_its_number() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let process = Process::open(child.id()).expect("it lives");
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        assert_eq!(process.send(SignalName::Hup).expect_err("it has ended").kind(), io::ErrorKind::NotFound);
    }
}
