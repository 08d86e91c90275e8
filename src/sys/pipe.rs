//! Whoever reads what we write.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Whether someone may still read what is written there: `false` where it is a pipe, a socket or a terminal whose other end
/// is closed (POLLERR and POLLHUP, `poll(2)`), which is known without writing anything.
pub fn is_read(output: impl AsFd) -> bool {
    let mut asked = [PollFd::new(output.as_fd(), PollFlags::empty())];
    // Where it can't be asked, writing will tell.
    let _ = poll(&mut asked, PollTimeout::ZERO);
    let answer = asked[0].revents().unwrap_or(PollFlags::empty());
    !answer.intersects(PollFlags::POLLERR | PollFlags::POLLHUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_read_until_its_other_end_is_closed() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        assert!(is_read(&writer));
        drop(reader);
        assert!(!is_read(&writer));
        assert!(is_read(std::fs::File::create("/dev/null").expect("it is there")));
    }
}
