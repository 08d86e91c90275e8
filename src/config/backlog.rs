//! Whether the files that logrotate left of a set's logs are taken too: `backlog`.

use super::section::{Mistakes, Section};

/// What becomes of the files that logrotate left.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Backlog {
    /// They stay where they are.
    #[default]
    Left,
    /// They are taken, before the log itself.
    Taken,
}

impl Backlog {
    /// What a flag that was given, or not, says.
    pub fn of_flag(given: bool) -> Self {
        if given { Self::Taken } else { Self::Left }
    }
}

/// What a table says of it.
pub(super) fn read(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Backlog {
    Backlog::of_flag(mistakes.or_default(section.flag("backlog")).unwrap_or_default())
}
