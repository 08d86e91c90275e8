//! Whether standard output was open for writing when this program was started.
//!
//! Rust's runtime opens `/dev/null` in the place of standard descriptors that are closed, so that no file that is opened later gets
//! their number and is written into (`sanitize_standard_fds` in the standard library's `sys/pal/unix/mod.rs`). From then on
//! a closed output can't be told from one that was sent to `/dev/null` on purpose, and a command whose output went nowhere would look
//! as if all were well. So it is looked at before: what stands in `.init_array` is called before `main` (System V ABI, chapter 5,
//! "Initialization and Termination Functions"), and with it before that runtime.
//!
//! One that is open for reading only (`1<file`) is as good as closed: writing to it fails with EBADF, which the standard library's
//! standard output takes for success (`handle_ebadf` in `library/std/src/io/stdio.rs`).

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

/// How it was opened (`F_GETFL`); -1 where it was not.
static FLAGS: AtomicI32 = AtomicI32::new(0);

#[allow(unsafe_code)] // the crate's wrapper takes only descriptors that are known to be open
extern "C" fn look() {
    // SAFETY: F_GETFL takes no argument, and changes nothing.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFL) };
    FLAGS.store(flags, Ordering::Relaxed);
}

#[used]
#[allow(unsafe_code)] // a function of our own, which needs nothing of what is set up later
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

/// Whether what is written to standard output may arrive anywhere.
///
/// # Errors
/// Where it was closed before this program began, or open for something else than writing.
pub fn is_output_open() -> io::Result<()> {
    match FLAGS.load(Ordering::Relaxed) {
        -1 => Err(io::Error::other("standard output is closed")),
        // A descriptor that only names a file has no access mode, and shows as one for reading (open(2), O_PATH).
        flags if flags & libc::O_ACCMODE == libc::O_RDONLY => {
            Err(io::Error::other("standard output is open for reading only"))
        }
        _ => Ok(()),
    }
}
