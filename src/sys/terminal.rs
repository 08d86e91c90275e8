//! The terminal that someone looks at.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// How wide a terminal is that doesn't say, as serial lines and `docker exec -t` don't (0 rows, 0 columns).
const USUAL_WIDTH: usize = 80;

/// How many columns a terminal has now; `None` where it is none. Asked anew each time, so that a window whose size changes needs
/// no signal.
pub fn width(of: impl AsFd + IsTerminal) -> Option<usize> {
    let said = terminal_size::terminal_size_of(&of).map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0);
    said.or_else(|| of.is_terminal().then_some(USUAL_WIDTH))
}
