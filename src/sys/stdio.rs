//! Whether standard output was open when this program was started.
//!
//! Rust's runtime opens `/dev/null` in the place of standard descriptors that are closed, so that no file that is opened later gets
//! their number and is written into (`sanitize_standard_fds` in the standard library's `sys/pal/unix/mod.rs`). From then on
//! a closed output can't be told from one that was sent to `/dev/null` on purpose, and a command whose output went nowhere would look
//! as if all were well. So it is looked at before: what stands in `.init_array` is called before `main` (System V ABI, chapter 5,
//! "Initialization and Termination Functions"), and with it before that runtime.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

#[allow(unsafe_code)] // the crate's wrapper takes only descriptors that are known to be open
extern "C" fn look() {
    // SAFETY: F_GETFD takes no argument, and changes nothing.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
}

#[used]
#[allow(unsafe_code)] // a function of our own, which needs nothing of what is set up later
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

/// Whether what is written to standard output may arrive anywhere.
///
/// # Errors
/// Where it was closed before this program began.
pub fn is_output_open() -> io::Result<()> {
    match WAS_CLOSED.load(Ordering::Relaxed) {
        true => Err(io::Error::other("standard output is closed")),
        false => Ok(()),
    }
}
