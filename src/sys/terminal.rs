//! The terminal that someone looks at.

use std::os::fd::AsFd;

/// How many columns a terminal has now; `None` where it is none, or doesn't say. Asked anew each time, so that a window
/// whose size changes needs no signal.
pub fn width(of: impl AsFd) -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(of)?;
    Some(usize::from(width.0)).filter(|width| *width > 0)
}
